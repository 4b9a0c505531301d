"""What a trained association holds, and what it does."""

from __future__ import annotations

import copy
from typing import Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.events import Split
from benchmarks.records.schema import Association, AssociationEffect
from benchmarks.training.activity import EVALUATION_BATCH, Activity, activity, spikes_of
from benchmarks.training.batches import batches
from benchmarks.training.blocks import Block, Network


@runtime_checkable
class _Associates(Protocol):
    """A neuron with an association that is left out where its coefficients are 0."""

    def association_coefficients(self) -> Tensor: ...


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
        change = spike_counts(whole, name).sum(0) - spike_counts(without, name).sum(0)
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


def spike_counts(seen: Activity, layer: str) -> NDArray[np.float64]:
    """Spikes of each sample and channel or unit over time and space, ``[N, C]``."""
    counts: NDArray[np.float64] = torch.cat(seen.counts[layer]).double().numpy()
    return counts
