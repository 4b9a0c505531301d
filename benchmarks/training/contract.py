"""What every neuron must do, tried on two small drives before anything trains.

``Class(channels, **options)`` makes a module; ``neuron(drive) -> spikes``, both ``[T, B, C, ...]``.
Each call is tried under equal seeds, so that a neuron may draw noise.
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aia import backends
from baselines import snntorch, spikingjelly
from benchmarks.errors import InputError
from benchmarks.params import Matched, NeuronParams, Params, Rule
from benchmarks.source import is_versioned
from benchmarks.training import asf
from benchmarks.training.blocks import channels_last, takes_any_layout
from benchmarks.training.methods import check_methods
from benchmarks.training.neurons import (
    OPTIONS,
    Build,
    builder,
    check,
    check_first_argument,
    is_graded,
    library_of,
    resolve,
)
from benchmarks.training.protocol import others_kept, seed_generators


def check_named(alias: str, params: Params) -> None:
    """:func:`check_neuron` for a neuron of ``params``, as it trains there."""
    training, neuron = params.training, params.neuron_named(alias)
    check_neuron(neuron, params.matched, alias, training.steps, training.rule)


def check_neuron(
    params: NeuronParams, matched: Matched, alias: str, steps: int, rule: Rule = "bptt"
) -> None:
    """Raise InputError, naming the class and what to change, for a neuron that cannot be trained
    by ``rule``, or would be trained as something else than it says."""
    name = f"{alias} ({params.class_})"
    cls = resolve(params.class_)
    if library_of(cls) is None:
        check_first_argument(cls, name)
    check_contract(builder(params, matched), name, steps)
    if rule == "asf":
        with _refused(f"neuron {name!r} failed under rule asf"), _aside(), _uncompiled():
            asf.check(builder(params, matched)(3), 3, name)
    if params.match and library_of(cls) is None and steps > 2:
        _check_options(cls, params, matched, name, steps)


def check_contract(build: Build, name: str, steps: int) -> None:
    """Try a neuron on a convolution's drive and on a linear layer's, ``[T, B, C, ...]``.

    Raises InputError if it fails, if what it returns is not spikes, if no finite gradient reaches
    its drive, or if a call depends on anything but the drive.
    """
    for drive in _drives(steps):
        failed = f"neuron {name!r} failed on a drive of shape {tuple(drive.shape)}"
        with _refused(failed), _aside():
            _try(build, name, drive)


@contextmanager
def _refused(failed: str) -> Iterator[None]:
    """Whatever a neuron raises, as an InputError that says what failed."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise InputError(f"{failed}: {reason}{_raised_at(error)}") from error


