"""dvs_digits: real handwritten digits, moved before the camera along a closed smooth loop.

The 1,797 images of 8 x 8 pixels that come with scikit-learn (Alpaydin and Kaynak, 1998, "Optical
Recognition of Handwritten Digits", UCI), recorded in the manner of CIFAR10-DVS (Li et al., 2017):
a still image, a repeated closed-loop movement, and events wherever an edge passes a pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.events.embedded.scenes import FRAMES, SENSOR, Scenes, window

CLASSES = tuple(str(digit) for digit in range(10))
_SCALE = 2.5  # pixels of the sensor a pixel of the image
_MARGIN = 14  # empty pixels around a digit, on each side of the picture
_JITTER = 3.0  # pixels, of where a digit is shown
_BACKGROUND, _INK = 0.25, 0.75  # intensity


def scenes(generator: np.random.Generator) -> Scenes:
    """One recording an image."""
    from sklearn.datasets import load_digits  # takes a second to import, and is used once

    digits = load_digits()
    pictures = _pictures(digits.images / 16.0)
    left, top = _loops(len(pictures), pictures.shape[1] - SENSOR.width, generator)

    def render(chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        return _BACKGROUND + _INK * window(pictures[chosen], left[chosen], top[chosen])

    labels = digits.target.astype(np.int64)
    return Scenes(labels, np.arange(len(labels), dtype=np.int64), render)


def _pictures(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Enlarged smoothly, ``[N, 8, 8]`` to ``[N, h, w]`` with margins, values in 0..1."""
    from scipy import ndimage  # as slow to import as scikit-learn

    enlarged = ndimage.zoom(
        images, (1, _SCALE, _SCALE), order=3, mode="grid-constant", grid_mode=True
    )
    margins = ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN))
    return np.pad(np.clip(enlarged, 0, 1), margins)


def _loops(
    count: int, room: int, generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Paths of the window's corner, ``[count, F]`` each: one turn of an ellipse a recording."""
    phase = generator.uniform(0, 2 * np.pi, (count, 1))
    turn = np.where(generator.random((count, 1)) < 0.5, -1.0, 1.0)
    angle = phase + turn * 2 * np.pi * np.arange(FRAMES) / (FRAMES - 1)
    centre = room / 2 + generator.uniform(-_JITTER, _JITTER, (2, count, 1))
    radius = generator.uniform(2.0, 4.0, (2, count, 1))
    return (
        centre[0] + radius[0] * np.cos(angle),
        centre[1] + radius[1] * np.sin(angle),
    )
