"""ATIS ``.bin``: N-MNIST and N-Caltech101.

No header; events of 5 bytes, big-endian: x, y, then one bit polarity (1 is ON) and 23 bits time
stamp in microseconds. y = 240 is no pixel but an overflow of the clock: every time stamp from
there on is 2^13 us later, as in the reader that came with the sets
(github.com/gorchard/event-Python) and in tonic's. x runs from the left and y from the top.

The format has no magic and no length: a file cut exactly between two events looks whole, and only
the archive's checksum tells.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.events.recording import Recording, checked, content, damaged, whole_events

WIDTH, HEIGHT = 240, 180  # pixels; N-MNIST's events lie within 34 x 34
OVERFLOW_ROW, OVERFLOW_US = 240, 2**13
SIZE = 5  # bytes an event


def read(path: Path) -> Recording:
    """All events of ``path``, on 240 x 180 pixels since the file names no size.

    ``benchmarks.events.formats.read`` takes the size of a data set. Raises InputError, with the
    file's name, for a file that is missing, empty, a web page, cut within an event, out of order,
    or with an event outside the sensor.
    """
    data = content(path)
    whole_events(path, len(data), SIZE)
    byte = np.frombuffer(data, np.uint8).reshape(-1, SIZE)
    x, y = byte[:, 0].astype(np.int16), byte[:, 1].astype(np.int16)
    high, middle, low = (byte[:, i].astype(np.int64) for i in (2, 3, 4))
    t = (high & 0x7F) << 16 | middle << 8 | low
    p = byte[:, 2] >> 7
    overflow = y == OVERFLOW_ROW
    if overflow.any():
        t += np.cumsum(overflow) * OVERFLOW_US
        pixel = ~overflow
        if not pixel.any():
            raise damaged(path, "it holds nothing but overflows of the clock")
        t, x, y, p = t[pixel], x[pixel], y[pixel], p[pixel]
    return checked(path, t, x, y, p, WIDTH, HEIGHT)
