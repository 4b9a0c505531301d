"""Counts against counts made on paper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from spikingjelly.activation_based.op_counter import ACCounter, DispatchCounterMode
from torch import nn

from aia import AIA, LIF
from aia.variants import AIACached
from baselines.controls import GainFrozen
from benchmarks.events import Split
from benchmarks.params import Matched, NeuronParams, Training
from benchmarks.training import activity, coefficients, measure
from benchmarks.training.batches import take
from benchmarks.training.networks import build_network
from benchmarks.training.neurons import builder

CPU = torch.device("cpu")


def test_an_input_of_a_small_convolution_feeds_as_many_weights_as_counted_on_paper() -> None:
    """3 x 3 kernel, padding 1, stride 1, 5 outputs on 4 x 4: a corner pixel is used 4 times,
    an edge pixel 6 times, an inner pixel 9 times, by each output channel."""
    feeds = activity.fan_out(nn.Conv2d(1, 5, 3, padding=1, bias=False), torch.zeros(1, 4, 4))
    edge, inner = [4, 6, 6, 4], [6, 9, 9, 6]
    assert (feeds / 5).tolist() == [[edge, inner, inner, edge]]


@pytest.mark.parametrize(
    ("synapse", "shape"),
    [
        (nn.Conv2d(2, 3, 3, stride=2, padding=1, bias=False), (2, 9, 8)),
        (nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2), (4, 7, 7)),
        (nn.Linear(5, 7), (5,)),
    ],
    ids=["strided", "dilated-groups", "linear"],
)
def test_synaptic_operations_are_those_of_spikingjellys_counter(
    synapse: nn.Conv2d | nn.Linear, shape: tuple[int, ...]
) -> None:
    spikes = (torch.rand(3, 2, *shape, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    seen = activity.Activity()
    activity.add_synops("conv1", synapse, spikes, seen)
    whole = activity.Activity()
    activity.add_synops("conv1", synapse, torch.ones_like(spikes), whole)

    def counted(x: torch.Tensor) -> int:
        counter = ACCounter()
        with torch.no_grad(), DispatchCounterMode([counter]):
            synapse(x)
        return int(counter.get_total())

    assert seen.acs == counted(spikes.flatten(0, 1)) > 0
    assert seen.dense == whole.acs == counted(torch.ones_like(spikes).flatten(0, 1))
    assert seen.macs == 0


def test_operations_on_event_counts_are_multiplications() -> None:
    seen = activity.Activity()
    activity.add_synops("conv1", nn.Linear(3, 4), torch.tensor([[[0.0, 2, 1]]]), seen)
    assert (seen.acs, seen.macs, seen.dense) == (0, 8, 12)
    activity.add_synops("conv1", nn.Linear(3, 4), torch.tensor([[[0.0, 1, 1]]]), seen)
    activity.add_synops("conv2", nn.Linear(3, 4), torch.tensor([[[0.0, 0, 1]]]), seen)
    assert (seen.acs, seen.macs) == (4, 16)  # not by what one batch happens to hold


class Confusing(LIF):
    """Has something named `coefficient`, and no association."""

    coefficient = torch.ones(4)


def test_an_association_is_what_a_neuron_says_is_one() -> None:
    for cls, has in ((AIA, True), (AIACached, True), (GainFrozen, True), (Confusing, False)):
        network = build_network(cls, Training(channels=(4,), hidden=4), 3, 8, (0, 1))
        assert bool(coefficients.coefficients(network)) == has, cls


@pytest.fixture
def split() -> Split:
    generator = np.random.default_rng(0)
    frames = generator.poisson(0.8, (6, 3, 2, 8, 8)).astype(np.uint8)
    return Split(frames, np.array([0, 1, 2, 0, 1, 2]), np.arange(6))


def test_activity_adds_up(split: Split) -> None:
    spec = NeuronParams.model_validate({"class": "aia.neuron:AIA", "match": True})
    training = Training(channels=(3,), hidden=5, steps=3)
    network = build_network(builder(spec, Matched(threshold=0.3)), training, 3, 8, (1, 2))
    seen = activity.activity(network, split, CPU, synops=True)
    spikes = activity.spikes_of(seen)
    frames, _ = take(split, slice(0, 6), CPU)
    with torch.no_grad():
        hidden = network.blocks["conv1"](frames)
        linear = network.blocks["linear1"](hidden.flatten(2))
    assert spikes.per_sample == pytest.approx(float(hidden.sum() + linear.sum()) / 6)
    assert spikes.by_layer_and_step["conv1"] == pytest.approx(
        (hidden.flatten(1).sum(1) / 6).tolist()
    )
    assert spikes.firing_rate["linear1"] == pytest.approx(float(linear.mean()))
    silent = 1 - float(hidden.sum() + linear.sum()) / (hidden.numel() + linear.numel())
    assert spikes.activation_sparsity == pytest.approx(silent)
    synops = measure.synops_of(seen)
    # spikes of the convolution reach 5 hidden units each, those of the hidden layer 3 classes
    assert synops.effective_acs == pytest.approx(float(hidden.sum() * 5 + linear.sum() * 3) / 6)
    assert 0 < synops.effective_macs < synops.dense


def test_confusion_counts_true_against_predicted(split: Split) -> None:
    seen = activity.Activity(samples=6, predictions=[torch.tensor([0, 1, 1, 2, 1, 2])])
    assert measure.confusion(seen, split, 3) == [[1, 0, 1], [0, 2, 0], [0, 1, 1]]
