"""A recording of an event camera, and the checks that every reader shares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.errors import InputError
from benchmarks.events.embedded.simulate import EVENT

_PAGES = (b"<!doctype", b"<html", b"<?xml")


@dataclass(frozen=True, eq=False)
class Recording:
    """What one camera saw. Raises InputError for another dtype or a sensor without pixels.

    ``t`` is in microseconds as the file has it, absolute or from the recording's start; ``x``
    counts columns from the left and ``y`` rows from the top, as in an image. :func:`checked`
    makes one whose events are known to be in order and on the sensor.
    """

    events: NDArray[np.void]  # [N] of dtype EVENT
    width: int  # pixels
    height: int  # pixels

    def __post_init__(self) -> None:
        if self.events.dtype != EVENT or self.events.ndim != 1:
            raise InputError(
                f"recording: events are {self.events.dtype} {self.events.shape}; "
                f"give one dimension of {EVENT}"
            )
        if self.width < 1 or self.height < 1:
            raise InputError(
                f"recording: a sensor of {self.width} x {self.height}; give at least 1 x 1"
            )


def damaged(path: Path, what: str) -> InputError:
    """The error for a file that is not what its format says."""
    return InputError(f"{path}: {what}; get the file again from its archive")


def content(path: Path) -> bytes:
    """The whole file. Raises InputError if it cannot be read, is empty or is a web page."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from error
    if not data:
        raise damaged(path, "the file is empty")
    # A refused download leaves a page under the file's name; ATIS .bin has no magic to tell.
    if data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES):
        raise damaged(path, "this is a web page (HTML or XML), not a recording")
    return data


def whole_events(path: Path, length: int, size: int) -> None:
    """Raises InputError unless ``length`` bytes are whole events of ``size`` bytes, one or more."""
    if length == 0:
        raise damaged(path, "it ends after its header, without any event")
    if length % size:
        raise damaged(
            path,
            f"it is cut within an event: {length} bytes are not whole events of {size} bytes",
        )


def checked(
    path: Path,
    t: NDArray[np.integer],
    x: NDArray[np.integer],
    y: NDArray[np.integer],
    p: ArrayLike,
    width: int,
    height: int,
) -> Recording:
    """A recording of events that are in order and on the sensor.

    ``t`` (microseconds), ``x``, ``y`` and ``p`` (True is ON) are ``[N]``; ``path`` is named in
    the InputError for no event, an event outside the sensor or one that goes back in time.
    """
    if not len(t):
        raise damaged(path, "it holds no event")
    _on_sensor(path, x, y, width, height)
    events = np.empty(len(t), dtype=EVENT)
    events["t"], events["x"], events["y"], events["p"] = t, x, y, p
    when = t.astype(np.int64, copy=False)
    back = when[1:] < when[:-1]
    if back.any():
        first = int(np.argmax(back))
        raise damaged(
            path,
            f"event {first + 1} goes back in time, from {when[first]} to {when[first + 1]} us",
        )
    return Recording(events, width, height)


def on_canvas(path: Path, recording: Recording, width: int, height: int) -> Recording:
    """The same events on a sensor of ``width`` x ``height`` pixels.

    For formats that name no size, or a larger one than the data set's. Raises InputError for an
    event that lies outside.
    """
    _on_sensor(path, recording.events["x"], recording.events["y"], width, height)
    return Recording(recording.events, width, height)


def _on_sensor(
    path: Path, x: NDArray[np.integer], y: NDArray[np.integer], width: int, height: int
) -> None:
    inside = int(x.min()) >= 0 and int(y.min()) >= 0
    if inside and int(x.max()) < width and int(y.max()) < height:
        return
    outside = (x < 0) | (x >= width) | (y < 0) | (y >= height)
    first = int(np.argmax(outside))
    raise damaged(
        path,
        f"event {first} is at x {x[first]}, y {y[first]}, outside the sensor of "
        f"{width} x {height} pixels",
    )
