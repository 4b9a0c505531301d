"""What a data set of events is, and how recordings are split."""

from __future__ import annotations

import hashlib
from dataclasses import KW_ONLY, dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events.mapped import MappedFrames


@dataclass(frozen=True, eq=False)
class Split:
    """Recordings of one split. Raises InputError if the arrays do not belong together."""

    frames: NDArray[np.uint8] | MappedFrames  # [N, T, 2, H, W] event counts; 0 is OFF, 1 is ON
    labels: NDArray[np.int64]  # [N] index into the classes
    sources: NDArray[np.int64]  # [N] id of the underlying image or scene

    def __post_init__(self) -> None:
        if self.frames.ndim != 5 or self.frames.shape[2] != 2 or self.frames.dtype != np.uint8:
            raise InputError(
                f"split: frames are {self.frames.dtype} {self.frames.shape}; "
                "give uint8 [N, T, 2, H, W]"
            )
        if not len(self.frames) == len(self.labels) == len(self.sources) > 0:
            raise InputError(
                f"split: {len(self.frames)} frames, {len(self.labels)} labels, "
                f"{len(self.sources)} sources; give as many of each, and at least one"
            )


@dataclass(frozen=True, eq=False)
class EventSet:
    """A data set. Raises InputError if a source is in two splits.

    Whether different sources resemble each other across splits is measured in
    :mod:`benchmarks.events.resemblance`.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    _: KW_ONLY
    split: str = ""  # name of the choice of splits; "" where there is but one
    archive: str = ""  # what was read, e.g. a format; "" for data made here
    binning: str = ""  # of events to frames of another size; "" for frames as recorded
    left_out: int = 0  # recordings that are in no split, beside runs of consecutive ones
    digest: str = field(init=False)  # SHA-256, hex, of everything in the splits

    def __post_init__(self) -> None:
        for (one, first), (other, second) in combinations(self.splits().items(), 2):
            shared = np.intersect1d(first.sources, second.sources)
            if len(shared):
                raise InputError(
                    f"data set {self.name!r}: source {shared[0]} is in {one} and in {other}; "
                    "split by source"
                )
        for name, split in self.splits().items():
            if split.labels.min() < 0 or split.labels.max() >= len(self.classes):
                raise InputError(f"data set {self.name!r}: {name} has a label without a class")
            if split.frames.shape[1:] != self.train.frames.shape[1:]:
                raise InputError(f"data set {self.name!r}: {name} has frames of another shape")
        object.__setattr__(self, "digest", _digest(self.splits()))

    def splits(self) -> dict[str, Split]:
        return {"train": self.train, "validation": self.validation, "test": self.test}


def manifest(event_set: EventSet) -> dict[str, object]:
    """What goes into git about a data set: its digest and what it holds, not the data."""
    counts, events = {}, {}
    for name, split in event_set.splits().items():
        of_class = np.bincount(split.labels, minlength=len(event_set.classes)).tolist()
        counts[name] = dict(zip(event_set.classes, of_class, strict=True))
        events[name] = _events(split.frames) / len(split.labels)
    said = {
        "split": event_set.split,
        "archive": event_set.archive,
        "binning": event_set.binning,
        "left_out": event_set.left_out,
        "events": _account(event_set),
    }
    return {
        **{key: value for key, value in said.items() if value},
        "name": event_set.name,
        "digest": event_set.digest,
        "classes": list(event_set.classes),
        "shape": list(event_set.train.frames.shape[1:]),
        "samples": {name: len(split.labels) for name, split in event_set.splits().items()},
        "sources": {
            name: len(np.unique(split.sources)) for name, split in event_set.splits().items()
        },
        "samples_per_class": counts,
        "events_per_sample": events,
    }


def split_sources(
    labels: NDArray[np.int64],
    sources: NDArray[np.int64],
    fractions: tuple[float, float],
    generator: np.random.Generator,
) -> dict[str, NDArray[np.int64]]:
    """Indices of train, validation and test, whole sources only, stratified by class.

    ``fractions``: of validation and of test. Sources are stratified by the set of their
    recordings' labels, so a source that has one recording a class is a stratum of its own kind.
    """
    unique, owner = np.unique(sources, return_inverse=True)
    kind = np.zeros(len(unique), dtype=np.int64)
    np.bitwise_or.at(kind, owner, np.int64(1) << labels)
    part = np.zeros(len(unique), dtype=np.int64)
    for stratum in np.unique(kind):
        members = generator.permutation(np.flatnonzero(kind == stratum))
        validation, test = (round(fraction * len(members)) for fraction in fractions)
        part[members[:validation]] = 1
        part[members[validation : validation + test]] = 2
    names = ("train", "validation", "test")
    return {name: np.flatnonzero(part[owner] == i) for i, name in enumerate(names)}


def _events(frames: NDArray[np.uint8] | MappedFrames) -> int:
    counted = frames.index["counted"] if isinstance(frames, MappedFrames) else frames
    return int(counted.sum(dtype=np.int64))


def _account(event_set: EventSet) -> dict[str, dict[str, float]]:
    """Of each split of a recorded set: events of its recordings, the share of them that is placed
    on frames, and those of the placed that saturated counts leave out."""
    account: dict[str, dict[str, float]] = {}
    for name, split in event_set.splits().items():
        if isinstance(split.frames, MappedFrames):
            recorded, placed, counted = (
                int(split.frames.index[kind].sum()) for kind in ("recorded", "placed", "counted")
            )
            kept = placed / max(recorded, 1)
            account[name] = {"recorded": recorded, "kept": kept, "clipped": placed - counted}
    return account


def _digest(splits: dict[str, Split]) -> str:
    state = hashlib.sha256()
    for name, split in splits.items():
        for array, kind in ((split.frames, "u1"), (split.labels, "<i8"), (split.sources, "<i8")):
            state.update(f"{name} {kind} {array.shape}\n".encode())
            # A mapped set is known by the hashes of its recordings: reading it would take minutes.
            content = array.index["sha256"] if isinstance(array, MappedFrames) else array
            state.update(np.ascontiguousarray(content, dtype=kind).tobytes())
    return state.hexdigest()
