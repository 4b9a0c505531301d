"""Numbers as a reader sees them in tables and on the page, and names of files."""

from __future__ import annotations

import math
import re

from benchmarks.statistics import Estimate

NOTHING = "–"


def slug(name: str) -> str:
    """A data set, device or column as part of a file's name or an address; trademarks left out."""
    plain = re.sub(r"\((r|tm)\)", "", name.lower())
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-")


def digits(value: float) -> str:
    """Three digits that count, whatever the size: ``14.6``, ``0.00672``, ``1,234``."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"


def percent(found: Estimate) -> str:
    """``84.2 ± 1.3 [81.0, 87.4] (3)`` of fractions; without an interval for one seed."""
    return f"{brief(found, 100)}{interval(found, 100, '.1f')} ({found.n})"


def points(found: Estimate) -> str:
    """As :func:`percent`, with signs."""
    return (
        f"{signed(100 * found.mean)}{spread(100 * found.sd, '.1f')}"
        f"{interval(found, 100, '+.1f')} ({found.n})"
    )


def signed(value: float, form: str = "+.1f") -> str:
    """A number with its sign (a true minus), none for what rounds to zero."""
    text = f"{value:{form}}".replace("-", "−")
    return text if any(digit in text for digit in "123456789") else text.lstrip("+−")


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


def plural(count: int, noun: str) -> str:
    """``1 seed``, ``3 seeds``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def counted(seeds: list[int]) -> str:
    if not seeds:
        return "0"
    word = "seed" if len(seeds) == 1 else "seeds"
    return f"{len(seeds)} ({word} {', '.join(map(str, seeds))})"
