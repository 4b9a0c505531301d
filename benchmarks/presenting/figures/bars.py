"""Intervals as bars in a table: on an axis with zero in the middle, in percent of its width."""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.evidence.statistics import Estimate


@dataclass(frozen=True)
class Bar:
    """Where an interval and its mean lie on the axis, 0..100."""

    left: float
    width: float
    middle: float


def half_axis(reach: float) -> float:
    """Half the width of an axis that reaches at least ``reach`` percentage points each way."""
    step = 1 if reach <= 5 else 5
    return float(step * max(math.ceil(reach / step), 1))


def bar(estimate: Estimate, half: float) -> Bar | None:
    """The interval of a fraction, cut off at the ends of the axis; None where there is none."""
    if estimate.n < 2:
        return None
    low, middle, high = (
        round(min(max(50 * (1 + 100 * value / half), 0.0), 100.0), 2)
        for value in (estimate.low, estimate.mean, estimate.high)
    )
    return Bar(low, round(high - low, 2), middle)
