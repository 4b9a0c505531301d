"""Tried before anything trains: the methods by which a neuron says more about itself.

``forward_from``, ``fold_into`` and ``association_coefficients``; docs/extending.md says what each
promises.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from aia.neuron import LIF
from benchmarks.errors import InputError
from benchmarks.training.protocol import seed_generators


def check_methods(neuron: Any, drive: Tensor, name: str) -> None:
    """Try a copy of ``neuron`` behind a synapse from C to C channels, for drives such as ``drive``,
    ``[T, B, C, ...]``.

    Raises InputError for a method that does not keep its promise.
    """
    channels, tried = drive.shape[2], copy.deepcopy(neuron)
    synapse: nn.Module = nn.Linear(channels, channels, bias=False)
    if drive.dim() > 3:
        synapse = nn.Conv2d(channels, channels, 1, bias=False)
    if hasattr(tried, "prepare"):
        tried.prepare(synapse)
    if hasattr(tried, "forward_from"):
        _check_forward_from(tried, synapse, (drive > 0).float(), name)
    if hasattr(tried, "fold_into"):
        left = copy.deepcopy(tried).fold_into(copy.deepcopy(synapse))
        if type(left) is not LIF:
            raise InputError(
                f"neuron {name!r}: fold_into left a {type(left).__name__}; return the plain LIF "
                "that is left, an aia.neuron.LIF"
            )
    if hasattr(tried, "association_coefficients"):
        _check_coefficients(tried, channels, name)


@torch.no_grad()
def _check_forward_from(neuron: Any, synapse: nn.Module, spikes: Tensor, name: str) -> None:
    outputs = []
    for given in (spikes, 1 - spikes, spikes):
        seed_generators(0)
        outputs.append(neuron.forward_from(synapse, given))
    first, _, again = outputs
    if first.shape != spikes.shape:
        raise InputError(
            f"neuron {name!r}: forward_from returned {tuple(first.shape)} for a synapse that "
            f"gives {tuple(spikes.shape)}; return spikes of that shape"
        )
    if not torch.equal(first, again):
        raise InputError(
            f"neuron {name!r}: forward_from keeps state between calls: the same spikes gave others "
            "the second time; begin each call with a fresh state"
        )


def _check_coefficients(neuron: Any, channels: int, name: str) -> None:
    coefficients = neuron.association_coefficients()
    kept = [*neuron.parameters(), *neuron.buffers()]
    if coefficients.shape != (channels,) or not any(coefficients is each for each in kept):
        raise InputError(
            f"neuron {name!r}: association_coefficients must return a parameter or buffer of the "
            f"neuron itself, of shape [C], which the suite sets to 0; it returned "
            f"{tuple(coefficients.shape)} for {channels} channels"
        )
