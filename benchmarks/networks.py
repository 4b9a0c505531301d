"""The matched network: everything but the neuron is the same.

Strided convolutions instead of pooling, so that every synapse but the first sees spikes, and no
biases, as in the networks of the paper's author.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from benchmarks.neurons import Build
from benchmarks.params import Training


@runtime_checkable
class _WantsSynapse(Protocol):
    """A neuron that computes faster, or only, with the synapse before it."""

    def forward_from(self, synapse: nn.Module, spikes: Tensor) -> Tensor: ...


@runtime_checkable
class _Prepares(Protocol):
    """A neuron that changes the fresh synapse before it, once, before training."""

    def prepare(self, synapse: nn.Module) -> None: ...


class Block(nn.Module):
    """A synapse and the neuron it drives; ``[T, B, ...]`` to ``[T, B, C, ...]``."""

    def __init__(self, synapse: nn.Module, neuron: nn.Module) -> None:
        super().__init__()
        self.synapse = synapse
        self.neuron = neuron

    def forward(self, spikes: Tensor) -> Tensor:
        if isinstance(self.neuron, _WantsSynapse):
            return self.neuron.forward_from(self.synapse, spikes)
        drive = self.synapse(spikes.flatten(0, 1)).unflatten(0, spikes.shape[:2])
        out: Tensor = self.neuron(drive)
        return out


class Network(nn.Module):
    """Convolutional blocks, a hidden linear block, and a linear readout averaged over time.

    ``forward``: event counts ``[T, B, 2, H, W]`` to logits ``[B, classes]``.
    """

    def __init__(self, blocks: dict[str, Block], readout: nn.Linear) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict(blocks)
        self.readout = readout

    def forward(self, frames: Tensor) -> Tensor:
        x = frames
        for name, block in self.blocks.items():
            x = block(flattened(x, name))
        logits: Tensor = self.readout(x.mean(0))
        return logits


def flattened(x: Tensor, block: str) -> Tensor:
    """What the block takes: linear blocks see ``[T, B, features]``."""
    return x.flatten(2) if block.startswith("linear") else x


def build_network(
    build: Build, training: Training, classes: int, size: int, seeds: tuple[int, int]
) -> Network:
    """The network of ``training`` for frames of ``size`` x ``size`` pixels.

    ``seeds``: of the synapses, and of what the neurons draw; kept apart so that a neuron that
    draws does not shift the synapses of the layers after it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds[0])
        synapses, readout = _synapses(training, classes, size)
        for synapse in synapses.values():
            synapse.weight.data.mul_(training.initial_gain)
        torch.manual_seed(seeds[1])
        blocks = {}
        for name, synapse in synapses.items():
            blocks[name] = Block(synapse, build(synapse.weight.shape[0]))
    return Network(blocks, readout)


def prepare_synapses(network: Network) -> None:
    """Let neurons that ask for it change their fresh synapses; after the weights were hashed."""
    for block in network.blocks.values():
        if isinstance(block, Block) and isinstance(block.neuron, _Prepares):
            block.neuron.prepare(block.synapse)


def _synapses(
    training: Training, classes: int, size: int
) -> tuple[dict[str, nn.Conv2d | nn.Linear], nn.Linear]:
    synapses: dict[str, nn.Conv2d | nn.Linear] = {}
    channels = 2
    for number, wider in enumerate(training.channels, start=1):
        synapses[f"conv{number}"] = nn.Conv2d(channels, wider, 3, stride=2, padding=1, bias=False)
        channels, size = wider, (size + 1) // 2
    synapses["linear1"] = nn.Linear(channels * size * size, training.hidden, bias=False)
    return synapses, nn.Linear(training.hidden, classes, bias=False)
