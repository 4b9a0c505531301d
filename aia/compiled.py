"""The dynamics under torch.compile, on CPU and CUDA alike; eager where that does not work.

The compiled functions see every size but T marked dynamic, so one kernel for each T, dtype and
set of options serves layers and batches of any size, and what it computes does not depend on
which sizes came first. Nothing but the drive is kept for the backward pass: recomputing the
membrane potential in registers is cheaper than reading it from memory. The compiler's cache on
disk (``TORCHINDUCTOR_CACHE_DIR``) carries the kernels over to later processes.

:func:`over_time` gives the same to any neuron written as one time step in plain PyTorch.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch._dynamo
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from aia import association, dynamics
from aia.dynamics import LIFParameters


def _lif(drive: Tensor, p: LIFParameters) -> Tensor:
    out: Tensor = checkpoint(dynamics.lif, drive, p, use_reentrant=False)
    return out


def _associated_lif_eager(drive: Tensor, a: Tensor, p: LIFParameters) -> Tensor:
    return dynamics.lif(association.on_drive(drive, a), p)


def _associated_lif_by_step(drive: Tensor, a: Tensor, p: LIFParameters) -> Tensor:
    return dynamics.lif(association.on_drive_by_step(drive, a), p)


def _associated_lif(drive: Tensor, a: Tensor, p: LIFParameters) -> Tensor:
    out: Tensor = checkpoint(_associated_lif_by_step, drive, a, p, use_reentrant=False)
    return out


State = Tensor | tuple[Tensor, ...]
Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


def _unrolled(step: Step, drive: Tensor, state: State) -> Tensor:
    spikes = []
    for current in drive.unbind(0):
        s, state = step(current, state)
        spikes.append(s)
    return torch.stack(spikes)


def _any_step(step: Step, drive: Tensor, state: State) -> Tensor:
    out: Tensor = checkpoint(_unrolled, step, drive, state, use_reentrant=False)
    return out


# on a machine without a GPU torch warns, at each start, that Triton is missing; nobody asked for it
logging.getLogger("torch._library.triton").setLevel(logging.ERROR)

# one kernel for each T, dtype and set of options is what we want, not a runaway to stop at 8
torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 256)

_compiled_lif = torch.compile(_lif, fullgraph=True)
_compiled_associated_lif = torch.compile(_associated_lif, fullgraph=True)
_compiled_any_step = torch.compile(_any_step, fullgraph=True)
_broken = False


def works() -> bool:
    """Whether the compiler has not failed in this process."""
    return not _broken


def lif(drive: Tensor, p: LIFParameters) -> Tensor:
    """As :func:`aia.dynamics.lif`, compiled where that works, with one warning where not."""
    shape = drive.shape
    if not _worth_it(shape[0], drive[0].numel() if shape[0] else 0):
        return dynamics.lif(drive, p)
    flat = _any_size(_flattened(drive, (shape[0], -1)), 1)
    return _or_eager(lambda: _compiled_lif(flat, p).view(shape), lambda: dynamics.lif(drive, p))


def associated_lif(drive: Tensor, a: Tensor, p: LIFParameters) -> Tensor:
    """:func:`lif` of :func:`aia.association.on_drive`, in one kernel.

    drive ``[T, B, C, ...]``, a ``[C]``.
    """
    shape = drive.shape
    if not _worth_it(*shape[:3]):
        return _associated_lif_eager(drive, a, p)
    flat = _flattened(drive, (*shape[:3], -1))
    flat = _any_size(flat, *(i for i in range(1, flat.dim()) if flat.shape[i] > 1))
    return _or_eager(
        lambda: _compiled_associated_lif(flat, a, p).view(shape),
        lambda: _associated_lif_eager(drive, a, p),
    )


def over_time(step: Step, drive: Tensor, state: State | None = None) -> Tensor:
    """Spikes of any neuron written as one time step in plain PyTorch, all steps in one kernel.

    Args:
        step: ``(current, state) -> (spikes, state)``, a function or a method of a module, which
            may use the module's parameters. ``current`` and ``spikes`` are ``[B, C, D]``, D the
            pixels of a channel (1 behind a linear layer), so a parameter ``[C]`` is to be viewed
            as ``[C, 1]``. Its loops and branches must not depend on values.
        drive: ``[T, B, C, ...]``.
        state: before the first step, each ``[B, C, D]``; one tensor of zeros if not given.

    Returns:
        ``[T, B, C, ...]``, with gradients; the steps are computed again in the backward pass.
    """
    shape = drive.shape
    flat = _flattened(drive, (*shape[:3], -1)) if drive.numel() else drive.reshape(*shape[:3], 0)
    state = torch.zeros_like(flat[0]) if state is None else state
    if not _worth_it(*shape[:3]) or not drive.numel():
        return _unrolled(step, flat, state).view(shape)
    sized = [i for i in range(1, flat.dim()) if flat.shape[i] > 1]
    any_state = [_any_size(s, *(i - 1 for i in sized)) for s in _tensors(state)]
    states = any_state[0] if isinstance(state, Tensor) else tuple(any_state)
    return _or_eager(
        lambda: _compiled_any_step(step, _any_size(flat, *sized), states).view(shape),
        lambda: _unrolled(step, flat, state).view(shape),
    )


def _tensors(state: State) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else tuple(state)


def _worth_it(*sizes: int) -> bool:
    """A size of 0 or 1 cannot be marked dynamic, and is not worth a kernel."""
    return works() and sizes[0] > 0 and all(size > 1 for size in sizes[1:])


def _flattened(drive: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A reshape that autograd does not know as a view: dynamo guards on a view's base as well."""
    out: Tensor = torch.ops.aten._unsafe_view(drive.contiguous(), shape)
    return out


def _any_size(x: Tensor, *dims: int) -> Tensor:
    for dim in dims:
        torch._dynamo.maybe_mark_dynamic(x, dim)
    return x


def _or_eager(compiled: Callable[[], Tensor], eager: Callable[[], Tensor]) -> Tensor:
    global _broken
    try:
        return compiled()
    except Exception as error:
        spikes = eager()  # raises itself if the drive is what is wrong
        _broken = True
        reason = next((line for line in str(error).splitlines() if line), type(error).__name__)
        warnings.warn(f"torch.compile does not work here, running eager: {reason}", stacklevel=4)
        return spikes
