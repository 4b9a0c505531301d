"""Spikes and synaptic operations of a network, counted while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from benchmarks.events import Split
from benchmarks.records.schema import Spikes
from benchmarks.training.batches import batches
from benchmarks.training.blocks import Block, Network
from benchmarks.training.neurons import are_spikes, check, is_graded

EVALUATION_BATCH = 128


@dataclass
class Activity:
    """Sums over samples: what a pass over a split saw."""

    samples: int = 0
    predictions: list[Tensor] = field(default_factory=list)  # [B] each
    spikes: dict[str, Tensor] = field(default_factory=dict)  # layer -> [T]
    units: dict[str, int] = field(default_factory=dict)  # layer -> units
    counts: dict[str, list[Tensor]] = field(default_factory=dict)  # layer -> [B, C], over T, space
    operations: dict[str, float] = field(default_factory=dict)  # synapse -> active inputs' uses
    graded: set[str] = field(default_factory=set)  # synapses that saw more than spikes
    dense: float = 0.0

    @property
    def acs(self) -> float:
        return sum(n for name, n in self.operations.items() if name not in self.graded)

    @property
    def macs(self) -> float:
        return sum(n for name, n in self.operations.items() if name in self.graded)


@torch.no_grad()
def activity(network: Network, split: Split, device: torch.device, synops: bool) -> Activity:
    """One pass over a split with its spikes counted; synaptic operations too, if asked for.

    Of graded outputs, those that are not zero count. Raises InputError if a spiking neuron gives
    anything but spikes.
    """
    network.eval()
    seen = Activity(samples=len(split.labels))
    for frames, _ in batches(split, EVALUATION_BATCH, device):
        with _watching(network, seen, synops):
            features = network.features(frames)
        if synops:  # the readout averages over time, so on hardware it sees the spikes one by one
            read = network.read(features.flatten(0, 1)).unflatten(0, features.shape[:2])
            add_synops("readout", network.readout, read, seen)
        seen.predictions.append(network.logits(features).argmax(1).cpu())
    return seen


@contextmanager
def _watching(network: Network, seen: Activity, synops: bool) -> Iterator[None]:
    """Hooks on every block that add what passes to ``seen``."""
    handles = [
        block.register_forward_hook(_watcher(name, seen, synops))
        for name, block in network.blocks.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _watcher(name: str, seen: Activity, synops: bool):  # type: ignore[no-untyped-def]
    def watch(block: nn.Module, inputs: tuple[Tensor], spikes: Tensor) -> None:
        assert isinstance(block, Block)
        check(block.neuron, spikes, spikes, name)
        fired = _active(spikes) if is_graded(block.neuron) else spikes
        if fired.dim() > 3:  # [T, B, C]; whole numbers, exact as float32 up to 2^24 a channel
            fired = fired.sum(tuple(range(3, fired.dim())))
        steps = fired.sum((1, 2), dtype=torch.float64).cpu()
        seen.spikes[name] = seen.spikes.get(name, torch.zeros_like(steps)) + steps
        seen.units[name] = spikes[0, 0].numel()
        seen.counts.setdefault(name, []).append(fired.sum(0).long().cpu())
        if synops:
            add_synops(name, block.synapse, block.incoming(inputs[0]), seen)

    return watch


def _active(x: Tensor) -> Tensor:
    """1 where ``x`` is not 0, in its dtype."""
    return x.bool().to(x.dtype)


def add_synops(name: str, synapse: nn.Module, inputs: Tensor, seen: Activity) -> None:
    """Add how often ``inputs`` ``[T, B, ...]`` use a synapse: ACs if all that it gets in a pass are
    spikes, else MACs."""
    spiking = are_spikes(inputs)
    active = inputs if spiking else _active(inputs)
    feeds = fan_out(synapse, inputs[0, 0])
    # first over T, then over B: whole numbers, exact as float32 up to 2^24 a place
    operations = float((active.sum(0).sum(0).double() * feeds).sum())
    seen.operations[name] = seen.operations.get(name, 0.0) + operations
    if not spiking:
        seen.graded.add(name)
    seen.dense += inputs.shape[0] * inputs.shape[1] * float(feeds.sum())


def fan_out(synapse: nn.Module, of: Tensor) -> Tensor:
    """How many weights each input of a sample shaped as ``of`` feeds, padding not counted; float64.

    It is the gradient of the sum of the outputs where every weight is 1.
    """
    ones = {"weight": torch.ones_like(synapse.get_parameter("weight"))}
    with torch.enable_grad():
        x = torch.zeros_like(of)[None].requires_grad_()
        y = torch.func.functional_call(synapse, ones, x)
        (feeds,) = torch.autograd.grad(y.sum(), x)
    return feeds[0].double()


def spiking(network: Network) -> bool:
    """Whether every block gives spikes."""
    return not any(
        isinstance(block, Block) and is_graded(block.neuron) for block in network.blocks.values()
    )


def spikes_of(activity: Activity) -> Spikes:
    """Means over the samples of a pass."""
    n = activity.samples
    total = sum(float(steps.sum()) for steps in activity.spikes.values())
    sites = sum(activity.units[name] * len(steps) for name, steps in activity.spikes.items())
    return Spikes(
        per_sample=total / n,
        by_layer_and_step={k: (steps / n).tolist() for k, steps in activity.spikes.items()},
        firing_rate={
            k: float(steps.sum()) / (n * activity.units[k] * len(steps))
            for k, steps in activity.spikes.items()
        },
        activation_sparsity=1 - total / (n * sites),
    )
