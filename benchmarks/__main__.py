"""``python -m benchmarks``: the command line. Only here is anything printed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

# before torch is imported anywhere: compiled kernels outlive the process and a reboot
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(".cache", "inductor").absolute()))


import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmarks.errors import InputError
from benchmarks.params import Params
from benchmarks.params import read as read_params
from benchmarks.profile import Profile

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train spiking neurons under matched conditions and compare them.",
)
console = Console(highlight=False)

Dataset = Annotated[str, typer.Argument(help="name of a data set, e.g. dvs_digits")]


@app.callback()
def choose_profile(
    context: typer.Context,
    profile: Annotated[
        str, typer.Option(help="folder with a params.yaml; the project's root is profile quick")
    ] = ".",
) -> None:
    context.obj = Profile(Path(profile or "."))


@app.command()
def data(context: typer.Context, dataset: Dataset) -> None:
    """Make or find a data set and write its manifest."""
    from benchmarks.events import ensure
    from benchmarks.manifests import write_manifest

    profile, params = _opened(context)
    made = ensure(dataset, params.training.steps, profile.events)
    write_manifest(made, profile.data)
    counts = [len(split.labels) for split in (made.train, made.validation, made.test)]
    _say(f"{dataset}: {counts[0]} train, {counts[1]} validation, {counts[2]} test samples")


@app.command()
def specs(context: typer.Context) -> None:
    """Check every neuron of params.yaml and write the hashes that DVC watches."""
    os.environ["AIA_COMPILE"] = "0"  # a few hundred values are not worth loading a compiler
    from benchmarks.specs import write_specs

    profile, params = _opened(context)
    write_specs(params, profile)
    _say(f"{len(params.neuron)} neurons keep the contract")


@app.command()
def cell(
    context: typer.Context,
    dataset: Dataset,
    neuron: Annotated[str, typer.Argument(help="alias in params.yaml, e.g. aia")],
    seed: Annotated[int, typer.Argument(help="seed of the cell", min=0)],
) -> None:
    """Train one cell and write its record; goes on where a killed run stopped."""
    from benchmarks.run import summary
    from benchmarks.train import Cell, run_cell

    profile, params = _opened(context)
    asked = Cell(dataset, neuron, seed)
    with _bar(str(asked), "updates") as report:
        record = run_cell(asked, params, profile, report)
    _say(f"{asked}: {summary(record)}")


@app.command()
def run(
    context: typer.Context,
    jobs: Annotated[int, typer.Option(help="cells at a time; 0 is one a core", min=0)] = 0,
) -> None:
    """Train all stale cells in parallel and hand the results to DVC."""
    from benchmarks.run import Outcome, hand_to_dvc, run_cells, stale_cells

    profile, params = _opened(context)
    stale = stale_cells(params, profile)
    if not stale:
        _say("every cell is up to date")
        return
    finished: list[Outcome] = []
    faults: list[Outcome] = []
    try:
        with _bar(f"{len(stale)} cells", "cells") as report:
            for outcome in run_cells(stale, params, profile, jobs or os.cpu_count() or 1):
                (faults if outcome.error else finished).append(outcome)
                report(len(finished) + len(faults), len(stale), f"{outcome.cell} {outcome.says}")
    finally:
        hand_to_dvc([outcome.cell for outcome in finished], params)
    for outcome in faults:
        typer.echo(f"error: {outcome.cell}: {outcome.error}", err=True)
    if faults:
        raise typer.Exit(2)


@app.command()
def throughput(
    context: typer.Context,
    quick: Annotated[bool, typer.Option(help="fewer rounds")] = True,
) -> None:
    """Time every neuron and the training step on the device that is here."""
    from benchmarks.throughput import measure_throughput

    profile, params = _opened(context)
    path = measure_throughput(params, profile.throughput, quick=quick)
    _say(f"wrote {path}")


@app.command()
def tables(context: typer.Context) -> None:
    """Write results/tables from the records alone."""
    from benchmarks.selection import selection_of
    from benchmarks.tables import write_tables

    profile, params = _opened(context)
    paths = write_tables(profile.runs, profile.throughput, selection_of(params), profile.tables)
    _say(f"wrote {len(paths)} files to {profile.tables}")


@app.command()
def report(context: typer.Context) -> None:
    """Write reports/index.html and its figures from the records alone."""
    from benchmarks.figures import write_figures
    from benchmarks.report import write_report
    from benchmarks.selection import selection_of

    profile, params = _opened(context)
    chosen = selection_of(params)
    write_figures(profile.runs, profile.data, profile.throughput, chosen, profile.figures)
    write_report(profile, chosen, params.training.model_dump(mode="json"))
    _say(f"wrote {profile.page}")


def _opened(context: typer.Context) -> tuple[Profile, Params]:
    profile: Profile = context.obj
    return profile, read_params(profile.params)


def _say(text: str) -> None:
    console.print(text, markup=False)


class _bar:
    """A progress bar on a terminal, plain lines a few seconds apart elsewhere."""

    def __init__(self, title: str, unit: str) -> None:
        self.title, self.unit = title, unit
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[say]}"),
            console=console,
        )

    def __enter__(self) -> Callable[[int, int, str], None]:
        self.start = self.last = time.monotonic()
        if not console.is_terminal:
            return self._line
        self.progress.start()
        self.task = self.progress.add_task(self.title, total=None, rate="", say="")
        return self._draw

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def _rate(self, done: int) -> str:
        return f"{done / max(time.monotonic() - self.start, 1e-9):.3g} {self.unit}/s"

    def _draw(self, done: int, total: int, say: str) -> None:
        self.progress.update(self.task, completed=done, total=total, rate=self._rate(done), say=say)

    def _line(self, done: int, total: int, say: str) -> None:
        if self.unit == "cells" or done == total or time.monotonic() - self.last > 5:
            self.last = time.monotonic()
            _say(f"{done}/{total} {self._rate(done)} {say}")


def main() -> None:
    """Run the command line; bad input is one line on stderr and exit status 2."""
    try:
        app()
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
