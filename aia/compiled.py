"""The dynamics under torch.compile, on CPU and CUDA alike; eager where that does not work.

The compiled functions see every size but T marked dynamic, so one kernel for each T, dtype and
set of options serves layers and batches of any size, and what it computes does not depend on
which sizes came first. All T steps are unrolled in one kernel up to :data:`LONGEST`; beyond,
registers run out and compiling takes minutes, so longer drives go through kernels of
:data:`SEGMENT` steps that hand on their state. Nothing but the drive (and the state between two
segments) is kept for the backward pass: recomputing the membrane potential in registers is cheaper
than reading it from memory. The compiler's cache on disk (``TORCHINDUCTOR_CACHE_DIR``) carries the
kernels over to later processes.

:func:`over_time` gives the same to any neuron written as one time step in plain PyTorch.
"""

from __future__ import annotations

import importlib
import logging
import shlex
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch._dynamo
import torch._inductor.config
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from aia import association, building, dynamics
from aia.dynamics import LIFParameters

LONGEST = 24  # time steps that one kernel unrolls
SEGMENT = 10  # time steps of a kernel where there are more

State = Tensor | tuple[Tensor, ...]
Step = Callable[[Tensor, Any], tuple[Tensor, Any]]
# (state before the first step or None for zeros, drive, further arguments) -> (spikes, state)
Run = Callable[..., tuple[Tensor, State]]


def _lif(v: Tensor | None, drive: Tensor, p: LIFParameters) -> tuple[Tensor, Tensor]:
    v = torch.zeros_like(drive[0]) if v is None else v
    return dynamics.lif_from(v, drive.unbind(0), p)


def _associated_lif(
    v: Tensor | None, drive: Tensor, a: Tensor, p: LIFParameters
) -> tuple[Tensor, Tensor]:
    v = torch.zeros_like(drive[0]) if v is None else v
    return dynamics.lif_from(v, association.on_drive_by_step(drive, a), p)


def _any_step(state: State, drive: Tensor, step: Step) -> tuple[Tensor, State]:
    spikes = []
    for current in drive.unbind(0):
        s, state = step(current, state)
        spikes.append(s)
    return torch.stack(spikes), state


def _spikes(run: Run, state: State | None, drive: Tensor, *rest: Any) -> Tensor:
    return run(state, drive, *rest)[0]


def _whole(run: Run, state: State | None, drive: Tensor, *rest: Any) -> Tensor:
    out: Tensor = checkpoint(_spikes, run, state, drive, *rest, use_reentrant=False)
    return out


def _part(run: Run, state: State, drive: Tensor, *rest: Any) -> tuple[Tensor, State]:
    out: tuple[Tensor, State] = checkpoint(run, state, drive, *rest, use_reentrant=False)
    return out


# on a machine without a GPU torch warns, at each start, that Triton is missing; nobody asked for it
logging.getLogger("torch._library.triton").setLevel(logging.ERROR)

# one kernel for each T, dtype and set of options is what we want, not a runaway to stop at 8
torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 256)
# kernels of one instruction set, so that they give the same bits on every x86-64 processor
if building.portable() and hasattr(torch._inductor.config.cpp, "march"):
    torch._inductor.config.cpp.march = "x86-64-v3"
# options are constants of a kernel: as its arguments, a second surrogate width does not compile
torch._dynamo.config.specialize_float = True

# PyTorch quotes the folders of headers in its compiler's command, but not that of its libraries
if any(letter.isspace() for letter in torch.__file__):
    cpp_extension: Any = importlib.import_module("torch.utils.cpp_extension")
    cpp_extension.TORCH_LIB_PATH = shlex.quote(cpp_extension.TORCH_LIB_PATH)

_compiled_whole = torch.compile(_whole, fullgraph=True)
_compiled_part = torch.compile(_part, fullgraph=True)
_broken = False


def works() -> bool:
    """Whether the compiler has not failed in this process."""
    return not _broken


def lif(drive: Tensor, p: LIFParameters) -> Tensor:
    """As :func:`aia.dynamics.lif`, compiled where that works, with one warning where not."""
    shape = drive.shape
    # a size of 0 or 1 cannot be marked dynamic, and is not worth a kernel
    if not works() or drive.numel() < 2 * shape[0] or not shape[0]:
        return dynamics.lif(drive, p)
    flat = _flattened(drive, (shape[0], -1))
    return _or_eager(lambda: _run(_lif, None, flat, p).view(shape), lambda: dynamics.lif(drive, p))


def associated_lif(drive: Tensor, a: Tensor, p: LIFParameters) -> Tensor:
    """:func:`lif` of :func:`aia.association.on_drive`, in one kernel.

    drive ``[T, B, C, ...]``, a ``[C]``.
    """
    shape = drive.shape

    def eager() -> Tensor:
        return dynamics.lif(association.on_drive(drive, a), p)

    if not works() or not drive.numel() or shape[2] == 1:
        return eager()
    if shape[1] > 1:
        flat, per_channel = _flattened(drive, (*shape[:3], -1)), a
    else:  # of one sample every place can have a coefficient: nothing to sum over in the kernel
        flat = _flattened(drive, (shape[0], 1, -1, 1))
        per_channel = a.repeat_interleave(flat.shape[2] // shape[2])
    return _or_eager(lambda: _run(_associated_lif, None, flat, per_channel, p).view(shape), eager)


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
    first: State = torch.zeros_like(flat[0]) if state is None else state

    def eager() -> Tensor:
        return _any_step(first, flat, step)[0].view(shape)

    if not works() or not drive.numel() or 1 in shape[1:3]:
        return eager()
    return _or_eager(lambda: _run(_any_step, first, flat, step).view(shape), eager)


def _run(run: Run, state: State | None, drive: Tensor, *rest: Any) -> Tensor:
    """Compiled; in segments, each from the state that the last one left, if there are many."""
    if drive.shape[0] <= LONGEST:
        first = None if state is None else _any_sizes(state)
        return _compiled_whole(run, first, _any_size(drive), *rest)
    spikes = []
    now = _with_gradient(torch.zeros_like(drive[0]) if state is None else state, drive)
    for part in drive.split(SEGMENT):
        s, now = _compiled_part(run, _any_sizes(now), _any_size(part), *rest)
        spikes.append(s)
    return torch.cat(spikes)


def _with_gradient(state: State, drive: Tensor) -> State:
    """With a gradient like the states between segments, so that one kernel serves all of them."""
    if not (torch.is_grad_enabled() and drive.requires_grad):
        return state

    def one(s: Tensor) -> Tensor:
        plain = s.requires_grad or not s.is_floating_point()
        return s if plain else s.detach().requires_grad_()

    return one(state) if isinstance(state, Tensor) else tuple(map(one, state))


def _flattened(drive: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A reshape that autograd does not know as a view: dynamo guards on a view's base as well."""
    out: Tensor = torch.ops.aten._unsafe_view(drive.contiguous(), shape)
    return out


def _any_size(drive: Tensor) -> Tensor:
    """A drive whose sizes but T are marked dynamic."""
    return _marked(drive, 1)


def _any_sizes(state: State) -> State:
    """The state likewise; it has no T."""
    if isinstance(state, Tensor):
        return _marked(state, 0)
    return tuple(_marked(s, 0) for s in state)


def _marked(x: Tensor, first: int) -> Tensor:
    for dim in range(first, x.dim()):
        if x.shape[dim] > 1:  # a size of 1 cannot be marked
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
