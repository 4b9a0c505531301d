"""What to tell somebody whose data set could not be found or fetched: what to do, then why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.events.published.disk import in_units
from benchmarks.events.published.entries import Archive, RealSet


@dataclass(frozen=True)
class Place:
    """Somewhere to look: ``path`` is None where the environment does not name one."""

    name: str  # as a person knows it, e.g. the variable
    path: Path | None


@dataclass(frozen=True)
class Search:
    """What was tried for a data set, in vain."""

    chosen: RealSet
    cache: Path
    explicit: Path | None
    looked: Mapping[Place, str]  # and why it did not serve
    missing: list[Archive]
    answers: list[tuple[str, str]]  # address and what it said; empty: none was asked

    @property
    def missing_bytes(self) -> int:
        return sum(archive.size or archive.about for archive in self.missing)


def not_here(search: Search) -> str:
    """The message: what to do now, what is missing, where it was looked for, who said what."""
    chosen = search.chosen
    lines = [f"{chosen.title} is not here, or not all of it.", "", "What to do"]
    lines += [f"  {number}. {step}" for number, step in enumerate(_steps(search), start=1)]
    if search.missing:
        lines += ["", f"What is missing, {in_units(search.missing_bytes)} in all"]
        lines += [f"  {_described(archive)}" for archive in search.missing]
    lines += [f"  licence: {chosen.licence}: read {chosen.licence_page}"]
    lines += ["", "Where it was looked for"]
    for place, why in search.looked.items():
        at = f" ({place.path})" if place.path else ""
        lines += [f"  {place.name}{at}", f"    {why}"] if at else [f"  {place.name}: {why}"]
    if search.answers:
        lines += ["", "What the addresses answered"]
        for url, answer in search.answers:
            lines += [f"  {url}", f"    {answer}"]
    return "\n".join(lines)


def _steps(search: Search) -> list[str]:
    chosen, cache = search.chosen, search.cache
    again = f"python -m benchmarks data get {chosen.name}"
    by_hand = [
        f"In a browser, open {chosen.page}",
        chosen.manual or "Download what is missing (below).",
        f"Put it, as it is or unpacked, into\n     {cache}",
        f"Run {again}\n     or, if it lies elsewhere, {again} --from PATH",
    ]
    if search.explicit is not None:
        check = (
            f"Check the path: the recordings or the archives should be at\n     {search.explicit}"
        )
        if chosen.manual:
            return [check, *by_hand]
        return [check, f"Or let them be downloaded: {again}"]
    if chosen.manual:
        return by_hand
    if not search.answers:
        first = f"Unset AIA_OFFLINE and run {again}: it downloads them."
    else:
        first = f"Run {again} once more, perhaps later: it goes on from what came."
    return [first, f"Or by hand: in a browser, open {chosen.page}", *by_hand[1:]]


def _described(archive: Archive) -> str:
    check = f"md5 {archive.md5}" if archive.md5 else "known by what it holds, under any name"
    return f"{archive.name}, {in_units(archive.size or archive.about)}, {check}"
