"""A trained network of association neurons -> a plain LIF network with the same spikes."""

from __future__ import annotations

import copy
from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class Folds(Protocol):
    """A neuron that can move what it learned into the synapse before it."""

    def fold_into(self, synapse: nn.Conv2d | nn.Linear) -> nn.Module: ...


def fold(network: nn.Module) -> nn.Module:
    """A copy of ``network`` in which every neuron that folds has done so.

    A neuron is looked for as the attribute ``neuron`` of a module whose attribute ``synapse`` is
    what feeds it, with nothing between the two.
    """
    folded = copy.deepcopy(network)
    for block in list(folded.modules()):
        neuron, synapse = getattr(block, "neuron", None), getattr(block, "synapse", None)
        if isinstance(neuron, Folds) and isinstance(synapse, nn.Conv2d | nn.Linear):
            block.neuron = neuron.fold_into(synapse)
    return folded
