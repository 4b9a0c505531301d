"""tonic as a second reader: two that agree event for event are worth more than one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events.formats import READERS
from benchmarks.events.published.entries import RealSet
from benchmarks.events.published.layout import entries

Events = NDArray[np.void]


def _atis(path: Path) -> Events:
    from tonic.io import events_struct, read_mnist_file

    events: Events = read_mnist_file(str(path), dtype=events_struct)
    return events


def _aedat4(path: Path) -> Events:
    from tonic.io import read_aedat4

    events: Events = read_aedat4(str(path))
    events.dtype.names = ("t", "x", "y", "p")
    return events


# tonic has no reader of DAT, and takes y for x in AEDAT 2.0 of a DVS128
_BY_TONIC: dict[str, Callable[[Path], Events]] = {"atis": _atis, "aedat4": _aedat4}


def agreeing(chosen: RealSet, tree: Path) -> int:
    """How many recordings tonic reads with the same events, of the first of each class and part.

    0 for a format that tonic does not read. Raises InputError for a recording of which it reads
    other events, and as the set's own reader.
    """
    theirs = _BY_TONIC.get(chosen.format)
    if theirs is None:
        return 0
    firsts = {(e.part, e.label): e.path for e in reversed(entries(chosen, tree))}
    for path in firsts.values():
        if not same_events(READERS[chosen.format](path).events, theirs(path)):
            raise InputError(
                f"{path}: tonic reads other events of it, so one of two readers is wrong; "
                "please report it with the file"
            )
    return len(firsts)


def same_events(ours: Events, theirs: Events) -> bool:
    """Whether two readers found the same ``t``, ``x``, ``y`` and ``p``, in the same order."""
    return len(ours) == len(theirs) and all(
        np.array_equal(ours[name], theirs[name]) for name in ("t", "x", "y", "p")
    )
