"""Every backend of every library: how it is asked for, and which one really ran."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from aia import backends
from benchmarks.throughput.plan import Plan, library_of

# SpikingJelly chooses when its operators are imported, from one variable for each of them.
_SPIKINGJELLY = tuple(f"SJ_{name}_CUDA_IMPLEMENTATION" for name in ("IF", "LIF", "PLIF"))
_KINDS = {"IFNode": "if", "LIFNode": "lif", "ParametricLIFNode": "plif"}
_OURS = {"native": "C++", "compile": "torch.compile", "triton": "Triton", "eager": "eager"}


@dataclass(frozen=True)
class Variant:
    """One process: the libraries it times and what it asks of them."""

    libraries: tuple[str, ...] | None  # None: all of them
    environment: Mapping[str, str]
    backend: str = ""
    optional: bool = True


def variants(cuda: bool, quick: bool) -> list[Variant]:
    """The first is what a user gets who asks for nothing."""
    asked = Variant(None, {}, optional=False)
    if quick:
        return [asked]
    others = ["cuda", "triton", "torch"] if cuda else []
    eager, compiled = (
        Variant(("ours",), {backends.VARIABLE: name}, name) for name in ("eager", "compile")
    )
    return [
        asked,
        eager,
        *(Variant(("spikingjelly",), dict.fromkeys(_SPIKINGJELLY, name), name) for name in others),
        compiled,  # takes longest and gets what time the others leave
    ]


def label(plan: Plan, alias: str, neuron: nn.Module, device: torch.device) -> str:
    """Who runs the dynamics of a neuron in this process."""
    library = library_of(plan.neuron(alias))
    if library == "ours":
        return _OURS[backends.running(device.type)]
    if library == "spikingjelly":
        return f"spikingjelly, {_spikingjelly(neuron, device)}"
    return library


def _spikingjelly(neuron: nn.Module, device: torch.device) -> str:
    """What SpikingJelly itself says that it selected; PyTorch where it has no choice."""
    kind = _KINDS.get(type(getattr(neuron, "node", None)).__name__)
    if device.type != "cuda" or kind is None:
        return "torch"
    from spikingjelly.activation_based import functional

    try:
        return str(functional.neuron_implementation(kind, device)["implementation"])
    except RuntimeError:  # not available: timing it will say why
        return os.environ.get(_SPIKINGJELLY[1], "auto")
