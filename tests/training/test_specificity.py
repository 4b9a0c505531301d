"""Both measures on units whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.training.specificity import information, selectivity

CLASSES = 4
LABELS = np.repeat(np.arange(CLASSES), 90)


def test_a_unit_that_fires_for_one_class_alone_is_fully_selective() -> None:
    one = np.where(LABELS == 2, 5.0, 0.0)
    even = np.full(len(LABELS), 3.0)
    # means 6, 2, 2, 2: (6 - 2) / (6 + 2)
    between = np.where(LABELS == 0, 6.0, 2.0)
    found = selectivity(np.stack([one, even, between], 1), LABELS, CLASSES)
    assert found == pytest.approx([1.0, 0.0, 0.5])


def test_a_unit_that_tells_every_class_carries_the_entropy_of_the_classes() -> None:
    counts = np.stack([LABELS.astype(float), np.where(LABELS == 2, 5.0, 0.0)], 1)
    all_classes, one_class = information(counts, LABELS, CLASSES)
    assert all_classes == pytest.approx(2.0, abs=0.02)
    entropy = -(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75))
    assert one_class == pytest.approx(entropy, abs=0.02)


def test_a_unit_that_knows_nothing_carries_nothing_once_the_bias_is_off() -> None:
    counts = np.random.default_rng(0).poisson(4.0, (len(LABELS), 400)).astype(float)
    found = information(counts, LABELS, CLASSES)
    assert abs(found.mean()) < 0.004  # uncorrected it is about 0.04
    assert found.min() < 0


def test_a_silent_unit_has_neither() -> None:
    counts = np.zeros((len(LABELS), 1))
    assert np.isnan(selectivity(counts, LABELS, CLASSES)).all()
    assert np.isnan(information(counts, LABELS, CLASSES)).all()
