from __future__ import annotations

import math

import pytest

from benchmarks.statistics import (
    Estimate,
    estimate,
    paired_difference,
    paired_ratio,
    sign_flip_p,
    smallest_sign_flip_p,
    verdict,
)


def test_three_values_get_the_interval_worked_out_by_hand() -> None:
    found = estimate([1.0, 2.0, 3.0])
    quantile = 0.95 * math.sqrt(2 / (1 - 0.95**2))  # closed form for 2 degrees of freedom
    half = quantile / math.sqrt(3)  # sd = 1
    assert (found.mean, found.sd, found.n) == (2.0, 1.0, 3)
    assert found.low == pytest.approx(2 - half, abs=1e-9)
    assert found.high == pytest.approx(2 + half, abs=1e-9)


def test_ten_values_use_the_quantile_of_nine_degrees_of_freedom() -> None:
    values = [float(k) for k in range(10)]
    sd = math.sqrt(sum((v - 4.5) ** 2 for v in values) / 9)
    assert estimate(values).high == pytest.approx(4.5 + 2.2621571628540993 * sd / math.sqrt(10))


def test_one_value_has_a_mean_and_no_interval() -> None:
    found = estimate([0.7])
    assert found.mean == 0.7
    assert found.n == 1
    assert all(math.isnan(v) for v in (found.sd, found.low, found.high))
    assert verdict(found) == "no interval"


def test_no_value_gives_nan_and_zero_seeds() -> None:
    found = estimate([])
    assert found.n == 0
    assert math.isnan(found.mean)


def test_pairing_removes_what_both_sides_share() -> None:
    a, b = [0.70, 0.80, 0.90], [0.69, 0.79, 0.89]
    found = paired_difference(a, b)
    assert found.mean == pytest.approx(0.01)
    assert found.sd == pytest.approx(0, abs=1e-12)
    assert verdict(found) == "ahead"
    assert verdict(paired_difference(b, a)) == "behind"


def test_sides_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="not 2 and 3"):
        paired_difference([1, 2], [1, 2, 3])


def test_the_ratio_is_geometric_so_that_swapping_sides_inverts_it() -> None:
    a, b = [2.0, 8.0, 3.0], [1.0, 2.0, 3.0]
    found, swapped = paired_ratio(a, b), paired_ratio(b, a)
    assert found.mean == pytest.approx(2.0)  # (2 * 4 * 1) ** (1 / 3)
    assert found.low == pytest.approx(1 / swapped.high)


def test_a_ratio_to_zero_spikes_is_undefined() -> None:
    found = paired_ratio([1.0, 2.0], [0.0, 2.0])
    assert math.isnan(found.mean)
    assert verdict(found, neutral=1.0) == "no interval"


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(0.1, 0.3, "ahead"), (-0.3, -0.1, "behind"), (-0.1, 0.3, "not distinguishable")],
)
def test_the_verdict_follows_the_whole_interval(low: float, high: float, says: str) -> None:
    assert verdict(Estimate(0.0, 1.0, low, high, 3)) == says


def test_an_interval_that_touches_zero_is_not_a_lead() -> None:
    assert verdict(Estimate(1.0, 1.0, 0.0, 2.0, 3)) == "not distinguishable"


def test_sign_flips_are_counted_exactly() -> None:
    # sums of the eight patterns of +-1 +-2 +-3 reach 4 in size for +-4, +-6: four of eight
    assert sign_flip_p([-1.0, 2.0, 3.0]) == 0.5
    assert sign_flip_p([0.0, 0.0, 0.0]) == 1.0
    assert math.isnan(sign_flip_p([]))


@pytest.mark.parametrize(("seeds", "least"), [(1, 1.0), (3, 0.25), (6, 0.03125)])
def test_few_seeds_bound_the_sign_flip_p_from_below(seeds: int, least: float) -> None:
    assert smallest_sign_flip_p(seeds) == least
    assert sign_flip_p([1.0] * seeds) == least
