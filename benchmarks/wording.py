"""Numbers as a reader sees them in tables and on the page, and names of files."""

from __future__ import annotations

import re
import signal

NOTHING = "–"


def slug(name: str) -> str:
    """A data set, device or column as part of a file's name or an address; trademarks left out."""
    plain = re.sub(r"\((r|tm)\)", "", name.lower())
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-")


def digits(value: float) -> str:
    """Three digits that count, whatever the size: ``14.6``, ``0.00672``, ``1,234``."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"


def signed(value: float, form: str = "+.1f") -> str:
    """A number with its sign (a true minus), none for what rounds to zero."""
    text = f"{value:{form}}".replace("-", "−")
    return text if any(digit in text for digit in "123456789") else text.lstrip("+−")


def plural(count: int, noun: str) -> str:
    """``1 seed``, ``3 seeds``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def counted(seeds: list[int]) -> str:
    if not seeds:
        return "0"
    word = "seed" if len(seeds) == 1 else "seeds"
    return f"{len(seeds)} ({word} {', '.join(map(str, seeds))})"


def duration(seconds: float) -> str:
    """To two digits or so, in the unit that a person would take."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def how_ended(code: int) -> str:
    """Why a process ended with ``code``, negative for a signal."""
    if code >= 0:
        return f"its process ended with status {code}"
    name = signal.Signals(-code).name
    return f"its process was ended by {name}{', as where memory is short' * (name == 'SIGKILL')}"
