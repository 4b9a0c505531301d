"""A recorded data set by name -> an EventSet over a memory map.

A name is a set of the catalogue, then choices after dashes, in any order: a split of
:mod:`benchmarks.events.splits`, ``count`` for slices of equally many events instead of equal time,
``rehearsal`` for made-up recordings, which no other name takes: ``cifar10dvs``,
``cifar10dvs-first100``, ``ncars-count``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.errors import InputError, unknown
from benchmarks.events import splits, store
from benchmarks.events.acquire import acquire
from benchmarks.events.catalogue import SETS, RealSet
from benchmarks.events.layout import Entry, entries, is_rehearsal
from benchmarks.events.mapped import MappedFrames
from benchmarks.events.recipe import SLICINGS, Binning, Recipe, Slicing, binning_for
from benchmarks.events.sets import EventSet, Split

Report = store.Report
REHEARSAL = "rehearsal"


def silent(done: int, total: int, say: str) -> None: ...


@dataclass(frozen=True)
class Choice:
    """What a name asks for."""

    of: RealSet
    split: str
    slicing: Slicing = "time"
    rehearsal: bool = False


def is_real(name: str) -> bool:
    """Whether the name is one of a recorded set."""
    return name.partition("-")[0] in SETS


def choice_of(name: str) -> Choice:
    """Raises InputError for a choice that the set does not have."""
    base, *words = name.split("-")
    chosen = SETS[base]
    split, slicing, rehearsal = chosen.splits[0], "time", False
    for word in words:
        if word in chosen.splits:
            split = word
        elif word in SLICINGS:
            slicing = word
        elif word == REHEARSAL:
            rehearsal = True
        else:
            raise unknown(
                f"choice of data set {base}", word, [*chosen.splits, *SLICINGS, REHEARSAL]
            )
    return Choice(chosen, split, "count" if slicing == "count" else "time", rehearsal)


def load(
    name: str,
    steps: int,
    cache: Path,
    report: store.Report,
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
    pixels = (choice.of.height, choice.of.width)
    chosen = binning_for(binning, choice.of.binning, size, *pixels)
    recipe = Recipe(steps, choice.slicing, size, chosen)
    tree = acquire(choice.of, at, report)
    if is_rehearsal(tree) != choice.rehearsal:
        made_up = "are made up" if is_rehearsal(tree) else "are the set's own"
        right = f"{choice.of.name}-{REHEARSAL}" if is_rehearsal(tree) else choice.of.name
        raise InputError(f"{tree}: these recordings {made_up}; call the data set {right}")
    found = entries(choice.of, tree)
    made = store.build(choice.of, found, recipe, cache, report)
    members = _members(choice.of, found)
    parts = {
        part: Split(
            MappedFrames(made.frames, rows, made.index[rows]),
            members.labels[rows],
            members.sources[rows],
        )
        for part, rows in splits.deal(choice.split, members, choice.of.classes).items()
    }
    archive = f"{choice.of.format}, {REHEARSAL}" if choice.rehearsal else choice.of.format
    return EventSet(
        name,
        choice.of.classes,
        parts["train"],
        parts["validation"],
        parts["test"],
        split=choice.split,
        archive=archive,
        left_out=len(found) - sum(len(split.labels) for split in parts.values()),
        binning="" if size is None else recipe.binning,
    )


def _members(chosen: RealSet, found: list[Entry]) -> splits.Members:
    """In DVS128 Gesture the source is the user; elsewhere each recording is one of its own."""
    ids = np.array([entry.id for entry in found], dtype=np.int64)
    by_user = chosen.format == "aedat3"
    return splits.Members(
        labels=np.array([entry.label for entry in found], dtype=np.int64),
        ids=ids,
        parts=np.array([entry.part or "" for entry in found]),
        sources=ids if by_user else np.arange(len(found), dtype=np.int64),
        ordered=chosen.ordered,
    )
