"""The frames of a real data set, made once and kept as one memory map.

A store is a folder: ``frames.npy``, uint8 ``[N, T, 2, H, W]``, and ``index.npy``. Frames are kept
as they are trained on, so that no batch is resized. The folder is named after everything that
decides what it holds: the set, the recipe (T, slicing, size, binning), :data:`VERSION`, and name,
size and time of change of every file (hashing the files would take minutes at each start). It is
built in chunks; what is finished is noted beside it, so a build goes on where it was killed, and a
folder of that name without ``.part`` is whole.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import joblib
import numpy as np
from filelock import FileLock
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events import formats as readers
from benchmarks.events.formats import aedat3
from benchmarks.events.published.disk import disk_faults, require_space
from benchmarks.events.published.entries import RealSet
from benchmarks.events.published.layout import Entry
from benchmarks.events.recipe import Recipe
from benchmarks.events.recording import Recording, on_canvas
from benchmarks.progress import Progress
from benchmarks.records.files import write_atomic_bytes
from benchmarks.source import digest

INDEX = np.dtype(
    [
        ("sha256", "u1", (32,)),  # of the recording's frames
        ("recorded", "<i8"),  # events of the recording
        ("placed", "<i8"),  # of these, events on the pixels that frames are made of
        ("counted", "<i8"),  # the sum of the frames: less than `placed` where counts saturated
    ]
)
_CHUNK = 64  # recordings
VERSION = 1  # raised by hand when reading or binning would give other frames


@dataclass(frozen=True, eq=False)
class Store:
    """What was built, in the order of the entries."""

    frames: NDArray[np.uint8]  # [N, T, 2, H, W], a memory map
    index: NDArray[np.void]  # [N] of dtype INDEX
    folder: Path


@dataclass(frozen=True)
class _Job:
    """One chunk: recordings of whole files, and where their frames go."""

    part: Path  # the unfinished store
    rows: tuple[int, ...]
    entries: tuple[Entry, ...]
    canvas: tuple[int, int]  # width, height
    recipe: Recipe
    format: str  # name of the reader

    @property
    def note(self) -> Path:
        return self.part / "chunks" / f"{self.rows[0]:06d}-{len(self.rows)}.npy"


def build(
    chosen: RealSet,
    entries: list[Entry],
    recipe: Recipe,
    cache: Path,
    progress: Progress,
    jobs: int = 0,
) -> Store:
    """The store of ``entries``, from ``cache`` or built into it by ``jobs`` processes (0: a core).

    Raises InputError for a recording that the reader refuses, with its name, and for a disk without
    room; finished chunks are kept for the next time.
    """
    folder = cache.absolute() / f"{chosen.name}-{recipe}-{_key(chosen, entries, recipe)}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with disk_faults(cache), FileLock(f"{folder}.lock"):
        kept = load(folder, len(entries))
        if kept is not None:
            return kept
        shutil.rmtree(folder, ignore_errors=True)
        part = folder.with_name(f"{folder.name}.part")
        _make(chosen, entries, recipe, part, progress, jobs or joblib.cpu_count())
        part.replace(folder)
        made = load(folder, len(entries))
        assert made is not None
        return made


def _make(
    chosen: RealSet,
    entries: list[Entry],
    recipe: Recipe,
    part: Path,
    progress: Progress,
    jobs: int,
) -> None:
    _reserve(part, (len(entries), *recipe.shape(chosen.height, chosen.width)))
    canvas, kind = (chosen.width, chosen.height), chosen.format
    work = [
        _Job(part, rows, tuple(entries[row] for row in rows), canvas, recipe, kind)
        for rows in _chunks(entries)
    ]
    left = [job for job in work if not job.note.exists()]
    done = len(entries) - sum(len(job.rows) for job in left)
    pool = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    faults = []
    for count, fault in pool(joblib.delayed(_fill)(job) for job in left):
        done += count
        faults += [fault] if fault else []
        progress(done, len(entries), "recordings")
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InputError(f"{faults[0]}{more}; what is sound is kept for the next time")
    _write_index(part, work, len(entries))
    shutil.rmtree(part / "chunks")


def _reserve(part: Path, shape: tuple[int, ...]) -> None:
    """Room for the frames, and none of the notes of a build of another shape."""
    path = part / "frames.npy"
    try:
        begun = np.load(path, mmap_mode="r", allow_pickle=False).shape == shape
    except (OSError, ValueError, EOFError):
        begun = False
    if begun:
        return
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    require_space(part, math.prod(shape), "keep the frames")
    open_memmap(path, mode="w+", dtype=np.uint8, shape=shape).flush()
    if hasattr(os, "posix_fallocate"):  # a disk that fills up kills whoever writes to a sparse map
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _chunks(entries: list[Entry]) -> list[tuple[int, ...]]:
    """Rows, some at a time; all trials of one file together, so that it is read once."""
    rows = sorted(range(len(entries)), key=lambda row: (entries[row].path, row))
    chunks: list[tuple[int, ...]] = []
    chunk: tuple[int, ...] = ()
    for _, of_file in groupby(rows, key=lambda row: entries[row].path):
        chunk += tuple(of_file)
        if len(chunk) >= _CHUNK:
            chunks.append(chunk)
            chunk = ()
    return [*chunks, chunk] if chunk else chunks


def _fill(job: _Job) -> tuple[int, str]:
    """Write one chunk's frames, then its note; recordings done, and what was wrong with one."""
    frames = np.load(job.part / "frames.npy", mmap_mode="r+", allow_pickle=False)
    notes = np.empty(len(job.rows), dtype=INDEX)
    width, height = job.canvas
    try:
        for place, (row, recording) in enumerate(zip(job.rows, _recordings(job), strict=True)):
            made, placed = job.recipe.made(recording.events, height, width)
            frames[row] = made
            sha256 = np.frombuffer(hashlib.sha256(made.tobytes()).digest(), np.uint8)
            counted = made.sum(dtype=np.int64)
            notes[place] = (sha256, len(recording.events), placed, counted)
    except InputError as error:
        return 0, str(error)
    frames.flush()
    _write(job.note, notes)
    return len(job.rows), ""


