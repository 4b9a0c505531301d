"""A table of how much the splits of data sets resemble what is trained on."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from benchmarks.cli.progress import ProgressBar, console, say, waiting
from benchmarks.events import EventSet, ensure, real
from benchmarks.events.resemblance import SIDE, STEPS, resemblances
from benchmarks.events.splits import TooFewError


def say_resemblances(names: list[str], events: Path, at: Path | None) -> None:
    """Say how much the splits of each data set resemble its train.

    ``at``: where the recordings of a real set are, beside the usual places. ``events`` caches
    frames.
    """
    table = Table()
    for heading in ("data set", "split"):
        table.add_column(heading, no_wrap=True)
    for heading in ("correlation", "a neighbour", "by chance", ""):
        table.add_column(heading, justify="right")
    for name in names:
        try:
            made = _event_images(name, events, at)
        except TooFewError as error:
            say(f"{name}: {error}")
            continue
        with waiting(f"{name}, comparing its splits"):
            of_splits = list(resemblances(made))
        for row in of_splits:
            shares = (f"{share:.1%}" for share in (row.neighbours, row.chance))
            leaks = "leaks" if row.leaks and row.split != "train" else ""
            table.add_row(name, row.split, f"{row.correlation:.2f}", *shares, leaks)
        table.add_section()
    console.print(table)
    say("correlation: of event images with the most alike training recording of the class, median")
    say("a neighbour: how often that recording is near in number, as those of one scene are")


def _event_images(name: str, events: Path, at: Path | None) -> EventSet:
    if not real.is_real(name):
        with waiting(f"{name}, filming"):
            return ensure(name, STEPS, events)
    with ProgressBar(name, "recordings") as report:
        return real.load(name, STEPS, events, report, SIDE, "sum", at)
