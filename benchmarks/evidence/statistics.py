"""Intervals and tests of paired differences: arrays in, numbers out (numpy and scipy only).

One statistic for every table, claim and comparison. Of ``n`` differences, one a seed, it is

- the exact sign-flip test where ``n`` lets it reach the level (six seeds for 5 %). It needs only
  that a difference is as likely as its negative about the mean, which holds whatever the scatter
  where two neurons are equal. Its interval is the test inverted: the means of all subsets of the
  differences are typical values (Hartigan, JASA 1969), so its ends are two of them;
- Student's t below that, where the sign-flip test can call nothing different.

Simulated on the recorded residuals of paired leads (tests/evidence/residuals.csv) t covers the
mean 95.2 times in 100 at five seeds and sign flips 94.6 times at ten; of leads of skewness 1, 93.4
and 93.9 times. Where two seeds of ten are outliers, as those of LIF on dvs_digits after ten epochs,
79 and 89 times. There bootstrap-t, its symmetric form and Hall's transformation reached 83 to 89
and 88 to 90, and their intervals of five normal values were 20 to 44 % wider, so none was taken:
what mends such scatter is training until it has converged.

``least_sd`` is the grain of what is measured: an accuracy is a multiple of 1 / test samples, so
three seeds can agree by chance, and a spread of 0 would make anything certain. Where it is given,
no spread counts as smaller than that.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

# scipy.stats takes a second to import, this does not
from scipy.special import gammaln, nctdtr, ndtri, stdtr, stdtrit

LEVEL = 0.95
POWER = 0.8
MOST_FLIPPED = 14  # values whose sign patterns are all counted; of more they are drawn
ROUNDING = 1e-12  # of what is added up
DRAWS = 10_000  # of sign patterns
MANY_SEEDS = 10_000  # beyond, Student's t is the normal distribution

Values = NDArray[np.float64]
Method = Literal["sign-flip test", "t test", "none"]


@dataclass(frozen=True)
class Estimate:
    """A mean over ``n`` values with its interval; nan where ``n`` does not allow one."""

    mean: float
    sd: float  # sample standard deviation (n - 1)
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Tails:
    """Two one-sided tests of a mean against a value; nan for fewer than two values."""

    above: float  # p that the mean is not above the value
    below: float  # p that it is not below
    method: Method

    @property
    def p(self) -> float:
        """Two-sided p that the mean is the value."""
        return math.nan if self.method == "none" else min(1.0, 2 * min(self.above, self.below))


def method_of(n: int, level: float = LEVEL) -> Method:
    """Which test ``n`` values get: it depends on ``n`` alone, so the choice does not bend the p."""
    if n < 2:
        return "none"
    return "sign-flip test" if smallest_sign_flip_p(n) <= 1 - level else "t test"


def smallest_sign_flip_p(n: int) -> float:
    """The least two-sided p that sign flips of ``n`` values can give: 0.25 for three."""
    return min(1.0, 2.0 ** (1 - n)) if n <= MOST_FLIPPED else 2 / (1 + DRAWS)


def estimate(values: ArrayLike, level: float = LEVEL, least_sd: float = 0.0) -> Estimate:
    """Mean of ``values`` ``[n]`` with the interval of the means that its test does not reject.

    One value gives a mean without interval, none gives nan throughout. Nor is there an interval
    where all values are the same and ``n`` is too small for sign flips: a spread of 0 says nothing.
    """
    x = _vector(values)
    if x.size == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0)
    mean = float(x.mean())
    if x.size == 1:
        return Estimate(mean, math.nan, math.nan, math.nan, 1)
    sd, tail = float(x.std(ddof=1)), (1 - level) / 2
    if method_of(x.size, level) == "sign-flip test":
        means = _subset_means(x)
        place = math.floor(tail * (means.size + 1) * (1 + ROUNDING)) - 1
        return Estimate(mean, sd, float(means[place]), float(means[-1 - place]), x.size)
    spread = _spread(x, least_sd)
    half = float(stdtrit(x.size - 1, 1 - tail)) * spread / math.sqrt(x.size) or math.nan
    return Estimate(mean, sd, mean - half, mean + half, x.size)


def paired_difference(
    a: ArrayLike, b: ArrayLike, level: float = LEVEL, least_sd: float = 0.0
) -> Estimate:
    """``a - b`` pair by pair, both ``[n]``.

    Raises ValueError if the two do not have the same length.
    """
    x, y = _vector(a), _vector(b)
    if x.shape != y.shape:
        raise ValueError(f"pairs need as many values on both sides, not {x.size} and {y.size}")
    return estimate(x - y, level, least_sd)


def paired_ratio(
    a: ArrayLike, b: ArrayLike, level: float = LEVEL, least_sd: float = 0.0
) -> Estimate:
    """Geometric mean of ``a / b`` over pairs, with the interval of the log ratio.

    ``sd`` is the geometric standard deviation, ``least_sd`` one of the log ratio. nan throughout
    if a value is not positive.
    """
    x, y = _vector(a), _vector(b)
    if x.size and min(x.min(), y.min()) <= 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, int(x.size))
    return exponential(paired_difference(np.log(x), np.log(y), level, least_sd))


def exponential(log_ratio: Estimate) -> Estimate:
    """An estimate of a logarithm -> that of the ratio."""
    mean, sd, low, high = map(
        math.exp, (log_ratio.mean, log_ratio.sd, log_ratio.low, log_ratio.high)
    )
    return Estimate(mean, sd, low, high, log_ratio.n)


def tails(values: ArrayLike, at: float = 0.0, level: float = LEVEL, least_sd: float = 0.0) -> Tails:
    """Whether the mean of ``values`` ``[n]`` is above or below ``at``.

    The sign-flip test where ``n`` lets it reach ``1 - level`` on both sides, else Student's t. For
    one of ``m`` comparisons to be corrected by Holm, ``level`` is ``1 - 0.05 / m``.
    """
    x = _vector(values)
    method = method_of(x.size, level)
    if method == "none":
        return Tails(math.nan, math.nan, method)
    spread = _spread(x, least_sd)
    if method == "sign-flip test" or spread == 0:
        means = _subset_means(x)
        rounding = ROUNDING * max(float(np.abs(x).max()), abs(at))  # must not part a tie
        above = np.searchsorted(means, at + rounding, side="right")
        below = means.size - np.searchsorted(means, at - rounding, side="left")
        whole = means.size + 1
        return Tails(float(1 + above) / whole, float(1 + below) / whole, method)
    t = (float(x.mean()) - at) / spread * math.sqrt(x.size)
    return Tails(float(stdtr(x.size - 1, -t)), float(stdtr(x.size - 1, t)), method)


def equivalence_p(
    values: ArrayLike, margin: float, level: float = LEVEL, least_sd: float = 0.0
) -> float:
    """p that the mean of ``values`` ``[n]`` is not within ``margin`` of 0 (two one-sided tests).

    Schuirmann (1987): the larger p of the two tests against either end. nan without a margin.
    """
    if math.isnan(margin):
        return math.nan
    low, high = (tails(values, end, level, least_sd) for end in (-margin, margin))
    return max(low.above, high.below)


def holm(ps: Sequence[float], copies: Sequence[Hashable] | None = None) -> list[float]:
    """Each p adjusted for all of them (Holm, 1979), in their order; nan stays and is not counted.

    Calling those below 0.05 different keeps the chance of a single false one among all below 5 %.
    ``copies``: what each p is about. Those about the same count once, by the largest of their p.
    """
    about = list(range(len(ps)) if copies is None else copies)
    largest: dict[Hashable, float] = {}
    for what, p in zip(about, ps, strict=True):
        if not math.isnan(p):
            largest[what] = max(p, largest.get(what, 0.0))
    least = 0.0
    for rank, (what, p) in enumerate(sorted(largest.items(), key=lambda pair: pair[1])):
        largest[what] = least = max(least, min(1.0, (len(largest) - rank) * p))
    return [p if math.isnan(p) else largest[what] for what, p in zip(about, ps, strict=True)]


def seeds_for(effect: float, level: float = LEVEL, power: float = POWER) -> int:
    """Seeds with which a paired t test finds a mean of ``effect`` standard deviations.

    With probability ``power``; the sign-flip test of eight and more finds it 2 in 100 times less.
    """
    tails_of = float(ndtri((1 + level) / 2) + ndtri(power))
    normal = (tails_of / effect) ** 2  # seeds, were the spread known: Student's t needs more
    if normal > MANY_SEEDS:
        return math.ceil(normal)
    n = max(2, math.floor(normal))
    while power_of(n, effect, level) < power:
        n += 1
    return n


def least_effect(n: int, level: float = LEVEL, power: float = POWER) -> float:
    """The mean, in standard deviations, that ``n`` > 1 pairs find with probability ``power``."""
    high = 1.0
    while power_of(n, high, level) < power:
        high *= 2
    low = 0.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if power_of(n, middle, level) >= power else (middle, high)
    return high


def power_of(n: int, effect: float, level: float = LEVEL) -> float:
    """Chance that a t test of ``n`` pairs finds a mean of ``effect`` standard deviations."""
    critical = stdtrit(n - 1, (1 + level) / 2)
    return 1 - float(nctdtr(n - 1, effect * math.sqrt(n), critical))


def effect_size(differences: ArrayLike, least_sd: float = 0.0) -> float:
    """Mean of ``differences`` ``[n]`` in standard deviations of theirs, as d_z of Cohen.

    Corrected for the bias of small samples (Hedges, 1981). nan for fewer than three, where there
    is no correction, and for a spread of 0.
    """
    x = _vector(differences)
    spread = _spread(x, least_sd) if x.size > 2 else 0.0
    if spread == 0:
        return math.nan
    df = x.size - 1
    correction = math.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) * math.sqrt(2 / df)
    return float(x.mean()) / spread * correction


def adjusted_for(differences: ArrayLike, covariate: ArrayLike) -> Values:
    """Differences that would be left were there none in a covariate: ``[seeds, layers]`` both.

    The model is ``difference = d + b * covariate + noise``, one d and one b for all seeds and
    layers, by least squares. Given back are the jackknife's pseudo-values of d, one a seed
    ``[seeds]``: their mean is d without the bias of few seeds, and their scatter holds that of b
    (Tukey, 1958). nan throughout for fewer than three seeds and where the covariate is always the
    same but not 0; where it is always 0 nothing is adjusted.
    """
    y, x = (np.asarray(v, dtype=np.float64) for v in (differences, covariate))
    if not x.any():
        return np.asarray(y.mean(axis=-1))
    if len(y) < 3 or not np.isfinite(x).all() or np.ptp(x) <= ROUNDING * np.abs(x).max():
        return np.full(len(y), math.nan)
    n, whole = len(y), _intercept(y, x)
    without = [_intercept(np.delete(y, i, 0), np.delete(x, i, 0)) for i in range(n)]
    return n * whole - (n - 1) * np.array(without)


def _intercept(y: Values, x: Values) -> float:
    centred = x - x.mean()
    square = float((centred**2).sum())
    return float(y.mean() - x.mean() * (centred * y).sum() / square) if square else math.nan


def _spread(x: Values, least_sd: float) -> float:
    """Sample standard deviation, ``least_sd`` at least; what is but rounding is 0."""
    sd = float(x.std(ddof=1))
    return max(sd if sd > ROUNDING * float(np.abs(x).max()) else 0.0, least_sd)


def _subset_means(x: Values) -> Values:
    """Means of the subsets of ``x`` ``[n]``, sorted: of all but the empty one, or as many drawn."""
    subsets = _subsets(x.size)
    means: Values = np.sort(subsets @ x / subsets.sum(axis=1))
    return means


@cache
def _subsets(n: int) -> Values:
    """``[subsets, n]`` of 0 and 1; of more than ``MOST_FLIPPED`` values drawn, always the same."""
    if n <= MOST_FLIPPED:
        return (np.arange(1, 2**n)[:, None] >> np.arange(n) & 1).astype(np.float64)
    drawn = np.random.default_rng(0).integers(0, 2, (DRAWS, n)).astype(np.float64)
    drawn[~drawn.any(axis=1)] = 1  # no subset is empty
    return drawn


def _vector(values: ArrayLike) -> Values:
    return np.atleast_1d(np.asarray(values, dtype=np.float64))
