"""Binning loses no event and makes none up."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events.frames import to_frames
from benchmarks.events.simulate import EVENT


def events_at(*rows: tuple[int, int, int, bool]) -> NDArray[np.void]:
    return np.array(list(rows), dtype=EVENT)


def test_every_event_is_counted_once() -> None:
    draw = np.random.default_rng(0)
    events = np.empty(5000, dtype=EVENT)
    events["t"] = np.sort(draw.integers(0, 100_001, 5000))
    events["x"], events["y"] = draw.integers(0, 6, 5000), draw.integers(0, 5, 5000)
    events["p"] = draw.random(5000) < 0.3
    frames = to_frames(events, 100_000, 7, 5, 6)
    assert frames.shape == (7, 2, 5, 6)
    assert frames.dtype == np.uint8
    assert frames.sum() == 5000
    assert frames[:, 1].sum() == events["p"].sum()
    assert frames[:, :, 2, 4].sum() == ((events["y"] == 2) & (events["x"] == 4)).sum()


def test_slices_have_equal_time_and_the_last_event_is_in_the_last() -> None:
    events = events_at((0, 0, 0, True), (24, 0, 0, True), (25, 1, 0, True), (100, 3, 2, False))
    frames = to_frames(events, 100, 4, 3, 4)
    assert frames[0, 1, 0, 0] == 2
    assert frames[1, 1, 0, 1] == 1
    assert frames[3, 0, 2, 3] == 1
    assert frames.sum() == 4


def test_a_count_saturates_instead_of_starting_over() -> None:
    events = events_at(*[(5, 1, 1, True)] * 300)
    assert to_frames(events, 10, 1, 2, 2)[0, 1, 1, 1] == 255


def test_an_empty_recording_gives_zeros() -> None:
    frames = to_frames(events_at(), 1000, 3, 2, 2)
    assert frames.shape == (3, 2, 2, 2)
    assert not frames.any()


@pytest.mark.parametrize(
    ("row", "name"),
    [((101, 0, 0, True), "t"), ((5, 4, 0, True), "x"), ((5, 0, -1, True), "y")],
)
def test_an_event_outside_is_refused(row: tuple[int, int, int, bool], name: str) -> None:
    with pytest.raises(InputError, match=f"has {name} outside"):
        to_frames(events_at(row), 100, 4, 3, 4)
