"""Reading and binning of a million events, in events/s (extra_info).

Run by hand, since the stage ``throughput`` times neurons:

    python -m pytest benchmarks/events/bench_events.py --benchmark-enable \\
        -o python_files='bench_*.py' -o python_functions='bench_*' --benchmark-json=events.json
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tonic
from numpy.typing import NDArray

from benchmarks.events.embedded.simulate import EVENT
from benchmarks.events.formats import aedat2, aedat3, aedat4, atis, dat
from benchmarks.events.formats.write import (
    write_aedat2,
    write_aedat3,
    write_aedat4,
    write_atis,
    write_dat,
)
from benchmarks.events.frames import by_count, by_time
from benchmarks.events.recording import Recording

COUNT, STEPS, SIDE = 1_000_000, 10, 128
FORMATS: dict[str, tuple[Callable[[Path, Recording], None], Callable[[Path], Recording]]] = {
    "aedat4": (write_aedat4, aedat4.read),
    "aedat2": (write_aedat2, aedat2.read),
    "aedat3": (write_aedat3, aedat3.read),
    "dat": (write_dat, dat.read),
    "atis": (write_atis, atis.read),
}
TO_FRAME = tonic.transforms.ToFrame((SIDE, SIDE, 2), n_time_bins=STEPS)
BINNERS: dict[str, Callable[[NDArray[np.void]], NDArray[np.integer]]] = {
    "by_time": lambda events: by_time(events, STEPS, SIDE, SIDE),
    "by_count": lambda events: by_count(events, STEPS, SIDE, SIDE),
    "tonic ToFrame": lambda events: TO_FRAME(events),
}


@pytest.fixture(scope="module")
def recording() -> Recording:
    generator = np.random.default_rng(0)
    events = np.empty(COUNT, dtype=EVENT)
    events["t"] = np.sort(generator.integers(0, 1_300_000, COUNT))
    events["x"], events["y"] = generator.integers(0, SIDE, (2, COUNT))
    events["p"] = generator.random(COUNT) < 0.5
    return Recording(events, SIDE, SIDE)


def _timed(benchmark: Any, work: Callable[[], object]) -> None:
    benchmark.pedantic(work, rounds=15, warmup_rounds=2, iterations=1)
    if benchmark.stats:  # none where timing is switched off
        benchmark.extra_info["events_per_s"] = round(COUNT / benchmark.stats.stats.median)


@pytest.mark.parametrize("name", FORMATS)
def bench_read(name: str, recording: Recording, tmp_path: Path, benchmark: Any) -> None:
    write, read = FORMATS[name]
    path = tmp_path / "recording"
    write(path, recording)
    _timed(benchmark, lambda: read(path))
    assert len(read(path).events) == COUNT


@pytest.mark.parametrize("name", BINNERS)
def bench_bin(name: str, recording: Recording, benchmark: Any) -> None:
    _timed(benchmark, lambda: BINNERS[name](recording.events))
