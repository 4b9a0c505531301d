"""Estimates with their intervals as a reader sees them."""

from __future__ import annotations

import math

from benchmarks.evidence.statistics import Estimate
from benchmarks.wording import NOTHING, signed


def percent(found: Estimate) -> str:
    """``84.2 ± 1.3 [81.0, 87.4] (3)`` of fractions; without an interval for one seed."""
    return f"{brief(found, 100)}{interval(found, 100, '.1f')} ({found.n})"


def points(found: Estimate) -> str:
    """As :func:`percent`, with signs."""
    return (
        f"{signed(100 * found.mean)}{spread(100 * found.sd, '.1f')}"
        f"{interval(found, 100, '+.1f')} ({found.n})"
    )


def brief(found: Estimate, scale: float) -> str:
    return f"{scale * found.mean:.1f}{spread(scale * found.sd, '.1f')}"


def spread(sd: float, form: str) -> str:
    return "" if math.isnan(sd) else f" ± {sd:{form}}"


def interval(found: Estimate, scale: float, form: str) -> str:
    if math.isnan(found.low):
        return ""
    low, high = (
        signed(scale * v, form) if "+" in form else f"{scale * v:{form}}"
        for v in (found.low, found.high)
    )
    return f" [{low}, {high}]"


def ratio(found: Estimate) -> str:
    if math.isnan(found.mean):
        return NOTHING
    return f"{found.mean:.2f}{interval(found, 1, '.2f')}"
