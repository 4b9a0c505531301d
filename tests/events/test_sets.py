"""A data set cannot leak, and what is said about it is true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events import EventSet, Split, manifest
from benchmarks.events.sets import split_sources


def split(sources: list[int], labels: list[int] | None = None, fill: int = 1) -> Split:
    frames = np.full((len(sources), 3, 2, 4, 4), fill, dtype=np.uint8)
    marks = labels if labels is not None else [0] * len(sources)
    return Split(frames, np.array(marks, dtype=np.int64), np.array(sources, dtype=np.int64))


def event_set(train: Split, validation: Split, test: Split) -> EventSet:
    return EventSet("tiny", ("a", "b"), train, validation, test)


@pytest.mark.parametrize(
    ("train", "validation", "test", "where"),
    [
        ([1, 2], [3], [2], "in train and in test"),
        ([1, 2], [1], [4], "in train and in validation"),
        ([1, 2], [3, 5], [5], "in validation and in test"),
    ],
)
def test_a_source_in_two_splits_cannot_be_built(
    train: list[int], validation: list[int], test: list[int], where: str
) -> None:
    with pytest.raises(InputError, match=where):
        event_set(split(train), split(validation), split(test))


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    good = split([1, 2])
    with pytest.raises(InputError, match="as many of each"):
        replace(good, labels=good.labels[:1])
    with pytest.raises(InputError, match="uint8"):
        replace(good, frames=good.frames.astype(np.float32))
    with pytest.raises(InputError, match="label without a class"):
        event_set(split([1], [2]), split([2]), split([3]))


def test_the_digest_follows_every_value() -> None:
    parts = split([1, 2], [0, 1]), split([3]), split([4])
    digest = event_set(*parts).digest
    other_frames = split([1, 2], [0, 1])
    other_frames.frames[1, 2, 1, 3, 3] = 9
    others = [
        (other_frames, *parts[1:]),
        (split([1, 2], [1, 1]), *parts[1:]),
        (parts[0], split([5]), parts[2]),
        (parts[0], parts[2], parts[1]),
    ]
    assert event_set(split([1, 2], [0, 1]), split([3]), split([4])).digest == digest
    assert digest not in {event_set(*other).digest for other in others}


def test_the_manifest_counts_what_is_there() -> None:
    made = event_set(split([1, 1, 2], [0, 1, 1]), split([3]), split([4], fill=2))
    summary = manifest(made)
    assert summary["samples_per_class"] == {
        "train": {"a": 1, "b": 2},
        "validation": {"a": 1, "b": 0},
        "test": {"a": 1, "b": 0},
    }
    assert summary["events_per_sample"] == {"train": 96.0, "validation": 96.0, "test": 192.0}
    assert summary["sources"] == {"train": 2, "validation": 1, "test": 1}
    assert summary["digest"] == made.digest


def owners(parts: dict[str, NDArray[np.int64]], sources: NDArray[np.int64]) -> list[set[int]]:
    return [set(sources[index].tolist()) for index in parts.values()]


def test_splits_keep_sources_whole_and_classes_in_proportion() -> None:
    draw = np.random.default_rng(0)
    of_source = draw.integers(0, 4, 500)
    sources = draw.permutation(np.repeat(np.arange(500), 3))
    parts = split_sources(of_source[sources], sources, (0.1, 0.2), draw)
    train, validation, test = owners(parts, sources)
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert sum(len(index) for index in parts.values()) == 1500
    for name, fraction in (("validation", 0.1), ("test", 0.2)):
        for label in range(4):
            here = np.sum(of_source[sources[parts[name]]] == label)
            assert here / np.sum(of_source[sources] == label) == pytest.approx(fraction, abs=0.006)
