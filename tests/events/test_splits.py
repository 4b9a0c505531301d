"""A split is what its name says, leaks nothing, and comes out the same everywhere."""

from __future__ import annotations

import hashlib
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events.splits import Members, deal

CLASSES = tuple("abcdefghij")


def members(of_class: int = 1000, classes: int = 10) -> Members:
    """As CIFAR10-DVS: ``of_class`` recordings numbered from 0 in each class, no parts."""
    count = of_class * classes
    return Members(
        labels=np.repeat(np.arange(classes), of_class),
        ids=np.tile(np.arange(of_class), classes),
        parts=np.full(count, ""),
        sources=np.arange(count),
    )


def filmed_in_order(train: int = 7000, test: int = 4000) -> Members:
    """As N-CARS: two classes, numbered by track, test before train."""
    parts = np.tile(np.repeat(["test", "train"], [test, train]), 2)
    labels = np.repeat([0, 1], test + train)
    ids = np.tile(np.arange(test + train), 2)
    order = np.lexsort((ids, labels, parts))
    sources = np.arange(len(ids))
    return Members(labels[order], ids[order], parts[order], sources, ordered=True)


def people(trials: int = 11) -> Members:
    """As DVS128 Gesture: 29 people who make each of 11 gestures; those from 24 on are test."""
    labels, users = (grid.ravel() for grid in np.meshgrid(np.arange(trials), np.arange(1, 30)))
    parts = np.where(users >= 24, "test", "train")
    return Members(labels, users, parts, users)


def ids_of_class(of: Members, chosen: NDArray[np.int64], label: int) -> set[int]:
    return set(of.ids[chosen][of.labels[chosen] == label].tolist())


@pytest.mark.parametrize("choice", ["random_per_class", "first100", "lexicographic_tail"])
def test_every_recording_is_in_one_part_and_every_class_in_each(choice: str) -> None:
    whole = members()
    dealt = deal(choice, whole, CLASSES)
    assert sorted(np.concatenate(list(dealt.values())).tolist()) == list(range(10_000))
    counts = {part: np.bincount(whole.labels[index]) for part, index in dealt.items()}
    assert {part: set(of_class.tolist()) for part, of_class in counts.items()} == {
        "train": {810},
        "validation": {90},
        "test": {100},
    }


def test_first100_and_the_lexicographic_tail_are_the_ids_that_papers_use() -> None:
    whole = members()
    first = deal("first100", whole, CLASSES)["test"]
    tail = deal("lexicographic_tail", whole, CLASSES)["test"]
    for label in range(10):
        assert ids_of_class(whole, first, label) == set(range(100))
        assert ids_of_class(whole, tail, label) == {*range(91, 100), *range(909, 1000)}
        assert len(ids_of_class(whole, first, label) & ids_of_class(whole, tail, label)) == 9


def test_classes_are_drawn_apart_and_the_draw_is_pinned() -> None:
    whole = members()
    test = deal("random_per_class", whole, CLASSES)["test"]
    drawn = [ids_of_class(whole, test, label) for label in range(10)]
    assert max(len(one & other) for one, other in combinations(drawn, 2)) < 30
    pinned = hashlib.sha256(test.astype("<i8").tobytes()).hexdigest()[:16]
    assert pinned == "c6810b1bffd3ccde"


def test_a_class_more_or_less_moves_no_recording_of_the_others() -> None:
    ten, three = members(), members(classes=3)
    for choice in ("random_per_class", "first100"):
        whole, some = deal(choice, ten, CLASSES), deal(choice, three, CLASSES[:3])
        for part in whole:
            assert [ids_of_class(ten, whole[part], k) for k in range(3)] == [
                ids_of_class(three, some[part], k) for k in range(3)
            ]


def cards() -> Members:
    """As POKER-DVS: four suits, of which each card shows one to seven symbols."""
    generator = np.random.default_rng(0)
    sizes = [generator.integers(1, 8, count) for count in (6, 12, 8, 9)]
    labels = np.repeat(np.arange(4), [size.sum() for size in sizes])
    ids = np.concatenate([np.arange(1, size.sum() + 1) for size in sizes])
    sources = np.repeat(np.arange(35), np.concatenate(sizes))
    return Members(labels, ids, np.full(len(ids), ""), sources)


def test_folds_test_each_recording_once_and_keep_cards_whole() -> None:
    whole = cards()
    tests = []
    for number in range(5):
        dealt = deal(f"fold{number}", whole, tuple("abcd"))
        assert sorted(np.concatenate(list(dealt.values())).tolist()) == list(range(len(whole.ids)))
        for one, other in combinations(dealt.values(), 2):
            assert not set(whole.sources[one]) & set(whole.sources[other])
        tests.append(dealt["test"])
        of_class = np.bincount(whole.labels[dealt["test"]], minlength=4)
        share = of_class / np.bincount(whole.labels)
        assert share.min() > 0.05
        assert share.max() < 0.4
    assert sorted(np.concatenate(tests).tolist()) == list(range(len(whole.ids)))
    assert max(map(len, tests)) - min(map(len, tests)) <= 7  # the largest card


