"""The three data sets ask what they say they ask, and nothing easier."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.events import SETS, EventSet, Split
from benchmarks.events.embedded import digits, motion, vehicles
from benchmarks.events.embedded.scenes import FRAMES, SENSOR

Features = NDArray[np.float64]


def linear_accuracy(features: tuple[Features, Features], data: EventSet) -> float:
    """Of a linear classifier on ``features`` of train and test."""
    model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=100.0))
    model.fit(features[0], data.train.labels)
    return float(model.score(features[1], data.test.labels))


def at_most_by_chance(data: EventSet) -> float:
    """Four standard deviations above guessing."""
    chance, samples = 1 / len(data.classes), len(data.test.labels)
    return chance + 4 * float(np.sqrt(chance * (1 - chance) / samples))


def lagged(first: Features, second: Features, reach: int = 4) -> Features:
    """Mean of ``first(y, x) second(y + i, x + j)`` over the image, ``[N, lags]``."""
    size = first.shape[-1]
    inner = slice(reach, size - reach)
    columns = [
        (
            first[:, inner, inner]
            * second[:, reach + i : size - reach + i, reach + j : size - reach + j]
        ).mean((1, 2))
        for i in range(-reach, reach + 1)
        for j in range(-reach, reach + 1)
    ]
    return np.stack(columns, axis=1)


def pair_features(off: Features, on: Features) -> Features:
    """Everything of second order in one image of two polarities."""
    return np.concatenate([lagged(on, on), lagged(off, off), lagged(on, off)], axis=1)


@pytest.mark.parametrize("name", list(SETS))
def test_every_class_is_in_every_split_in_the_same_share(
    name: str, event_sets: dict[str, EventSet]
) -> None:
    data = event_sets[name]
    for split in data.splits().values():
        counts = np.bincount(split.labels, minlength=len(data.classes))
        assert counts.min() > 0.85 * counts.mean()
    sizes = [len(split.labels) for split in data.splits().values()]
    assert 1000 <= sizes[0] <= 1300
    assert 250 <= sizes[1] <= 300
    assert 300 <= sizes[2] <= 400


@pytest.mark.parametrize("name", list(SETS))
def test_frames_hold_events_at_every_step_and_none_saturates(
    name: str, event_sets: dict[str, EventSet]
) -> None:
    frames = event_sets[name].train.frames
    assert frames.shape[1:] == (10, 2, 32, 32)
    assert frames.max() < 255
    assert frames.sum((2, 3, 4), dtype=np.int64).min() > 0


@pytest.mark.parametrize("name", ["dvs_vehicles", "dvs_motion"])
def test_a_scene_is_recorded_once_in_each_class(name: str, event_sets: dict[str, EventSet]) -> None:
    data = event_sets[name]
    for split in data.splits().values():
        _, count = np.unique(split.sources, return_counts=True)
        assert (count == len(data.classes)).all()
        pairs = set(zip(split.sources.tolist(), split.labels.tolist(), strict=True))
        assert len(pairs) == len(split.labels)


def test_digits_are_recorded_once_each(event_sets: dict[str, EventSet]) -> None:
    splits = event_sets["dvs_digits"].splits().values()
    sources = np.concatenate([split.sources for split in splits])
    assert sorted(sources.tolist()) == list(range(1797))


def test_motion_does_not_show_in_the_sum_over_time(event_sets: dict[str, EventSet]) -> None:
    data = event_sets["dvs_motion"]

    def total(split: Split) -> Features:
        return split.frames.sum(1).astype(float)

    flat = tuple(total(split).reshape(len(split.labels), -1) for split in (data.train, data.test))
    assert linear_accuracy((flat[0], flat[1]), data) < at_most_by_chance(data)
    pairs = [
        pair_features(total(split)[:, 0], total(split)[:, 1]) for split in (data.train, data.test)
    ]
    assert linear_accuracy((pairs[0], pairs[1]), data) < at_most_by_chance(data)


@pytest.mark.parametrize("step", [0, 5, 9])
def test_motion_does_not_show_in_one_frame(step: int, event_sets: dict[str, EventSet]) -> None:
    data = event_sets["dvs_motion"]
    frames = [split.frames[:, step].astype(float) for split in (data.train, data.test)]
    flat = [frame.reshape(len(frame), -1) for frame in frames]
    assert linear_accuracy((flat[0], flat[1]), data) < at_most_by_chance(data)
    pairs = [pair_features(frame[:, 0], frame[:, 1]) for frame in frames]
    assert linear_accuracy((pairs[0], pairs[1]), data) < at_most_by_chance(data)


def test_motion_shows_in_pairs_of_frames(event_sets: dict[str, EventSet]) -> None:
    data = event_sets["dvs_motion"]

    def over_time(split: Split) -> Features:
        frames = split.frames.astype(np.float32)
        steps = [
            lagged(frames[:, step, p], frames[:, step + 1, p], reach=3)
            for step in (0, 3, 6)
            for p in (0, 1)
        ]
        return np.sum(steps, axis=0)

    assert linear_accuracy((over_time(data.train), over_time(data.test)), data) > 0.8


def test_vehicles_are_not_told_by_the_number_of_events(event_sets: dict[str, EventSet]) -> None:
    data = event_sets["dvs_vehicles"]
    counts = [
        split.frames.sum((3, 4), dtype=np.int64).reshape(len(split.labels), -1).astype(float)
        for split in (data.train, data.test)
    ]
    assert linear_accuracy((counts[0], counts[1]), data) < at_most_by_chance(data)


def test_a_digit_ends_where_it_began() -> None:
    made = digits.scenes(np.random.default_rng(0))
    seen = made.render(np.arange(20))
    assert np.allclose(seen[:, 0], seen[:, -1])
    assert np.abs(seen[:, 0] - seen[:, 25]).max((1, 2)).min() > 0.1


def test_rendered_scenes_are_what_the_camera_takes() -> None:
    for module in (digits, vehicles, motion):
        seen = module.scenes(np.random.default_rng(0)).render(np.arange(8))
        assert seen.shape == (8, FRAMES, SENSOR.height, SENSOR.width)
        assert seen.min() > 0.01
        assert seen.max() < 10
