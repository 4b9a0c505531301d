"""Recordings of seeded random events, and the five formats they are written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from benchmarks.events.embedded.simulate import EVENT
from benchmarks.events.formats import aedat2, aedat3, aedat4, atis, dat
from benchmarks.events.formats.write import (
    write_aedat2,
    write_aedat3,
    write_aedat4,
    write_atis,
    write_dat,
)
from benchmarks.events.recording import Recording


@dataclass(frozen=True)
class Format:
    write: Callable[[Path, Recording], None]
    read: Callable[[Path], Recording]
    suffix: str
    size: tuple[int, int]  # width and height that come back


FORMATS = {
    "aedat4": Format(write_aedat4, aedat4.read, ".aedat4", (128, 128)),
    "aedat2": Format(write_aedat2, aedat2.read, ".aedat", (128, 128)),
    "aedat3": Format(write_aedat3, aedat3.read, ".aedat", (128, 128)),
    "dat": Format(write_dat, dat.read, ".dat", (120, 100)),
    "atis": Format(write_atis, atis.read, ".bin", (240, 180)),
}

AEDAT4_HERE = find_spec("aedat") is not None and find_spec("dv_processing") is not None
NEEDS_AEDAT4 = pytest.mark.skipif(not AEDAT4_HERE, reason="the extras 'events' and 'test'")
EACH_FORMAT = [
    pytest.param(name, marks=NEEDS_AEDAT4 if name == "aedat4" else ()) for name in FORMATS
]


def made(
    count: int, size: tuple[int, int] = (128, 128), seed: int = 0, start_us: int = 17
) -> Recording:
    """``count`` events within 0.3 s, in order; with two or more, both corners are among them."""
    generator = np.random.default_rng(seed)
    events = np.empty(count, dtype=EVENT)
    events["t"] = start_us + np.sort(generator.integers(0, 300_000, count))
    events["x"] = generator.integers(0, size[0], count)
    events["y"] = generator.integers(0, size[1], count)
    events["p"] = generator.random(count) < 0.5
    if count > 1:
        events["x"][[0, -1]], events["y"][[0, -1]] = (0, size[0] - 1), (0, size[1] - 1)
    return Recording(events, *size)


def assert_same(ours: Recording, expected: Recording) -> None:
    assert (ours.width, ours.height) == (expected.width, expected.height)
    assert np.array_equal(ours.events, expected.events)
