"""``python -m benchmarks``: the command line. Only here is anything printed."""

from __future__ import annotations

import errno
import io
import math
import os
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, cast

from benchmarks.profile import INDEX, Profile, kernels_folder

# before torch is imported anywhere: compiled kernels outlive the process and a reboot
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(kernels_folder()))
# and so do their graphs, those of the surrogate gradient's own function among them
os.environ.setdefault("TORCHINDUCTOR_AUTOGRAD_CACHE_ALLOW_CUSTOM_AUTOGRAD", "1")
# figures look alike whatever a notebook or a user's matplotlibrc asks for
os.environ["MPLBACKEND"] = "agg"
os.environ["MATPLOTLIBRC"] = os.devnull
# large tensors in pages of 2 MB: a page is faulted in 512 times less often
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

import typer
import yaml

from benchmarks import arithmetic, data_commands
from benchmarks.errors import InputError, unknown
from benchmarks.params import Params
from benchmarks.params import read as read_params
from benchmarks.progress import Progress, console, say
from benchmarks.yamlfile import parse_yaml

if TYPE_CHECKING:
    from benchmarks.run import Job, Outcome

_EXECUTORS = ("local", "dask", "ray", "slurm-array")
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train spiking neurons under matched conditions and compare them.",
)
app.add_typer(data_commands.app, name="data")
Dataset = Annotated[str, typer.Argument(help="name of a data set, e.g. dvs_digits")]
Jobs = Annotated[int, typer.Option(help="cells at a time; 0: one a core, or one a GPU", min=0)]
Neuron = Annotated[str, typer.Argument(help="alias in params.yaml, e.g. aia")]


@app.callback()
def choose_profile(
    context: typer.Context,
    profile: Annotated[
        str, typer.Option(help="folder with a params.yaml; the project's root is profile quick")
    ] = ".",
    fast: Annotated[
        bool,
        typer.Option(
            "--fast",
            help="the libraries' own sums: other bits on each kind of processor, and recorded so",
        ),
    ] = False,
) -> None:
    if fast:
        arithmetic.lift()
    context.obj = Profile(Path(profile or "."))


@app.command()
def specs(context: typer.Context) -> None:
    """Check every neuron of params.yaml and write the hashes that DVC watches."""
    from benchmarks.specs import write_specs

    profile, params = _opened(context)
    write_specs(params, profile)
    say(f"{len(params.neuron)} neurons keep the contract")


@app.command()
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
    from benchmarks.cells import assist, run_cell
    from benchmarks.distributed import joined
    from benchmarks.run import at, summary
    from benchmarks.train import Cell

    profile, params = _opened(context)
    asked = Cell(dataset, neuron, seed)
    params, profile = at(rate or params.training.learning_rate, seed, params, profile)
    with joined() as group:
        if not group.leads:
            assist(asked, params, profile, group)
            return
        with Progress(str(asked), "updates") as report:
            record = run_cell(asked, params, profile, report, group)
    say(f"{asked}: {summary(record)}")


@app.command()
def cells(context: typer.Context, dataset: Dataset, neuron: Neuron) -> None:
    """Train every seed of a neuron on a data set; seeds with a valid record are left alone."""
    _train_stage(context, "cell", dataset, neuron)


@app.command()
def tune(context: typer.Context, dataset: Dataset, neuron: Neuron) -> None:
    """Train a neuron at each rate of the grid `tuning`, further where it ends, and at the best."""
    _train_stage(context, "tuning", dataset, neuron)


def _train_stage(
    context: typer.Context, kind: Literal["cell", "tuning"], dataset: str, neuron: str
) -> None:
    from benchmarks.run import Stage, run_stage

    profile, params = _opened(context)
    with Progress(f"{dataset}/{neuron}", "updates") as report:
        run_stage(Stage(kind, dataset, neuron), params, profile, report)


