"""What is measured of a trained network: accuracy, spikes, synaptic operations, the fold.

SynOps follow NeuroBench's terms: an effective AC is an accumulate caused by a spike, an
effective MAC a multiply-accumulate caused by an input that is not zero and not binary (here the
event counts at the first synapse); which of the two a synapse does is decided once, by all that it
gets. A synapse is used as often as its inputs are active times the weights that each of them feeds;
the tests hold this against SpikingJelly's op_counter.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from aia import LIF, fold
from benchmarks import specificity
from benchmarks.blocks import Block, Network
from benchmarks.errors import InputError
from benchmarks.events import Split
from benchmarks.neurons import are_spikes, check, is_graded
from benchmarks.records import (
    Accuracy,
    Association,
    AssociationEffect,
    Fold,
    Parameters,
    Result,
    Specificity,
    Spikes,
    SynOps,
    as_bits,
)
from benchmarks.training.batches import batches

if TYPE_CHECKING:
    from benchmarks.train import Trained

EVALUATION_BATCH = 128


@runtime_checkable
class _Associates(Protocol):
    """A neuron with an association that is left out where its coefficients are 0."""

    def association_coefficients(self) -> Tensor: ...


def result_of(trained: Trained) -> Result:
    """Everything about the best epoch; the only place that reads the test split."""
    state, data, device = trained.state, trained.data, trained.device
    network, classes = state.network, len(data.classes)
    test = activity(network, data.test, device, synops=True)
    right = torch.cat(test.predictions).numpy() == data.test.labels
    effect, parameters = fold_effect(network, test, data.test, device)
    return Result(
        best_epoch=state.best_epoch,
        accuracy=Accuracy(
            train=accuracy(network, data.train, device),
            validation=state.curves["validation_accuracy"][state.best_epoch],
            test=int(right.sum()) / len(right),
        ),
        confusion=confusion(test, data.test, classes),
        right=as_bits(right),
        spikes=spikes_of(test),
        synops=synops_of(test),
        parameters=parameters,
        fold=effect,
        association=association_of(state.initial, coefficients(network)),
        association_effect=association_effect(network, test, data.test, device),
        specificity=specificity_of(test, data.test, classes),
        spiking=spiking(network),
    )


@torch.no_grad()
def accuracy(network: Network, split: Split, device: torch.device) -> float:
    """Fraction of samples whose largest logit is at their class."""
    network.eval()
    right = sum(
        int((network(frames).argmax(1) == labels).sum())
        for frames, labels in batches(split, EVALUATION_BATCH, device)
    )
    return right / len(split.labels)


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


def confusion(activity: Activity, split: Split, classes: int) -> list[list[int]]:
    """``[true][predicted]`` counts."""
    flat = split.labels * classes + torch.cat(activity.predictions).numpy()
    counts: list[list[int]] = np.bincount(flat, minlength=classes**2).reshape(classes, -1).tolist()
    return counts


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


def synops_of(activity: Activity) -> SynOps:
    """Means over the samples of a pass."""
    n = activity.samples
    return SynOps(
        effective_acs=activity.acs / n, effective_macs=activity.macs / n, dense=activity.dense / n
    )


def folds(network: Network) -> bool:
    """Whether any neuron folds into its synapse."""
    return any(hasattr(block.neuron, "fold_into") for block in network.blocks.values())


def fold_effect(
    network: Network, before: Activity, split: Split, device: torch.device
) -> tuple[Fold | None, Parameters]:
    """What folding changes over a split, and the parameters left afterwards."""
    training = trainable(network)
    if not folds(network):
        return None, Parameters(training=training, inference=training)
    folded = fold(network)
    assert isinstance(folded, Network)
    if any(type(block.neuron) is not LIF for block in folded.blocks.values()):
        raise InputError("a folded neuron left something else than a plain LIF behind")
    spikes_differ, predictions_differ = _differences(network, folded, split, device)
    total = sum(int(steps.sum()) for steps in before.spikes.values())
    effect = Fold(
        spikes_before=total, spikes_differ=spikes_differ, predictions_differ=predictions_differ
    )
    return effect, Parameters(training=training, inference=trainable(folded))


@torch.no_grad()
def _differences(
    one: Network, other: Network, split: Split, device: torch.device
) -> tuple[int, int]:
    """Spikes and predictions in which two networks differ over a split."""
    one.eval()
    other.eval()
    spikes = predictions = 0
    for frames, _ in batches(split, EVALUATION_BATCH, device):
        (first, logits), (second, others) = (_trains(network, frames) for network in (one, other))
        spikes += sum(int((first[name] != second[name]).count_nonzero()) for name in first)
        predictions += int((logits.argmax(1) != others.argmax(1)).sum())
    return spikes, predictions


def _trains(network: Network, frames: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Every block's spikes, bool ``[T, B, ...]``, and the logits."""
    found: dict[str, Tensor] = {}

    def keep(name: str):  # type: ignore[no-untyped-def]
        return lambda _, __, spikes: found.update({name: spikes.bool()})

    handles = [b.register_forward_hook(keep(name)) for name, b in network.blocks.items()]
    try:
        return found, network(frames)
    finally:
        for handle in handles:
            handle.remove()


