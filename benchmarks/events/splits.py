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

Whatever the choice, validation is a tenth of what it leaves for training.
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
_FOLDS = 5
_SEED = 20230604
_TEST, _VALIDATION = 0, 1  # what a draw is for: each has its own stream


@dataclass(frozen=True, eq=False)
class Members:
    """What is known of N recordings before any is read."""

    labels: NDArray[np.int64]  # [N]
    ids: NDArray[np.int64]  # [N] number within the class (and part), from the file's name
    parts: NDArray[np.str_]  # [N] "train", "test", or "" where the set has no official split
    sources: NDArray[np.int64]  # [N] what was filmed; within a class they ascend with the ids


def deal(choice: str, members: Members, classes: tuple[str, ...]) -> dict[str, NDArray[np.int64]]:
    """Indices of train, validation and test: each recording once, no source in two of them.

    A draw depends on the seed, the class and the number of its sources alone, so both archives
    of CIFAR10-DVS are split alike. Raises InputError for a choice that is not known or does not fit
    the recordings.
    """
    tests: dict[str, Callable[[Members], NDArray[np.bool_]]] = {
        "official": _published,
        "random_per_class": _random,
        "first100": _first100,
        "lexicographic_tail": _lexicographic_tail,
        **{f"fold{number}": partial(_fold, number) for number in range(_FOLDS)},
    }
    if choice not in tests:
        raise unknown("split", choice, tests)
    test = tests[choice](members)
    validation = _drawn(members, ~test, VALIDATION_FRACTION, _VALIDATION)
    dealt = {
        "train": np.flatnonzero(~test & ~validation),
        "validation": np.flatnonzero(validation),
        "test": np.flatnonzero(test),
    }
    for part, chosen in dealt.items():
        missing = np.flatnonzero(np.bincount(members.labels[chosen], minlength=len(classes)) == 0)
        if len(missing):
            raise InputError(
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
        filled = np.zeros(_FOLDS, dtype=np.int64)
        for place in np.argsort(-sizes, kind="stable"):
            fold = int(filled.argmin())
            filled[fold] += sizes[place]
            if fold == number:
                test |= of_class & (members.sources == sources[place])
    return test


def _drawn(
    members: Members, among: NDArray[np.bool_], fraction: float, purpose: int
) -> NDArray[np.bool_]:
    """A mask ``[N]`` of a fraction of the sources of each class, whole sources only.

    Where a source has recordings of several classes (a person who makes every gesture), sources
    are drawn from all classes together.
    """
    sources, labels = members.sources[among], members.labels[among]
    of_class = np.unique(np.stack([labels, sources]), axis=1)
    if len(np.unique(sources)) < of_class.shape[1]:
        of_class = np.stack([np.zeros_like(np.unique(sources)), np.unique(sources)])
    taken = [np.empty(0, dtype=np.int64)]
    for label in np.unique(of_class[0]):
        ascending = of_class[1, of_class[0] == label]
        drawn = np.random.default_rng([_SEED, purpose, int(label)]).permutation(ascending)
        taken.append(drawn[: _share(len(ascending), fraction)])
    return among & np.isin(members.sources, np.concatenate(taken))


def _share(count: int, fraction: float) -> int:
    """At least one of two or more."""
    return max(round(fraction * count), min(1, count - 1))
