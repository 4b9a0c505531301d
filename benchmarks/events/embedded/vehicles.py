"""dvs_vehicles: a vehicle, or the same parts scrambled, driving past posts.

After N-CARS (Sironi et al., 2018): car or no car from a moving scene. Both classes of one scene
hold the same parts (body, cabin, window, two wheels) with the same sizes and shades, the same
posts and the same movement; only where the parts sit tells them apart.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from benchmarks.events.embedded.scenes import FRAMES, SENSOR, Scenes, window

CLASSES = ("vehicle", "scrambled")
_SCENES = 920
_PARTS = 5  # body, cabin, window, wheel, wheel
_SIZE = 72  # pixels, of the picture that holds the parts
_POSTS = 6
_WORLD = 64  # pixels, length of the strip of posts
_LOOSE = 0.8  # pixels that a part may lie off its place, in both classes
# Six places about the body, three above and three below, each from left to right.
_CABIN, _WHEELS = 1, (3, 5)  # where a vehicle has them


def scenes(generator: np.random.Generator) -> Scenes:
    """Two recordings a scene: the vehicle and its parts scrambled."""
    sizes, shades = _parts(generator)
    places = _places(sizes, generator)
    left, top = _drives(generator)
    posts = _posts(generator)
    drift = generator.uniform(-12, 12, (_SCENES, 1)) * np.linspace(0, 1, FRAMES)

    def render(chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        scene, kind = np.divmod(chosen, 2)
        shade, cover = _picture(places[scene, kind], sizes[scene], shades[scene])
        behind = _strip(posts[scene], drift[scene])[:, :, np.newaxis, :]
        covered = window(cover, left[scene], top[scene])
        return window(shade, left[scene], top[scene]) + (1 - covered) * behind

    index = np.arange(2 * _SCENES, dtype=np.int64)
    return Scenes(index % 2, index // 2, render)


def _parts(generator: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Half sizes ``[S, parts, 2]`` (x, y) in pixels and intensities ``[S, parts]``."""

    def between(low: float, high: float) -> NDArray[np.float64]:
        return generator.uniform(low, high, _SCENES)

    wheel = between(1.8, 3.0)
    body = between(5.5, 9.5), between(1.8, 3.0)
    cabin = body[0] * between(0.4, 0.65), between(1.8, 3.0)
    pane = cabin[0] * between(0.4, 0.7), cabin[1] * between(0.45, 0.7)
    pairs = (body, cabin, pane, (wheel, wheel), (wheel, wheel))
    sizes = np.stack([np.stack(pair, axis=1) for pair in pairs], axis=1)
    paint, tyre = between(0.55, 1.0), between(0.05, 0.15)
    shades = np.stack([paint, paint, between(0.1, 0.3), tyre, tyre], axis=1)
    return sizes, shades


def _places(sizes: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Centres ``[S, 2, parts, 2]`` (x, y), the body at the origin: the vehicle, scrambled."""
    slots = np.stack([np.broadcast_to([_CABIN, *_WHEELS], (_SCENES, 3)), _scrambled(generator)], 1)
    along, below = slots % 3 - 1, slots // 3
    side = np.where(below == 1, 1.0, -1.0)
    body = sizes[:, np.newaxis, :1]
    centres = np.zeros((_SCENES, 2, _PARTS, 2))
    attached = [1, 3, 4]  # cabin and wheels; the window sits in the cabin
    centres[:, :, attached, 0] = 0.6 * body[..., 0] * along
    centres[:, :, attached, 1] = side * body[..., 1]
    centres[:, :, 1, 1] += side[:, :, 0] * (sizes[:, np.newaxis, 1, 1] - 0.5)
    centres[:, :, attached] += generator.uniform(-_LOOSE, _LOOSE, (_SCENES, 1, 3, 2))
    centres[:, :, 2] = centres[:, :, 1]
    return centres


def _scrambled(generator: np.random.Generator) -> NDArray[np.int64]:
    """Places ``[S, 3]`` of cabin, wheel and wheel: one part or two as a vehicle has them."""
    every = [
        (cabin, *wheels)
        for cabin in range(6)
        for wheels in combinations([place for place in range(6) if place != cabin], 2)
        if (cabin == _CABIN) + len({*wheels} & {*_WHEELS}) in (1, 2)
    ]
    return np.array(every)[generator.integers(0, len(every), _SCENES)]


def _picture(
    centres: NDArray[np.float64], sizes: NDArray[np.float64], shades: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shade times cover, and cover, ``[n, size, size]``: later parts lie over earlier ones."""
    at = np.arange(_SIZE) - _SIZE / 2
    shade = np.zeros((len(centres), _SIZE, _SIZE))
    cover = np.zeros_like(shade)
    for part in range(_PARTS):
        x, y = (at - centres[:, part, axis, np.newaxis] for axis in (0, 1))
        half = sizes[:, part, :, np.newaxis, np.newaxis]
        if part >= 3:
            distance = np.sqrt(x[:, np.newaxis, :] ** 2 + y[:, :, np.newaxis] ** 2)
            mask = np.clip(half[:, 0] - distance + 0.5, 0, 1)
        else:
            wide = np.clip(half[:, 0] - np.abs(x)[:, np.newaxis, :] + 0.5, 0, 1)
            mask = wide * np.clip(half[:, 1] - np.abs(y)[:, :, np.newaxis] + 0.5, 0, 1)
        shade = shade * (1 - mask) + mask * shades[:, part, np.newaxis, np.newaxis]
        cover = cover * (1 - mask) + mask
    return shade, cover


def _drives(generator: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Paths of the window's corner, ``[S, F]`` each: across, either way, a little up or down."""
    middle = (_SIZE - SENSOR.width) / 2
    way = np.where(generator.random((_SCENES, 1)) < 0.5, -1.0, 1.0)
    course = way * np.linspace(-0.5, 0.5, FRAMES) * generator.uniform(8, 14, (_SCENES, 1))
    bounce = 0.5 * np.sin(
        np.linspace(0, 4 * np.pi, FRAMES) + generator.uniform(0, 2 * np.pi, (_SCENES, 1))
    )
    aside = generator.uniform(-1, 1, (2, _SCENES, 1))
    return middle + course + 4 * aside[0], middle + bounce + 6 * aside[1]


def _posts(generator: np.random.Generator) -> NDArray[np.float64]:
    """Intensity along the strip behind, ``[S, world]``: upright posts before a plain wall."""
    at = np.arange(_WORLD)
    wall = np.full((_SCENES, _WORLD), 0.35)
    for _ in range(_POSTS):
        centre = generator.uniform(0, _WORLD, (_SCENES, 1))
        half = generator.uniform(0.6, 1.6, (_SCENES, 1))
        shade = generator.uniform(0.1, 0.9, (_SCENES, 1))
        mask = np.clip(half - np.abs(at - centre) + 0.5, 0, 1)
        wall = wall * (1 - mask) + mask * shade
    return wall


def _strip(posts: NDArray[np.float64], drift: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the sensor sees of the posts, ``[n, F, W]``, as they drift by."""
    corner = (_WORLD - SENSOR.width) / 2 + drift
    whole = np.floor(corner).astype(np.int64)
    part = (corner - whole)[..., np.newaxis]
    column = whole[..., np.newaxis] + np.arange(SENSOR.width)
    which = np.arange(len(posts))[:, np.newaxis, np.newaxis]
    seen = posts[which, column] * (1 - part) + posts[which, column + 1] * part
    return np.asarray(seen)
