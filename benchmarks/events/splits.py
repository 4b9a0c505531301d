"""Which recordings of a real data set are trained on, and which are tested on, by name.

A set without an official split is split differently from paper to paper, and accuracy depends on
it, so each choice has a name that goes into every result:

- ``official``: the parts that the set is published in.
- ``random_per_class``: a tenth of each class, drawn with a fixed seed.
- ``first100``: recordings 0-99 of each class, as TEBN and SpikingJelly take them for CIFAR10-DVS.
- ``lexicographic_tail``: the last tenth of each class with names sorted as text (91-99 and
  909-999 of 1,000), which is what a sorted list of files gives.
- ``fold0`` to ``fold4``: a fifth of each class as even as whole sources allow, every recording in
  one of the five.
- ``random``: the published test's share of each class, drawn from the whole set.
- ``blocks0`` to ``blocks4``: a fifth of each class, consecutive in number; together the five are
  a cross-validation over the whole set.

Whatever the choice, validation is a tenth of what it leaves for training. In a set whose neighbours
in number were filmed together, a recording that is drawn has its neighbours in training, and
accuracy on it says little about scenes that are new. There validation is a few runs of consecutive
recordings, and the recordings beside a run or a block belong to no part. ``random`` draws
validation and test all the same, and shows what that gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import InputError, unknown

VALIDATION_FRACTION = 0.1  # of the recordings that are not test
_TEST_FRACTION = 0.1  # of a class, where the choice is not by number
FOLDS = 5
_RUNS = FOLDS - 1  # of validation in an ordered set: one in the middle of each of the other blocks
# Recordings between a run and training; in a smaller class a hundredth of it, below ten none. In
# N-CARS event images of neighbours correlate by 0.76 (cars, at 24 x 24 pixels), those 50 apart by
# 0.55, random ones by 0.50.
_GAP = 50
_SEED = 20230604
_TEST, _VALIDATION = 0, 1  # what a draw is for: each has its own stream


class TooFewError(InputError):
    """A class has too few recordings for a split."""


@dataclass(frozen=True, eq=False)
class Members:
    """What is known of N recordings before any is read."""

    labels: NDArray[np.int64]  # [N]
    ids: NDArray[np.int64]  # [N] number within the class (and part), from the file's name
    parts: NDArray[np.str_]  # [N] "train", "test", or "" where the set has no official split
    sources: NDArray[np.int64]  # [N] what was filmed; within a class they ascend with the ids
    ordered: bool = False  # whether neighbours in number were filmed together


def deal(choice: str, members: Members, classes: tuple[str, ...]) -> dict[str, NDArray[np.int64]]:
    """Indices of train, validation and test: no recording twice, no source in two of them.

    A draw depends on the seed, the class and the number of its sources alone, so both archives
    of CIFAR10-DVS are split alike. Raises InputError for a choice that is not known or does not fit
    the recordings, TooFewError where a class would be missing from a part.
    """
    tests: dict[str, Callable[[Members], NDArray[np.bool_]]] = {
        "official": _published,
        "random_per_class": _random,
        "first100": _first100,
        "lexicographic_tail": _lexicographic_tail,
        **{f"fold{fold}": partial(_fold, fold) for fold in range(FOLDS)},
        "random": _random_of_all,
        **{f"blocks{fold}": partial(_block, fold) for fold in range(FOLDS)},
    }
    if choice not in tests:
        raise unknown("split", choice, tests)
    test = tests[choice](members)
    left = ~test
    if choice.startswith("blocks"):
        left &= ~_beside(members, test)
    if members.ordered and not choice.startswith("random"):
        validation = _runs(members, left)
        left &= ~_beside(members, validation)
    else:
        validation = _drawn(members, left, VALIDATION_FRACTION, _VALIDATION)
    dealt = {
        "train": np.flatnonzero(left & ~validation),
        "validation": np.flatnonzero(validation),
        "test": np.flatnonzero(test),
    }
    for part, chosen in dealt.items():
        missing = np.flatnonzero(np.bincount(members.labels[chosen], minlength=len(classes)) == 0)
        if len(missing):
            raise TooFewError(
                f"split {choice!r}: no recording of class {classes[missing[0]]!r} is left for "
                f"{part}; it needs the whole data set, or choose another split"
            )
    return dealt


def _published(members: Members) -> NDArray[np.bool_]:
    if (members.parts == "").any():
        raise InputError("split 'official': this data set is not published in parts")
    return np.asarray(members.parts == "test")


def _random(members: Members) -> NDArray[np.bool_]:
    return _drawn(members, np.ones(len(members.ids), dtype=bool), _TEST_FRACTION, _TEST)


def _first100(members: Members) -> NDArray[np.bool_]:
    return members.ids < 100


def _lexicographic_tail(members: Members) -> NDArray[np.bool_]:
    # Names of one class differ in their number alone.
    test = np.zeros(len(members.ids), dtype=bool)
    for label in np.unique(members.labels):
        of_class = np.flatnonzero(members.labels == label)
        of_class = of_class[np.argsort(members.ids[of_class].astype(str), kind="stable")]
        test[of_class[len(of_class) - _share(len(of_class), _TEST_FRACTION) :]] = True
    return test


def _fold(number: int, members: Members) -> NDArray[np.bool_]:
    """Sources of one class go to the emptiest fold, the largest first."""
    test = np.zeros(len(members.ids), dtype=bool)
    for label in np.unique(members.labels):
        of_class = members.labels == label
        sources, sizes = np.unique(members.sources[of_class], return_counts=True)
        filled = np.zeros(FOLDS, dtype=np.int64)
        for place in np.argsort(-sizes, kind="stable"):
            fold = int(filled.argmin())
            filled[fold] += sizes[place]
            if fold == number:
                test |= of_class & (members.sources == sources[place])
    return test


def _random_of_all(members: Members) -> NDArray[np.bool_]:
    published = float((members.parts == "test").mean())
    everything = np.ones(len(members.ids), dtype=bool)
    return _drawn(members, everything, published or _TEST_FRACTION, _TEST)


def _block(fold: int, members: Members) -> NDArray[np.bool_]:
    everything = np.ones(len(members.ids), dtype=bool)
    blocks = (np.array_split(row, FOLDS)[fold] for row in _rows(members, everything))
    return np.isin(members.sources, np.concatenate(list(blocks)))


def _runs(members: Members, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask ``[N]`` of a tenth of each class: runs of consecutive sources, evenly spread."""
    taken = [np.empty(0, dtype=np.int64)]
    for row in _rows(members, among):
        many = _share(len(row), VALIDATION_FRACTION)
        runs = max(1, min(_RUNS, many))
        lengths = map(len, np.array_split(np.arange(many), runs))
        for stretch, length in zip(np.array_split(row, runs), lengths, strict=True):
            first = (len(stretch) - length) // 2
            taken.append(stretch[first : first + length])
    return among & np.isin(members.sources, np.concatenate(taken))


