"""Commands that train: cells, stages, whole profiles; and what that will take."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from benchmarks.cli.app import LOOK, RUN, STAGE, Dataset, Jobs, Neuron, app, opened
from benchmarks.cli.progress import ProgressBar, console, say, waiting
from benchmarks.errors import InputError, unknown
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.wording import plural

if TYPE_CHECKING:
    from benchmarks.running.jobs import Job, Outcome


_EXECUTORS = ("local", "dask", "ray", "slurm-array")


@app.command(rich_help_panel=RUN)
def run(
    context: typer.Context,
    jobs: Jobs = 0,
    minutes: Annotated[
        float, typer.Option(help="begin no cell after this time; the next run goes on")
    ] = math.inf,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="foresee time and memory, train nothing")
    ] = False,
    executor: Annotated[
        str, typer.Option(help="local, dask, ray or slurm-array, which writes an array's script")
    ] = "local",
    address: Annotated[
        str, typer.Option(help="of a Dask scheduler or a Ray cluster; one is started if not given")
    ] = "",
) -> None:
    """Train all stale cells, several at a time, and hand the results to DVC."""
    from benchmarks.running.workers import usual

    if executor not in _EXECUTORS:
        raise unknown("executor", executor, _EXECUTORS)

    profile, params = opened(context)
    if dry_run:
        _foresee(profile, params)
        return
    workers = jobs or usual()
    work = partial(
        _outcomes,
        params=params,
        profile=profile,
        workers=workers,
        executor=executor,
        address=address,
    )
    faults = _train_stale(params, profile, workers, minutes, work)
    for outcome in faults:
        typer.echo(f"error: {outcome.job}: {outcome.error}", err=True)
    if faults:
        raise typer.Exit(2)


def _train_stale(
    params: Params,
    profile: Profile,
    workers: int,
    minutes: float,
    work: Callable[[list[Job], float], Iterator[Outcome]],
) -> list[Outcome]:
    """Train what is stale, hand whole stages to DVC whatever happens; returns the faults."""
    from benchmarks.running.dvc import hand_to_dvc
    from benchmarks.running.jobs import unfinished
    from benchmarks.running.run import run_rounds, stale_jobs

    with waiting("making data sets, asking DVC what is stale"):
        stale, data_read = stale_jobs(params, profile, workers)
    if not stale:
        say("every cell is up to date")
        return []
    with ProgressBar("checking records", "records") as report:
        todo = unfinished(stale, params, profile, report)
    stages, left = {job.stage for job in stale}, Counter(job.stage for job in todo)
    faults: list[Outcome] = []
    done, known = 0, len(todo)
    try:
        with ProgressBar(f"{len(todo)} cells", "cells") as report:
            rounds = run_rounds(todo, stages, params, profile, minutes, work)
            for done, (outcome, known) in enumerate(rounds, start=1):
                if outcome.error:
                    faults.append(outcome)
                else:
                    left[outcome.job.stage] -= 1
                report(done, known, f"{outcome.job} {outcome.says}")
    finally:
        halfway = {job.stage for job in stale if left[job.stage] > 0}
        with waiting("handing the results to DVC"):
            data_read()
            hand_to_dvc(stages - halfway, halfway, params, profile)
    if known > done:
        say(f"{plural(known - done, 'cell')} left; the same command goes on")
    return faults


def _outcomes(
    todo: list[Job],
    minutes: float,
    params: Params,
    profile: Profile,
    workers: int,
    executor: str,
    address: str,
) -> Iterator[Outcome]:
    from benchmarks.running import executors, slurm
    from benchmarks.running.run import run_jobs

    if not todo:
        return
    if executor == "slurm-array":
        script = slurm.write_array(todo, profile)
        say(f"sbatch {script}; when it has run, the same command again collects the records")
        return
    with executors.started(cast(executors.Engine, executor), address, workers) as each:
        yield from run_jobs(todo, params, profile, workers, minutes, each)


def _foresee(profile: Profile, params: Params) -> None:
    from benchmarks.running.foresee import advice, foresee, table

    with ProgressBar("measuring", "neurons") as report:
        lines = foresee(params, profile, report)
    console.print(table(lines))
    hours = sum(line.cells * line.seconds for line in lines) / 3600
    say(f"{hours:,.1f} h in all, one cell after the other, on this device")
    if params.tuning.seeds:
        say("own best learning rates are among them; a grid that goes on takes more")
    if advice(lines):
        say(advice(lines))


@app.command(rich_help_panel=RUN)
def rehearse(
    context: typer.Context,
    name: Annotated[str, typer.Option("--set", help="cifar10dvs or ncars")] = "cifar10dvs",
    samples: Annotated[int, typer.Option(help="recordings to make up", min=1)] = 200,
    out: Annotated[Path, typer.Option(help="folder to work in")] = Path(".cache/rehearsal"),
    neurons: Annotated[
        str, typer.Option(help="aliases with commas between; all of the profile's if not given")
    ] = "snntorch_lif,spikingjelly_plif,aia",
    epochs: Annotated[int, typer.Option(help="of training", min=1)] = 1,
    width: Annotated[
        float, typer.Option(help="times the channels of the profile's", min=0.01)
    ] = 0.25,
) -> None:
    """Rehearse profile paper on made-up recordings, from a real archive to the tables."""
    from benchmarks.events.rehearsal import rehearsed
    from benchmarks.running import rehearse as rehearsal

    _, params = opened(context)
    chosen = rehearsed(name)
    smaller = {"epochs": epochs, "width": params.training.width * width}
    params = params.only(neurons.split(",") if neurons else params.neuron).model_copy(
        update={"seeds": params.seeds[:1], "training": params.training.model_copy(update=smaller)}
    )
    folder = (out / name).absolute()
    steps = rehearsal.rehearse(chosen, samples, params, folder, say)
    console.print(rehearsal.table(steps))
    say(f"wrote {folder}/results/tables and {folder}/reports/index.html")


@app.command(rich_help_panel=LOOK)
def export(
    context: typer.Context,
    cell: Annotated[str, typer.Argument(help="e.g. dvs_digits/aia/0", metavar="CELL")],
    out: Annotated[Path, typer.Option(help="file to write")] = Path("network.nir"),
) -> None:
    """Train a cell and write its folded network as a NIR graph."""
    try:
        from benchmarks.training.export import check_exports, write_nir
    except ModuleNotFoundError as error:
        raise InputError(
            f"export needs the package nir: pip install 'aia-bench[nir]' ({error})"
        ) from None
    from benchmarks.training.weights import cell_named, folded_network

    profile, params = opened(context)
    check_exports(params, cell_named(cell).neuron)
    with ProgressBar(cell, "updates") as report:
        network, size = folded_network(cell, params, profile, report)
    write_nir(network, size, out)
    say(f"wrote {out}")


@app.command(rich_help_panel=STAGE)
def specs(context: typer.Context) -> None:
    """Check every neuron of params.yaml and write the hashes that DVC watches."""
    from benchmarks.running.specs import write_specs

    profile, params = opened(context)
    with ProgressBar("checking", "neurons") as report:
        write_specs(params, profile, report)
    say(f"{len(params.neuron)} neurons keep the contract")


@app.command(rich_help_panel=STAGE)
def cell(
    context: typer.Context,
    dataset: Dataset,
    neuron: Neuron,
    seed: Annotated[int, typer.Argument(help="seed of the cell", min=0)],
    rate: Annotated[
        float, typer.Option(help="learning rate of the grid `tuning`; 0: the shared one", min=0)
    ] = 0.0,
) -> None:
    """Train one cell and write its record; goes on where a killed run stopped.

    Under torchrun the processes share every batch.
    """
    from benchmarks.running.cells import assist, run_cell
    from benchmarks.running.jobs import at, summary
    from benchmarks.training.distributed import joined
    from benchmarks.training.state import Cell

    profile, params = opened(context)
    asked = Cell(dataset, neuron, seed)
    params, profile = at(rate or params.training.learning_rate, seed, params, profile)
    with joined() as group:
        if not group.leads:
            assist(asked, params, profile, group)
            return
        with ProgressBar(str(asked), "updates") as report:
            record = run_cell(asked, params, profile, report, group)
    say(f"{asked}: {summary(record)}")


@app.command(rich_help_panel=STAGE)
def cells(context: typer.Context, dataset: Dataset, neuron: Neuron) -> None:
    """Train every seed of a neuron on a data set; seeds with a valid record are left alone."""
    _train_stage(context, "cell", dataset, neuron)


@app.command(rich_help_panel=STAGE)
def tune(context: typer.Context, dataset: Dataset, neuron: Neuron) -> None:
    """Train a neuron at each rate of the grid `tuning`, further where it ends, and at the best."""
    _train_stage(context, "tuning", dataset, neuron)


def _train_stage(
    context: typer.Context, kind: Literal["cell", "tuning"], dataset: str, neuron: str
) -> None:
    from benchmarks.running.jobs import Stage
    from benchmarks.running.run import run_stage

    profile, params = opened(context)
    if kind == "tuning" and neuron not in params.tuning.neurons:
        raise unknown("neuron of section `tuning` in params.yaml", neuron, params.tuning.neurons)
    with ProgressBar(f"{dataset}/{neuron}", "updates") as report:
        run_stage(Stage(kind, dataset, neuron), params, profile, report)
