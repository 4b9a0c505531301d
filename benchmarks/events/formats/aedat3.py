"""AEDAT 3.1 of a DVS128: DVS128 Gesture.

Header lines that begin with ``#``, the last ``#!END-HEADER``; then packets, little-endian: a
header of 28 bytes (event type, source, size of an event, offset of its time stamp, overflows of
the time stamp, capacity, events, valid events), then ``capacity`` events. A polarity event (type
1) has 8 bytes: bit 0 valid, bit 1 polarity (1 is ON), bits 2 to 16 y, bits 17 to 31 x; then 31
bits time stamp in microseconds, 2^31 for each overflow. x runs from the left and y from the top.
Source: libcaer's ``events/common.h`` and ``events/polarity.h``.

Events that are not valid, and packets of other types, are left out, as libcaer says; SpikingJelly
and tonic keep the former. A file cut exactly between two packets looks whole: only the archive's
checksum tells.
"""

from __future__ import annotations

import csv
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.events.recording import Recording, checked, content, damaged

MAGIC = b"#!AER-DAT3.1"
END = b"#!END-HEADER"
SIDE = 128  # pixels
POLARITY = 1  # event type
EVENTS = np.dtype([("word", "<u4"), ("t", "<u4")])
PACKET = struct.Struct("<hhiiiiii")
COLUMNS = ["class", "startTime_usec", "endTime_usec"]
CLASSES = 11


def read(path: Path) -> Recording:
    """All valid polarity events of ``path``, 128 x 128.

    Raises InputError, with the file's name, for a file that is missing, empty, cut within its
    header, a packet's header or a packet, of another version or encoding, without events, out of
    order, with an event outside the sensor, or with a packet whose numbers contradict each other.
    """
    data = content(path)
    words, times = [], []
    position = _header_end(path, data)
    while position < len(data):
        if position + PACKET.size > len(data):
            raise damaged(path, f"it is cut within the packet header at byte {position}")
        kind, _, size, offset, overflow, capacity, number, valid = PACKET.unpack_from(
            data, position
        )
        start = position + PACKET.size
        if size < 1 or overflow < 0 or not 0 <= valid <= number <= capacity:
            raise damaged(path, f"the packet at byte {position} has an impossible header")
        if kind == POLARITY and (size, offset) != (EVENTS.itemsize, 4):
            raise damaged(
                path,
                f"the packet at byte {position} has polarity events of {size} bytes; "
                f"only {EVENTS.itemsize} bytes are read",
            )
        if start + capacity * size > len(data):
            raise damaged(path, f"it is cut within an event of the packet at byte {position}")
        if kind == POLARITY:
            raw = np.frombuffer(data, EVENTS, count=number, offset=start)
            raw = raw[(raw["word"] & 1) == 1]
            if len(raw) != valid:
                says = f"has {len(raw)} valid events and says {valid}"
                raise damaged(path, f"the packet at byte {position} {says}")
            words.append(raw["word"])
            times.append(raw["t"].astype(np.int64) + overflow * 2**31)
        position = start + capacity * size
    word: NDArray[np.uint32] = np.concatenate([np.empty(0, np.uint32), *words])
    t: NDArray[np.int64] = np.concatenate([np.empty(0, np.int64), *times])
    x, y = (word >> 17).astype(np.int16), ((word >> 2) & 0x7FFF).astype(np.int16)
    return checked(path, t, x, y, (word >> 1) & 1, SIDE, SIDE)


def trials(path: Path, labels_csv: Path) -> list[tuple[int, Recording]]:
    """The trials of one file: (label in 0..10, recording), in the order of ``labels_csv``.

    The table has the columns class (1 to 11), startTime_usec and endTime_usec; an event at the
    start belongs to its trial, one at the end does not. Two trials may overlap, as some of the
    set do. Raises InputError as :func:`read`, and for a table that is malformed or names a span
    without events.
    """
    whole = read(path)
    t = whole.events["t"]
    cut = []
    for row, (label, start, end) in enumerate(_labels(labels_csv), 1):
        first, last = np.searchsorted(t, (start, end))
        if first == last:
            raise damaged(
                labels_csv, f"trial {row}, {start} to {end} us, has no event in {path.name}"
            )
        cut.append((label, Recording(whole.events[first:last], whole.width, whole.height)))
    return cut


def _header_end(path: Path, data: bytes) -> int:
    if not data.startswith(MAGIC):
        raise damaged(path, f"not AEDAT 3.1: it does not begin with {MAGIC.decode()!r}")
    end = 0
    while data[end : end + 1] == b"#":
        start, end = end, data.find(b"\n", end) + 1
        if end == 0:
            break
        line = data[start:end].strip()
        if line.startswith(b"#Format:") and line[8:].strip() != b"RAW":
            encoding = line[8:].strip().decode("latin-1")
            raise damaged(path, f"its format is {encoding!r}; only RAW is read")
        if line == END:
            return end
    raise damaged(path, f"it is cut within its header: no line {END.decode()!r}")


def _labels(path: Path) -> list[tuple[int, int, int]]:
    text = content(path).decode("utf-8-sig", errors="replace")
    try:
        rows = [row for row in csv.reader(text.splitlines()) if row]
    except csv.Error as error:
        raise damaged(path, f"no table ({error})") from error
    if not rows or [name.strip() for name in rows[0]] != COLUMNS:
        raise damaged(path, f"its first line is not {','.join(COLUMNS)!r}")
    if len(rows) == 1:
        raise damaged(path, "it lists no trial")
    labels = []
    for number, row in enumerate(rows[1:], 2):
        try:
            label, start, end = (int(value) for value in row)
        except ValueError:
            raise damaged(path, f"row {number} is not three whole numbers: {row}") from None
        if not 1 <= label <= CLASSES or not 0 <= start < end:
            raise damaged(
                path, f"row {number} is class {label}, {start} to {end} us; classes are 1 to 11"
            )
        labels.append((label - 1, start, end))
    return labels
