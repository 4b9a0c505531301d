"""A recorded data set by name -> an EventSet over a memory map.

A name is a set of the catalogue, then choices after dashes, in any order: a split of
:mod:`benchmarks.events.splits`, ``count`` for slices of equally many events instead of equal time,
``rehearsal`` for made-up recordings, which no other name takes, ``part`` for a declared part of the
set (:mod:`benchmarks.events.published.parts`): ``cifar10dvs``, ``cifar10dvs-first100``,
``ncars-count``, ``nmnist-part``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.errors import InputError, unknown
from benchmarks.events import packed, splits, store
from benchmarks.events.mapped import MappedFrames
from benchmarks.events.published import parts
from benchmarks.events.published.acquire import acquire, find
from benchmarks.events.published.catalogue import SETS
from benchmarks.events.published.entries import RealSet
from benchmarks.events.published.layout import Entry, entries, is_rehearsal
from benchmarks.events.recipe import SLICINGS, Binning, Recipe, Slicing, binning_for
from benchmarks.events.sets import EventSet, Split
from benchmarks.progress import Progress

REHEARSAL, PART = "rehearsal", "part"


@dataclass(frozen=True)
class Choice:
    """What a name asks for."""

    of: RealSet
    split: str = ""  # "": the first that the recordings allow
    slicing: Slicing = "time"
    rehearsal: bool = False
    part: bool = False

    @property
    def recordings(self) -> str:
        """The name without split and slicing."""
        kinds = {REHEARSAL: self.rehearsal, PART: self.part}
        return "-".join([self.of.name, *(kind for kind, asked in kinds.items() if asked)])

    def recipe(self, steps: int, size: int | None, binning: Binning | None) -> Recipe:
        chosen = binning_for(binning, self.of.binning, size, self.of.height, self.of.width)
        return Recipe(steps, self.slicing, size, chosen)


@dataclass(frozen=True)
class Recordings:
    """What there is to make frames of."""

    of: RealSet
    entries: list[Entry]
    archive: str  # what was read
    note: str = ""  # what goes with the name of the split


def is_real(name: str) -> bool:
    """Whether the name is one of a recorded set."""
    return name.partition("-")[0] in SETS


def choice_of(name: str) -> Choice:
    """Raises InputError for a choice that the set does not have."""
    base, *words = name.split("-")
    chosen = SETS[base]
    split, slicing, kind = (
        _one_of(known, words, name) for known in (chosen.splits, SLICINGS, (REHEARSAL, PART))
    )
    for word in words:
        if word not in (split, slicing, kind):
            known = [*chosen.splits, *SLICINGS, REHEARSAL, PART]
            raise unknown(f"choice of data set {base}", word, known)
    slices: Slicing = "count" if slicing == "count" else "time"
    return Choice(chosen, split, slices, kind == REHEARSAL, kind == PART)


def _one_of(known: Collection[str], words: list[str], name: str) -> str:
    """The word that is known; "" if there is none. Raises InputError for two."""
    found = [word for word in words if word in known]
    if len(found) > 1:
        raise InputError(f"data set {name!r}: {' and '.join(found)} exclude each other; name one")
    return found[0] if found else ""


def load(
    name: str,
    steps: int,
    cache: Path,
    progress: Progress,
    size: int | None = None,
    binning: Binning | None = None,
    at: Path | None = None,
) -> EventSet:
    """Find or download the set, make its frames, split it; see :func:`registry.ensure`.

    ``at``: the only place to take recordings from, beside the cache.

    Raises InputError for what cannot be had or read, and for made-up recordings under the name of
    the set itself, or the other way round.
    """
    choice = choice_of(name)
    recipe = choice.recipe(steps, size, binning)
    made = framed(choice, recipe, cache, progress, at)
    split = choice.split or made.about.split
    dealt = {
        part: Split(
            MappedFrames(made.store.frames, rows, made.store.index[rows]),
            made.members.labels[rows],
            made.members.sources[rows],
        )
        for part, rows in splits.deal(split, made.members, made.about.classes).items()
    }
    return EventSet(
        name,
        made.about.classes,
        dealt["train"],
        dealt["validation"],
        dealt["test"],
        split=f"{split}; {made.about.note}" if made.about.note else split,
        archive=made.about.archive,
        left_out=len(made.members.labels) - sum(len(split.labels) for split in dealt.values()),
        binning="" if size is None else recipe.binning,
    )


def framed(
    choice: Choice, recipe: Recipe, cache: Path, progress: Progress, at: Path | None = None
) -> packed.Framed:
    """Frames of all recordings, made or found; see :func:`load`. Packed ones stand in for
    recordings that are not here."""
    carried = packed.kept(cache, choice.recordings, recipe)
    if carried is not None and not _is_here(choice, at):
        return carried
    recordings = _part(choice.of) if choice.part else _whole(choice, at, progress)
    members = _members(recordings.of, recordings.entries)
    about = packed.About(
        name=choice.recordings,
        recipe=recipe,
        shape=recipe.shape(recordings.of.height, recordings.of.width),
        classes=recordings.of.classes,
        split=recordings.of.splits[0],
        archive=recordings.archive,
        note=recordings.note,
        ordered=members.ordered,
    )
    made = store.build(recordings.of, recordings.entries, recipe, cache, progress)
    return packed.Framed(about, members, made)


def _is_here(choice: Choice, at: Path | None) -> bool:
    return parts.is_declared(choice.of) if choice.part else find(choice.of, at) is not None


def _whole(choice: Choice, at: Path | None, progress: Progress) -> Recordings:
    tree = acquire(choice.of, at, progress)
    if is_rehearsal(tree) != choice.rehearsal:
        made_up = "are made up" if is_rehearsal(tree) else "are the set's own"
        right = f"{choice.of.name}-{REHEARSAL}" if is_rehearsal(tree) else choice.of.name
        raise InputError(f"{tree}: these recordings {made_up}; call the data set {right}")
    archive = f"{choice.of.format}, {REHEARSAL}" if choice.rehearsal else choice.of.format
    return Recordings(choice.of, entries(choice.of, tree), archive, choice.of.note)


def _part(whole: RealSet) -> Recordings:
    part = parts.declared(whole)
    own, recordings = parts.as_set(part)
    return Recordings(own, recordings, f"{own.format}, {PART} {part.digest}", parts.described(part))


def _members(chosen: RealSet, recordings: list[Entry]) -> splits.Members:
    """In DVS128 Gesture the source is the user, in a set with scenes the scene; elsewhere each
    recording is one of its own."""
    ids = np.array([entry.id for entry in recordings], dtype=np.int64)
    labels = np.array([entry.label for entry in recordings], dtype=np.int64)
    sources = np.arange(len(recordings), dtype=np.int64)
    if chosen.format == "aedat3":
        sources = ids
    for label, first in enumerate(chosen.scenes):
        of_class = labels == label
        before = sum(map(len, chosen.scenes[:label]))
        sources[of_class] = before + np.searchsorted(first, ids[of_class], side="right")
    return splits.Members(
        labels=labels,
        ids=ids,
        parts=np.array([entry.part or "" for entry in recordings]),
        sources=sources,
        ordered=chosen.ordered,
    )
