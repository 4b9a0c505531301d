"""A trained network of association neurons -> a plain LIF network with the same spikes."""

from __future__ import annotations

import copy
from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class Folds(Protocol):
    """A neuron that can move what it learned into the synapse before it."""

    def fold_into(self, synapse: nn.Module) -> nn.Module: ...


_FOLDED_INTO = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.SyncBatchNorm)


def fold(network: nn.Module) -> nn.Module:
    """A copy of ``network`` in which every neuron that folds has done so.

    A neuron is looked for as the attribute ``neuron`` of a module whose attribute ``synapse`` is
    what feeds it. Where the module has a batch normalisation ``norm`` between the two, the neuron
    folds into its affine part; scaled there, a drive may round otherwise than scaled behind it.
    """
    folded = copy.deepcopy(network)
    for block in list(folded.modules()):
        neuron, norm = getattr(block, "neuron", None), getattr(block, "norm", None)
        before = getattr(block, "synapse", None) if norm is None else norm
        if isinstance(neuron, Folds) and isinstance(before, _FOLDED_INTO):
            block.neuron = neuron.fold_into(before)
    return folded
