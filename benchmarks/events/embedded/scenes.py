"""What the three simulated data sets share: the camera, its clock, and moving pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from benchmarks.events.embedded.simulate import Sensor

SENSOR = Sensor()
FRAME_US = 2000  # between two rendered frames
FRAMES = 51  # rendered frames a recording
DURATION_US = FRAME_US * (FRAMES - 1)


@dataclass(frozen=True)
class Scenes:
    """Recordings to make: everything is drawn already, only rendering is left."""

    labels: NDArray[np.int64]  # [N]
    sources: NDArray[np.int64]  # [N] id of the underlying image or scene
    render: Callable[[NDArray[np.int64]], NDArray[np.float64]]  # indices [n] -> [n, F, H, W]


def window(
    picture: NDArray[np.float64], left: NDArray[np.float64], top: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Look at each picture through the sensor's moving window, ``[n, F, H, W]``.

    ``picture``: ``[n, h, w]``, at least one pixel larger than the window wherever it goes.
    ``left``, ``top``: ``[n, F]``, the window's corner in pixels; between pixels it interpolates.
    """
    patches = sliding_window_view(picture, (SENSOR.height + 1, SENSOR.width + 1), axis=(1, 2))
    which = np.arange(len(picture))[:, np.newaxis]
    row, down = _whole_and_part(top)
    column, right = _whole_and_part(left)
    patch = patches[which, row, column]  # [n, F, H + 1, W + 1]
    rows = patch[:, :, :-1] * (1 - down) + patch[:, :, 1:] * down
    seen: NDArray[np.float64] = rows[..., :-1] * (1 - right) + rows[..., 1:] * right
    return seen


def _whole_and_part(
    corner: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pixel indices ``[n, F]`` and the fraction beyond them ``[n, F, 1, 1]``."""
    whole = np.floor(corner).astype(np.int64)
    return whole, (corner - whole)[..., np.newaxis, np.newaxis]
