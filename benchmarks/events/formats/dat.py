"""Prophesee DAT, version 2: N-CARS.

Header lines that begin with ``%``, one byte event type (0), one byte event size (8), then events
of 8 bytes, little-endian: time stamp in microseconds; bits 0 to 13 x, 14 to 27 y, 28 polarity
(1 is ON), the rest reserved. Source: docs.prophesee.ai, "DAT File Format". x runs from the left
and y from the top.

The strict counterpart of expelliarmus, which gives nothing, or less than the file holds, where a
file is damaged. A file cut exactly between two events looks whole: only the archive's checksum
tells.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from benchmarks.events.recording import Recording, checked, content, damaged, whole_events

CROP = (120, 100)  # pixels, width and height: the largest crop of N-CARS
TYPE, SIZE = 0, 8  # of an event
EVENTS = np.dtype([("t", "<u4"), ("word", "<u4")])


def read(path: Path) -> Recording:
    """All events of ``path``; width and height from the header, else 120 x 100.

    Raises InputError, with the file's name, for a file that is missing, empty, cut within its
    header or an event, of another version, event type or size, without events, out of order, or
    with an event outside the sensor.
    """
    data = content(path)
    header, start = _header(path, data)
    version = _number(header, "Version")
    if version != 2:
        said = "no version" if version is None else f"version {version}"
        raise damaged(path, f"its header says {said}; only DAT version 2 is read")
    if len(data) < start + 2:
        raise damaged(path, "it is cut within its header")
    kind, size = data[start], data[start + 1]
    if (kind, size) != (TYPE, SIZE):
        raise damaged(
            path, f"event type {kind} of {size} bytes; only type {TYPE} of {SIZE} bytes is read"
        )
    whole_events(path, len(data) - start - 2, SIZE)
    raw = np.frombuffer(data, EVENTS, offset=start + 2)
    word = raw["word"].astype(np.uint32)
    width, height = _number(header, "Width"), _number(header, "Height")
    return checked(
        path,
        raw["t"].astype(np.int64),
        (word & 0x3FFF).astype(np.int16),
        ((word >> 14) & 0x3FFF).astype(np.int16),
        (word >> 28) & 1,
        width or CROP[0],
        height or CROP[1],
    )


def _header(path: Path, data: bytes) -> tuple[str, int]:
    """The header's text, and where it ends."""
    end = 0
    while data[end : end + 1] == b"%":
        end = data.find(b"\n", end) + 1
        if end == 0:
            raise damaged(path, "it is cut within its header")
    if end == 0:
        raise damaged(path, "not DAT: it does not begin with '%'")
    return data[:end].decode("latin-1"), end


def _number(header: str, name: str) -> int | None:
    match = re.search(rf"^%\s*{name}\s+(\d{{1,9}})\s*$", header, re.MULTILINE | re.IGNORECASE)
    return int(match[1]) if match else None
