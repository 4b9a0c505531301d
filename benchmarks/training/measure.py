"""What is measured of a trained network: accuracy, spikes, synaptic operations, the fold.

SynOps follow NeuroBench's terms: an effective AC is an accumulate caused by a spike, an
effective MAC a multiply-accumulate caused by an input that is not zero and not binary (here the
event counts at the first synapse); which of the two a synapse does is decided once, by all that it
gets. A synapse is used as often as its inputs are active times the weights that each of them feeds;
the tests hold this against SpikingJelly's op_counter.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from aia import LIF, fold
from benchmarks.errors import InputError
from benchmarks.events import Split
from benchmarks.records.files import as_bits
from benchmarks.records.schema import Accuracy, Fold, Parameters, Result, Specificity, SynOps
from benchmarks.training import specificity
from benchmarks.training.activity import EVALUATION_BATCH, Activity, activity, spikes_of, spiking
from benchmarks.training.batches import batches
from benchmarks.training.blocks import Network
from benchmarks.training.coefficients import (
    association_effect,
    association_of,
    coefficients,
    spike_counts,
)
from benchmarks.training.state import Trained


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


def confusion(activity: Activity, split: Split, classes: int) -> list[list[int]]:
    """``[true][predicted]`` counts."""
    flat = split.labels * classes + torch.cat(activity.predictions).numpy()
    counts: list[list[int]] = np.bincount(flat, minlength=classes**2).reshape(classes, -1).tolist()
    return counts


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
        (first, logits), (second, others) = (trains(network, frames) for network in (one, other))
        spikes += sum(int((first[name] != second[name]).count_nonzero()) for name in first)
        predictions += int((logits.argmax(1) != others.argmax(1)).sum())
    return spikes, predictions


def trains(network: Network, frames: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Every block's spikes, bool ``[T, B, ...]``, and the logits."""
    by_block: dict[str, Tensor] = {}

    def keep(name: str):  # type: ignore[no-untyped-def]
        return lambda _, __, spikes: by_block.update({name: spikes.bool()})

    handles = [b.register_forward_hook(keep(name)) for name, b in network.blocks.items()]
    try:
        return by_block, network(frames)
    finally:
        for handle in handles:
            handle.remove()


def trainable(network: nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def specificity_of(seen: Activity, split: Split, classes: int) -> dict[str, Specificity]:
    """How specific to the classes each layer's spikes are, means over what fires at all."""
    by_layer = {}
    for layer in seen.counts:
        counts = spike_counts(seen, layer)
        fires = counts.any(0)
        values = [
            measure(counts[:, fires], split.labels, classes)
            for measure in (specificity.selectivity, specificity.information)
        ]
        selectivity, information = (float(v.mean()) if v.size else 0.0 for v in values)
        by_layer[layer] = Specificity(
            selectivity=selectivity,
            information=information,
            silent=1 - float(fires.mean()),
        )
    return by_layer
