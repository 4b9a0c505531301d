"""Writers of the real event formats, for rehearsals and tests.

Each writes the whole file or none. What a format cannot hold (a time stamp too large, a pixel
outside its bits) is an InputError, never wrapped. The layouts are described with their readers.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events.formats import aedat2, aedat3, aedat4, atis, dat
from benchmarks.events.recording import Recording
from benchmarks.records.files import write_atomic_bytes

_PACKET_EVENTS = 8192  # of AEDAT 3.1


def write_aedat4(
    path: Path, recording: Recording, compression: Literal["none", "lz4", "zstd"] = "lz4"
) -> None:
    """Write by dv-processing, one event stream; ``t`` in microseconds as it is.

    Raises InputError where dv-processing is missing, the disk has no room, or what was written is
    not whole.
    """
    try:
        import dv_processing as dv
    except ImportError as error:
        raise InputError(
            f"{path}: writing AEDAT4 needs dv-processing; pip install 'aia-bench[events]'"
        ) from error
    _fits(path, recording, 2**63, 2**15, 2**15, "AEDAT4")
    store = dv.EventStore()
    for event in recording.events.tolist():
        store.push_back(*event)
    kind = dv.CompressionType.__members__[compression.upper()]
    size = (recording.width, recording.height)
    config = dv.io.MonoCameraWriter.EventOnlyConfig("DVS128", size, kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    _room(path, len(recording.events))
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        unfinished = Path(folder, "unfinished.aedat4")
        writer = dv.io.MonoCameraWriter(str(unfinished), config)
        writer.writeEvents(store)
        del writer  # its end writes the index
        aedat4.structure(unfinished)  # dv-processing writes in a thread that cannot raise here
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)


def write_aedat2(path: Path, recording: Recording) -> None:
    """AEDAT 2.0 of a DVS128: at most 128 x 128 pixels, ``t`` below 2^32 us."""
    _fits(path, recording, 2**32, aedat2.SIDE, aedat2.SIDE, "AEDAT 2.0")
    t, x, y, p = _columns(recording)
    raw = np.empty(len(t), aedat2.EVENTS)
    last = aedat2.SIDE - 1
    raw["address"] = (last - y) << 8 | (last - x) << 1 | (1 - p)
    raw["t"] = t
    header = aedat2.MAGIC + b"\r\n# This is a raw AE data file - do not edit\r\n"
    header += b"# Timestamps tick is 1 us\r\n"
    write_atomic_bytes(path, header + raw.tobytes())


def write_aedat3(path: Path, recording: Recording) -> None:
    """AEDAT 3.1 of a DVS128: at most 128 x 128 pixels, ``t`` below 2^62 us."""
    _fits(path, recording, 2**62, aedat3.SIDE, aedat3.SIDE, "AEDAT 3.1")
    t, x, y, p = _columns(recording)
    raw = np.empty(len(t), aedat3.EVENTS)
    raw["word"] = x << 17 | y << 2 | p << 1 | 1
    raw["t"] = t & 0x7FFF_FFFF
    overflow = t >> 31
    parts = [aedat3.MAGIC + b"\r\n#Format: RAW\r\n#Source 1: DVS128\r\n" + aedat3.END + b"\r\n"]
    for turn in np.unique(overflow):  # all events of a packet share one number of overflows
        first, last = np.searchsorted(overflow, (turn, turn + 1))
        for start in range(first, last, _PACKET_EVENTS):
            events = raw[start : min(start + _PACKET_EVENTS, last)]
            count = len(events)
            parts.append(
                aedat3.PACKET.pack(
                    aedat3.POLARITY, 1, events.itemsize, 4, int(turn), count, count, count
                )
            )
            parts.append(events.tobytes())
    write_atomic_bytes(path, b"".join(parts))


def write_dat(path: Path, recording: Recording) -> None:
    """Prophesee DAT version 2, with width and height in its header; ``t`` below 2^32 us."""
    _fits(path, recording, 2**32, 2**14, 2**14, "DAT")
    t, x, y, p = _columns(recording)
    raw = np.empty(len(t), dat.EVENTS)
    raw["t"] = t
    raw["word"] = p << 28 | y << 14 | x
    header = "% Data file containing CD events\n% Version 2\n"
    header += f"% Width {recording.width}\n% Height {recording.height}\n"
    write_atomic_bytes(path, header.encode() + bytes([dat.TYPE, dat.SIZE]) + raw.tobytes())


def write_atis(path: Path, recording: Recording) -> None:
    """ATIS ``.bin``: at most 240 x 180 pixels, ``t`` below 2^23 us (8.4 s); no size is kept."""
    _fits(path, recording, 2**23, atis.WIDTH, atis.HEIGHT, "ATIS .bin")
    t, x, y, p = _columns(recording)
    columns = (x, y, p << 7 | t >> 16, t >> 8 & 0xFF, t & 0xFF)
    write_atomic_bytes(path, np.stack(columns, axis=1).astype(np.uint8).tobytes())


def _room(path: Path, events: int) -> None:
    """Raises InputError for a disk on which dv-processing would end the whole process."""
    needed, free = 16 * events + 2**20, shutil.disk_usage(path.parent).free
    if free < needed:
        raise InputError(
            f"{path}: {free:,} bytes are free and up to {needed:,} are needed; free the disk"
        )


def _columns(recording: Recording) -> tuple[NDArray[np.int64], ...]:
    return tuple(recording.events[name].astype(np.int64) for name in ("t", "x", "y", "p"))


def _fits(path: Path, recording: Recording, t_end: int, width: int, height: int, name: str) -> None:
    """Raises InputError unless the format holds every event, in order, on the sensor."""
    if recording.width > width or recording.height > height:
        raise InputError(
            f"{path}: {name} holds {width} x {height} pixels, the recording has "
            f"{recording.width} x {recording.height}; crop it"
        )
    if not len(recording.events):
        raise InputError(f"{path}: a recording without events; no reader takes it back")
    t, x, y, _ = _columns(recording)
    if t[0] < 0 or t[-1] >= t_end or (t[1:] < t[:-1]).any():
        raise InputError(
            f"{path}: {name} holds times of 0 to {t_end - 1} us, in order; "
            "sort the events and subtract t[0]"
        )
    if min(x.min(), y.min()) < 0 or x.max() >= recording.width or y.max() >= recording.height:
        raise InputError(f"{path}: an event lies outside the recording's own sensor; crop it")
