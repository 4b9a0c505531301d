"""Frames at another size hold the events that their binning says, and no other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events.embedded.simulate import EVENT
from benchmarks.events.frames import by_count, by_time
from benchmarks.events.recipe import Binning, Recipe, at_size, binning_for, nearest
from benchmarks.training.augment import resized

HEIGHT, WIDTH, STEPS = 100, 120, 5


def events_of(count: int, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.void]:
    draw = np.random.default_rng(count)
    events = np.empty(count, EVENT)
    events["t"] = np.sort(draw.integers(0, 100_000, count))
    events["x"], events["y"] = draw.integers(0, width, count), draw.integers(0, height, count)
    events["p"] = draw.random(count) < 0.4
    return events


@pytest.mark.parametrize("size", [1, 7, 48, 99, 100])
def test_sum_adds_every_event_to_its_cell(size: int) -> None:
    events = events_of(4000)
    frames, placed = Recipe(STEPS, "count", size, "sum").made(events, HEIGHT, WIDTH)
    expected = np.zeros((STEPS, 2, size, size), dtype=int)
    step = np.repeat(np.arange(STEPS), 4000 // STEPS)
    x, y = events["x"].astype(int), events["y"].astype(int)
    np.add.at(expected, (step, events["p"] * 1, y * size // HEIGHT, x * size // WIDTH), 1)
    assert np.array_equal(frames, np.minimum(expected, 255))
    assert placed == expected.sum() == 4000
    assert np.array_equal(at_size(by_count(events, STEPS, HEIGHT, WIDTH), size, "sum"), expected)


@pytest.mark.parametrize("size", [8, 47, 48, 64, 100, 111, 128, 150])
def test_nearest_is_what_pytorch_makes_of_the_recorded_frames(size: int) -> None:
    events = events_of(60_000)
    recorded = by_time(events, STEPS, HEIGHT, WIDTH)
    frames, _ = Recipe(STEPS, "time", size, "nearest").made(events, HEIGHT, WIDTH)
    expected = resized(torch.from_numpy(recorded).float().unsqueeze(1), size)
    assert np.array_equal(frames, expected.squeeze(1).numpy())


def test_nearest_picks_pytorchs_pixels_at_any_size() -> None:
    for length in range(1, 260, 3):
        row = torch.arange(length).float().expand(1, 1, 2, 1, length)
        for size in range(1, 260, 7):
            picked = resized(row, (1, size))[0, 0, 0, 0].long().numpy()
            assert np.array_equal(nearest(length, size), picked), (length, size)


@pytest.mark.parametrize("binning", ["sum", "nearest"])
def test_frames_at_the_size_of_the_recording_are_those_recorded(binning: Binning) -> None:
    events = events_of(3000, 34, 34)
    frames, placed = Recipe(STEPS, "time", 34, binning).made(events, 34, 34)
    assert np.array_equal(frames, by_time(events, STEPS, 34, 34))
    assert placed == 3000


def test_events_that_saturated_counts_leave_out_are_accounted_for() -> None:
    events = events_of(1000)
    events["x"][:600], events["y"][:600] = np.arange(600) % 2, 0  # two pixels of one cell
    events["p"][:600] = True
    frames, placed = Recipe(1, "time", 48, "sum").made(events, HEIGHT, WIDTH)
    inside = events["p"] & (events["x"] * 48 // WIDTH == 0) & (events["y"] * 48 // HEIGHT == 0)
    assert frames[0, 1, 0, 0] == 255
    assert placed == 1000
    assert placed - frames.sum(dtype=int) == inside.sum() - 255


def test_the_share_that_nearest_keeps_is_that_of_its_pixels() -> None:
    counted = np.ones((HEIGHT, WIDTH), dtype=np.int32)
    assert at_size(counted, 48, "nearest").sum() == 48 * 48
    assert at_size(counted, 48, "sum").sum() == HEIGHT * WIDTH


def test_the_usual_binning_is_taken_where_none_is_asked_for() -> None:
    assert binning_for(None, "sum", 48, 100, 120) == "sum"
    assert binning_for("nearest", "sum", 48, 100, 120) == "nearest"
    assert binning_for("sum", "nearest", 48, 128, 128) == "sum"
    assert binning_for(None, "sum", 48, 34, 34) == "nearest"
    with pytest.raises(InputError, match="would leave gaps; give a size up to 34"):
        binning_for("sum", "sum", 48, 34, 34)
