from __future__ import annotations

import math
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from scipy.stats import permutation_test, trim_mean, ttest_1samp

from benchmarks.evidence.aggregates import (
    interquartile_mean,
    iqm_difference,
    probability_of_improvement,
    stratified_bootstrap,
)
from benchmarks.evidence.statistics import (
    adjusted_for,
    effect_size,
    equivalence_p,
    estimate,
    holm,
    least_effect,
    method_of,
    paired_difference,
    paired_ratio,
    power_of,
    seeds_for,
    smallest_sign_flip_p,
    tails,
)


def test_three_values_get_the_interval_worked_out_by_hand() -> None:
    found = estimate([1.0, 2.0, 3.0])
    quantile = 0.95 * math.sqrt(2 / (1 - 0.95**2))  # closed form for 2 degrees of freedom
    half = quantile / math.sqrt(3)  # sd = 1
    assert (found.mean, found.sd, found.n) == (2.0, 1.0, 3)
    assert found.low == pytest.approx(2 - half, abs=1e-9)
    assert found.high == pytest.approx(2 + half, abs=1e-9)


def test_six_values_have_their_range_as_interval() -> None:
    found = estimate([5.0, 1.0, 3.0, 2.0, 8.0, 4.0])  # of 2 ** 6 signs two are 3.1 %
    assert (found.low, found.high) == (1.0, 8.0)


@pytest.mark.parametrize(("n", "level"), [(3, 0.95), (5, 0.9), (6, 0.95), (9, 0.9), (10, 0.95)])
def test_the_interval_holds_what_its_test_does_not_reject(n: int, level: float) -> None:
    generator = np.random.default_rng(n)
    for _ in range(5):
        x = generator.gamma(1.5, size=n)
        found = estimate(x, level)
        width = found.high - found.low
        for end, inwards in ((found.low, 1), (found.high, -1)):
            inside, outside = end + inwards * 1e-6 * width, end - inwards * 1e-6 * width
            assert tails(x, inside, level).p > 1 - level
            assert tails(x, outside, level).p <= 1 - level


def test_equivalence_is_the_interval_of_twice_the_level_within_the_margin() -> None:
    generator = np.random.default_rng(0)
    for n in (4, 8, 10):
        for _ in range(40):
            x = generator.normal(0.2, 1, n)
            found = estimate(x, 0.9)
            if method_of(n, 0.9) != method_of(n, 0.95):
                continue
            within = found.low > -1 and found.high < 1
            assert (equivalence_p(x, 1.0) <= 0.05) == within
    assert math.isnan(equivalence_p([0.0] * 8, math.nan))
    assert equivalence_p([0.0] * 6, 0.01) == 1 / 2**6


def test_one_value_has_a_mean_and_no_interval() -> None:
    found = estimate([0.7])
    assert found.mean == 0.7
    assert found.n == 1
    assert all(math.isnan(v) for v in (found.sd, found.low, found.high))


def test_no_value_gives_nan_and_zero_seeds() -> None:
    found = estimate([])
    assert found.n == 0
    assert math.isnan(found.mean)


def test_pairing_removes_what_both_sides_share() -> None:
    a, b = [0.70, 0.80, 0.90], [0.69, 0.79, 0.89]
    found = paired_difference(a, b)
    assert found.mean == pytest.approx(0.01)
    assert found.sd == pytest.approx(0, abs=1e-12)
    assert math.isnan(found.low)  # three alike say nothing of their spread
    assert paired_difference(b, a).mean == -found.mean


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


def sign_flip_p(values: object) -> float:
    """Of the test that six values and more get, whatever their number."""
    return tails(values, 0.0, level=0.0).p


def test_sign_flips_are_counted_exactly() -> None:
    # sums of the eight patterns of +-1 +-2 +-3 reach 4 in size for +-4, +-6: four of eight
    assert sign_flip_p([-1.0, 2.0, 3.0]) == 0.5
    assert sign_flip_p([0.0, 0.0, 0.0]) == 1.0


@pytest.mark.parametrize(("seeds", "least"), [(2, 0.5), (3, 0.25), (6, 0.03125)])
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
    x = np.random.default_rng(0).normal(0.3, 1, 14)
    drawn = sign_flip_p([*x, 0.0])  # a zero changes no sum, so the exact p is that without it
    assert drawn == pytest.approx(sign_flip_p(x), abs=0.02)
    assert drawn == sign_flip_p([*x, 0.0])
    assert sign_flip_p([1.0] * 20) == smallest_sign_flip_p(20) > 0