def _recordings(job: _Job) -> Iterator[Recording]:
    """Each entry's recording on the set's canvas; a file of several trials is read once."""
    path, trials = Path(), []
    for entry in job.entries:
        if job.format != "aedat3":  # whose files hold several recordings
            yield readers.read(entry.path, job.format, job.canvas)
            continue
        if entry.path != path:
            path = entry.path
            trials = aedat3.trials(path, path.with_name(f"{path.stem}_labels.csv"))
        yield on_canvas(path, trials[entry.trial][1], *job.canvas)


def _write_index(part: Path, work: list[_Job], count: int) -> None:
    notes = np.empty(count, dtype=INDEX)
    for job in work:
        notes[list(job.rows)] = np.load(job.note, allow_pickle=False)
    _write(part / "index.npy", notes)


def _write(path: Path, array: NDArray[np.void]) -> None:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    write_atomic_bytes(path, content.getvalue())


def load(folder: Path, count: int) -> Store | None:
    """A whole store; None where there is none or it is damaged."""
    try:
        frames = np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False)
        index = np.load(folder / "index.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return Store(frames, index, folder) if len(frames) == count == len(index) else None


def _key(chosen: RealSet, entries: list[Entry], recipe: Recipe) -> str:
    listed = []
    for entry in entries:
        state = entry.path.stat()
        listed.append(
            f"{entry.path.name} {entry.label} {entry.part} {entry.id} {entry.trial} "
            f"{state.st_size} {state.st_mtime_ns}"
        )
    return digest(chosen.name, str(recipe), str(VERSION), *listed)