@app.command()
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
    """Train all stale cells in parallel and hand the results to DVC."""
    from benchmarks import run as runner
    from benchmarks.workers import usual

    if executor not in _EXECUTORS:
        raise unknown("executor", executor, _EXECUTORS)

    profile, params = _opened(context)
    if dry_run:
        _foresee(profile, params)
        return
    workers = jobs or usual()
    stale, data_read = runner.stale_jobs(params, profile, workers)
    if not stale:
        say("every cell is up to date")
        return
    with Progress("checking records", "records") as report:
        todo = runner.unfinished(stale, params, profile, report)
    stages, left = {job.stage for job in stale}, Counter(job.stage for job in todo)
    faults: list[runner.Outcome] = []
    try:
        with Progress(f"{len(todo)} cells", "cells") as report:
            work = partial(
                _outcomes,
                params=params,
                profile=profile,
                workers=workers,
                executor=executor,
                address=address,
            )
            rounds = runner.run_rounds(todo, stages, params, profile, minutes, work)
            for done, (outcome, known) in enumerate(rounds, start=1):
                if outcome.error:
                    faults.append(outcome)
                else:
                    left[outcome.job.stage] -= 1
                report(done, known, f"{outcome.job} {outcome.says}")
    finally:
        unfinished = {job.stage for job in stale if left[job.stage] > 0}
        data_read()
        runner.hand_to_dvc(stages - unfinished, unfinished, params, profile)
    for outcome in faults:
        typer.echo(f"error: {outcome.job}: {outcome.error}", err=True)
    if faults:
        raise typer.Exit(2)


def _outcomes(
    todo: list[Job],
    minutes: float,
    params: Params,
    profile: Profile,
    workers: int,
    executor: str,
    address: str,
) -> Iterator[Outcome]:
    from benchmarks.run import run_jobs
    from benchmarks.running import executors, slurm

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

    with Progress("measuring", "neurons") as report:
        lines = foresee(params, profile, report)
    console.print(table(lines))
    hours = sum(line.cells * line.seconds for line in lines) / 3600
    say(f"{hours:,.1f} h in all, one cell after the other, on this device")
    if advice(lines):
        say(advice(lines))


@app.command()
def throughput(
    context: typer.Context,
    device: Annotated[
        str, typer.Option(help="cpu or cuda; the GPU if there is one and none is named")
    ] = "",
    quick: Annotated[
        bool, typer.Option("--quick", help="one size, each neuron but the controls as it comes")
    ] = False,
    minutes: Annotated[
        float,
        typer.Option(
            help="for a full run's times; what has not begun by then, sizes and the largest "
            "batch last, is left out and said",
            min=0,
        ),
    ] = 9,
) -> None:
    """Time neurons and networks on a device: every backend, size and precision, with bounds.

    pytest-benchmark holds two such files side by side: pytest-benchmark compare A.json B.json
    --between median.
    """
    from benchmarks.run import hand_times_to_dvc
    from benchmarks.throughput.runner import measure_throughput
    from benchmarks.timings import speeds_of

    profile, params = _opened(context)
    if device not in ("", "cpu", "cuda"):
        raise unknown("device", device, ("cpu", "cuda"))
    chosen = cast(Literal["cpu", "cuda"], device) if device else None
    path = measure_throughput(
        params, profile.throughput, quick, chosen, say, math.inf if quick else minutes
    )
    for cost in speeds_of(path).costs:
        say(
            f"a training step{cost.at} of AIA takes {cost.ratio:.3f} times LIF's "
            f"[{cost.low:.3f}, {cost.high:.3f}] on {cost.device}, {cost.pairs} pairs of "
            f"{cost.draws} networks each"
        )
    hand_times_to_dvc(params, profile.specs)
    say(f"wrote {path}")


@app.command()
def tables(context: typer.Context) -> None:
    """Write results/tables from the records alone."""
    from benchmarks.selection import selection_of
    from benchmarks.tables import write_tables
    from benchmarks.tuning import tuned_cells

    profile, params = _opened(context)
    paths = write_tables(profile, selection_of(params), tuned_cells(profile, params))
    say(f"wrote {len(paths)} files to {profile.tables}")


@app.command()
def report(context: typer.Context) -> None:
    """Write reports/index.html and its figures from the records alone."""
    _report(*_opened(context))


