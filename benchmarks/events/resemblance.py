"""How much the recordings of a split resemble those of train, and whether that is a leak.

Recordings of one scene, e.g. of one car passing by, resemble each other, and as a rule their
numbers are near. A split that takes them apart is tested on scenes that it was trained on. So, for
each recording, the most alike training recording of its class is looked for: the one whose event
image (events summed over time and polarity at SIDE x SIDE pixels, square roots) correlates most.
Where that one is a neighbour in number more often than chance has it, by more than MARGIN of the
recordings and three standard errors, the split leaks. Train itself, each recording against the
others, shows how often that is where no scene is held out.

A leak that numbers do not follow stays unseen: then only the correlations are there to compare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.events.recipe import at_size
from benchmarks.events.sets import EventSet, Split

SIDE, STEPS = 16, 10  # pixels of the event images, and slices that they are summed over
REACH = 100  # how far apart in number neighbours are; at most a fiftieth of the class's numbers
MARGIN = 0.05  # of the recordings
_QUERIES = 1000  # recordings of a class that are looked at, evenly spread
_CHUNK = 512  # recordings read at once


@dataclass(frozen=True)
class Resemblance:
    """Of one split's recordings to those of train; of train's to each other."""

    split: str
    recordings: int  # that were looked at
    correlation: float  # median, with the most alike training recording of the class
    neighbours: float  # share of recordings whose most alike one is a neighbour in number
    chance: float  # that share, if any training recording of the class were as likely

    @property
    def leaks(self) -> bool:
        """Of no meaning for train."""
        error = math.sqrt(self.chance * (1 - self.chance) / self.recordings)
        return self.neighbours - self.chance > max(MARGIN, 3 * error)


def resemblances(event_set: EventSet) -> list[Resemblance]:
    """Of train, validation and test."""
    images = {name: _images(split) for name, split in event_set.splits().items()}
    return [
        _resemblance(name, event_set, images[name], images["train"]) for name in event_set.splits()
    ]


def _resemblance(
    name: str, event_set: EventSet, images: NDArray[np.float32], train: NDArray[np.float32]
) -> Resemblance:
    split, known = event_set.splits()[name], event_set.train
    by_class = [np.empty((3, 0))]
    for label in range(len(event_set.classes)):
        asked = np.flatnonzero(split.labels == label)
        asked = asked[np.linspace(0, len(asked) - 1, min(_QUERIES, len(asked))).astype(int)]
        pool = np.flatnonzero(known.labels == label)
        alike = images[asked] @ train[pool].T
        apart = np.abs(split.sources[asked][:, None] - known.sources[pool])
        if split is known:
            itself = asked[:, None] == pool
            alike[itself], apart[itself] = -np.inf, np.iinfo(np.int64).max
        near = apart <= _reach(event_set, label)
        best = alike.argmax(axis=1)[:, None]
        rows = [np.take_along_axis(of, best, axis=1)[:, 0] for of in (alike, near)]
        by_class.append(np.stack([*rows, near.mean(axis=1)]))
    correlation, neighbours, chance = np.concatenate(by_class, axis=1)
    return Resemblance(
        name,
        len(correlation),
        float(np.median(correlation)),
        float(neighbours.mean()),
        float(chance.mean()),
    )


def _reach(event_set: EventSet, label: int) -> int:
    numbers = [split.sources[split.labels == label] for split in event_set.splits().values()]
    return min(REACH, int(np.ptp(np.concatenate(numbers)) + 1) // 50)


def _images(split: Split) -> NDArray[np.float32]:
    """Event images ``[N, SIDE * SIDE]`` of mean 0 and length 1: products are correlations."""
    parts = []
    for first in range(0, len(split.labels), _CHUNK):
        frames = split.frames[first : first + _CHUNK]
        summed = frames.sum(axis=(1, 2), dtype=np.int32)
        parts.append(at_size(summed, SIDE, "sum").reshape(len(summed), -1))
    images: NDArray[np.float32] = np.sqrt(np.concatenate(parts), dtype=np.float32)
    images -= images.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(images, axis=1, keepdims=True)
    images /= np.maximum(lengths, np.finfo(np.float32).tiny)
    return images
