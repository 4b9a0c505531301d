"""AEDAT 2.0 of a DVS128: the original CIFAR10-DVS; and of crops of it: POKER-DVS.

After header lines that begin with ``#`` come events of 8 bytes, big-endian: address, then time
stamp in microseconds. The address, as jAER's class ``DVS128`` has it: bit 0 polarity (0 is ON),
bits 1 to 7 column, bits 8 to 14 row, bit 15 or 31 set for a special event that is no pixel's.

Orientation. The chip's columns run from the right and its rows from the bottom, so here
``x = 127 - column``, ``y = 127 - row`` and ON is bit 0 = 0: the picture that jAER shows, row 0 at
the top. SpikingJelly has the same two numbers the other way round (its x is our y), a transposed
picture; which orientation the AEDAT4 archive of the same data set has is not known. Networks
trained on one of them are not comparable with those of another.

The authors of POKER-DVS cut symbols out and wrote them with addresses of their own: column from the
left and row from the top (so that hearts stand on their points), as in tonic's arrays of the set.

Other cameras lay their addresses out otherwise (a DAVIS240C's row has bits 22 to 30), so a file
whose header names one is refused. A file cut exactly between two events looks whole: only the
archive's checksum tells.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events.recording import Recording, checked, content, damaged, whole_events

MAGIC = b"#!AER-DAT2.0"
SIDE = 128  # pixels

EVENTS = np.dtype([("address", ">u4"), ("t", ">u4")])
_CAMERA = "DVS128"  # jAER's class, as the header names it
_CHIP = re.compile(rb"#\s*AEChip:\s*(?:\S*\.)?(\w+)")
_SPECIAL = 0x8000_8000
_UNUSED = 0x7FFF_0000
# The counter passed 2^32 us if the next event is this near; else the file goes back in time.
_WRAP_GAP_US = 10_000_000


def read(path: Path) -> Recording:
    """All pixel events of ``path``, 128 x 128; special events are left out, as in jAER.

    Time stamps are the camera's, unwrapped where its 32-bit counter started over. Raises
    InputError, with the file's name, for a file that is missing, empty, cut within its header or
    an event, of another version or camera, without events, out of order, or with an address
    outside the sensor.
    """
    t, column, row, on = _pixel_events(path)
    return checked(path, t, (SIDE - 1) - column, (SIDE - 1) - row, on, SIDE, SIDE)


def read_crop(path: Path) -> Recording:
    """As :func:`read`, for a crop: its addresses are columns from the left, rows from the top."""
    return checked(path, *_pixel_events(path), SIDE, SIDE)


def _pixel_events(
    path: Path,
) -> tuple[NDArray[np.int64], NDArray[np.int16], NDArray[np.int16], NDArray[np.bool_]]:
    """Time in us, column and row as in the address, True for ON; each ``[N]``."""
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
    column = ((address >> 1) & 0x7F).astype(np.int16)
    row = ((address >> 8) & 0x7F).astype(np.int16)
    return t, column, row, (address & 1) == 0


def _header_end(path: Path, data: bytes) -> int:
    if not data.startswith(MAGIC):
        raise damaged(path, f"not AEDAT 2.0: it does not begin with {MAGIC.decode()!r}")
    end = 0
    while data[end : end + 1] == b"#":
        end = data.find(b"\n", end) + 1
        if end == 0:
            raise damaged(path, "it is cut within its header")
    _refuse_other_cameras(path, data[:end])
    whole_events(path, len(data) - end, EVENTS.itemsize)
    return end


def _refuse_other_cameras(path: Path, header: bytes) -> None:
    named = _CHIP.search(header)
    camera = named[1].decode() if named else _CAMERA
    if camera != _CAMERA:
        raise InputError(
            f"{path}: recorded with a {camera}, as its header says; of AEDAT 2.0 only the "
            f"{_CAMERA} is read, other cameras have other addresses; convert it to AEDAT4"
        )


def _unwrapped(t: NDArray[np.int64]) -> NDArray[np.int64]:
    step = np.diff(t)
    wraps = step + 2**32 < _WRAP_GAP_US
    if wraps.any():
        t[1:] += np.cumsum(wraps) * 2**32
    return t
