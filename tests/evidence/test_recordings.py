"""The interval over seeds and recordings covers what it should, and says less where it must."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.evidence.recordings import over_seeds_and_recordings

SEEDS, SAMPLES = 5, 800


def made(
    generator: np.random.Generator, lead: float, of_seeds: float, of_blocks: float
) -> tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]]:
    """Two neurons whose lead scatters over seeds and over blocks of 20 recordings."""
    blocks = np.repeat(generator.normal(0, of_blocks, SAMPLES // 20), 20)
    left, right = [], []
    for shift in generator.normal(0, of_seeds, SEEDS):
        left.append(generator.random(SAMPLES) < 0.8 + lead + shift + blocks)
        right.append(generator.random(SAMPLES) < 0.8)
    return left, right


@pytest.mark.parametrize(
    ("of_seeds", "of_blocks"),
    [
        (0.02, 0.08),
        pytest.param(0.0, 0.1, marks=pytest.mark.slow),
        pytest.param(0.03, 0.0, marks=pytest.mark.slow),
    ],
)
def test_the_interval_covers_the_true_lead(of_seeds: float, of_blocks: float) -> None:
    generator, lead, hits, runs = np.random.default_rng(3), 0.02, 0, 120
    for _ in range(runs):
        found = over_seeds_and_recordings(*made(generator, lead, of_seeds, of_blocks))
        hits += found.low <= lead <= found.high
    assert hits / runs >= 0.92  # errs towards too wide


def test_blocks_of_like_recordings_make_it_wider() -> None:
    generator = np.random.default_rng(0)
    alike, apart = (
        over_seeds_and_recordings(*made(generator, 0.02, 0.01, of_blocks))
        for of_blocks in (0.0, 0.15)
    )
    assert apart.high - apart.low > 1.2 * (alike.high - alike.low)


def test_the_same_twice_and_nothing_from_few_seeds() -> None:
    left, right = made(np.random.default_rng(1), 0.05, 0.01, 0.05)
    assert over_seeds_and_recordings(left, right) == over_seeds_and_recordings(left, right)
    two = over_seeds_and_recordings(left[:2], right[:2])
    assert two.value == pytest.approx(np.mean(left[:2]) - np.mean(right[:2]))
    assert math.isnan(two.low)
    assert math.isnan(over_seeds_and_recordings([], []).value)
