from __future__ import annotations

import math
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from scipy.stats import permutation_test, trim_mean, ttest_1samp

from benchmarks.statistics import (
    Estimate,
    effect_size,
    estimate,
    holm,
    interquartile_mean,
    iqm_difference,
    paired_difference,
    paired_ratio,
    paired_t_p,
    paired_test,
    probability_of_improvement,
    seeds_needed,
    sign_flip_p,
    smallest_sign_flip_p,
    stratified_bootstrap,
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


@pytest.mark.parametrize("n", [2, 5, 8, 12])
def test_the_sign_flip_p_counts_as_brute_force_does(n: int) -> None:
    generator = np.random.default_rng(n)
    for _ in range(5):
        x = generator.integers(-4, 5, n)  # whole numbers, so that ties are exact
        sums = [
            abs(sum(s * v for s, v in zip(p, x, strict=True))) for p in product((1, -1), repeat=n)
        ]
        least = abs(int(x.sum()))
        expected = sum(total >= least for total in sums) / 2**n
        assert sign_flip_p(x / 359) == expected  # 359ths, so that ties are rounded


def test_the_sign_flip_p_is_that_of_scipy() -> None:
    x = np.random.default_rng(1).normal(0.5, 1, 9)
    scipy = permutation_test(
        (x,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert sign_flip_p(x) == pytest.approx(scipy.pvalue)


def test_more_signs_than_can_be_counted_are_drawn() -> None:
    x = np.random.default_rng(0).normal(0.3, 1, 16)
    drawn = sign_flip_p([*x, 0.0])  # a zero changes no sum, so the exact p is that without it
    assert drawn == pytest.approx(sign_flip_p(x), abs=0.01)
    assert drawn == sign_flip_p([*x, 0.0])
    assert sign_flip_p([1.0] * 20) == smallest_sign_flip_p(20) > 0


def test_the_t_test_is_that_of_scipy() -> None:
    x = np.random.default_rng(2).normal(0.5, 1, 7)
    assert paired_t_p(x) == pytest.approx(ttest_1samp(x, 0).pvalue)


def test_no_difference_at_all_gives_a_p_of_one() -> None:
    assert paired_t_p([0.0, 0.0, 0.0]) == 1
    assert paired_test([0.0, 0.0, 0.0]).p == paired_test([0.0] * 8).p == 1


def test_equal_differences_are_not_certain() -> None:
    same = [2 / 360] * 3
    assert paired_t_p(same) == paired_t_p([0.1 + 0.2 - 0.3 + 0.1, 0.1, 0.1]) == 0.25
    with_grain = paired_t_p(same, least_sd=1 / 360)
    assert with_grain == pytest.approx(ttest_1samp([1, 2, 3], 0).pvalue)  # mean 2, sd 1
    found = estimate(same, least_sd=1 / 360)
    assert found.low < 0 < found.high
    assert paired_ratio([2, 2], [1, 1], least_sd=0.1).high > 2


def test_the_test_is_exact_only_where_it_can_reach_the_level() -> None:
    x = np.random.default_rng(3).normal(1, 1, 10)
    assert paired_test(x[:5]).method == "t test"
    assert paired_test(x[:5]).least_exact_p == 0.0625
    assert paired_test(x[:6]).method == "exact sign-flip test"
    assert paired_test(x, 1 - 0.05 / 21).method == "exact sign-flip test"
    assert paired_test(x, 1 - 0.05 / 48).method == "t test"  # 2 / 2**10 > 0.05 / 48
    assert paired_test([*x, *x]).method == "sampled sign-flip test"
    assert paired_test(x[:6]).p == sign_flip_p(x[:6])
    assert paired_test(x[:5]).p == paired_t_p(x[:5])


@pytest.mark.parametrize("values", [[], [0.3]])
def test_fewer_than_two_pairs_are_not_tested(values: list[float]) -> None:
    found = paired_test(values)
    assert found.method == "none"
    assert math.isnan(found.p)


def test_holm_corrects_as_worked_out_by_hand() -> None:
    # in order 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, the last not below the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_what_was_not_tested_does_not_count_for_holm() -> None:
    first, absent, last = holm([0.01, math.nan, 0.5])
    assert (first, last) == (0.02, 0.5)
    assert math.isnan(absent)


def test_the_effect_size_is_corrected_for_few_seeds() -> None:
    x = [1.0, 2.0, 3.0]
    assert effect_size(x) == pytest.approx(2 / math.sqrt(math.pi))  # gamma(1) / gamma(1/2)
    many = np.random.default_rng(0).normal(1, 2, 1000)
    assert effect_size(many) == pytest.approx(many.mean() / many.std(ddof=1), rel=1e-3)
    assert math.isnan(effect_size([1.0, 2.0]))
    assert math.isnan(effect_size([1.0, 1.0, 1.0]))
    assert math.isfinite(effect_size([1.0, 1.0, 1.0], least_sd=0.1))


def test_the_interquartile_mean_leaves_a_quarter_out_at_either_end() -> None:
    assert interquartile_mean(np.array([100.0, 3, 1, -50, 2, 4, 5, 6])) == (2 + 3 + 4 + 5) / 4
    assert interquartile_mean(np.array([[1.0, 2, 9], [0, 0, 3]])).tolist() == [4, 1]
    values = np.random.default_rng(0).normal(size=11)
    assert interquartile_mean(values) == pytest.approx(trim_mean(values, 0.25))


def test_the_probability_of_improvement_counts_runs_and_halves_ties() -> None:
    wins = np.array([[3.0, 1.0], [4.0, 2.0]])
    ties = np.array([[1.0, 1.0], [2.0, 2.0]])
    assert probability_of_improvement([wins]) == 1
    assert probability_of_improvement([ties]) == 0.5  # one win, one loss, two ties
    assert probability_of_improvement([wins, ties]) == 0.75
    assert iqm_difference([wins, ties]) == pytest.approx(1.0)  # of 0, 0, 2, 2


def test_resampling_keeps_pairs_and_data_sets_together() -> None:
    shared = np.arange(5.0)[:, None] + [1.0, 0.0]  # seeds differ, their differences do not
    kept = stratified_bootstrap([shared, 10 * shared], iqm_difference)
    assert (kept.low, kept.value, kept.high) == (5.5, 5.5, 5.5)
    scattered = shared * [2.0, 1.0]
    found = stratified_bootstrap([shared, scattered], iqm_difference)
    assert found.low < found.value < found.high
    assert stratified_bootstrap([shared, scattered], iqm_difference) == found


def test_too_few_seeds_give_no_bootstrap_interval() -> None:
    few, one = np.zeros((5, 2)), np.zeros((1, 2))
    for strata in ([few], [few, one]):
        found = stratified_bootstrap(strata, iqm_difference)
        assert found.value == 0
        assert math.isnan(found.low)
    assert math.isnan(stratified_bootstrap([], iqm_difference).value)


def test_a_clear_difference_needs_few_seeds_and_a_small_one_many() -> None:
    x = np.array([-1.0, 0.0, 1.0])  # sd 1
    # a t test with 80 % power: 34 pairs for half a standard deviation (Cohen's tables)
    assert seeds_needed(x + 0.5) == 34
    assert seeds_needed(x + 0.2) == 199
    assert seeds_needed(x + 0.5, level=0.99) > 34
    assert seeds_needed(x + 0.001) == pytest.approx((2.802 / 0.001) ** 2, rel=1e-3)
    assert seeds_needed([1.0, 1.0]) == 2
    assert seeds_needed([0.01, 0.01], least_sd=0.02) == 34


@pytest.mark.parametrize("values", [[], [0.2], [0.0, 0.0], [0.3, -0.1, -0.2]])
def test_without_a_difference_no_number_of_seeds_is_said(values: list[float]) -> None:
    assert seeds_needed(values) is None


def test_statistics_do_without_the_slow_import() -> None:
    script = "import sys, benchmarks.statistics; sys.exit('scipy.stats' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
