"""Look over a data set that is there: its archives' checksums, its files' first bytes."""

from __future__ import annotations

from pathlib import Path

from benchmarks.events.formats import aedat2, aedat3, aedat4
from benchmarks.events.published.acquire import archives_at, places
from benchmarks.events.published.entries import RealSet
from benchmarks.events.published.layout import entries
from benchmarks.progress import Progress

_MAGIC = {
    "aedat2": aedat2.MAGIC,
    "aedat2_crop": aedat2.MAGIC,
    "aedat3": aedat3.MAGIC,
    "aedat4": aedat4.MAGIC,
    "dat": b"%",
}
_ATIS_EVENT = 5  # bytes


def archives(
    chosen: RealSet, explicit: Path | None, progress: Progress
) -> tuple[list[Path], list[str]]:
    """Archives that are what they should be, hashed again, and what is wrong with others.

    Progress is reported in MB.
    """
    good: list[Path] = []
    wrong: list[str] = []
    for place in places(chosen, explicit):
        genuine, refused = archives_at(chosen, place, progress, trust_stamps=False)
        good += [file for files in genuine.values() for file in files]
        wrong += [f"{place.path}: {why}" for why in refused]
    return good, wrong


def tree(chosen: RealSet, path: Path, progress: Progress) -> tuple[int, list[str]]:
    """How many recordings a tree has, and which files cannot be what they are named.

    Only the beginning and the size of a file are read: the readers check the rest when they read
    it. Progress is reported in files. Raises InputError as :func:`layout.entries`.
    """
    recordings = entries(chosen, path)
    files = sorted({entry.path for entry in recordings})
    wrong = []
    for done, file in enumerate(files, start=1):
        why = _fault(chosen, file)
        wrong += [f"{file}: {why}"] if why else []
        progress(done, len(files), file.name)
    return len(recordings), wrong


def _fault(chosen: RealSet, file: Path) -> str:
    size = file.stat().st_size
    if not size:
        return "empty"
    if chosen.format == "atis":
        return "" if size % _ATIS_EVENT == 0 else f"{size} bytes, not whole events of {_ATIS_EVENT}"
    magic = _MAGIC[chosen.format]
    with file.open("rb") as opened:
        start = opened.read(len(magic))
    return "" if start == magic else f"begins with {start!r}, expected {magic!r}"
