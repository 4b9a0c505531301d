"""Our events are the field's: tonic bins them to the same frames, and reads them alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tonic
from numpy.typing import NDArray
from typer.testing import CliRunner

from benchmarks.cli.main import app
from benchmarks.events.embedded.simulate import EVENT
from benchmarks.events.formats.write import write_aedat4, write_atis
from benchmarks.events.frames import to_frames
from benchmarks.events.published.catalogue import SETS
from benchmarks.events.published.layout import REHEARSAL
from benchmarks.events.published.second_reader import agreeing, same_events
from benchmarks.events.recording import Recording
from tests.events.recordings import made


def test_tonic_bins_our_events_to_the_same_frames() -> None:
    generator = np.random.default_rng(3)
    duration_us, steps, size = 100_000, 10, 32
    events = np.zeros(5_000, dtype=EVENT)
    events["t"] = np.sort(generator.integers(0, duration_us, 5_000))
    events["t"][0] = 0  # tonic counts its windows from the first event
    for axis in ("x", "y"):
        events[axis] = generator.integers(0, size, 5_000)
    events["p"] = generator.random(5_000) < 0.5
    window = duration_us // steps
    theirs = tonic.transforms.ToFrame((size, size, 2), time_window=window, include_incomplete=True)
    ours = to_frames(events, duration_us, steps, size, size)
    assert ours.sum() == 5_000
    assert np.array_equal(theirs(events), ours)


def small(folder: Path, name: str, write: Callable[[Path, Recording], None], ends: str) -> Path:
    """Two recordings of each class of a set, made up."""
    chosen = SETS[name]
    counts = {part: [2] * len(chosen.classes) for part in chosen.counts}
    for part in counts:
        for label, of in enumerate(chosen.classes):
            for number in range(2):
                path = folder / part / of / f"{number + 1:05d}{ends}"
                path.parent.mkdir(parents=True, exist_ok=True)
                write(path, made(200 + 7 * label + number, (34, 34)))
    (folder / REHEARSAL).write_text(json.dumps({"counts": counts}))
    return folder


def test_verify_says_that_tonic_reads_the_same_events(tmp_path: Path) -> None:
    tree = small(tmp_path, "nmnist", write_atis, ".bin")
    words = ["data", "verify", "nmnist", "--from", str(tree)]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert "tonic reads the same events in 20 of them" in " ".join(done.stdout.split())


def test_tonic_reads_the_same_aedat4(tmp_path: Path) -> None:
    pytest.importorskip("aedat")
    pytest.importorskip("dv_processing")
    assert (
        agreeing(SETS["cifar10dvs"], small(tmp_path, "cifar10dvs", write_aedat4, ".aedat4")) == 10
    )


def mirrored(events: NDArray[np.void]) -> None:
    events["x"] = 33 - events["x"]


def one_later(events: NDArray[np.void]) -> None:
    events["t"][-1] += 1


@pytest.mark.parametrize("otherwise", [mirrored, one_later])
def test_readers_that_differ_are_told_apart(otherwise: Callable[[NDArray[np.void]], None]) -> None:
    ours = made(200, (34, 34)).events
    theirs = ours.copy()
    assert same_events(ours, theirs)
    assert not same_events(ours, theirs[:-1])
    otherwise(theirs)
    assert not same_events(ours, theirs)
