"""The data sets by name: built once and kept in a cache, which is checked."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache as memoised
from importlib.metadata import version
from pathlib import Path

import numpy as np
from filelock import FileLock

from benchmarks.errors import InputError, unknown
from benchmarks.events.embedded import digits, motion, vehicles
from benchmarks.events.embedded.scenes import DURATION_US, FRAME_US, SENSOR, Scenes
from benchmarks.events.embedded.simulate import simulate_batch
from benchmarks.events.frames import saturated, to_frames
from benchmarks.events.published.catalogue import SETS as PUBLISHED
from benchmarks.events.recipe import Binning, at_size, binning_for
from benchmarks.events.sets import EventSet, Split, split_sources
from benchmarks.params import Training
from benchmarks.progress import Progress, silent
from benchmarks.records.files import write_atomic_bytes
from benchmarks.source import digest

_SEED = 20230604
_FRACTIONS = (0.15, 0.2)  # of the sources: validation, test
# Raised by hand when an embedded set would hold anything else; tests/events says when.
VERSION = 1
_BATCH = 16  # recordings rendered at once: few enough for the cache of a processor


def _builder(
    name: str, classes: tuple[str, ...], scenes: Callable[[np.random.Generator], Scenes]
) -> Callable[[int], EventSet]:
    return lambda steps: _record(name, classes, scenes, steps)


SETS: dict[str, Callable[[int], EventSet]] = {
    "dvs_digits": _builder("dvs_digits", digits.CLASSES, digits.scenes),
    "dvs_vehicles": _builder("dvs_vehicles", vehicles.CLASSES, vehicles.scenes),
    "dvs_motion": _builder("dvs_motion", motion.CLASSES, motion.scenes),
}


def check_name(name: str) -> None:
    """Raise InputError, with the nearest one, for a name that no data set has."""
    if name not in SETS and name.partition("-")[0] not in PUBLISHED:
        raise unknown("data set", name, [*SETS, *PUBLISHED])


def ensure(
    name: str,
    steps: int,
    cache: Path,
    progress: Progress = silent,
    *,
    size: int | None = None,
    binning: Binning | None = None,
) -> EventSet:
    """The data set ``name`` in ``steps`` frames, from ``cache`` or built into it.

    Frames are ``size`` x ``size`` pixels, to which ``binning`` brings the events (None: as is usual
    for the set), or as recorded.

    A recorded set (:mod:`benchmarks.events.real`) is looked for and, if need be, downloaded;
    ``progress`` hears how far that is. The cached file of a set that is made here is named after
    :data:`VERSION` and those of the libraries; one that does not hold what it should is made again.
    Frames of a recorded set are held against their hashes when its manifest is written.
    Raises InputError for a name, a number of steps or a binning that cannot be.
    """
    check_name(name)
    if name not in SETS:
        from benchmarks.events import real  # archives and readers, which take a second to import

        return real.load(name, steps, cache, progress, size, binning)
    if not 1 <= steps <= DURATION_US:
        raise InputError(f"data set {name!r}: {steps} steps; give 1 to {DURATION_US:,}")
    made = _kept_or_made(name, steps, cache)
    return made if size is None else _resized(made, size, binning)


def ensure_for(
    name: str,
    training: Training,
    cache: Path,
    progress: Progress = silent,
    *,
    seed: int | None = None,
) -> EventSet:
    """:func:`ensure` with the frames that ``training`` asks for.

    ``seed``: of a cell, which has a split of its own if ``training`` says so; None: the set's own
    split. Raises InputError for such a split of a recorded set.
    """
    size, binning = training.size, training.binning
    if training.split_by_seed and name not in SETS:
        raise InputError(
            f"data set {name!r}: split_by_seed deals out sets that are made here; a recorded one "
            "has its splits in its name (see `data`)"
        )
    made = ensure(name, training.steps, cache, progress, size=size, binning=binning)
    return dealt(made, seed) if training.split_by_seed and seed is not None else made


def dealt(made: EventSet, seed: int) -> EventSet:
    """The same recordings, their sources dealt out to the three splits anew, as ``seed`` says."""
    parts = made.splits().values()
    sources = np.concatenate([part.sources for part in parts])
    order = np.argsort(sources, kind="stable")  # whatever the split they come from
    frames = np.concatenate([part.frames[:] for part in parts])[order]
    labels, sources = np.concatenate([part.labels for part in parts])[order], sources[order]
    chosen = split_sources(
        labels, sources, _FRACTIONS, np.random.default_rng([_SEED, *made.name.encode(), seed])
    )
    train, validation, test = (
        Split(frames[index], labels[index], sources[index]) for index in chosen.values()
    )
    return EventSet(made.name, made.classes, train, validation, test, split=f"seed{seed}")


def _kept_or_made(name: str, steps: int, cache: Path) -> EventSet:
    path = _file(name, steps, cache)
    kept = _load(path)  # whole or not there; also from a folder that cannot be written to
    if kept is not None:
        return kept
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        kept = _load(path)
        if kept is not None:
            return kept
        made = SETS[name](steps)
        write_atomic_bytes(path, _packed(made))
        return made


def _resized(made: EventSet, size: int, binning: Binning | None) -> EventSet:
    """A set that is made here, at another size."""
    chosen = binning_for(binning, "sum", size, SENSOR.height, SENSOR.width)

    def smaller(split: Split) -> Split:
        return replace(split, frames=saturated(at_size(split.frames[:], size, chosen)))

    parts = (smaller(split) for split in made.splits().values())
    return EventSet(made.name, made.classes, *parts, binning=chosen)


def unmade(names: Sequence[str], steps: int, cache: Path) -> list[str]:
    """Those of ``names`` that are made here and are not in ``cache`` yet."""
    return [n for n in names if n in SETS and not _file(n, steps, cache).exists()]


def _file(name: str, steps: int, cache: Path) -> Path:
    return cache / f"{name}-{steps}-{_versions()}.npz"


def _record(
    name: str,
    classes: tuple[str, ...],
    scenes: Callable[[np.random.Generator], Scenes],
    steps: int,
) -> EventSet:
    """Draw the scenes, film them and split them by source."""
    draw, film, deal = np.random.default_rng([_SEED, *name.encode()]).spawn(3)
    made = scenes(draw)
    frames = np.concatenate(
        [
            np.stack(
                [
                    to_frames(events, DURATION_US, steps, SENSOR.height, SENSOR.width)
                    for events in simulate_batch(made.render(chosen), FRAME_US, SENSOR, film)
                ]
            )
            for chosen in np.split(
                np.arange(len(made.labels)), range(_BATCH, len(made.labels), _BATCH)
            )
        ]
    )
    parts = split_sources(made.labels, made.sources, _FRACTIONS, deal)
    splits = {
        part: Split(frames[index], made.labels[index], made.sources[index])
        for part, index in parts.items()
    }
    return EventSet(name, classes, splits["train"], splits["validation"], splits["test"])


@memoised
def _versions() -> str:
    """Digest of what decides what a data set holds."""
    return digest(str(VERSION), *map(version, ("numpy", "scipy", "scikit-learn")))


def _packed(event_set: EventSet) -> bytes:
    arrays = {
        f"{part}_{kind}": getattr(split, kind)
        for part, split in event_set.splits().items()
        for kind in ("frames", "labels", "sources")
    }
    file = io.BytesIO()
    np.savez(
        file,
        allow_pickle=False,
        name=np.array(event_set.name),
        classes=np.array(event_set.classes),
        digest=np.array(event_set.digest),
        **arrays,
    )
    return file.getvalue()


def _load(path: Path) -> EventSet | None:
    """The kept data set; None where there is none, or one that is not what was written."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            splits = {
                part: Split(*(kept[f"{part}_{kind}"] for kind in ("frames", "labels", "sources")))
                for part in ("train", "validation", "test")
            }
            classes = tuple(str(name) for name in kept["classes"])
            parts = (splits["train"], splits["validation"], splits["test"])
            event_set = EventSet(str(kept["name"]), classes, *parts)
            return event_set if event_set.digest == str(kept["digest"]) else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
