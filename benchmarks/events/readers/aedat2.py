"""AEDAT 2.0 of a DVS128: the original CIFAR10-DVS.

After header lines that begin with ``#`` come events of 8 bytes, big-endian: address, then time
stamp in microseconds. The address, as jAER's class ``DVS128`` has it: bit 0 polarity (0 is ON),
bits 1 to 7 column, bits 8 to 14 row, bit 15 or 31 set for a special event that is no pixel's.

Orientation. The chip's columns run from the right and its rows from the bottom, so here
``x = 127 - column``, ``y = 127 - row`` and ON is bit 0 = 0: the picture that jAER shows, row 0 at
the top. SpikingJelly has the same two numbers the other way round (its x is our y), a transposed
picture; which orientation the AEDAT4 archive of the same data set has is not known. Networks
trained on one of them are not comparable with those of another.

A file cut exactly between two events looks whole: only the archive's checksum tells.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.events.recording import Recording, checked, content, damaged, whole_events

MAGIC = b"#!AER-DAT2.0"
SIDE = 128  # pixels

EVENTS = np.dtype([("address", ">u4"), ("t", ">u4")])
_SPECIAL = 0x8000_8000
_UNUSED = 0x7FFF_0000
# The counter passed 2^32 us if the next event is this near; else the file goes back in time.
_WRAP_GAP_US = 10_000_000


def read(path: Path) -> Recording:
    """All pixel events of ``path``, 128 x 128; special events are left out, as in jAER.

    Time stamps are the camera's, unwrapped where its 32-bit counter started over. Raises
    InputError, with the file's name, for a file that is missing, empty, cut within its header or
    an event, of another version, without events, out of order, or with an address outside the
    sensor.
    """
    data = content(path)
    raw = np.frombuffer(data, EVENTS, offset=_header_end(path, data))
    address = raw["address"].astype(np.uint32)
    t = _unwrapped(raw["t"].astype(np.int64))
    pixel = (address & _SPECIAL) == 0
    if not pixel.all():
        address, t = address[pixel], t[pixel]
    strange = (address & _UNUSED) != 0
    if strange.any():
        first = int(np.argmax(strange))
        raise damaged(
            path, f"event {first} has address {address[first]:#x}, outside the sensor of a DVS128"
        )
    x = (SIDE - 1) - ((address >> 1) & 0x7F).astype(np.int16)
    y = (SIDE - 1) - ((address >> 8) & 0x7F).astype(np.int16)
    return checked(path, t, x, y, (address & 1) == 0, SIDE, SIDE)


def _header_end(path: Path, data: bytes) -> int:
    if not data.startswith(MAGIC):
        raise damaged(path, f"not AEDAT 2.0: it does not begin with {MAGIC.decode()!r}")
    end = 0
    while data[end : end + 1] == b"#":
        end = data.find(b"\n", end) + 1
        if end == 0:
            raise damaged(path, "it is cut within its header")
    whole_events(path, len(data) - end, EVENTS.itemsize)
    return end


def _unwrapped(t: NDArray[np.int64]) -> NDArray[np.int64]:
    step = np.diff(t)
    wraps = step + 2**32 < _WRAP_GAP_US
    if wraps.any():
        t[1:] += np.cumsum(wraps) * 2**32
    return t
