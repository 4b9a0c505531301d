"""Readers of the real event formats: one module a format, each with ``read(path)``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.events.formats import aedat2, aedat3, aedat4, atis, dat, raw
from benchmarks.events.recording import Recording, on_canvas

__all__ = ["READERS", "aedat2", "aedat3", "aedat4", "atis", "dat", "raw", "read"]

READERS: dict[str, Callable[[Path], Recording]] = {
    "aedat2": aedat2.read,
    "aedat2_crop": aedat2.read_crop,
    "aedat3": aedat3.read,
    "aedat4": aedat4.read,
    "atis": atis.read,
    "dat": dat.read,
    "raw": raw.read,
}


def read(path: Path, kind: str, canvas: tuple[int, int]) -> Recording:
    """Read ``path`` by the reader ``kind``, on a sensor of ``canvas``: width and height in pixels.

    Raises InputError, with the file's name, for a file that its reader refuses, and for an event
    outside the canvas.
    """
    return on_canvas(path, READERS[kind](path), *canvas)
