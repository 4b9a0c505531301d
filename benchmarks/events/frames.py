"""From events to frames: counts in slices of equal time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import InputError


def to_frames(
    events: NDArray[np.void], duration_us: int, steps: int, height: int, width: int
) -> NDArray[np.uint8]:
    """Event counts ``[steps, 2, height, width]``; channel 0 is OFF, 1 is ON.

    ``events``: an array with fields t (microseconds in 0..``duration_us``, both included), x, y,
    p. An event on the border of two slices belongs to the later one, one at ``duration_us`` to
    the last slice. A count above 255 stays at 255.
    Raises InputError for an event outside the recording or the sensor.
    """
    if steps < 1 or duration_us < 1:
        raise InputError(f"frames: {steps} steps of {duration_us} us; give positive numbers")
    t, x, y = (events[name].astype(np.int64) for name in ("t", "x", "y"))
    for name, value, end in (("t", t, duration_us + 1), ("x", x, width), ("y", y, height)):
        if len(value) and (value.min() < 0 or value.max() >= end):
            raise InputError(f"frames: an event has {name} outside 0..{end - 1}; crop the events")
    step = np.minimum(t * steps // duration_us, steps - 1)
    cell = ((step * 2 + events["p"]) * height + y) * width + x
    counts = np.bincount(cell, minlength=steps * 2 * height * width)
    return np.minimum(counts, 255).astype(np.uint8).reshape(steps, 2, height, width)
