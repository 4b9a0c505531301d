"""An alias of params.yaml or an import path -> a neuron, and the hash of what it is."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from torch import Tensor, nn

import baselines.snntorch
import baselines.spikingjelly
from benchmarks.errors import InputError, unknown
from benchmarks.params import Matched, NeuronParams
from benchmarks.source import digest, digest_of_files, written_for
from benchmarks.training.protocol import PROTOCOL

Build = Callable[[int], nn.Module]  # channels -> neuron

# matched options by the names that neurons of the suite and of users have for them
OPTIONS = ("decay", "threshold", "reset", "detach_reset", "surrogate_width")
_CHANNELS = re.compile(r"channel|feature|unit|neuron|size|dim|plane|hidden|^(num|width|out|c|n)$")
_NO_CHANNELS = ("tau", "init_tau", "decay", "leak", "alpha", "beta", "gamma", "threshold")
_OTHER_KINDS = (float, bool, str, "float", "bool", "str")
_LIBRARIES = {
    "spikingjelly": (baselines.spikingjelly, baselines.spikingjelly.SpikingJellyNeuron),
    "snntorch": (baselines.snntorch, baselines.snntorch.SnnTorchNeuron),
}


def resolve(path: str) -> type:
    """The class at ``module:Class`` or ``file.py:Class``.

    Raises InputError if the module does not import or has no such class.
    """
    module_name, _, class_name = path.rpartition(":")
    file = Path(module_name) if module_name.endswith(".py") else None
    # a user's own package in the working directory, or what lies beside the file
    beside = str(file.parent.absolute() if file else Path.cwd())
    sys.path.insert(0, beside)
    try:
        with mock.patch.object(sys, "argv", [module_name]):  # ours are not for it to parse
            module = _module_of(file) if file else importlib.import_module(module_name)
    except SystemExit as error:
        raise InputError(
            f"neuron class {path!r}: importing {module_name} ends the program; put what it runs "
            "under `if __name__ == '__main__':`"
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"neuron class {path!r}: importing {module_name} failed: {reason}"
        ) from error
    finally:
        with suppress(ValueError):  # a module may put sys.path in another order
            sys.path.remove(beside)
    cls = getattr(module, class_name, None)
    if not inspect.isclass(cls):
        classes = [name for name, value in vars(module).items() if inspect.isclass(value)]
        raise unknown(f"class of {module_name}", class_name, classes)
    return cls


def _module_of(file: Path) -> ModuleType:
    """The module in ``file``, under a name that cannot hide an installed one; imported once."""
    if not file.exists():
        raise FileNotFoundError("no such file")
    name = f"_neuron_file_{digest(str(file.absolute()))}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def library_of(cls: type) -> str | None:
    """The library whose neuron a class is; None for one of the suite or of a user."""
    return next((name for name, (file, _) in _LIBRARIES.items() if file.owns(cls)), None)


def _options(cls: type, params: NeuronParams, matched: Matched) -> dict[str, Any]:
    """What the class is built with: matched options, overridden by its own arguments."""
    if not params.match:
        return dict(params.args)
    library = library_of(cls)
    if library is not None:
        try:
            options = _LIBRARIES[library][0].matched_options(cls, matched.model_dump())
        except ValueError as error:
            raise InputError(f"neuron class {params.class_!r}: {error}") from error
    else:
        signature = inspect.signature(cls).parameters.values()
        takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature)
        names = {p.name for p in signature} if not takes_all else set(OPTIONS)
        options = {name: getattr(matched, name) for name in OPTIONS if name in names}
    return {**options, **params.args}


def builder(params: NeuronParams, matched: Matched) -> Build:
    """A function from a number of channels to a neuron.

    Raises InputError for a class that does not import or refuses its arguments.
    """
    cls = resolve(params.class_)
    options = _options(cls, params, matched)
    library = library_of(cls)
    # a class that a user derived from a library's may take their number as those of users do
    takes_channels = library is not None and "channels" in inspect.signature(cls).parameters

    def build(channels: int) -> nn.Module:
        own = {"channels": channels} if takes_channels else {}
        try:
            if library is not None:
                return _LIBRARIES[library][1](cls, options | own)
            built: nn.Module = cls(channels, **options)
        except (TypeError, ValueError, AssertionError) as error:
            missing = _missing(cls, () if library else (channels,), options | own)
            if missing:
                raise InputError(
                    f"neuron class {params.class_!r} needs {', '.join(missing)} as well; give it "
                    f"in `args` of params.yaml, or by --args {missing[0]}=..."
                ) from error
            raise InputError(
                f"neuron class {params.class_!r} refuses its arguments {sorted(options)}: {error}"
            ) from error
        return built

    return build


def _missing(cls: type, places: tuple[object, ...], options: dict[str, Any]) -> list[str]:
    """Arguments that a class cannot do without and does not get."""
    given = inspect.signature(cls)
    try:
        got = given.bind_partial(*places, **options).arguments
    except TypeError:
        return []  # it is not for want of one
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        name
        for name, p in given.parameters.items()
        if p.default is p.empty and p.kind not in kinds and name not in got
    ]


def check_first_argument(cls: type, name: str) -> None:
    """Raise InputError for a first argument that is clearly not the number of channels."""
    try:
        first = next(iter(inspect.signature(cls).parameters.values()), None)
    except ValueError:
        return  # a class without a signature
    if first is None or first.kind is inspect.Parameter.VAR_POSITIONAL:
        return  # building it will tell
    wrong = (
        first.name in _NO_CHANNELS
        or first.annotation in _OTHER_KINDS
        or first.default is not first.empty
    )
    if wrong and not _CHANNELS.search(first.name.lower()):
        raise InputError(
            f"neuron {name!r}: its first argument, {first.name!r}, would get the number of "
            f"channels; write its constructor as (self, channels, {first.name}=...)"
        )


def source_hash(params: NeuronParams, matched: Matched) -> str:
    """Hash of what the neuron is: source or versions, arguments, matched options.

    What a user wrote is known by its source and that of all modules of theirs which it imports, a
    neuron of an installed package by its file and the package's version, a library's neuron by the
    library's version, and the suite's own by the protocol's.
    """
    cls = resolve(params.class_)
    library = library_of(cls)
    home = cls.__module__.partition(".")[0]
    parts = [version(library)] if library else []
    if home in ("aia", "baselines"):
        parts.append(str(PROTOCOL["bptt"]))  # a neuron that changes raises every rule's version
    elif home != library:
        parts += _source_of(cls)
    options = json.dumps([params.class_, params.args, params.match], sort_keys=True)
    return digest(*parts, options, matched.model_dump_json() if params.match else "")


@functools.cache  # as it was imported: an edit of the file changes nothing in this process
def _source_of(cls: type) -> list[str]:
    """What a user wrote for a class, or its file and the versions that its package comes with."""
    if files := written_for(cls):
        return [digest_of_files(files)]
    package = cls.__module__.partition(".")[0]
    versions = (version(name) for name in packages_distributions().get(package, []))
    return [digest_of_files([Path(inspect.getfile(cls))]), *sorted(versions)]


def is_graded(neuron: nn.Module) -> bool:
    """Whether the neuron says that its outputs are graded, as those of a non-spiking reference."""
    return bool(getattr(neuron, "graded", False))


def check(neuron: nn.Module, out: Tensor, drive: Tensor, name: str) -> None:
    """Raise InputError unless ``out``, floating point, has the shape of ``drive`` and holds 0 and 1
    alone.

    Outputs of a graded neuron need only be finite.
    """
    if not isinstance(out, Tensor) or out.shape != drive.shape:
        returned = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise InputError(
            f"neuron {name!r} must return the shape of its drive "
            f"{tuple(drive.shape)} ([T, B, C, ...]), not {returned}"
        )
    if out.dtype != drive.dtype:
        raise InputError(
            f"neuron {name!r} returned {out.dtype}; its drive is {drive.dtype}: return the same"
        )
    if is_graded(neuron) or not are_spikes(out):
        _refuse_values(neuron, out, name)


def are_spikes(x: Tensor) -> bool:
    """Whether ``x``, floating point, holds 0 and 1 alone."""
    # x^2 - x is 0 there alone, and four times as fast as comparing, which torch does one by one
    return float((x * x).sub_(x).abs_().sum()) == 0


def _refuse_values(neuron: nn.Module, out: Tensor, name: str) -> None:
    """Raise InputError for what :func:`check` found, if it is wrong."""
    if not out.isfinite().all():
        raise InputError(f"neuron {name!r} returned NaN or infinity; spikes must be 0 or 1")
    if not is_graded(neuron):
        worst = out[(out != 0) & (out != 1)][0].item()
        raise InputError(
            f"neuron {name!r} returned {worst:.4g}; spikes must be 0 or 1 "
            "(a non-spiking reference sets `graded = True`)"
        )
