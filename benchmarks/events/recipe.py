"""How the frames of a data set are made: slices in time, size, and what becomes of the events.

A recorded set is larger than the networks that are trained on it. ``sum`` adds every event to the
cell of the smaller square that its pixel falls into. ``nearest`` keeps the events of those pixels
that resizing to the nearest pixel picks, as the CIFAR10-DVS literature does (Li et al., ECCV 2022),
and leaves the others out: from 120 x 100 to 48 x 48 four of five.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events.frames import counts, equal_counts, equal_times, saturated

Slicing = Literal["time", "count"]
Binning = Literal["sum", "nearest"]

SLICINGS: dict[Slicing, Callable[[NDArray[np.void], int], NDArray[np.int64]]] = {
    "time": equal_times,
    "count": equal_counts,
}


@dataclass(frozen=True)
class Recipe:
    """What decides, beside the recordings, what frames hold."""

    steps: int
    slicing: Slicing = "time"
    size: int | None = None  # pixels of a side; None: as recorded
    binning: Binning = "sum"  # without effect where frames stay as recorded

    def __str__(self) -> str:
        at_size = "recorded" if self.size is None else f"{self.size}-{self.binning}"
        return f"{self.steps}-{self.slicing}-{at_size}"

    def shape(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Of the frames of one recording: ``(T, 2, H, W)``."""
        return (self.steps, 2, self.size or height, self.size or width)

    def made(
        self, events: NDArray[np.void], height: int, width: int
    ) -> tuple[NDArray[np.uint8], int]:
        """Frames of one recording, and how many events fell on them before counts saturated."""
        cuts = SLICINGS[self.slicing](events, self.steps)
        if self.size is None:
            binned = counts(events, cuts, height, width)
        elif self.binning == "sum":  # events first: five times as fast as to add up frames
            moved = events.copy()
            moved["x"] = events["x"].astype(np.int32) * self.size // width
            moved["y"] = events["y"].astype(np.int32) * self.size // height
            binned = counts(moved, cuts, self.size, self.size)
        else:
            binned = at_size(counts(events, cuts, height, width), self.size, self.binning)
        return saturated(binned), int(binned.sum(dtype=np.int64))


def binning_for(
    asked: Binning | None, usual: Binning, size: int | None, height: int, width: int
) -> Binning:
    """The binning to ``size`` that was asked for, or else the set's usual one.

    Raises InputError where ``sum`` is asked for and the square is larger than the recordings: it
    would have cells that no pixel falls into.
    """
    larger = size is not None and size > min(height, width)
    if larger and asked == "sum":
        raise InputError(
            f"frames: binning sum from {width} x {height} to {size} x {size} pixels would leave "
            f"gaps; give a size up to {min(height, width)}, or binning nearest"
        )
    return "nearest" if larger else asked or usual


def at_size(counted: NDArray[np.integer], size: int, binning: Binning) -> NDArray[np.int32]:
    """Counts ``[..., H, W]`` on a square ``[..., size, size]``; int32, nothing saturates.

    ``sum``: pixel (x, y) is added to cell ``(x * size // W, y * size // H)``; no side may grow.
    """
    height, width = counted.shape[-2:]
    if binning == "nearest":
        rows, columns = nearest(height, size), nearest(width, size)
        return counted[..., rows[:, None], columns].astype(np.int32)
    rows, columns = _first_pixels(height, size), _first_pixels(width, size)
    by_rows = np.add.reduceat(counted, rows, axis=-2, dtype=np.int32)
    summed: NDArray[np.int32] = np.add.reduceat(by_rows, columns, axis=-1)
    return summed


def nearest(length: int, size: int) -> NDArray[np.int64]:
    """Which of ``length`` pixels each of ``size`` is taken from, as PyTorch's `interpolate` does.

    In float32, as there.
    """
    scale = np.float32(length) / np.float32(size)
    index = np.floor(np.arange(size, dtype=np.float32) * scale).astype(np.int64)
    within: NDArray[np.int64] = np.minimum(index, length - 1)
    return within


def _first_pixels(length: int, size: int) -> NDArray[np.int64]:
    """The first pixel of each cell: the smallest p with ``p * size // length`` equal to it."""
    first: NDArray[np.int64] = -(-np.arange(size) * length // size)
    return first
