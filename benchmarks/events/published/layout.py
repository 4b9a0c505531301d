"""Which file of an extracted data set is which recording.

A recording is known by the end of its path; what lies above does not matter, so a tree may be
nested as deep as an archive made it:

- CIFAR10-DVS: ``<class>/cifar10_<class>_<number>.aedat4`` (``.aedat`` in the original)
- N-CARS: ``n-cars_train/<class>/obj_<number>_td.dat``, and ``n-cars_test`` likewise
- N-MNIST: ``Train/<digit>/<number>.bin``, and ``Test`` likewise; or, as SLAYER has some of it,
  ``<number>.bs2`` with the digits in a table beside them, numbers above 60,000 are test
- N-Caltech101: ``<class>/image_<number>.bin``
- POKER-DVS: ``x<suit><number>.aedat``, with an ``i`` before the dot where it stands on its head
- DVS128 Gesture: ``user<number>_<light>.aedat`` with the trials of the recording in
  ``user<number>_<light>_labels.csv`` beside it; users 1-23 train, 24-29 test
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import InputError, unknown
from benchmarks.events.published.entries import RealSet

REHEARSAL = "REHEARSAL.json"  # {"counts": {part: [recordings of each class]}}, "" is the whole set
_DEPTH = 8  # folders below the tree that are looked into
_LAST_TRAIN_USER = 23
_SUFFIX = {
    "aedat4": ".aedat4",
    "aedat2": ".aedat",
    "aedat2_crop": ".aedat",
    "aedat3": ".aedat",
    "dat": ".dat",
    "atis": ".bin",
    "raw": ".raw",
}


@dataclass(frozen=True, order=True)
class Entry:
    """One recording.

    ``id`` is its number within its class and part, from the file's name; in DVS128 Gesture it is
    the number of the user, who makes every gesture and in several lights. ``trial`` counts the
    rows of the labels of an AEDAT 3.1 file from 0.
    """

    path: Path
    label: int
    part: str | None  # "train" or "test" where the set is published in parts
    id: int
    trial: int = 0


def entries(chosen: RealSet, tree: Path) -> list[Entry]:
    """Every recording of ``chosen`` below ``tree``, sorted by part, class, number and trial.

    Raises InputError when the recordings of a class are not as many as the set has, or when one
    is there twice. A tree with a file REHEARSAL.json is held to the counts in that file.
    """
    recordings = present(chosen, tree)
    _check_counts(chosen, tree, recordings)
    return recordings


def present(chosen: RealSet, tree: Path) -> list[Entry]:
    """As :func:`entries`, of however many recordings there are; at least one."""
    finders = _FINDERS.get(chosen.name, (_recordings,))
    every = (entry for find in finders for entry in find(chosen, tree))
    recordings = sorted(every, key=lambda e: (e.part or "", e.label, e.id, e.trial, e.path))
    if not recordings:
        raise InputError(
            f"{tree}: no recording of {chosen.title} below it (looked for {_like(chosen)})"
        )
    _refuse_twice(chosen, recordings)
    return recordings


def is_rehearsal(tree: Path) -> bool:
    """True of a tree of made-up recordings, which stands in for the set to try things out."""
    return _note(tree) is not None


def _note(tree: Path) -> Path | None:
    """What says that a tree is a rehearsal's: at its top, or at the top of one archive's part."""
    places = (tree / REHEARSAL, *sorted(tree.glob(f"*/{REHEARSAL}")))
    return next((place for place in places if place.is_file()), None)


def _recordings(chosen: RealSet, tree: Path) -> Iterator[Entry]:
    if chosen.format not in _SUFFIX:
        raise unknown(f"format of {chosen.title}", chosen.format, _SUFFIX)
    label_of = {name: label for label, name in enumerate(chosen.classes)}
    number = re.compile(rf"(?:.*_)?(\d+)(?:_td)?{re.escape(_SUFFIX[chosen.format])}")
    for folder, names in _folders(tree):
        label = label_of.get(folder.name)
        part = (
            _part(folder.parent.relative_to(tree)) if label is not None and folder != tree else None
        )
        if label is None or ("" not in chosen.counts and part is None):
            continue
        for name in names:
            matched = number.fullmatch(name)
            if matched:
                yield Entry(
                    folder / name, label, None if "" in chosen.counts else part, int(matched[1])
                )


def _symbols(chosen: RealSet, tree: Path) -> Iterator[Entry]:
    suits = "|".join(chosen.classes)
    for folder, names in _folders(tree):
        for name in names:
            matched = re.fullmatch(rf"x({suits})(\d+)i?\.aedat", name)
            if matched:
                label = chosen.classes.index(matched[1])
                yield Entry(folder / name, label, None, int(matched[2]))


def _numbered(chosen: RealSet, tree: Path) -> Iterator[Entry]:
    train = sum(chosen.counts["train"])
    for folder, names in _folders(tree):
        for table in (folder / name for name in names if name.endswith(".txt")):
            for number, digit in _sample_classes(table):
                path = folder / f"{number}.bs2"
                if digit in chosen.classes and path.is_file():
                    part, below = ("train", 0) if number <= train else ("test", train)
                    yield Entry(path, chosen.classes.index(digit), part, number - below)


def _sample_classes(path: Path) -> list[tuple[int, str]]:
    """Number and class of each sample in SLAYER's table; none of a file that is no such table."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [line.split() for line in lines[1:]] if lines[:1] == ["#sample #class"] else []
    return [(int(row[0]), row[1]) for row in rows if len(row) == 2 and row[0].isdecimal()]


