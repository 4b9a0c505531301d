"""The networks by name: everything but the neuron is the same.

The `matched` one has strided convolutions instead of pooling, so that every synapse but the first
sees spikes, and no biases, as in the networks of the paper's author.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import nn

from benchmarks.errors import InputError
from benchmarks.params import Training
from benchmarks.source import digest
from benchmarks.training.blocks import Block, Layer, Network, Plan
from benchmarks.training.networks_large import PLANS
from benchmarks.training.neurons import Build
from benchmarks.training.protocol import others_kept, seed_generators


@runtime_checkable
class _Prepares(Protocol):
    """A neuron that changes the fresh synapse before it, once, before training."""

    def prepare(self, synapse: nn.Module) -> None: ...


def build_network(
    build: Build, training: Training, classes: int, size: int, seeds: tuple[int, int]
) -> Network:
    """The network of ``training`` for frames of ``size`` x ``size`` pixels.

    ``seeds``: of the synapses, and of what the neurons draw; kept apart so that a neuron that
    draws does not shift the synapses of the layers after it. Raises InputError for a neuron that
    needs the bare synapse in a network that has none.
    """
    with torch.random.fork_rng(devices=[]), others_kept():
        torch.manual_seed(seeds[0])
        plan = {"matched": _matched, **PLANS}[training.network](
            training, classes, training.size or size
        )
        for layer in plan.layers.values():
            layer.synapse.weight.data.mul_(training.initial_gain)
        seed_generators(seeds[1])
        blocks = {
            name: Block(layer.synapse, build(len(layer.synapse.weight)), layer.pooling, layer.norm)
            for name, layer in plan.layers.items()
        }
    for block in blocks.values():
        block.precision = getattr(torch, training.precision)
        block.recompute = training.recompute
        bare = block.norm is None and training.precision == "float32"
        if getattr(block.neuron, "needs_synapse", False) and not bare:
            raise InputError(
                f"{type(block.neuron).__name__} works on the synapse before it, in float32 and "
                f"without normalisation; network {training.network} at {training.precision} has "
                "none such: take network matched or vgg_author, precision float32"
            )
    return Network(blocks, plan.readout, training.size, plan.scale, plan.last_pool, plan.wiring)


def weights_hash(network: Network) -> str:
    """Digest of every synapse's weights, the neurons' own parameters left out."""
    synapses = {
        name: values for name, values in network.state_dict().items() if ".neuron." not in name
    }
    parts = [name.encode() + values.numpy().tobytes() for name, values in sorted(synapses.items())]
    return digest(*parts)


def prepare_synapses(network: Network) -> None:
    """Let neurons that ask for it change what drives them; after the weights were hashed."""
    for block in network.blocks.values():
        if isinstance(block, Block) and isinstance(block.neuron, _Prepares):
            block.neuron.prepare(block.synapse if block.norm is None else block.norm)


def _matched(training: Training, classes: int, size: int) -> Plan:
    layers: dict[str, Layer] = {}
    channels = 2
    for number, wider in enumerate(training.channels, start=1):
        convolution = nn.Conv2d(channels, wider, 3, stride=2, padding=1, bias=False)
        layers[f"conv{number}"] = Layer(convolution)
        channels, size = wider, (size + 1) // 2
    layers["linear1"] = Layer(nn.Linear(channels * size * size, training.hidden, bias=False))
    return Plan(layers, nn.Linear(training.hidden, classes, bias=False))
