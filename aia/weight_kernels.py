"""The association in weight space as Triton kernels, one launch forward and one backward.

PyTorch takes three operations each way. On a GPU they are as short as launching is long, so a layer
costs by their number. Forward has the bits of :func:`aia.association.scaled`, since folding is to
give the very weights of training. A coefficient's gradient is summed by one program in one order.

``TRITON_INTERPRET=1``, set before this module is imported, runs them on a CPU, slowly.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from aia.association import OnWeights

_TILE = 1024  # weights at a time
_EXACT = {"enable_fp_fusion": False}  # a fused multiply-add rounds once: other weights than folded


@triton.jit
def _scaled_kernel(weight, a, out, each, weights, TILE: tl.constexpr, STATE: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * TILE + tl.arange(0, TILE)
    inside = at < weights
    w = tl.load(weight + at, mask=inside, other=0).to(STATE)
    gain = tl.maximum(tl.load(a + at // each, mask=inside, other=0).to(STATE), 0)
    more = (gain * w).to(out.dtype.element_ty)  # rounded, as PyTorch's product is
    tl.store(out + at, (more.to(STATE) + w).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _to_coefficient_kernel(
    to_weight, weight, a, to_a, each, TILE: tl.constexpr, STATE: tl.constexpr
):
    channel = tl.program_id(0)
    first = channel.to(tl.int64) * each
    sums = tl.zeros([TILE], STATE)
    for start in range(0, each, TILE):
        k = start + tl.arange(0, TILE)
        d = tl.load(to_weight + first + k, mask=k < each, other=0).to(STATE)
        sums += d * tl.load(weight + first + k, mask=k < each, other=0).to(STATE)
    found = tl.where(tl.load(a + channel) > 0, tl.sum(sums, 0), 0.0)  # relu's gradient
    tl.store(to_a + channel, found.to(to_a.dtype.element_ty))


class _Launch(NamedTuple):
    """Of weights of one shape and dtype: weights a channel, and how the kernels are called."""

    each: int
    grid: tuple[int]
    tile: int
    state: Any


@functools.lru_cache(maxsize=1024)  # working it out costs as much as launching
def _launch(shape: torch.Size, dtype: torch.dtype) -> _Launch:
    each = shape[1:].numel()
    state = tl.float64 if dtype == torch.float64 else tl.float32
    tile = min(_TILE, triton.next_power_of_2(each))
    return _Launch(each, (triton.cdiv(shape.numel(), _TILE),), tile, state)


def scaled(weight: Tensor, a: Tensor) -> Tensor:
    """As :func:`aia.association.scaled`; weight ``[C, ...]`` and a ``[C]`` on one CUDA device."""
    weight = weight.contiguous()
    out, how = torch.empty_like(weight), _launch(weight.shape, weight.dtype)
    with torch.cuda.device_of(weight):  # Triton launches on the current device
        _scaled_kernel[how.grid](
            weight, a, out, how.each, weight.numel(), TILE=_TILE, STATE=how.state, **_EXACT
        )
    return out


def to_coefficient(to_weight: Tensor, weight: Tensor, a: Tensor) -> Tensor:
    """As :func:`aia.association.to_coefficient`; the sum in float32, float64 of float64."""
    to_a, how = torch.empty_like(a), _launch(weight.shape, weight.dtype)
    read = to_weight.contiguous(), weight.contiguous(), a
    with torch.cuda.device_of(weight):
        _to_coefficient_kernel[(len(a),)](*read, to_a, how.each, TILE=how.tile, STATE=how.state)
    return to_a


BY_KERNELS = OnWeights(scaled, to_coefficient)