def _part(above: Path) -> str | None:
    """ "train" or "test", from the nearest folder above that is named so."""
    for name in reversed(above.parts):
        matched = re.fullmatch(r"(?:.*[-_])?(train|test)(?:ing)?", name.lower())
        if matched:
            return matched[1]
    return None


def _gestures(chosen: RealSet, tree: Path) -> Iterator[Entry]:
    for folder, names in _folders(tree):
        for name in names:
            matched = re.fullmatch(r"user(\d+)_\w+\.aedat", name)
            if not matched:
                continue
            user = int(matched[1])
            part = "train" if user <= _LAST_TRAIN_USER else "test"
            labels = folder / f"{name.removesuffix('.aedat')}_labels.csv"
            for trial, label in enumerate(_trials(labels, len(chosen.classes))):
                yield Entry(folder / name, label, part, user, trial)


def _trials(path: Path, classes: int) -> list[int]:
    """The label (from 0) of each trial of a recording of DVS128 Gesture."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            labels = [int(row["class"]) - 1 for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"{path}: cannot read the labels of a recording ({error}); expected a table "
            "class,startTime_usec,endTime_usec; extract the archive again"
        ) from error
    if not all(0 <= label < classes for label in labels):
        raise InputError(f"{path}: a class is not in 1..{classes}; extract the archive again")
    return labels


def _folders(tree: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders below the tree with the names of their files, hidden ones and macOS's left out."""
    for at, folders, names in os.walk(tree):
        folder = Path(at)
        deep = len(folder.relative_to(tree).parts) >= _DEPTH
        folders[:] = [] if deep else [n for n in sorted(folders) if n[0] != "." and n != "__MACOSX"]
        yield folder, [name for name in sorted(names) if name[0] != "."]


def _refuse_twice(chosen: RealSet, recordings: list[Entry]) -> None:
    seen: dict[tuple[object, ...], Path] = {}
    for entry in recordings:
        # one user of DVS128 Gesture is recorded in several lights
        light = entry.path.name if chosen.format == "aedat3" else ""
        key = (entry.part, entry.label, entry.id, entry.trial, light)
        if key in seen:
            raise InputError(f"{entry.path}: the same recording as {seen[key]}; keep one of them")
        seen[key] = entry.path


def _check_counts(chosen: RealSet, tree: Path, recordings: list[Entry]) -> None:
    counted = Counter((entry.part or "", entry.label) for entry in recordings)
    wrong = [
        f"{part + ' ' if part else ''}{chosen.classes[label]}: found {counted[part, label]:,}, "
        f"expected {count:,}"
        for part, counts in _expected(chosen, tree).items()
        for label, count in enumerate(counts)
        if counted[part, label] != count
    ]
    if wrong:
        more = f"; and {len(wrong) - 4} classes more" if len(wrong) > 4 else ""
        raise InputError(
            f"{tree}: recordings of {chosen.title} are missing or too many: "
            f"{'; '.join(wrong[:4])}{more}; extract the archives again, or, if that is all there "
            f"is, declare it a part: `python -m benchmarks data get {chosen.name} --part --from "
            f"{tree}`"
        )


def _expected(chosen: RealSet, tree: Path) -> Mapping[str, tuple[int, ...]]:
    path = _note(tree)
    if path is None:
        return chosen.counts
    try:
        counts = json.loads(path.read_text(encoding="utf-8"))["counts"]
        expected = {str(part): tuple(map(int, of_class)) for part, of_class in counts.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: not a rehearsal's counts ({error}); make the tree again"
        ) from error
    if set(expected) != set(chosen.counts) or any(
        len(of_class) != len(chosen.classes) for of_class in expected.values()
    ):
        raise InputError(
            f"{path}: counts of another data set than {chosen.title}; make the tree again"
        )
    return expected


_FINDERS: dict[str, tuple[Callable[[RealSet, Path], Iterator[Entry]], ...]] = {
    "dvs_gesture": (_gestures,),
    "nmnist": (_recordings, _numbered),
    "pokerdvs": (_symbols,),
}


def _like(chosen: RealSet) -> str:
    examples: dict[str, Callable[[str], str]] = {
        "aedat4": lambda name: f"{name}/cifar10_{name}_0.aedat4",
        "aedat2": lambda name: f"{name}/cifar10_{name}_0.aedat",
        "aedat2_crop": lambda name: f"x{name}01.aedat",
        "ncars": lambda name: f"n-cars_train/{name}/obj_000000_td.dat",
        "aedat3": lambda _: "user01_led.aedat with user01_led_labels.csv",
        "atis": lambda name: (
            f"Train/{name}/00001.bin" if "train" in chosen.counts else f"{name}/image_0001.bin"
        ),
    }

    def numbered(name: str) -> str:
        part = next(iter(chosen.counts))  # "" where there are none
        return Path(part, name, f"0001{_SUFFIX[chosen.format]}").as_posix()

    example = examples.get(chosen.name) or examples.get(chosen.format, numbered)
    return example(chosen.classes[-1])
