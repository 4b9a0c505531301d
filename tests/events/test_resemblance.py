"""A split that takes scenes apart is told from one that keeps them whole."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.events import EventSet, Split
from benchmarks.events.resemblance import Resemblance, resemblances
from benchmarks.events.splits import Members, deal

TRACKS, LENGTH = 150, 4  # a class; tracks shorter than the gaps


def filmed(noise: float) -> tuple[Members, NDArray[np.uint8]]:
    """Two classes of tracks; recordings of one track show one image, each with events of its own.

    ``noise``: of the events, the share that belongs to no track.
    """
    draw = np.random.default_rng(4)
    count = 2 * TRACKS * LENGTH
    scenes = np.repeat(draw.gamma(0.5, size=(2 * TRACKS, 32, 32)), LENGTH, axis=0)
    others = draw.gamma(0.5, size=scenes.shape)
    rate = (1 - noise) * scenes + noise * others
    frames = draw.poisson(rate[:, None, None], (count, 2, 2, 32, 32)).astype(np.uint8)
    labels = np.repeat([0, 1], TRACKS * LENGTH)
    ids = np.tile(np.arange(TRACKS * LENGTH), 2)
    parts = np.where(ids < TRACKS * LENGTH // 3, "test", "train")
    return Members(labels, ids, parts, np.arange(count), ordered=True), frames


def compared(choice: str, noise: float) -> dict[str, Resemblance]:
    members, frames = filmed(noise)
    dealt = deal(choice, members, ("a", "b"))
    parts = (Split(frames[i], members.labels[i], members.sources[i]) for i in dealt.values())
    return {row.split: row for row in resemblances(EventSet("filmed", ("a", "b"), *parts))}


@pytest.mark.parametrize("choice", ["official", "blocks0", "blocks2"])
def test_splits_that_keep_tracks_whole_do_not_leak(choice: str) -> None:
    found = compared(choice, 0.2)
    assert found["train"].neighbours > 0.8
    for split in ("validation", "test"):
        assert not found[split].leaks
        assert found[split].correlation < found["train"].correlation - 0.2


def test_a_random_split_of_tracks_leaks() -> None:
    found = compared("random", 0.2)
    for split in ("validation", "test"):
        assert found[split].leaks
        assert found[split].correlation == pytest.approx(found["train"].correlation, abs=0.05)


def test_where_every_recording_is_of_its_own_no_split_leaks() -> None:
    for row in compared("random", 1.0).values():
        assert row.neighbours == pytest.approx(row.chance, abs=0.05)
        assert not row.leaks


def test_a_recording_is_not_compared_with_itself() -> None:
    assert all(row.correlation < 0.99 for row in compared("official", 0.2).values())


@pytest.mark.parametrize("name", ["dvs_digits", "dvs_vehicles", "dvs_motion"])
def test_the_embedded_sets_do_not_leak(name: str, event_sets: dict[str, EventSet]) -> None:
    assert not any(row.leaks for row in resemblances(event_sets[name])[1:])
