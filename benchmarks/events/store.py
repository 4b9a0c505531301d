"""The frames of a real data set, made once and kept as one memory map.

A store is a folder: ``frames.npy``, uint8 ``[N, T, 2, H, W]``, and ``index.npy``. It is named after
everything that decides what it holds: the set, T, the slicing, the source of readers and binning,
and name, size and time of change of every file (hashing the files would take minutes at each
start). It is built in chunks; what is finished is noted beside it, so a build goes on where it was
killed, and a folder of that name without ``.part`` is whole.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

import joblib
import numpy as np
from filelock import FileLock
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events import readers
from benchmarks.events.catalogue import RealSet
from benchmarks.events.frames import by_count, by_time
from benchmarks.events.layout import Entry
from benchmarks.events.readers import aedat3
from benchmarks.events.recording import Recording, on_canvas
from benchmarks.source import digest, digest_of_files

Slicing = Literal["time", "count"]
Report = Callable[[int, int, str], None]  # recordings done, in all, what to say

SLICINGS: dict[Slicing, Callable[[NDArray[np.void], int, int, int], NDArray[np.uint8]]] = {
    "time": by_time,
    "count": by_count,
}
_CHUNK = 64  # recordings


@dataclass(frozen=True, eq=False)
class Store:
    """What was built, in the order of the entries."""

    frames: NDArray[np.uint8]  # [N, T, 2, H, W], a memory map
    hashes: NDArray[np.uint8]  # [N, 32] SHA-256 of each recording's frames
    counted: NDArray[np.int64]  # [N] events that each recording's frames hold


@dataclass(frozen=True)
class _Job:
    """One chunk: recordings of whole files, and where their frames go."""

    part: Path  # the unfinished store
    rows: tuple[int, ...]
    entries: tuple[Entry, ...]
    canvas: tuple[int, int]  # width, height
    steps: int
    slicing: Slicing
    format: str  # name of the reader

    @property
    def note(self) -> Path:
        return self.part / "chunks" / f"{self.rows[0]:06d}-{len(self.rows)}.npy"


def build(
    chosen: RealSet,
    entries: list[Entry],
    steps: int,
    slicing: Slicing,
    cache: Path,
    report: Report,
    jobs: int = 0,
) -> Store:
    """The store of ``entries``, from ``cache`` or built into it by ``jobs`` processes (0: a core).

    Raises InputError, with its name, for a recording that the reader refuses; finished chunks are
    kept for the next time.
    """
    folder = cache / f"{chosen.name}-{steps}-{slicing}-{_key(chosen, entries, steps, slicing)}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        kept = _load(folder, len(entries))
        if kept is not None:
            return kept
        shutil.rmtree(folder, ignore_errors=True)
        part = folder.with_name(f"{folder.name}.part")
        _make(chosen, entries, steps, slicing, part, report, jobs or os.cpu_count() or 1)
        part.replace(folder)
        made = _load(folder, len(entries))
        assert made is not None
        return made


def _make(
    chosen: RealSet,
    entries: list[Entry],
    steps: int,
    slicing: Slicing,
    part: Path,
    report: Report,
    jobs: int,
) -> None:
    shape = (len(entries), steps, 2, chosen.height, chosen.width)
    _reserve(part, shape)
    canvas, kind = (chosen.width, chosen.height), chosen.format
    work = [
        _Job(part, rows, tuple(entries[row] for row in rows), canvas, steps, slicing, kind)
        for rows in _chunks(entries)
    ]
    left = [job for job in work if not job.note.exists()]
    done = len(entries) - sum(len(job.rows) for job in left)
    pool = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    faults = []
    for count, fault in pool(joblib.delayed(_fill)(job) for job in left):
        done += count
        faults += [fault] if fault else []
        report(done, len(entries), "recordings")
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InputError(f"{faults[0]}{more}; what is sound is kept for the next time")
    _write_index(part, work, len(entries))
    shutil.rmtree(part / "chunks")


def _reserve(part: Path, shape: tuple[int, ...]) -> None:
    """Room for the frames, and none of the notes of a build of another shape."""
    path = part / "frames.npy"
    try:
        if np.load(path, mmap_mode="r", allow_pickle=False).shape == shape:
            return
    except (OSError, ValueError):
        shutil.rmtree(part, ignore_errors=True)
    (part / "chunks").mkdir(parents=True, exist_ok=True)
    open_memmap(path, mode="w+", dtype=np.uint8, shape=shape).flush()


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
    notes = np.empty((len(job.rows), 40), dtype=np.uint8)  # SHA-256 and an int64
    width, height = job.canvas
    try:
        for place, (row, recording) in enumerate(zip(job.rows, _recordings(job), strict=True)):
            made = SLICINGS[job.slicing](recording.events, job.steps, height, width)
            frames[row] = made
            notes[place, :32] = np.frombuffer(hashlib.sha256(made.tobytes()).digest(), np.uint8)
            notes[place, 32:] = np.array([made.sum(dtype=np.int64)]).view(np.uint8)
    except InputError as error:
        return 0, str(error)
    frames.flush()
    _write_array(job.note, notes)
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
    notes = np.empty((count, 40), dtype=np.uint8)
    for job in work:
        notes[list(job.rows)] = np.load(job.note, allow_pickle=False)
    _write_array(part / "index.npy", notes)


def _write_array(path: Path, array: NDArray[np.uint8]) -> None:
    unfinished = path.with_suffix(".unfinished.npy")
    np.save(unfinished, array, allow_pickle=False)
    unfinished.replace(path)


def _load(folder: Path, count: int) -> Store | None:
    """A whole store; None where there is none or it is damaged."""
    try:
        frames = np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False)
        notes = np.load(folder / "index.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if len(frames) != count or notes.shape != (count, 40):
        return None
    return Store(frames, notes[:, :32], notes[:, 32:].copy().view(np.int64)[:, 0])


def _key(chosen: RealSet, entries: list[Entry], steps: int, slicing: str) -> str:
    here = Path(__file__).parent
    source = digest_of_files([*(here / "readers").glob("*.py"), here / "frames.py", Path(__file__)])
    listed = []
    for entry in entries:
        state = entry.path.stat()
        listed.append(
            f"{entry.path.name} {entry.label} {entry.part} {entry.id} {entry.trial} "
            f"{state.st_size} {state.st_mtime_ns}"
        )
    return digest(chosen.name, str(steps), slicing, source, *listed)
