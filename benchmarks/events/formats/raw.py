"""Prophesee RAW: EVT 2.0 and EVT 3.0.

Header lines that begin with ``%`` name the encoding (``% evt 3.0``, later ``% format EVT3;...``).
Then come words, little-endian, whose upper 4 bits say what they are. EVT 2.0, 32 bits: a pixel's
event (0 OFF, 1 ON) with 6 bits of time, x and y; 8 for the time's upper 28 bits. EVT 3.0, 16 bits:
each word sets a part of the state (0 row, 3 first column of a vector, 6 and 8 lower and upper 12
bits of the time) or is an event (2) or a vector of 12 or 8 neighbours (4, 5). Other words are no
pixel's. Time stamps are the camera's, in microseconds, unwrapped where its counter started over;
x runs from the left and y from the top. Source: docs.prophesee.ai, "Data encoding formats".

Decoded here, since neither package that could serve does for EVT 3.0: expelliarmus (1.1.12) takes a
step back of the time's lower bits for an overflow, as a Gen4.1 camera writes at the end of each
millisecond, and adds 4,096 us to all that follows; evlib (0.13) imports torchvision when it is
imported. A file cut exactly between two words looks whole: only the archive's checksum tells.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events.recording import Recording, checked, content, damaged, whole_events

LARGEST = (1280, 720)  # pixels, of Gen4 and IMX636
_GEN3 = (640, 480)
Ints = NDArray[np.int64]
Columns = tuple[Ints, Ints, Ints, Ints]  # t, x, y, polarity of each event


def read(path: Path) -> Recording:
    """All events of ``path``; width and height from the header, else 1280 x 720.

    Events before the first word of time are left out, since nothing dates them. Raises InputError,
    with the file's name, for a file that is missing, empty, cut within its header or a word, of
    another encoding, without events, out of order, or with an event outside the sensor.
    """
    data = content(path)
    header, start = _header(path, data)
    said = re.search(r"^% *(?:evt +|format +EVT)([\d.]+)", header, re.MULTILINE)
    version = said[1].removesuffix(".0") if said else "of no version"
    if version not in ("2", "3"):
        raise InputError(
            f"{path}: encoded as EVT {version}, as its header says; EVT 2.0 and 3.0 are read; "
            "convert it to one of them or to DAT with Prophesee's Metavision"
        )
    kind, decoded = ("<u4", _evt2) if version == "2" else ("<u2", _evt3)
    whole_events(path, len(data) - start, np.dtype(kind).itemsize)
    words = np.frombuffer(data, kind, offset=start).astype(np.int64)
    return checked(path, *decoded(words), *_size(header))


def _header(path: Path, data: bytes) -> tuple[str, int]:
    """The header's text, and where it ends."""
    start = end = 0
    while data[end : end + 1] == b"%" and data[start:end].split() != [b"%", b"end"]:
        start, end = end, data.find(b"\n", end) + 1
        if end == 0:
            raise damaged(path, "it is cut within its header")
    if end == 0:
        raise damaged(path, "not Prophesee RAW: it does not begin with '%'")
    return data[:end].decode("latin-1"), end


def _size(header: str) -> tuple[int, int]:
    """Width and height; old headers name the camera's generation alone."""
    width, height = (re.search(rf"\b{name}=(\d{{1,9}})\b", header) for name in ("width", "height"))
    if width and height:
        return int(width[1]), int(height[1])
    geometry = re.search(r"^% *geometry +(\d{1,9})x(\d{1,9})\b", header, re.MULTILINE)
    if geometry:
        return int(geometry[1]), int(geometry[2])
    return _GEN3 if "hal_plugin_gen3" in header else LARGEST


def _evt2(words: Ints) -> Columns:
    kind = words >> 28
    high, dated = _held(kind == 8, _unwrapped(words & 0xFFF_FFFF, kind == 8, 28))
    event = (kind <= 1) & (dated >= 0)
    word = words[event]
    t = high[event] << 6 | word >> 22 & 0x3F
    return t, word >> 11 & 0x7FF, word & 0x7FF, kind[event]


def _evt3(words: Ints) -> Columns:
    kind, value = words >> 12, words & 0xFFF
    high, dated = _held(kind == 8, _unwrapped(value, kind == 8, 12))
    low, _ = _held(kind == 6, value)
    y, _ = _held(kind == 0, value & 0x7FF)
    # a vector begins where the one before it ended, the first at the base
    passed = np.cumsum(12 * (kind == 4) + 8 * (kind == 5))
    first, base = _held(kind == 3, value)
    column = np.where(kind == 2, value & 0x7FF, (first & 0x7FF) + np.roll(passed, 1) - passed[base])
    polarity = np.where(kind == 2, value, first) >> 11
    neighbours = np.select([kind == 2, kind == 4, kind == 5], [1, value, value & 0xFF])
    chosen = np.flatnonzero((neighbours > 0) & (dated >= 0))
    bits = neighbours[chosen].astype("<u2").view(np.uint8).reshape(-1, 2)
    row, offset = np.nonzero(np.unpackbits(bits, axis=1, bitorder="little"))
    at = chosen[row]
    return (high << 12 | low)[at], column[at] + offset, y[at], polarity[at]


def _held(here: NDArray[np.bool_], value: Ints) -> tuple[Ints, Ints]:
    """At each word the latest ``value`` that was set, and which word set it; 0 and -1 before."""
    latest = np.maximum.accumulate(np.where(here, np.arange(len(here)), -1))
    return np.where(latest < 0, 0, value[latest]), latest


def _unwrapped(value: Ints, here: NDArray[np.bool_], bits: int) -> Ints:
    """Add a turn wherever a counter of ``bits`` bits, set at some words, fell by over half."""
    unwrapped = value.copy()
    turns = np.diff(value[here], prepend=value[here][:1]) < -(1 << bits - 1)
    unwrapped[here] += np.cumsum(turns) << bits
    return unwrapped
