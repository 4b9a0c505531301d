"""Binning loses no event and makes none up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events.embedded.simulate import EVENT
from benchmarks.events.frames import by_count, by_time, to_frames

Events = NDArray[np.void]
Bins = Callable[[Events, int, int, int], NDArray[np.uint8]]


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


def random_events(count: int, span_us: int) -> Events:
    """``count`` events in order on 60 x 50 pixels, the first and last ``span_us`` apart."""
    start_us = 1_700_000_000_000_000
    draw = np.random.default_rng(count)
    events = np.empty(count, dtype=EVENT)
    events["t"] = start_us + np.sort(draw.integers(0, span_us + 1, count))
    events["t"][[0, -1]] = start_us, start_us + span_us
    events["x"], events["y"] = draw.integers(0, 60, count), draw.integers(0, 50, count)
    events["p"] = draw.random(count) < 0.3
    return events


@pytest.mark.parametrize("bins", [by_time, by_count])
@pytest.mark.parametrize("count", [2, 7, 10_000])
@pytest.mark.parametrize("steps", [1, 3, 10, 16])
def test_slices_lose_no_event_and_make_none_up(bins: Bins, count: int, steps: int) -> None:
    events = random_events(count, 99_991)
    frames = bins(events, steps, 50, 60)
    assert frames.shape == (steps, 2, 50, 60)
    assert frames.dtype == np.uint8
    expected = np.zeros((2, 50, 60), dtype=int)
    np.add.at(expected, (events["p"].astype(int), events["y"], events["x"]), 1)
    assert expected.max() <= 255
    assert np.array_equal(frames.sum(axis=0, dtype=int), expected)


@pytest.mark.parametrize("steps", [1, 3, 7, 10])
@pytest.mark.parametrize("span", [1, 2, 9, 10, 99_991, 100_000])
def test_by_time_is_to_frames_from_the_first_event(steps: int, span: int) -> None:
    events = random_events(2000, span)
    moved = events.copy()
    moved["t"] -= events["t"][0]
    assert np.array_equal(by_time(events, steps, 50, 60), to_frames(moved, span, steps, 50, 60))


def test_by_count_gives_each_slice_its_share_in_order() -> None:
    events = events_at(*((0, i, 0, True) for i in range(11)))
    frames = by_count(events, 4, 1, 11)
    assert frames[:, 1, 0].tolist() == [
        [1, 1] + [0] * 9,
        [0, 0, 1, 1, 1] + [0] * 6,
        [0] * 5 + [1, 1, 1] + [0] * 3,
        [0] * 8 + [1, 1, 1],
    ]


def test_a_recording_without_span_is_in_the_first_slice() -> None:
    for events in (events_at((9, 1, 1, True)), events_at((9, 1, 1, True), (9, 0, 1, False))):
        frames = by_time(events, 4, 3, 4)
        assert frames[0].sum() == len(events)
        assert not frames[1:].any()


@pytest.mark.parametrize("bins", [by_time, by_count])
def test_slices_saturate_and_an_empty_recording_gives_zeros(bins: Bins) -> None:
    frames = bins(events_at(*[(5, 1, 1, True)] * 300), 1, 2, 2)
    assert frames[0, 1, 1, 1] == 255
    empty = bins(events_at(), 3, 2, 4)
    assert empty.shape == (3, 2, 2, 4)
    assert empty.dtype == np.uint8
    assert not empty.any()


@pytest.mark.parametrize("bins", [by_time, by_count])
@pytest.mark.parametrize(
    ("row", "name"), [((5, 4, 0, True), "x"), ((5, -1, 0, True), "x"), ((5, 0, 3, True), "y")]
)
def test_slices_refuse_an_event_outside(
    bins: Bins, row: tuple[int, int, int, bool], name: str
) -> None:
    with pytest.raises(InputError, match=f"has {name} outside"):
        bins(events_at(row), 2, 3, 4)


def test_slices_refuse_what_cannot_be_sliced() -> None:
    with pytest.raises(InputError, match="not in order"):
        by_time(events_at((5, 0, 0, True), (4, 0, 0, True)), 2, 3, 4)
    for bins in (by_time, by_count):
        for steps, height, width in ((0, 3, 4), (2, 0, 4), (2, 3, -1)):
            with pytest.raises(InputError, match="positive numbers"):
                bins(events_at((5, 0, 0, True)), steps, height, width)
