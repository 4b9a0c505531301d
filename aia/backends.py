"""Who runs the dynamics: the compiler, hand-written kernels, or PyTorch op by op.

``AIA_BACKEND`` chooses: ``compile`` (:mod:`aia.compiled`, the default), ``triton``
(:mod:`aia.kernels`, for drives on a CUDA device; elsewhere as ``compile``) or ``eager``. All give
the same spikes; tests hold them to it.
"""

from __future__ import annotations

import os

from torch import Tensor

from aia import association, compiled, dynamics
from aia.dynamics import LIFParameters

VARIABLE = "AIA_BACKEND"
NAMES = ("compile", "triton", "eager")


def chosen() -> str:
    """The backend asked for. Raises ValueError for one that does not exist."""
    name = os.environ.get(VARIABLE, "compile")
    if name not in NAMES:
        raise ValueError(f"{VARIABLE}={name}: no such backend; one of {', '.join(NAMES)}")
    return name


def compiles() -> bool:
    """Whether the compiler is asked for and has not failed in this process."""
    return chosen() == "compile" and compiled.works()


def lif(drive: Tensor, p: LIFParameters) -> Tensor:
    """:func:`aia.dynamics.lif` by the chosen backend; drive ``[T, ...]``.

    A drive ``[T, B, C, ...]`` whose channels come last in memory is not copied: the units know
    nothing of each other, so their order is the same to them.
    """
    if drive.dim() > 3 and not drive.is_contiguous():
        stored = drive.movedim(2, -1)
        if stored.is_contiguous():
            return lif(stored, p).movedim(-1, 2)
    name = chosen()
    if name == "triton" and _on_triton(drive):
        from aia import kernels

        return kernels.lif(drive, p)
    return dynamics.lif(drive, p) if name == "eager" else compiled.lif(drive, p)


def associated_lif(drive: Tensor, a: Tensor, p: LIFParameters) -> Tensor:
    """:func:`lif` of :func:`aia.association.on_drive`; drive ``[T, B, C, ...]``, a ``[C]``."""
    name = chosen()
    if name == "triton" and _on_triton(drive):
        from aia import kernels

        return kernels.associated_lif(drive, a, p)
    if name == "eager":
        return dynamics.lif(association.on_drive(drive, a), p)
    return compiled.associated_lif(drive, a, p)


def _on_triton(drive: Tensor) -> bool:
    return drive.is_cuda or os.environ.get("TRITON_INTERPRET") == "1"