def _beside(members: Members, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask ``[N]`` of ``chosen`` and of what is so near to it in number as to resemble it."""
    near = [np.empty(0, dtype=np.int64)]
    for row in _rows(members, np.ones(len(chosen), dtype=bool)):
        gap = min(_GAP, (len(row) + 90) // 100)
        inside = np.flatnonzero(np.isin(row, members.sources[chosen]))
        reach = np.add.outer(inside, np.arange(-gap, gap + 1))
        near.append(row[np.clip(reach, 0, len(row) - 1)].ravel())
    return np.isin(members.sources, np.concatenate(near))


def _drawn(
    members: Members, among: NDArray[np.bool_], fraction: float, purpose: int
) -> NDArray[np.bool_]:
    """A mask ``[N]`` of a fraction of the sources of each class, whole sources only."""
    taken = [np.empty(0, dtype=np.int64)]
    for label, row in enumerate(_rows(members, among)):
        drawn = np.random.default_rng([_SEED, purpose, label]).permutation(row)
        taken.append(drawn[: _share(len(row), fraction)])
    return among & np.isin(members.sources, np.concatenate(taken))


def _rows(members: Members, among: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """The sources of each class in ascending order.

    Where a source has recordings of several classes (a person who makes every gesture), those of
    all classes together.
    """
    sources, labels = members.sources[among], members.labels[among]
    of_class = [np.unique(sources[labels == label]) for label in range(labels.max(initial=-1) + 1)]
    every = np.unique(sources)
    return of_class if sum(map(len, of_class)) == len(every) else [every]


def _share(count: int, fraction: float) -> int:
    """At least one of two or more."""
    return max(round(fraction * count), min(1, count - 1))