def _report(profile: Profile, params: Params) -> None:
    from benchmarks.figures import write_figures
    from benchmarks.report import write_report
    from benchmarks.selection import selection_of
    from benchmarks.tuning import tuned_cells

    chosen, tuned = selection_of(params), tuned_cells(profile, params)
    write_figures(profile, chosen, tuned)
    write_report(profile, chosen, params.training.settings(), tuned)
    say(f"wrote {profile.page}")


@app.command()
def record(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Option(help="its name below recorded/; the profile's if not given")
    ] = None,
    times: Annotated[
        bool,
        typer.Option(
            "--times", help="only the times of throughput, beside what is recorded: a new device's"
        ),
    ] = False,
) -> None:
    """Freeze the profile's results as the baselines that new neurons are compared with."""
    from benchmarks.freezing import freeze, freeze_times
    from benchmarks.recorded import FOLDER

    profile, _ = _opened(context)
    name = profile.name if name is None else name
    if times:
        taken = [f"{path.parent.name}/{path.name}" for path in freeze_times(profile, name)]
        say(f"recorded the times {', '.join(taken)} in {FOLDER / name}")
        return
    index = freeze(profile, name)
    say(
        f"recorded {index.cells} cells and {index.tuning_cells} of the tuning grid "
        f"to {FOLDER / name}; {len(index.missing)} cells of params.yaml were not trained"
    )


@app.command()
def verify(
    context: typer.Context,
    cells: Annotated[int, typer.Option(help="how many, drawn at random", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="of the draw")] = 0,
    cell: Annotated[
        list[str] | None, typer.Option(help="this one, e.g. dvs_digits/aia/0; may be repeated")
    ] = None,
) -> None:
    """Train recorded cells again and say whether they come out the same."""
    from benchmarks import verify as again
    from benchmarks.recorded import open_recorded

    recorded = open_recorded(context.obj.name)
    if cell:
        chosen = [again.named_cell(recorded, name) for name in cell]
    else:
        chosen = again.chosen_cells(recorded, cells, seed)
    found = []
    with Progress(f"{len(chosen)} cells", "updates") as report:
        for checked in again.verify(recorded, chosen, report):
            say(f"{checked.cell}: {checked.likeness} ({checked.says})")
            found.append(checked)
    if any(checked.likeness == "different" for checked in found):
        raise typer.Exit(1)


@app.command()
def compare(
    context: typer.Context,
    spec: Annotated[
        str,
        typer.Argument(help="alias, package.module:Class or file.py:Class", metavar="SPEC"),
    ],
    args: Annotated[
        list[str] | None, typer.Option(help="key=value for the class; may be repeated")
    ] = None,
    profile: Annotated[str, typer.Option(help="recorded profile to compare with")] = "quick",
    against: Annotated[str, typer.Option(help="all, or aliases with commas between")] = "all",
    jobs: Jobs = 0,
) -> None:
    """Train one new neuron as the recorded ones were, and say how it compares with them."""
    from benchmarks import newcomer
    from benchmarks.compare import compare as compared
    from benchmarks.compare import sums_of
    from benchmarks.compare_files import terminal_table, write_comparison
    from benchmarks.compare_words import in_words
    from benchmarks.recorded import open_recorded, other_versions
    from benchmarks.throughput.runner import measure_throughput
    from benchmarks.timings import read_speeds
    from benchmarks.workers import usual

    home, known = _opened(context)
    recorded = open_recorded(profile)
    new = newcomer.newcomer(spec, _values(args or []), known, recorded, home)
    others = newcomer.against(against, new.alias, recorded)
    if other_versions(recorded.index):
        say(f"other rounding than the baselines': {other_versions(recorded.index)}")
    total = len(newcomer.jobs(new))
    faults = []
    with Progress(f"{new.alias}, {total} cells", "cells") as report:
        outcomes = newcomer.train(new, jobs or usual())
        for done, outcome in enumerate(outcomes, start=1):
            report(done, total, f"{outcome.job.cell} {outcome.says}")
            faults += [f"{outcome.job.cell}: {outcome.error}"] if outcome.error else []
    if faults:
        raise InputError(faults[0])
    timed = new.params.only((new.alias, *others))
    say(f"timing {len(timed.neuron)} neurons side by side")
    measure_throughput(timed, new.profile.throughput, quick=True)
    trained = newcomer.cells(new)
    made = compared(
        list(trained.records.values()),
        recorded.cells,
        others,
        read_speeds(new.profile.throughput).main,
        sums_of(trained),
        sums_of(recorded.cells),
    )
    write_comparison(made, new.profile.folder)
    console.print(terminal_table(made))
    for words in in_words(made):
        say(words)
    say(f"wrote {new.profile.folder}; `python -m benchmarks report` adds it to the page")


