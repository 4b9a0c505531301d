"""The neuron on a GPU: Triton's kernels, launched and differentiated."""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any, NamedTuple

import torch
import triton.language as tl
from torch import Tensor

from aia.dynamics import LIFParameters
from aia.kernels import _BACKWARD, _FORWARD, _backward_kernel, _forward_kernel, _tiling


class _Launch(NamedTuple):
    """What every call on drives of one shape and dtype hands to a kernel beside its tensors."""

    grid: tuple[int]
    sizes: tuple[int, ...]
    options: dict[str, Any]
    rows: int  # of a coefficient's gradient: one a tile of places and sample


@functools.lru_cache(maxsize=1024)  # working it out costs as much as launching
def _launch(
    shape: torch.Size, state: torch.dtype, gain: bool, p: LIFParameters, backward: bool
) -> _Launch:
    tiling = _tiling(shape, _BACKWARD if backward else _FORWARD)
    options = {
        "DECAY": p.decay,
        "THRESHOLD": p.threshold,
        "HARD": p.reset == "zero",
        "GAIN": gain,
        "KEEPS": tiling.segments > 1,
        "WHOLE": tiling.steps % tiling.segment == 0,
        "SEGMENT": tiling.segment,
        "STATE": tl.float64 if state == torch.float64 else tl.float32,
        "BLOCK_C": tiling.block_c,
        "BLOCK_D": tiling.block_d,
        "num_warps": tiling.warps,
        "enable_fp_fusion": False,  # a fused multiply-add rounds once: other spikes than eager's
    }
    if backward:
        options |= {
            "DETACHED": p.detach_reset,
            "HALF_ALPHA": p.surrogate_width / 2,
            "STEEPNESS": math.pi / 2 * p.surrogate_width,
        }
    rows = tiling.programs[1] * tiling.samples
    return _Launch(tiling.grid, tiling.sizes, options, rows)


class _LIF(torch.autograd.Function):
    """Spikes of a contiguous drive seen as ``shape`` ``[T, B, C, D]``, with coefficients ``[C]``
    or without; as the drive's own shape, which spares autograd two views."""

    @staticmethod
    def forward(
        ctx: Any, drive: Tensor, a: Tensor | None, shape: torch.Size, p: LIFParameters
    ) -> Tensor:
        state = _state(drive)
        grid, sizes, options, _ = _launch(shape, state, a is not None, p, False)
        spikes = torch.empty_like(drive)
        segments = sizes[-1]
        kept = None if segments == 1 else drive.new_empty((segments - 1, *shape[1:]), dtype=state)
        ctx.save_for_backward(drive, a, kept)
        ctx.shape, ctx.p = shape, p
        tensors = drive, _or_any(a, drive), spikes, _or_any(kept, drive)
        with torch.cuda.device_of(drive):  # Triton launches on the current device
            _forward_kernel[grid](*tensors, *sizes, **options)
        return spikes

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        drive, a, kept = ctx.saved_tensors
        shape, p, state = ctx.shape, ctx.p, _state(drive)
        grid, sizes, options, rows = _launch(shape, state, a is not None, p, True)
        to_drive = torch.empty_like(drive)
        parts = None if a is None else drive.new_empty((rows, shape[2]), dtype=state)
        read = gradients[0].contiguous(), drive, _or_any(a, drive), _or_any(kept, drive)
        _backward_kernel[grid](*read, to_drive, _or_any(parts, drive), *sizes, **options)
        to_a = None if a is None or parts is None else parts.sum(0).to(a.dtype)
        return to_drive, to_a, None, None


def _state(drive: Tensor) -> torch.dtype:
    return torch.float64 if drive.dtype == torch.float64 else torch.float32


def _or_any(values: Tensor | None, other: Tensor) -> Tensor:
    """A kernel takes an address even where it reads nothing."""
    return other if values is None else values


@functools.cache
def builds(device: str) -> bool:
    """Whether Triton builds and runs the kernels on "cuda" or, interpreted, on "cpu".

    Tried at the first call, with a warning if it fails.
    """
    try:
        lif(torch.zeros(1, 1, device=device), LIFParameters())
    except Exception as error:  # no C compiler for the launcher, or a GPU that Triton knows not
        said = next((line for line in str(error).splitlines() if line), type(error).__name__)
        warnings.warn(f"Triton does not work here, compiling by torch: {said}", stacklevel=5)
        return False
    return True


def lif(drive: Tensor, p: LIFParameters) -> Tensor:
    """As :func:`aia.dynamics.lif`; drive ``[T, ...]`` on a CUDA device."""
    if not drive.numel():
        return drive.clone()
    steps = len(drive)
    shape = torch.Size((steps, 1, 1, drive.numel() // steps))
    out: Tensor = _LIF.apply(drive.contiguous(), None, shape, p)
    return out


def associated_lif(drive: Tensor, a: Tensor, p: LIFParameters) -> Tensor:
    """:func:`lif` of :func:`aia.association.on_drive`; drive ``[T, B, C, ...]``, a ``[C]``."""
    if not drive.numel():
        return drive + 0 * a.sum()
    shape = torch.Size((*drive.shape[:3], math.prod(drive.shape[3:])))
    out: Tensor = _LIF.apply(drive.contiguous(), a, shape, p)
    return out