def trainable(network: nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def coefficients(network: Network) -> dict[str, list[float]]:
    """Association coefficients by layer; empty for neurons that have none."""
    return {name: a.detach().cpu().tolist() for name, a in _coefficients(network).items()}


def _coefficients(network: Network) -> dict[str, Tensor]:
    return {
        name: block.neuron.association_coefficients()
        for name, block in network.blocks.items()
        if isinstance(block, Block) and isinstance(block.neuron, _Associates)
    }


def association_of(
    before: dict[str, list[float]], after: dict[str, list[float]]
) -> dict[str, Association] | None:
    """Coefficients before and after training side by side."""
    if not before:
        return None
    return {k: Association(before=before[k], after=after[k]) for k in before}


def association_effect(
    network: Network, whole: Activity, split: Split, device: torch.device
) -> AssociationEffect | None:
    """The same weights with every coefficient at 0, and when coefficients get a gradient.

    ``whole``: the activity with the association as trained, over the same split.
    """
    if not _coefficients(network):
        return None
    silent = copy.deepcopy(network)
    for a in _coefficients(silent).values():
        a.data.zero_()
    without = activity(silent, split, device, synops=False)
    right = int((torch.cat(without.predictions).numpy() == split.labels).sum())
    more, fewer = {}, {}
    for name in whole.counts:
        change = _counts(whole, name).sum(0) - _counts(without, name).sum(0)
        more[name], fewer[name] = float((change > 0).mean()), float((change < 0).mean())
    frames, labels = next(batches(split, EVALUATION_BATCH, device))
    return AssociationEffect(
        accuracy_without=right / len(split.labels),
        spikes_per_sample_without=spikes_of(without).per_sample,
        potentiated=more,
        depressed=fewer,
        gradient_without_drive=_coefficient_gradient(network, torch.zeros_like(frames), labels),
        gradient_with_drive=_coefficient_gradient(network, frames, labels),
    )


def _coefficient_gradient(network: Network, frames: Tensor, labels: Tensor) -> float | None:
    """2-norm of cross entropy's gradient at the coefficients, whatever rule and loss trained them;
    None if they are not trained.

    Neurons are as in training, where learning happens: at inference AIATrainingOnly has none.
    """
    trained = [a for a in _coefficients(network).values() if a.requires_grad]
    if not trained:
        return None
    network.eval()
    for block in network.blocks.values():
        block.get_submodule("neuron").train()
    loss = F.cross_entropy(network(frames), labels)
    network.eval()
    gradients = torch.autograd.grad(loss, trained, allow_unused=True)
    return float(torch.nn.utils.get_total_norm([g for g in gradients if g is not None]))


def _counts(seen: Activity, layer: str) -> NDArray[np.float64]:
    """Spikes of each sample and channel or unit over time and space, ``[N, C]``."""
    counts: NDArray[np.float64] = torch.cat(seen.counts[layer]).double().numpy()
    return counts


def specificity_of(seen: Activity, split: Split, classes: int) -> dict[str, Specificity]:
    """How specific to the classes each layer's spikes are, means over what fires at all."""
    found = {}
    for layer in seen.counts:
        counts = _counts(seen, layer)
        fires = counts.any(0)
        values = [
            measure(counts[:, fires], split.labels, classes)
            for measure in (specificity.selectivity, specificity.information)
        ]
        selectivity, information = (float(v.mean()) if v.size else 0.0 for v in values)
        found[layer] = Specificity(
            selectivity=selectivity,
            information=information,
            silent=1 - float(fires.mean()),
        )
    return found


def spiking(network: Network) -> bool:
    """Whether every block gives spikes."""
    return not any(
        isinstance(block, Block) and is_graded(block.neuron) for block in network.blocks.values()
    )