def test_the_official_split_is_the_published_one_and_validation_comes_out_of_train() -> None:
    plain = members(200, 2)
    parts = np.where(plain.ids % 4 == 0, "test", "train")
    dealt = deal("official", Members(plain.labels, plain.ids, parts, plain.sources), ("a", "b"))
    assert (parts[dealt["test"]] == "test").all()
    assert (parts[np.concatenate([dealt["train"], dealt["validation"]])] == "train").all()
    assert [len(index) for index in dealt.values()] == [270, 30, 100]


def apart(of: Members, one: NDArray[np.int64], other: NDArray[np.int64]) -> int:
    """The smallest distance in number between recordings of one class."""
    return min(
        int(
            np.abs(
                of.ids[one][of.labels[one] == k][:, None] - of.ids[other][of.labels[other] == k]
            ).min()
        )
        for k in (0, 1)
    )


def runs(of: Members, chosen: NDArray[np.int64], label: int) -> list[int]:
    """Lengths of the runs of consecutive numbers."""
    ids = np.sort(of.ids[chosen][of.labels[chosen] == label])
    return [len(run) for run in np.split(ids, np.flatnonzero(np.diff(ids) > 1) + 1)]


def test_validation_of_an_ordered_set_is_four_runs_with_gaps() -> None:
    whole = filmed_in_order()
    dealt = deal("official", whole, ("a", "b"))
    assert (whole.parts[dealt["test"]] == "test").all()
    assert len(dealt["test"]) == 8000
    for label in (0, 1):
        assert sorted(runs(whole, dealt["validation"], label)) == [175] * 4
    assert apart(whole, dealt["validation"], dealt["train"]) == 51
    assert len(dealt["train"]) == 2 * (7000 - 700 - 8 * 50)


def test_blocks_are_a_cross_validation_with_gaps() -> None:
    whole = filmed_in_order()
    folds = [deal(f"blocks{fold}", whole, ("a", "b")) for fold in range(5)]
    tests = np.concatenate([dealt["test"] for dealt in folds])
    assert sorted(tests.tolist()) == list(range(len(whole.ids)))
    for dealt in folds:
        assert runs(whole, dealt["test"], 0) == [2200]
        assert apart(whole, dealt["test"], dealt["train"]) == 51
        assert apart(whole, dealt["test"], dealt["validation"]) > 500
        assert apart(whole, dealt["validation"], dealt["train"]) == 51
        assert 860 < len(dealt["validation"]) // 2 <= 880


def test_a_random_split_takes_neighbours_apart_and_as_many_as_the_published_test() -> None:
    whole = filmed_in_order()
    dealt = deal("random", whole, ("a", "b"))
    assert len(np.unique(np.concatenate(list(dealt.values())))) == len(whole.ids)
    assert [len(index) for index in dealt.values()] == [12_600, 1400, 8000]
    assert set(whole.parts[dealt["test"]]) == {"train", "test"}
    assert max(runs(whole, dealt["test"], 0)) < 20
    assert apart(whole, dealt["test"], dealt["train"]) == 1


def test_a_small_ordered_set_keeps_something_to_train_on() -> None:
    for count in (2, 10, 131):
        whole = filmed_in_order(count, count)
        for choice in ("official", "random", "blocks2"):
            assert all(len(part) for part in deal(choice, whole, ("a", "b")).values())


def test_people_are_in_one_part_each() -> None:
    whole = people()
    dealt = deal("official", whole, tuple("abcdefghijk"))
    users = {part: set(whole.sources[index].tolist()) for part, index in dealt.items()}
    assert users["test"] == set(range(24, 30))
    assert len(users["validation"]) == 2
    for one, other in combinations(users.values(), 2):
        assert not one & other
    assert len(dealt["validation"]) == 22


def test_classes_of_any_number_and_size_are_dealt() -> None:
    sizes = np.random.default_rng(0).integers(31, 800, 101)
    labels = np.repeat(np.arange(101), sizes)
    ids = np.concatenate([np.arange(1, size + 1) for size in sizes])
    whole = Members(labels, ids, np.full(len(ids), ""), np.arange(len(ids)))
    dealt = deal("random_per_class", whole, tuple(map(str, range(101))))
    test = np.bincount(labels[dealt["test"]], minlength=101)
    assert np.abs(test - 0.1 * sizes).max() <= 0.5


def test_a_split_that_leaves_a_class_out_is_refused() -> None:
    with pytest.raises(InputError, match="class 'a' is left for train"):
        deal("first100", members(50), CLASSES)
    with pytest.raises(InputError, match="class 'a' is left for"):
        deal("random_per_class", members(2), CLASSES)
    with pytest.raises(InputError, match="not published in parts"):
        deal("official", members(), CLASSES)
    with pytest.raises(InputError, match="class 'a' is left for test"):
        deal("fold4", members(4), CLASSES)
    with pytest.raises(InputError, match="did you mean 'first100'"):
        deal("first10", members(), CLASSES)


def test_three_of_a_class_are_enough() -> None:
    dealt = deal("random_per_class", members(3), CLASSES)
    assert [len(index) for index in dealt.values()] == [10, 10, 10]