@app.command()
def rehearse(
    context: typer.Context,
    name: Annotated[str, typer.Option("--set", help="cifar10dvs or ncars")] = "cifar10dvs",
    samples: Annotated[int, typer.Option(help="recordings to make up", min=1)] = 200,
    out: Annotated[Path, typer.Option(help="folder to work in")] = Path(".cache/rehearsal"),
    neurons: Annotated[
        str, typer.Option(help="aliases with commas between; all of the profile's if not given")
    ] = "snntorch_lif,spikingjelly_plif,aia",
    epochs: Annotated[int, typer.Option(help="of training", min=1)] = 1,
    width: Annotated[float, typer.Option(help="times the channels of the profile's")] = 0.25,
) -> None:
    """Rehearse profile paper on made-up recordings, from a real archive to the tables."""
    from benchmarks import rehearse as rehearsal
    from benchmarks.events.rehearsal import rehearsed

    _, params = _opened(context)
    chosen = rehearsed(name)
    smaller = {"epochs": epochs, "width": params.training.width * width}
    params = params.only(neurons.split(",") if neurons else params.neuron).model_copy(
        update={"seeds": params.seeds[:1], "training": params.training.model_copy(update=smaller)}
    )
    folder = (out / name).absolute()
    steps = rehearsal.rehearse(chosen, samples, params, folder, say)
    console.print(rehearsal.table(steps))
    say(f"wrote {folder}/results/tables and {folder}/reports/index.html")


@app.command()
def export(
    context: typer.Context,
    cell: Annotated[str, typer.Argument(help="e.g. dvs_digits/aia/0", metavar="CELL")],
    out: Annotated[Path, typer.Option(help="file to write")] = Path("network.nir"),
) -> None:
    """Train a cell and write its folded network as a NIR graph."""
    try:
        from benchmarks.export import check_exports, write_nir
    except ModuleNotFoundError as error:
        raise InputError(
            f"export needs the package nir: pip install 'aia-bench[nir]' ({error})"
        ) from None
    from benchmarks.weights import cell_named, folded_network

    profile, params = _opened(context)
    check_exports(params, cell_named(cell).neuron)
    with Progress(cell, "updates") as report:
        network, size = folded_network(cell, params, profile, report)
    write_nir(network, size, out)
    say(f"wrote {out}")


def _values(pairs: list[str]) -> dict[str, Any]:
    """``key=value`` with the value read as YAML reads it."""
    found = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not (sign and key.isidentifier()):
            raise InputError(f"--args {pair}: expected key=value, e.g. decay=0.9")
        found[key] = _value(pair, value)
    return found


def _value(pair: str, text: str) -> Any:
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        raise InputError(f"--args {pair}: {text!r} is not a YAML value") from error


def _opened(context: typer.Context) -> tuple[Profile, Params]:
    """The profile asked for. Raises InputError for a baseline, which no command may write into."""
    profile: Profile = context.obj
    if (profile.folder / INDEX).is_file():
        raise InputError(
            f"{profile.folder}: a baseline, into which nothing is written; copy its params.yaml "
            "and results into a folder of yours and name that"
        )
    return profile, read_params(profile.params)


def main() -> None:
    """Run the command line; bad input is one line on stderr and exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that has no ± shows a question mark
            stream.reconfigure(errors="replace")
    try:
        app()
    except InputError as error:
        _refuse(str(error))
    except OSError as error:  # a disk that is full or cannot be written to, in any command
        if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        _refuse(f"{error.filename or 'a file'}: {error.strerror}; make room, or let it be written")


def _refuse(reason: str) -> NoReturn:
    sys.stderr.write(f"error: {reason}\n")
    raise SystemExit(2) from None


if __name__ == "__main__":
    main()
