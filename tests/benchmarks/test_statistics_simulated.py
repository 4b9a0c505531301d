"""Statistics held against data whose truth is known.

Generators are seeded; every bound leaves room for the scatter of the number of trials.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.statistics import (
    estimate,
    holm,
    iqm_difference,
    paired_difference,
    paired_ratio,
    paired_t_p,
    paired_test,
    probability_of_improvement,
    seeds_needed,
    stratified_bootstrap,
)

SAMPLES = 360  # of a test split
Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Values]


def normal(generator: np.random.Generator, neurons: int, seeds: int) -> Values:
    """``[neurons, seeds]`` accuracies of equal neurons that scatter normally about a seed's."""
    shared = generator.normal(0.8, 0.03, seeds)
    return shared + generator.normal(0, 0.012, (neurons, seeds))


def counted(generator: np.random.Generator, neurons: int, seeds: int) -> Values:
    """As :func:`normal`, with right answers counted among the samples of a test split."""
    shared = generator.normal(0.88, 0.03, seeds).clip(0, 0.98)
    return generator.binomial(SAMPLES, shared, (neurons, seeds)) / SAMPLES


@pytest.mark.parametrize("draw", [normal, counted])
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_a_95_percent_interval_covers_the_truth_95_times_in_100(draw: Draw, seeds: int) -> None:
    generator = np.random.default_rng(seeds)
    trials = 5000
    covered = 0
    for _ in range(trials):
        a, b = draw(generator, 2, seeds)
        found = estimate(a - b, least_sd=1 / SAMPLES)
        covered += found.low <= 0 <= found.high
    assert 0.94 < covered / trials < 0.965


def test_the_interval_of_a_true_difference_covers_that_difference() -> None:
    generator = np.random.default_rng(0)
    trials = 3000
    covered = spikes = 0
    for _ in range(trials):
        a, b = normal(generator, 2, 5)
        found = paired_difference(a + 0.05, b)
        covered += found.low <= 0.05 <= found.high
        ratio = paired_ratio(900 * np.exp(a), 1000 * np.exp(b))
        spikes += ratio.low <= 0.9 <= ratio.high
    assert 0.94 < covered / trials < 0.96
    assert 0.94 < spikes / trials < 0.96


@pytest.mark.parametrize(
    ("statistic", "truth", "trials"),
    [(iqm_difference, 0.0, 300), (probability_of_improvement, 0.5, 150)],
)
@pytest.mark.parametrize("seeds", [3, 10])
def test_the_bootstrap_interval_over_three_data_sets_covers_the_truth(
    statistic: Callable[[Sequence[Values]], Values], truth: float, trials: int, seeds: int
) -> None:
    generator = np.random.default_rng(seeds)
    covered = 0
    for _ in range(trials):
        strata = [normal(generator, 2, seeds).T for _ in range(3)]
        found = stratified_bootstrap(strata, statistic)
        covered += found.low <= truth <= found.high
    assert 0.91 < covered / trials < 0.995


@pytest.mark.parametrize("draw", [normal, counted])
@pytest.mark.parametrize("seeds", [3, 5])
def test_equal_neurons_are_called_different_5_times_in_100(draw: Draw, seeds: int) -> None:
    assert 0.04 < share_called_different(draw, seeds) < 0.06


@pytest.mark.parametrize("draw", [normal, counted])
@pytest.mark.parametrize(("seeds", "least"), [(6, 0.02), (8, 0.035), (10, 0.04)])
def test_the_exact_test_stays_below_5_times_in_100(draw: Draw, seeds: int, least: float) -> None:
    assert least < share_called_different(draw, seeds) < 0.06


def share_called_different(draw: Draw, seeds: int) -> float:
    """Of 2,000 comparisons of equal neurons, by the p before correction."""
    generator = np.random.default_rng(100 + seeds)
    trials = 2000
    called = 0
    for _ in range(trials):
        a, b = draw(generator, 2, seeds)
        called += paired_test(a - b, least_sd=1 / SAMPLES).p < 0.05
    return called / trials


@pytest.mark.parametrize("seeds", [3, 10])
def test_holm_keeps_false_alarms_of_a_whole_report_below_5_in_100(seeds: int) -> None:
    generator = np.random.default_rng(seeds)
    trials, datasets, baselines = 1000, 3, 7
    family = datasets * baselines
    alarms = 0
    for _ in range(trials):
        ps = []
        for _ in range(datasets):
            new, *others = counted(generator, 1 + baselines, seeds)
            ps += [paired_test(new - old, 1 - 0.05 / family, 1 / SAMPLES).p for old in others]
        alarms += min(holm(ps)) < 0.05
    assert alarms / trials <= 0.06


@pytest.mark.parametrize(("effect", "level"), [(0.5, 0.95), (1.0, 0.95), (1.5, 0.9976)])
def test_as_many_seeds_as_needed_find_the_difference_8_times_in_10(
    effect: float, level: float
) -> None:
    shape = np.array([-1.0, 0.0, 1.0])  # standard deviation 1
    needed = seeds_needed(shape + effect, level)
    assert needed is not None
    generator = np.random.default_rng(0)

    def power(seeds: int) -> float:
        trials = generator.normal(effect, 1, (4000, seeds))
        return float(np.mean([paired_t_p(x) < 1 - level for x in trials]))

    assert power(needed) > 0.78
    assert power(needed - 1) < 0.82
    assert power(math.ceil(needed / 2)) < 0.6
