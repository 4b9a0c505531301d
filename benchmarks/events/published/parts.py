"""A declared part of a data set: what there is of it is listed, hashed and named.

A set that is not whole is refused, unless somebody declares what there is to be a part. The
declaration is ``part.json`` in the set's cache: where the recordings are, how many there are of
each class, and a hash of them all. The data set ``<set>-part`` is what was declared, and nothing
once that has changed.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.errors import InputError
from benchmarks.events.published.acquire import cache_of, places
from benchmarks.events.published.entries import RealSet
from benchmarks.events.published.layout import Entry, is_rehearsal, present
from benchmarks.progress import Progress
from benchmarks.records.files import as_json, write_atomic
from benchmarks.source import digest

_NAMED = 10  # classes at most that a description names


@dataclass(frozen=True)
class Part:
    """Some recordings of a data set."""

    whole: RealSet
    tree: Path
    recordings: list[Entry]  # labels count the classes of the whole
    digest: str  # of class, number and content of each recording

    @property
    def counts(self) -> dict[str, list[int]]:
        """Recordings of each class of the whole, for each part that it is published in."""
        counted = Counter((entry.part or "", entry.label) for entry in self.recordings)
        labels = range(len(self.whole.classes))
        return {part: [counted[part, label] for label in labels] for part in self.whole.counts}


def declare(chosen: RealSet, explicit: Path | None, progress: Progress) -> Part:
    """Write down what there is of ``chosen`` at the first place that has a recording.

    Raises InputError where there is none, where the set is whole, where a class has more
    recordings than were published, and for made-up recordings.
    """
    tree, recordings = _first_found(chosen, explicit)
    if is_rehearsal(tree):
        raise InputError(f"{tree}: these recordings are made up; no part of {chosen.title}")
    part = Part(chosen, tree.absolute(), recordings, _hashed(chosen, recordings, progress))
    expected = {name: list(counts) for name, counts in chosen.counts.items()}
    if part.counts == expected:
        raise InputError(f"{tree}: {chosen.title} is whole; call it {chosen.name}, without --part")
    for name, counts in expected.items():
        for of, there, published in zip(chosen.classes, part.counts[name], counts, strict=True):
            if there > published:
                raise InputError(
                    f"{tree}: {there:,} recordings of {name} {of}; {chosen.title} has {published:,}"
                    "; remove what does not belong to it"
                )
    said = {"tree": str(part.tree), "digest": part.digest, "state": _state(recordings)}
    write_atomic(_note(chosen), as_json({**said, "recordings": part.counts}))
    return part


def is_declared(chosen: RealSet) -> bool:
    return _note(chosen).exists()


def declared(chosen: RealSet) -> Part:
    """What was declared.

    Raises InputError where nothing was, or if it is not there any more as it was declared; contents
    are told by size and time of change.
    """
    note = _note(chosen)
    command = f"`python -m benchmarks data get {chosen.name} --part --from PATH`"
    if not note.exists():
        raise InputError(f"no part of {chosen.title} was declared; declare one: {command}")
    again = f"declare it again: {command}"
    try:
        kept = json.loads(note.read_text(encoding="utf-8"))
        tree, kept_digest, state = Path(kept["tree"]), str(kept["digest"]), kept["state"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{note}: not a declared part ({error}); {again}") from error
    try:
        recordings = present(chosen, tree)
    except InputError as error:
        raise InputError(f"{error}; {again}") from error
    if _state(recordings) != state:
        raise InputError(f"{tree}: not the recordings that were declared any more; {again}")
    return Part(chosen, tree, recordings, kept_digest)


def verify(part: Part, progress: Progress) -> None:
    """Hash every recording again. Raises InputError if one holds something else."""
    if _hashed(part.whole, part.recordings, progress) != part.digest:
        raise InputError(
            f"{part.tree}: recordings of {part.whole.title} hold something else than when they "
            f"were declared a part; get them again, or declare what there is now"
        )


def as_set(part: Part) -> tuple[RealSet, list[Entry]]:
    """The part as a set of its own, with the classes and splits that it has, and its recordings.

    Classes of which there is nothing go. The official split stays where each class has recordings
    in each of its parts; else another split of the set, or one that is drawn, is the first.
    """
    whole = part.whole
    here = sorted({entry.label for entry in part.recordings})
    counts = {name: tuple(c[label] for label in here) for name, c in part.counts.items()}
    official = all(min(of_class) > 0 for of_class in counts.values())
    splits = [name for name in whole.splits if name != "official" or official]
    splits += [] if "random_per_class" in splits else ["random_per_class"]
    if whole.ordered:  # a draw leaks, so it is no default
        splits.sort(key=lambda name: name.startswith("random"))
    own = replace(
        whole,
        classes=tuple(whole.classes[label] for label in here),
        counts=counts,
        splits=tuple(splits),
        scenes=tuple(whole.scenes[label] for label in here) if whole.scenes else (),
    )
    return own, [replace(entry, label=here.index(entry.label)) for entry in part.recordings]


def described(part: Part) -> str:
    """One line: which classes are complete, how much there is of others, how many recordings."""
    said = []
    for name, counts in part.counts.items():
        expected = part.whole.counts[name]
        rows = list(zip(part.whole.classes, counts, expected, strict=True))
        complete = [of for of, there, published in rows if there == published]
        some = [row for row in rows if 0 < row[1] < row[2]]
        words = [f"{_listed(complete)} complete"] if complete else []
        if len(some) > _NAMED // 2:
            there, published = sum(row[1] for row in some), sum(row[2] for row in some)
            words.append(f"{len(some)} classes with {there:,} of {published:,}")
        else:
            words += [f"{of} with {there:,} of {published:,}" for of, there, published in some]
        said += [f"{name} {', '.join(words)}".strip()] if words else []
    return f"part: {'; '.join([*said, f'{len(part.recordings):,} recordings'])}"


def _listed(classes: list[str]) -> str:
    return ", ".join(classes) if len(classes) <= _NAMED else f"{len(classes)} classes"


def _first_found(chosen: RealSet, explicit: Path | None) -> tuple[Path, list[Entry]]:
    why = []
    for place in places(chosen, explicit):
        for tree in (place.path / "tree", place.path) if place.path else ():
            if tree.is_dir():
                try:
                    return tree, present(chosen, tree)
                except InputError as error:
                    why.append(str(error))
    raise InputError(
        f"no recording of {chosen.title} to declare a part of it; give --from the folder that "
        f"holds them ({'; '.join(why) or 'no folder to look into'})"
    )


def _hashed(chosen: RealSet, recordings: list[Entry], progress: Progress) -> str:
    files = sorted({entry.path for entry in recordings})
    of_file = {}
    for done, path in enumerate(files, start=1):
        of_file[path] = hashlib.sha256(path.read_bytes()).hexdigest()
        progress(done, len(files), path.name)
    return digest(
        chosen.name, *(f"{e.part} {e.label} {e.id} {e.trial} {of_file[e.path]}" for e in recordings)
    )


def _state(recordings: list[Entry]) -> str:
    states = ((entry, entry.path.stat()) for entry in recordings)
    return digest(*(f"{e.path} {e.label} {s.st_size} {s.st_mtime_ns}" for e, s in states))


def _note(chosen: RealSet) -> Path:
    return cache_of(chosen) / "part.json"
