"""Who runs the dynamics: kernels of our own, the compiler, or PyTorch op by op.

``AIA_BACKEND`` chooses: ``native`` (the default: the kernels written for the drive's device,
:mod:`aia.native` in C++ on a CPU and :mod:`aia.kernels` in Triton on CUDA; as ``compile`` where
there is no C++ compiler or no Triton), ``triton`` (as ``native``, but on no CPU except in Triton's
interpreter), ``compile`` (:mod:`aia.compiled`) or ``eager``. All give the same spikes; tests hold
them to it. A caller that torch.compile traces gets PyTorch's operations, whatever is chosen.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from typing import Any

import torch
from torch import Tensor

from aia import association, dynamics, native
from aia.dynamics import LIFParameters

VARIABLE = "AIA_BACKEND"
NAMES = ("native", "compile", "triton", "eager")


def chosen() -> str:
    """The backend asked for. Raises ValueError for one that does not exist."""
    name = os.environ.get(VARIABLE, NAMES[0])
    if name not in NAMES:
        raise ValueError(f"{VARIABLE}={name}: no such backend; one of {', '.join(NAMES)}")
    return name


def running(device: str) -> str:
    """The backend that runs the dynamics on ``device``, "cpu" or "cuda", in this process."""
    name = chosen()
    if name == "native" and device == "cpu" and native.builds():
        return name
    if name in ("native", "triton") and _triton_runs(device, name):
        return "triton"
    if name == "eager":
        return name
    from aia import compiled  # here, not above: it takes 2 s to import the compiler

    return "compile" if compiled.works() else "eager"


def lif(drive: Tensor, p: LIFParameters) -> Tensor:
    """:func:`aia.dynamics.lif` by the chosen backend; drive ``[T, ...]``.

    A drive ``[T, B, C, ...]`` whose channels come last in memory is not copied: the units know
    nothing of each other, so their order is the same to them.
    """
    if drive.dim() > 3 and not drive.is_contiguous():
        stored = drive.movedim(2, -1)
        if stored.is_contiguous():
            return lif(stored, p).movedim(-1, 2)
    runs = _module(drive)
    return dynamics.lif(drive, p) if runs is None else runs.lif(drive, p)


def associated_lif(drive: Tensor, a: Tensor, p: LIFParameters) -> Tensor:
    """:func:`lif` of :func:`aia.association.on_drive`; drive ``[T, B, C, ...]``, a ``[C]``."""
    runs = _module(drive, a)
    if runs is None:
        return dynamics.lif(association.on_drive(drive, a), p)
    spikes: Tensor = runs.associated_lif(drive, a, p)
    return spikes


def on_weights(a: Tensor) -> association.OnWeights:
    """Who computes the association in weight space by coefficients that lie where ``a`` does."""
    if not torch.compiler.is_compiling() and running(a.device.type) == "triton":
        from aia import weight_kernels  # here, not above: Triton may be missing

        return weight_kernels.BY_KERNELS
    return association.BY_TORCH


def _module(drive: Tensor, *rest: Tensor) -> Any:
    """The module whose functions run the dynamics of these; None: PyTorch op by op."""
    if torch.compiler.is_compiling():  # the caller: it sees through operations, not our kernels
        return None
    name = running(drive.device.type)
    if name == "eager" or not drive.numel():
        return None
    if name == "native" and native.takes(drive, *rest):
        return native
    if name == "triton":
        from aia import gpu

        return gpu
    from aia import compiled

    return compiled


def _triton_runs(device: str, name: str) -> bool:
    interpreted = name == "triton" and os.environ.get("TRITON_INTERPRET") == "1"
    if not (device == "cuda" or interpreted) or not _triton_is_here():
        return False
    from aia import gpu  # here, not above: Triton may be missing

    return gpu.builds(device)


@functools.cache
def _triton_is_here() -> bool:
    return importlib.util.find_spec("triton") is not None