def _raised_at(error: Exception) -> str:
    """In brackets, the innermost line that is neither the suite's nor an installed library's."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        installed = not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
        if path.exists() and not installed and not is_versioned(path):
            return f" ({path.name}:{frame.lineno})"
    return ""


def _drives(steps: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(0)
    for shape in ((steps, 2, 3, 4, 4), (steps, 2, 3)):
        yield torch.randn(shape, generator=generator) * 2


@contextmanager
def _aside() -> Iterator[None]:
    """The three global generators as they were afterwards."""
    with torch.random.fork_rng(), others_kept():
        yield


def _uncompiled() -> AbstractContextManager[object]:
    """Nothing that was built before is compiled for a few values."""
    # where nothing does, importing the compiler would take 2 s
    compiles = "torch._dynamo" in sys.modules or backends.chosen() == "compile"
    return torch.compiler.set_stance("force_eager") if compiles else nullcontext()


def _try(build: Build, name: str, drive: Tensor) -> None:
    seed_generators(0)
    neuron = build(drive.shape[2])
    with _uncompiled():
        _check_built(neuron, name, drive)


def _check_built(neuron: nn.Module, name: str, drive: Tensor) -> None:
    _check_module(neuron, name)
    named = dict(neuron.named_parameters())
    out, gradient = _both_ways(neuron.train(), drive, name)
    check(neuron, out, drive, name)
    _check_gradient(gradient, name)
    if set(dict(neuron.named_parameters())) != set(named):
        raise InputError(
            f"neuron {name!r} makes parameters at its first call, which would not be trained; make "
            "them in its constructor"
        )
    _check_calls(neuron, drive, out, name)
    _check_gradient_again(neuron.train(), drive, gradient, name)
    check_methods(neuron, drive, name)


def _check_module(neuron: object, name: str) -> None:
    if not isinstance(neuron, nn.Module):
        raise InputError(f"neuron {name!r} is no torch.nn.Module; derive its class from it")
    for key, values in neuron.named_parameters():
        if torch.nn.parameter.is_lazy(values):
            raise InputError(
                f"neuron {name!r}: parameter {key!r} has no size before the first call; make it of "
                "`channels` in the constructor"
            )
        if not values.is_floating_point():
            raise InputError(
                f"neuron {name!r}: parameter {key!r} is {values.dtype}, which the optimizers here "
                "do not train; keep real and imaginary part as two real parameters"
            )


def _both_ways(neuron: nn.Module, drive: Tensor, name: str) -> tuple[Tensor, Tensor | None]:
    """What a neuron gives for a drive, and the gradient of its sum; None where there is none."""
    leaf = drive.clone().requires_grad_()
    out = _call(neuron, 1 * leaf, name)
    if not isinstance(out, Tensor) or not out.requires_grad:
        return out, None
    (gradient,) = torch.autograd.grad(out.sum(), leaf, allow_unused=True)
    return out.detach(), gradient


def _call(neuron: nn.Module, drive: Tensor, name: str, seed: int = 0) -> Tensor:
    """Raises InputError for a neuron that changes its drive."""
    kept = drive.detach().clone()
    seed_generators(seed)
    out: Tensor = neuron(drive)
    if not torch.equal(drive, kept):
        raise InputError(f"neuron {name!r} changes its drive in place; let it work on a copy")
    return out


def _check_gradient(gradient: Tensor | None, name: str) -> None:
    if gradient is None or not gradient.any():
        raise InputError(
            f"neuron {name!r} passes no gradient to its drive, so nothing before it would learn; "
            "give its spikes a surrogate gradient"
        )
    if not gradient.isfinite().all():
        raise InputError(
            f"neuron {name!r} passes a gradient that is not finite to its drive; bound its "
            "surrogate gradient"
        )


def _check_gradient_again(
    neuron: nn.Module, drive: Tensor, gradient: Tensor | None, name: str
) -> None:
    _, again = _both_ways(neuron, drive, name)
    if gradient is None or again is None or not torch.equal(gradient, again):
        raise InputError(
            f"neuron {name!r} keeps state between calls: the same drive gave another gradient the "
            "second time; let no call count or change what the next one does"
        )


@torch.no_grad()
def _check_calls(neuron: nn.Module, drive: Tensor, trained: Tensor, name: str) -> None:
    """What a call gives follows from its drive alone, each sample by itself, in order of time."""
    for mode in (True, False):
        neuron.train(mode)
        first, _, again = (_call(neuron, x, name) for x in (drive, 3 * drive, drive))
        if not torch.equal(first, again) or (mode and not torch.equal(first, trained)):
            raise InputError(
                f"neuron {name!r} keeps state between calls: the same drive gave other spikes the "
                "second time; begin each call of forward with a fresh state"
            )
    reordered = _call(neuron, channels_last(drive), name) if takes_any_layout(neuron) else first
    if not torch.equal(reordered, first):
        raise InputError(
            f"neuron {name!r} says any_layout, but gives other spikes for a drive whose "
            "channels come last in memory; leave any_layout out"
        )
    if not torch.equal(_call(neuron, drive, name, seed=1), first):
        return  # noise is drawn for a whole batch
    alone = _call(neuron, drive[:, 1:].contiguous(), name)
    graded = is_graded(neuron)
    if not (torch.allclose if graded else torch.equal)(alone, first[:, 1:]):
        raise InputError(
            f"neuron {name!r} gives a sample other spikes beside other samples; a drive is "
            "[T, B, C, ...]: time comes first, then the batch, whose samples are apart"
        )
    stepped = _of_single_steps(neuron)
    if (
        stepped
        and len(drive) > 1
        and torch.equal(_call(neuron, drive.flip(0), name), first.flip(0))
    ):
        raise InputError(
            f"neuron {name!r}: its {stepped} takes time for batch, as the order of time steps does "
            "not matter; loop over the steps, or set step_mode='m' where there is one"
        )


def _of_single_steps(neuron: nn.Module) -> str:
    """The class of a library's neuron within, that takes one time step a call; "" if there is none.

    Those that the suite runs by itself are run right.
    """
    if isinstance(neuron, snntorch.SnnTorchNeuron):
        return ""
    for module in neuron.modules():
        cls = type(module)
        stepped = spikingjelly.owns(cls) and getattr(module, "step_mode", "m") != "m"
        if stepped or snntorch.owns(cls):
            return cls.__name__
    return ""


def _check_options(
    cls: type, params: NeuronParams, matched: Matched, name: str, steps: int
) -> None:
    """Raise InputError for matched options that only ``**kwargs`` takes, and that do nothing."""
    takes = inspect.signature(cls).parameters
    if all(p.kind is not inspect.Parameter.VAR_KEYWORD for p in takes.values()):
        return
    with _aside(), _uncompiled():
        usual = _response(params, matched, name, steps)
        lost = []
        for option in OPTIONS:
            if option in takes or option in params.args:
                continue
            other = matched.model_copy(update={option: _another(getattr(matched, option))})
            try:
                response = _response(params, other, name, steps)
            except Exception:  # whatever it says, it looked at the option
                continue
            if all(map(torch.equal, response, usual)):
                lost.append(option)
    if lost:
        raise InputError(
            f"neuron {name!r} takes {', '.join(lost)} by its **kwargs and does nothing with it; "
            "name in its constructor the options that it uses, and leave **kwargs out"
        )


def _another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return "subtract" if value == "zero" else "zero"
    return value / 2 if value > 0 else 0.5


def _response(
    params: NeuronParams, matched: Matched, name: str, steps: int
) -> tuple[Tensor, Tensor]:
    seed_generators(0)
    neuron = builder(params, matched)(3)
    out, gradient = _both_ways(neuron, next(_drives(steps)), name)
    assert gradient is not None
    return out, gradient
