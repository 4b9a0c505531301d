"""Estimates with their intervals as a reader sees them."""

from __future__ import annotations

import math

from benchmarks.evidence.statistics import Estimate
from benchmarks.wording import NOTHING, signed


def percent(estimate: Estimate) -> str:
    """``84.2 ± 1.3 [81.0, 87.4] (3)`` of fractions; without an interval for one seed."""
    return f"{brief(estimate, 100)}{interval(estimate, 100, '.1f')} ({estimate.n})"


def points(estimate: Estimate) -> str:
    """As :func:`percent`, with signs."""
    return (
        f"{signed(100 * estimate.mean)}{spread(100 * estimate.sd, '.1f')}"
        f"{interval(estimate, 100, '+.1f')} ({estimate.n})"
    )


def brief(estimate: Estimate, scale: float) -> str:
    return f"{scale * estimate.mean:.1f}{spread(scale * estimate.sd, '.1f')}"


def spread(sd: float, form: str) -> str:
    return "" if math.isnan(sd) else f" ± {sd:{form}}"


def interval(estimate: Estimate, scale: float, form: str) -> str:
    if math.isnan(estimate.low):
        return ""
    low, high = (
        signed(scale * v, form) if "+" in form else f"{scale * v:{form}}".replace("-", "−")
        for v in (estimate.low, estimate.high)
    )
    return f" [{low}, {high}]"


def ratio(estimate: Estimate) -> str:
    if math.isnan(estimate.mean):
        return NOTHING
    return f"{estimate.mean:.2f}{interval(estimate, 1, '.2f')}"
