"""Counts against counts made on paper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import measure
from benchmarks.events import Split
from benchmarks.networks import build_network
from benchmarks.neurons import builder
from benchmarks.params import Matched, NeuronParams, Training

CPU = torch.device("cpu")


def test_synaptic_operations_of_a_small_convolution_are_those_counted_on_paper() -> None:
    """3 x 3 kernel, padding 1, stride 1, 5 outputs on 4 x 4: a corner pixel is used 4 times,
    an edge pixel 6 times, an inner pixel 9 times, by each output channel."""
    synapse = nn.Conv2d(1, 5, 3, padding=1, bias=False)
    for (row, column), uses in {(0, 0): 4, (0, 1): 6, (1, 1): 9}.items():
        spikes = torch.zeros(1, 1, 4, 4)
        spikes[0, 0, row, column] = 1
        assert measure.synaptic_operations(synapse, spikes) == uses * 5
    whole = (4 * 4 + 8 * 6 + 4 * 9) * 5
    assert measure.synaptic_operations(synapse, torch.ones(1, 1, 4, 4)) == whole


def test_synaptic_operations_of_a_linear_layer_are_spikes_times_outputs() -> None:
    spikes = torch.tensor([[1.0, 0, 1, 0], [0, 0, 0, 1]])
    assert measure.synaptic_operations(nn.Linear(4, 7, bias=False), spikes) == 3 * 7


@pytest.fixture
def split() -> Split:
    generator = np.random.default_rng(0)
    frames = generator.poisson(0.8, (6, 3, 2, 8, 8)).astype(np.uint8)
    return Split(frames, np.array([0, 1, 2, 0, 1, 2]), np.arange(6))


def test_activity_adds_up(split: Split) -> None:
    spec = NeuronParams.model_validate({"class": "aia.neuron:AIA", "match": True})
    training = Training(channels=(3,), hidden=5, steps=3)
    network = build_network(builder(spec, Matched(threshold=0.3)), training, 3, 8, (1, 2))
    seen = measure.activity(network, split, CPU, synops=True)
    spikes = measure.spikes_of(seen)
    frames, _ = measure.take(split, slice(0, 6), CPU)
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
    seen = measure.Activity(samples=6, predictions=[torch.tensor([0, 1, 1, 2, 1, 2])])
    assert measure.confusion(seen, split, 3) == [[1, 0, 1], [0, 2, 0], [0, 1, 1]]
