"""dvs_motion: which way does a field of random dots drift?

Random-dot motion (Newsome and Pare, 1988), made so that only motion over time answers:

- Dots are bright or dark with equal chance and contrast, so one moving right and another moving
  left leave the same trace of ON and OFF events, in one frame and in the sum over time.
- Dots that do not carry the signal move just as fast. A class takes its surplus of dots from the
  opposite way, so every class has as many dots on each axis and streaks tell nothing.
- A dot lives for a while and is reborn elsewhere, and the field is larger than the sensor, so no
  dot is seen to wrap around.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.events.embedded.scenes import FRAMES, SENSOR, Scenes

CLASSES = ("right", "up", "left", "down")
_SCENES = 460
_DOTS = 24
_FIELD = 44.0  # pixels, side of the torus that the dots move on
_SPEED = 0.5  # pixels a rendered frame
_LIFE = 50  # rendered frames
_SURPLUS = 0.25  # chance of the signal's way above 1/4; the opposite way has as much less
_CONTRAST = 0.9  # log intensity
_HALF = 1.5  # pixels, half the side of a dot
_WAYS = np.array([[1.0, 0.0], [0.0, -1.0], [-1.0, 0.0], [0.0, 1.0]])  # (x, y), y points down


def scenes(generator: np.random.Generator) -> Scenes:
    """Four recordings a scene: the same dots, drifting each of the four ways."""
    lives = FRAMES // _LIFE + 2
    born = generator.uniform(0, _FIELD, (_SCENES, _DOTS, lives, 2))
    lot = generator.random((_SCENES, _DOTS, lives))
    age = generator.integers(0, _LIFE, (_SCENES, _DOTS))
    sign = np.where(np.arange(_DOTS) % 2 == 0, 1.0, -1.0)

    def render(chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        scene, way = np.divmod(chosen, 4)
        places = _places(born[scene], lot[scene], age[scene], way)
        return 0.3 * np.exp(_CONTRAST * _field(places, sign))

    index = np.arange(4 * _SCENES, dtype=np.int64)
    return Scenes(index % 4, index // 4, render)


def _places(
    born: NDArray[np.float64],
    lot: NDArray[np.float64],
    age: NDArray[np.int64],
    way: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Where each dot is in each frame, ``[n, dots, F, 2]`` (x, y), the sensor amid the torus."""
    limits = np.array([0.25 + _SURPLUS, 0.5 + _SURPLUS, 0.75 + _SURPLUS])
    # With the largest surplus: half the dots go the class's way, a quarter to either side.
    offset = np.select([lot < limits[0], lot < limits[1], lot < limits[2]], [0, 1, 3], 2)
    heading = _WAYS[(way[:, np.newaxis, np.newaxis] + offset) % 4]
    life, since = np.divmod(age[..., np.newaxis] + np.arange(FRAMES), _LIFE)
    index = life[..., np.newaxis]
    start = np.take_along_axis(born, index, axis=2)
    going = np.take_along_axis(heading, index, axis=2)
    on_torus = (start + _SPEED * since[..., np.newaxis] * going) % _FIELD
    return np.asarray(on_torus - (_FIELD - SENSOR.width) / 2)


def _field(places: NDArray[np.float64], sign: NDArray[np.float64]) -> NDArray[np.float64]:
    """Dots painted on the sensor, ``[n, F, H, W]``; overlapping dots add."""
    recordings, _, frames, _ = places.shape
    corner = np.floor(places - _HALF).astype(np.int64)
    reach = int(2 * _HALF) + 2
    pixel = corner[..., np.newaxis] + np.arange(reach)  # [n, dots, F, 2, reach]
    mask = np.clip(_HALF + 0.5 - np.abs(pixel - places[..., np.newaxis]), 0, 1)
    x, y = pixel[..., 0, np.newaxis, :], pixel[..., 1, :, np.newaxis]
    weight = sign[:, np.newaxis, np.newaxis, np.newaxis] * (
        mask[..., 0, np.newaxis, :] * mask[..., 1, :, np.newaxis]
    )
    height, width = SENSOR.height, SENSOR.width
    image = np.arange(recordings)[:, np.newaxis] * frames + np.arange(frames)
    where = (image[:, np.newaxis, :, np.newaxis, np.newaxis] * height + y) * width + x
    seen = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    total = np.bincount(where[seen], weight[seen], minlength=recordings * frames * height * width)
    return np.asarray(total, dtype=np.float64).reshape(recordings, frames, height, width)
