"""A table of how much the splits of data sets resemble what is trained on."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from benchmarks.events import ensure, real
from benchmarks.events.resemblance import SIDE, STEPS, resemblances
from benchmarks.progress import Progress, console, say


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
        with Progress(name, "recordings") as report:
            made = (
                real.load(name, STEPS, events, report, SIDE, "sum", at)
                if real.is_real(name)
                else ensure(name, STEPS, events)
            )
        for row in resemblances(made):
            shares = (f"{share:.1%}" for share in (row.neighbours, row.chance))
            leaks = "leaks" if row.leaks and row.split != "train" else ""
            table.add_row(name, row.split, f"{row.correlation:.2f}", *shares, leaks)
        table.add_section()
    console.print(table)
    say("correlation: of event images with the most alike training recording of the class, median")
    say("a neighbour: how often that recording is near in number, as those of one scene are")
