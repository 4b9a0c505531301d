"""Intervals and paired comparison: arrays in, numbers out (numpy and scipy only).

With a handful of seeds every interval here rests on the assumption behind Student's t: that the
values, or the paired differences, scatter normally. :func:`sign_flip_p` does not need it, but
cannot go below :func:`smallest_sign_flip_p`, which is 0.25 for three seeds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit  # scipy.stats takes a second to import, this does not

LEVEL = 0.95
MOST_FLIPPED = 16  # 2 ** 16 sign patterns are counted; more values are not needed here

Verdict = Literal["ahead", "behind", "not distinguishable", "no interval"]


@dataclass(frozen=True)
class Estimate:
    """A mean over ``n`` values with its interval; nan where ``n`` does not allow one."""

    mean: float
    sd: float  # sample standard deviation (n - 1)
    low: float
    high: float
    n: int


def estimate(values: ArrayLike, level: float = LEVEL) -> Estimate:
    """Mean of ``values`` ``[n]`` with Student's t interval.

    One value gives a mean without interval, none gives nan throughout.
    """
    x = _vector(values)
    if x.size == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0)
    mean = float(x.mean())
    if x.size == 1:
        return Estimate(mean, math.nan, math.nan, math.nan, 1)
    sd = float(x.std(ddof=1))
    half = float(stdtrit(x.size - 1, (1 + level) / 2)) * sd / math.sqrt(x.size)
    return Estimate(mean, sd, mean - half, mean + half, int(x.size))


def paired_difference(a: ArrayLike, b: ArrayLike, level: float = LEVEL) -> Estimate:
    """``a - b`` pair by pair, both ``[n]``.

    Raises ValueError if the two do not have the same length.
    """
    x, y = _vector(a), _vector(b)
    if x.shape != y.shape:
        raise ValueError(f"pairs need as many values on both sides, not {x.size} and {y.size}")
    return estimate(x - y, level)


def paired_ratio(a: ArrayLike, b: ArrayLike, level: float = LEVEL) -> Estimate:
    """Geometric mean of ``a / b`` over pairs, with the interval of the log ratio.

    ``sd`` is the geometric standard deviation. nan throughout if a value is not positive.
    """
    x, y = _vector(a), _vector(b)
    if x.size and min(x.min(), y.min()) <= 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, int(x.size))
    logs = paired_difference(np.log(x), np.log(y), level)
    mean, sd, low, high = (math.exp(v) for v in (logs.mean, logs.sd, logs.low, logs.high))
    return Estimate(mean, sd, low, high, logs.n)


def sign_flip_p(differences: ArrayLike) -> float:
    """Exact two-sided p that the mean of ``differences`` ``[n]`` is zero, by flipping signs.

    nan for no value or more than ``MOST_FLIPPED``.
    """
    x = _vector(differences)
    if not 0 < x.size <= MOST_FLIPPED:
        return math.nan
    signs = np.array(list(product((1.0, -1.0), repeat=x.size)))
    sums = np.abs(signs @ x)
    return float(np.mean(sums >= abs(x.sum()) * (1 - 1e-12)))


def smallest_sign_flip_p(n: int) -> float:
    """The least value that :func:`sign_flip_p` can take with ``n`` pairs."""
    return min(1.0, 2.0 ** (1 - n))


def verdict(estimated: Estimate, neutral: float = 0.0) -> Verdict:
    """On which side of ``neutral`` the whole interval lies."""
    if math.isnan(estimated.low):
        return "no interval"
    if estimated.low > neutral:
        return "ahead"
    return "behind" if estimated.high < neutral else "not distinguishable"


def _vector(values: ArrayLike) -> NDArray[np.float64]:
    return np.atleast_1d(np.asarray(values, dtype=np.float64))
