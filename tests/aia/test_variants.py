"""What is special to the readings that remember, and to those that look at single dendrites."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from aia.variants import AIACached, AIACoincidence, memory, pairs
from tests.aia.formulas import DOUBLE, random


def linear(inputs: int, outputs: int) -> nn.Linear:
    synapse = nn.Linear(inputs, outputs, bias=False).double()
    synapse.weight.data = random(outputs, inputs, seed=3)
    return synapse


def test_coincidence_of_a_convolution_is_the_sum_over_pairs_in_its_window() -> None:
    synapse = nn.Conv2d(2, 3, 3, stride=2, padding=1, bias=False).double()
    x = random(2, 2, 5, 5, seed=5)
    y = synapse(x)
    q = pairs(y, x, synapse)
    windows = torch.nn.functional.unfold(x, 3, padding=1, stride=2)  # [N, 18, places]
    single = windows[:, None] * synapse.weight.flatten(1)[None, :, :, None]
    expected = sum(
        2 * single[:, :, j] * single[:, :, k] for j, k in itertools.combinations(range(18), 2)
    )
    assert torch.allclose(y.flatten(2), single.sum(2))
    assert torch.allclose(q.flatten(2), expected)


def test_coincidence_needs_two_dendrites_at_the_same_time() -> None:
    synapse = linear(5, 4)
    one = torch.eye(5, dtype=DOUBLE)  # five samples, one active dendrite each
    q = pairs(synapse(one), one, synapse)
    assert torch.allclose(q, torch.zeros_like(q), atol=1e-12)
    two = one[:1] + one[1:2]
    q = pairs(synapse(two), two, synapse)
    assert q.abs().min() > 0


def test_a_memory_keeps_its_part_of_the_time_step_before() -> None:
    y, c, expected = random(6, 3, 4), torch.zeros(3, 4, dtype=DOUBLE), []
    for y_t in y:
        c = 0.3 * c + 0.7 * y_t
        expected.append(c)
    assert torch.equal(memory(y, 0.3), torch.stack(expected))
    assert AIACached(4).double()(y[:0]).shape == memory(y[:0], 0.3).shape == (0, 3, 4)


def test_options_and_synapses_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="momentum"):
        AIACached(4, momentum=1.0)
    with pytest.raises(ValueError, match="without bias"):
        AIACoincidence(4).forward_from(nn.Linear(5, 4), torch.zeros(2, 3, 5))
    with pytest.raises(TypeError, match="Conv2d or Linear"):
        AIACoincidence(4).forward_from(nn.Identity(), torch.zeros(2, 3, 5))
