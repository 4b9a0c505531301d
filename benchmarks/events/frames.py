"""From events to frames: counts in slices of equal time, or of equally many events."""

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
    binned = np.bincount(cell, minlength=steps * 2 * height * width)
    return saturated(binned).reshape(steps, 2, height, width)


def by_time(events: NDArray[np.void], steps: int, height: int, width: int) -> NDArray[np.uint8]:
    """Event counts ``[steps, 2, height, width]`` in slices of equal time; 0 is OFF, 1 is ON.

    ``events``: an array with fields t (microseconds, in order, from any origin), x, y, p. The
    slices divide the recording's own span, from its first event to its last. An event on the
    border of two slices belongs to the later one, the last event to the last slice; with no span
    at all, every event is in the first. A count above 255 stays at 255.
    Raises InputError for events that are not in order, or one outside the sensor.
    """
    return saturated(counts(events, equal_times(events, steps), height, width))


def by_count(events: NDArray[np.void], steps: int, height: int, width: int) -> NDArray[np.uint8]:
    """As :func:`by_time`, in slices of equally many events, in the order in which they are given.

    Where N events do not divide by ``steps``, slice k ends before event ``(k + 1) * N // steps``:
    no two slices differ by more than one event, and none is lost.
    """
    return saturated(counts(events, equal_counts(events, steps), height, width))


def equal_times(events: NDArray[np.void], steps: int) -> NDArray[np.int64]:
    """Where the slices of :func:`by_time` begin, and the last one ends: ``[steps + 1]`` indices."""
    _check(steps)
    t = np.ascontiguousarray(events["t"])
    if not len(t):
        return np.zeros(steps + 1, dtype=np.int64)
    if (t[1:] < t[:-1]).any():
        raise InputError("frames: the events are not in order of time; sort them by t")
    span = max(int(t[-1]) - int(t[0]), 1)
    # the first whole microsecond at or after each border, so that no border is rounded
    borders = [int(t[0]) - (-step * span // steps) for step in range(1, steps)]
    return np.array([0, *np.searchsorted(t, borders), len(t)], dtype=np.int64)


def equal_counts(events: NDArray[np.void], steps: int) -> NDArray[np.int64]:
    """As :func:`equal_times`, for the slices of :func:`by_count`."""
    _check(steps)
    return np.arange(steps + 1) * len(events) // steps


def saturated(counted: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Counts as uint8: above 255 they stay at 255."""
    made: NDArray[np.uint8] = np.minimum(counted, 255).astype(np.uint8)
    return made


def counts(
    events: NDArray[np.void], cuts: NDArray[np.int64], height: int, width: int
) -> NDArray[np.int32]:
    """All events of ``events[cuts[k]:cuts[k + 1]]`` in frame k: ``[steps, 2, height, width]``.

    Raises InputError for an event outside the sensor.
    """
    if height < 1 or width < 1:
        raise InputError(f"frames: {width} x {height} pixels; give positive numbers")
    steps = len(cuts) - 1
    frames = np.empty((steps, 2, height, width), dtype=np.int32)
    for step in range(steps):  # one at a time, so that it stays in the processor's cache
        part = events[cuts[step] : cuts[step + 1]]
        x, y = part["x"].astype(np.int32), part["y"].astype(np.int32)
        for name, value, end in (("x", x, width), ("y", y, height)):
            if len(value) and (value.min() < 0 or value.max() >= end):
                raise InputError(
                    f"frames: an event has {name} outside 0..{end - 1}; crop the events"
                )
        cell = part["p"].astype(np.int32)
        cell *= height
        cell += y
        cell *= width
        cell += x
        frames[step] = np.bincount(cell, minlength=2 * height * width).reshape(2, height, width)
    return frames


def _check(steps: int) -> None:
    if steps < 1:
        raise InputError(f"frames: {steps} steps; give positive numbers")
