"""Throughput files of pytest-benchmark -> rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import InputError

# what was timed -> its name in tables and figures; per element and step, or samples a second
PER_ELEMENT = {
    "neuron_forward": "neuron forward, ns per element and step",
    "neuron_forward_backward": "forward and backward, ns per element and step",
}
PER_SAMPLE = {"training_step": "training, samples/s", "inference": "inference, samples/s"}
TITLES = PER_ELEMENT | PER_SAMPLE


@dataclass(frozen=True)
class Timing:
    """One timed thing on one device. ``median`` with the quartiles ``q1 <= median <= q3``."""

    device: str
    what: str
    neuron: str
    backend: str
    shape: str
    median: float  # ns per element and step, or samples/s
    q1: float
    q3: float
    bound: float | None  # ns per element and step that moving the tensors alone takes
    rounds: int
    kept_bytes: float | None  # kept for the backward pass, bytes per element and step


def read_timings(folder: Path) -> list[Timing]:
    """All timings below ``folder``, file by file; none if there is no file.

    Raises InputError for a file that is not pytest-benchmark's JSON with the suite's notes.
    """
    timings = []
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            device = str(content["machine_info"]["aia_device"])
            timings += [_timing(device, entry) for entry in content["benchmarks"]]
        except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
            raise InputError(
                f"{path}: not a throughput file of this suite "
                f"({type(error).__name__}: {error}); delete it and measure again"
            ) from error
    return timings


def _timing(device: str, entry: dict[str, Any]) -> Timing:
    about, stats = entry["extra_info"], entry["stats"]
    fast, median, slow = _quartiles(stats)
    if about["what"] in PER_SAMPLE:
        count = int(about["samples"])
        q1, middle, q3 = count / slow, count / median, count / fast
    else:
        scale = 1e9 / int(about["elements"])
        q1, middle, q3 = fast * scale, median * scale, slow * scale
    return Timing(
        device=device,
        what=str(about["what"]),
        neuron=str(about["neuron"]),
        backend=str(about["backend"]),
        shape=str(about["shape"]),
        median=middle,
        q1=q1,
        q3=q3,
        bound=about["bound_ns"],
        rounds=int(stats.get("rounds", 0)),
        kept_bytes=about.get("kept_bytes"),
    )


def _quartiles(stats: dict[str, float]) -> tuple[float, float, float]:
    """Seconds; where the quartiles were not kept, they are laid around the median."""
    median, iqr = float(stats["median"]), float(stats.get("iqr", 0.0))
    q1 = float(stats.get("q1", max(median - iqr / 2, median / 2)))
    return q1, median, float(stats.get("q3", median + iqr / 2))
