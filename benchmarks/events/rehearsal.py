"""Made-up recordings in the archive, the layout and the file format of a real data set.

Nothing is learned from them about the set. They let every step from the archive to the tables run
at the real size where the set itself cannot be had. The scenes are those of the embedded sets,
enlarged: digits for the ten classes of CIFAR10-DVS, vehicles for the two of N-CARS.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from scipy import ndimage

from benchmarks.errors import InputError, unknown
from benchmarks.events.embedded import digits, vehicles
from benchmarks.events.embedded.scenes import FRAMES, Scenes
from benchmarks.events.embedded.simulate import Sensor, simulate
from benchmarks.events.formats.write import write_aedat4, write_dat
from benchmarks.events.published.catalogue import SETS
from benchmarks.events.published.entries import RealSet
from benchmarks.events.published.layout import REHEARSAL
from benchmarks.events.recording import Recording
from benchmarks.progress import Progress

_SEED = 20230605


@dataclass(frozen=True)
class _Film:
    """How a set's stand-ins are made, and where its archive holds them."""

    scenes: Callable[[np.random.Generator], Scenes]
    duration_us: int
    write: Callable[[Path, Recording], None]
    name: Callable[[RealSet, str, int, int], str]  # (set, part, label, number) -> path in the tree


def _cifar10(chosen: RealSet, part: str, label: int, number: int) -> str:
    of = chosen.classes[label]
    return f"{of}/cifar10_{of}_{number}.aedat4"


def _ncars(chosen: RealSet, part: str, label: int, number: int) -> str:
    return f"n-cars_{part}/{chosen.classes[label]}/obj_{number:06d}_td.dat"


# Durations: CIFAR10-DVS is about 1.3 s a recording, N-CARS 100 ms.
_FILMS = {
    "cifar10dvs": _Film(digits.scenes, 1_300_000, write_aedat4, _cifar10),
    "ncars": _Film(vehicles.scenes, 100_000, write_dat, _ncars),
}


def rehearsed(name: str) -> RealSet:
    """The set of that name. Raises InputError for one that cannot be rehearsed."""
    if name not in _FILMS:
        raise unknown("set to rehearse", name, _FILMS)
    return SETS[name]


def write_archive(chosen: RealSet, samples: int, folder: Path, progress: Progress) -> Path:
    """Film ``samples`` recordings and pack them as the set's first archive is packed.

    Classes and parts get shares as in the set itself, at least two recordings each, so there may
    be a few more. Returns ``folder``/<archive>. Raises InputError if there are not as many scenes.
    """
    film, counts = _FILMS[chosen.name], _counts(chosen, samples)
    generator = np.random.default_rng([_SEED, *chosen.name.encode()])
    made = film.scenes(generator)
    total = sum(map(sum, counts.values()))
    tree = folder / "tree"
    for done, (path, index) in enumerate(_planned(chosen, counts, made), start=1):
        film.write(tree / path, _filmed(chosen, film, made, index, generator))
        progress(done, total, path)
    archive = folder / chosen.archives[0].name
    _pack(tree, archive, {"counts": counts})
    return archive


def _counts(chosen: RealSet, samples: int) -> dict[str, list[int]]:
    if samples < 2:
        raise InputError(f"rehearse: {samples} samples; give 2 or more a class")
    return {
        part: [max(2, round(samples * count / chosen.samples)) for count in of_class]
        for part, of_class in chosen.counts.items()
    }


def _planned(
    chosen: RealSet, counts: dict[str, list[int]], made: Scenes
) -> Iterator[tuple[str, int]]:
    """Path in the tree and scene of each recording; no scene serves twice."""
    left = {label: list(np.flatnonzero(made.labels == label)) for label in set(made.labels)}
    for part, of_class in counts.items():
        for label, count in enumerate(of_class):
            if count > len(left[label]):
                raise InputError(
                    f"rehearse: class {chosen.classes[label]!r} of {chosen.name} has scenes for "
                    f"{len(left[label])} recordings, {count} are asked for; ask for fewer samples"
                )
            for number in range(count):
                yield _FILMS[chosen.name].name(chosen, part, label, number), int(left[label].pop(0))


def _filmed(
    chosen: RealSet, film: _Film, made: Scenes, index: int, generator: np.random.Generator
) -> Recording:
    """One recording by a camera with the set's number of pixels."""
    scene = made.render(np.array([index]))[0]
    larger = (1.0, chosen.height / scene.shape[1], chosen.width / scene.shape[2])
    enlarged = np.clip(ndimage.zoom(scene, larger, order=1, grid_mode=True, mode="nearest"), 0, 1)
    sensor = Sensor(width=chosen.width, height=chosen.height)
    events = simulate(enlarged, film.duration_us // (FRAMES - 1), sensor, generator)
    return Recording(events, chosen.width, chosen.height)


def _pack(tree: Path, archive: Path, said: dict[str, object]) -> None:
    """A zip a folder within one zip, as both sets are published, and a note on what this is."""
    inner: dict[str, list[Path]] = {}
    for path in sorted(p for p in tree.rglob("*") if p.is_file()):
        inner.setdefault(path.relative_to(tree).parts[0], []).append(path)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as outer:
        outer.writestr(REHEARSAL, json.dumps(said))
        for name, paths in inner.items():
            with outer.open(f"{name}.zip", "w", force_zip64=True) as file:
                _write_zip(file, tree, paths)


def _write_zip(file: IO[bytes], tree: Path, paths: list[Path]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in paths:
            packed.write(path, path.relative_to(tree).as_posix())