def test_the_t_test_is_that_of_scipy() -> None:
    x = np.random.default_rng(2).normal(0.5, 1, 5)
    assert tails(x).p == pytest.approx(ttest_1samp(x, 0).pvalue)
    below = ttest_1samp(x, 1, alternative="less").pvalue
    assert tails(x, 1.0).below == pytest.approx(below)


def test_no_difference_at_all_gives_a_p_of_one() -> None:
    assert tails([0.0, 0.0, 0.0]).p == tails([0.0] * 8).p == 1


def test_equal_differences_are_not_certain() -> None:
    same = [2 / 360] * 3
    assert tails(same).p == tails([0.1 + 0.2 - 0.3 + 0.1, 0.1, 0.1]).p == 0.25
    with_grain = tails(same, least_sd=1 / 360).p
    assert with_grain == pytest.approx(ttest_1samp([1, 2, 3], 0).pvalue)  # mean 2, sd 1
    found = estimate(same, least_sd=1 / 360)
    assert found.low < 0 < found.high
    assert paired_ratio([2, 2], [1, 1], least_sd=0.1).high > 2


def test_signs_are_flipped_only_where_they_can_reach_the_level() -> None:
    assert method_of(5) == "t test"
    assert method_of(6) == "sign-flip test"
    assert method_of(10, 1 - 0.05 / 21) == "sign-flip test"
    assert method_of(10, 1 - 0.05 / 48) == "t test"  # 2 / 2**10 > 0.05 / 48
    x = np.random.default_rng(3).normal(1, 1, 10)
    assert tails(x).method == "sign-flip test"
    assert tails(x, level=1 - 0.05 / 48).p == pytest.approx(ttest_1samp(x, 0).pvalue)


@pytest.mark.parametrize("values", [[], [0.3]])
def test_fewer_than_two_pairs_are_not_tested(values: list[float]) -> None:
    found = tails(values)
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


def test_copies_count_once_for_holm_by_the_larger_p() -> None:
    # two copies with 0.01 and 0.02 are one comparison of p 0.02, of three in all
    assert holm([0.01, 0.02, 0.5, 0.9], ["a", "a", "b", "c"]) == pytest.approx([0.06, 0.06, 1, 1])
    assert holm([0.01, 0.02], ["a", "a"]) == [0.02, 0.02]
    one, none = holm([0.01, math.nan], ["a", "a"])
    assert one == 0.01
    assert math.isnan(none)


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
    # a t test with 80 % power: 34 pairs for half a standard deviation (Cohen's tables)
    assert seeds_for(0.5) == 34
    assert seeds_for(0.2) == 199
    assert seeds_for(0.5, level=0.99) > 34
    assert seeds_for(0.001) == pytest.approx((2.802 / 0.001) ** 2, rel=1e-3)


@pytest.mark.parametrize("n", [2, 3, 10, 34])
def test_the_least_effect_is_found_8_times_in_10(n: int) -> None:
    assert power_of(n, least_effect(n)) == pytest.approx(0.8, abs=1e-6)
    assert least_effect(n, level=0.99) > least_effect(n)


def test_a_difference_is_adjusted_for_the_covariate_it_comes_with() -> None:
    generator = np.random.default_rng(0)
    rate = generator.normal(-0.2, 0.1, (10, 3))
    noise = generator.normal(0, 0.002, (10, 3))
    by_rate_alone = estimate(adjusted_for(-0.3 * rate + noise, rate))
    assert by_rate_alone.low < 0 < by_rate_alone.high
    assert by_rate_alone.high - by_rate_alone.low < 0.02
    beside = estimate(adjusted_for(0.05 - 0.3 * rate + noise, rate))
    assert beside.mean == pytest.approx(0.05, abs=0.005)
    exact = adjusted_for(0.05 - 0.3 * rate, rate)
    assert exact == pytest.approx(np.full(10, 0.05))


def test_without_a_covariate_that_varies_nothing_can_be_adjusted() -> None:
    lead = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    assert adjusted_for(lead, np.zeros((3, 2))) == pytest.approx([0.15, 0.35, 0.55])
    for covariate in (np.ones((3, 2)), np.full((3, 2), -np.inf)):
        assert np.isnan(adjusted_for(lead, covariate)).all()
    assert np.isnan(adjusted_for(lead[:2], lead[:2])).all()  # two seeds have no jackknife


def test_statistics_do_without_the_slow_import() -> None:
    script = "import sys, benchmarks.evidence.statistics; sys.exit('scipy.stats' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
