"""Packing a set's frames, and unpacking them on another machine, with what is said about it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cli.progress import ProgressBar, say
from benchmarks.errors import InputError, unknown
from benchmarks.events import SETS as EMBEDDED
from benchmarks.events import real
from benchmarks.events.packed import About, pack, unpack
from benchmarks.events.published.catalogue import SETS as PUBLISHED
from benchmarks.events.published.disk import in_units
from benchmarks.params import read as read_params
from benchmarks.profile import Profile


def pack_frames(name: str, out: Path, profile: Profile) -> None:
    """Write the frames that the profile trains on.

    Raises InputError for a set that is made here.
    """
    if not real.is_real(name):
        if name not in EMBEDDED:
            raise unknown("data set", name, PUBLISHED)
        raise InputError(f"data set {name!r}: recorded sets are packed; this one is made anywhere")
    training = read_params(profile.params).training
    choice = real.choice_of(name)
    recipe = choice.recipe(training.steps, training.size, training.binning)
    with ProgressBar(name, "recordings") as report:
        made = real.framed(choice, recipe, profile.events, report)
    with ProgressBar(f"{name}, packing", "recordings") as report:
        sha256 = pack(made, out, report)
    say(f"{out}: {in_units(out.stat().st_size)}, {_described(made.about)}")
    say(f"sha256 of what is in it: {sha256}")


def unpack_frames(name: str, path: Path, events: Path) -> None:
    """Put packed frames into the cache ``events``. Raises InputError as :func:`unpack`."""
    with ProgressBar(f"{name}, unpacking", "recordings") as report:
        about = unpack(path, events, name, report)
    say(f"{path}: {_described(about)}")
    say(f"sha256 of what is in it, as it was packed: {about.sha256}")


def _described(about: About) -> str:
    recipe = about.recipe
    size = "as recorded" if recipe.size is None else f"at size {recipe.size} by {recipe.binning}"
    return f"{about.name}, {recipe.steps} frames {size} in slices of equal {recipe.slicing}"
