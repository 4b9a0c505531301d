"""Readers of the real event formats: one module a format, each with ``read(path)``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.errors import InputError
from benchmarks.events.readers import aedat2, aedat3, aedat4, atis, dat
from benchmarks.events.recording import Recording, on_canvas

__all__ = ["aedat2", "aedat3", "aedat4", "atis", "dat", "read"]

_BY_SUFFIX: dict[str, Callable[[Path], Recording]] = {
    ".aedat4": aedat4.read,
    ".dat": dat.read,
    ".bin": atis.read,
}
_BY_MAGIC: tuple[tuple[bytes, Callable[[Path], Recording]], ...] = (
    (aedat3.MAGIC, aedat3.read),
    (aedat4.MAGIC, aedat4.read),
)


def read(path: Path, canvas: tuple[int, int] | None = None) -> Recording:
    """Read ``path`` by its suffix; an ``.aedat`` file also by the version in its first line.

    ``canvas``: width and height, in pixels, of the data set's sensor; the recording gets this
    size. Raises InputError, with the file's name, for a suffix that no reader knows, a file that
    its reader refuses, and an event outside the canvas.
    """
    suffix = path.suffix.lower()
    if suffix not in (".aedat", *_BY_SUFFIX):
        known = ", ".join(sorted((".aedat", *_BY_SUFFIX)))
        raise InputError(
            f"{path}: no reader for {suffix or 'a file without suffix'!r}; give one of {known}"
        )
    reader = _BY_SUFFIX.get(suffix) or _by_version(path)
    recording = reader(path)
    return recording if canvas is None else on_canvas(path, recording, *canvas)


def _by_version(path: Path) -> Callable[[Path], Recording]:
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError:
        start = b""  # the reader says why
    for magic, reader in _BY_MAGIC:
        if start.startswith(magic):
            return reader
    return aedat2.read
