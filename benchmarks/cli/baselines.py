"""Commands about recorded baselines: compare with them, verify them, record others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from benchmarks.cli.app import COMPARE, Jobs, app, opened
from benchmarks.cli.progress import ProgressBar, console, say
from benchmarks.errors import InputError
from benchmarks.wording import plural
from benchmarks.yamlfile import parse_yaml

if TYPE_CHECKING:
    from benchmarks.evidence.tuning import Rates
    from benchmarks.profile import Profile
    from benchmarks.records.selection import Cells
    from benchmarks.running.newcomer import Newcomer

Name = Annotated[
    str | None, typer.Option(help="its name below recorded/; the profile's if not given")
]


@app.command(rich_help_panel=COMPARE)
def compare(
    context: typer.Context,
    spec: Annotated[
        str,
        typer.Argument(help="alias, package.module:Class or file.py:Class", metavar="SPEC"),
    ],
    args: Annotated[
        list[str] | None, typer.Option(help="key=value for the class; may be repeated")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help="recorded one to compare with; that of the global --profile if not given"
        ),
    ] = None,
    against: Annotated[str, typer.Option(help="all, or aliases with commas between")] = "all",
    tune: Annotated[
        bool,
        typer.Option(
            "--tune", help="choose its learning rate too, and compare each neuron at its own best"
        ),
    ] = False,
    jobs: Jobs = 0,
) -> None:
    """Compare your neuron: train it as the recorded ones were, and say how it does beside them."""
    from benchmarks.records.recorded import open_recorded, other_versions
    from benchmarks.running import newcomer
    from benchmarks.running.workers import usual

    home, known = opened(context)
    recorded = open_recorded(_own_baseline(home) if profile is None else profile)
    baselines, rates = newcomer.baselines(recorded, tune)
    new = newcomer.newcomer(spec, _values(args or []), known, recorded, home, tune)
    others = newcomer.against(against, new.alias, baselines)
    if other_versions(recorded.index):
        say(f"other rounding than the baselines': {other_versions(recorded.index)}")
    with newcomer.alone(new):
        _train(new, jobs or usual())
        _say_compared(new, baselines, others, rates)


def _own_baseline(home: Profile) -> str:
    from benchmarks.records.recorded import recorded_names

    if home.name not in recorded_names():
        raise InputError(
            f"{home.folder}: not recorded; name what to compare with after `compare`, such as "
            f"--profile quick (recorded: {', '.join(recorded_names())})"
        )
    return home.name


def _train(new: Newcomer, workers: int) -> None:
    """Raises InputError for the first cell that was not trained, once the others are."""
    from benchmarks.running import newcomer

    faults = []
    with ProgressBar(f"{new.alias}, {len(newcomer.jobs(new))} cells", "cells") as report:
        for done, (outcome, total) in enumerate(newcomer.train(new, workers), start=1):
            report(done, total, f"{outcome.job} {outcome.says}")
            faults += [f"{outcome.job}: {outcome.error}"] if outcome.error else []
    if faults:
        raise InputError(faults[0])


def _say_compared(new: Newcomer, baselines: Cells, others: tuple[str, ...], rates: Rates) -> None:
    """Time the newcomer beside the others, then write and say what the comparison found.

    ``rates``: the baselines' own best ones, if they are compared at these.
    """
    from benchmarks.evidence.comparison.compare import compare, sums_of
    from benchmarks.presenting.comparison.files import terminal_tables, write_comparison
    from benchmarks.presenting.comparison.words import in_words
    from benchmarks.running.newcomer import cells
    from benchmarks.throughput.runner import measure_throughput
    from benchmarks.throughput.timings import read_speeds

    timed = new.params.only((new.alias, *others))
    with ProgressBar(f"timing {len(timed.neuron)} neurons side by side", "benchmarks") as report:
        measure_throughput(timed, new.profile.throughput, quick=True, progress=report, peers={})
    trained, own_rates = cells(new)
    made = compare(
        list(trained.records.values()),
        baselines,
        others,
        read_speeds(new.profile.throughput).main,
        sums_of(trained),
        sums_of(baselines),
        rates | own_rates,
    )
    written = write_comparison(made, new.profile.folder)
    console.print(terminal_tables(made))
    for words in in_words(made):
        say(words)
    say("`python -m benchmarks report` adds this to the page of all; its own page is")
    console.print(str(written[-1].absolute()), markup=False, soft_wrap=True)


def _values(pairs: list[str]) -> dict[str, Any]:
    """``key=value`` with the value read as YAML reads it."""
    args = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not (sign and key.isidentifier()):
            raise InputError(f"--args {pair}: expected key=value, e.g. decay=0.9")
        args[key] = _value(pair, value)
    return args


def _value(pair: str, text: str) -> Any:
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        raise InputError(f"--args {pair}: {text!r} is not a YAML value") from error


@app.command(rich_help_panel=COMPARE)
def verify(
    context: typer.Context,
    cells: Annotated[int, typer.Option(help="how many, drawn at random", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="of the draw")] = 0,
    cell: Annotated[
        list[str] | None, typer.Option(help="this one, e.g. dvs_digits/aia/0; may be repeated")
    ] = None,
) -> None:
    """Train recorded cells again, and say whether they come out the same."""
    from benchmarks.records.recorded import open_recorded
    from benchmarks.running import verify as again

    recorded = open_recorded(context.obj.name)
    if cell:
        chosen = [again.named_cell(recorded, name) for name in cell]
    else:
        chosen = again.chosen_cells(recorded, cells, seed)
    verified = []
    with ProgressBar(plural(len(chosen), "cell"), "updates") as report:
        for checked in again.verify(recorded, chosen, report):
            say(f"{checked.cell}: {checked.likeness} ({checked.says})")
            verified.append(checked)
    if any(checked.likeness == "different" for checked in verified):
        raise typer.Exit(1)


@app.command(rich_help_panel=COMPARE)
def record(
    context: typer.Context,
    name: Name = None,
    times: Annotated[
        bool,
        typer.Option(
            "--times", help="only the times of throughput, beside what is recorded: a new device's"
        ),
    ] = False,
) -> None:
    """Record the profile's results as baselines to compare new neurons with."""
    from benchmarks.records.recorded import FOLDER
    from benchmarks.running.freezing import freeze, freeze_times

    profile, _ = opened(context)
    name = profile.name if name is None else name
    if times:
        devices = freeze_times(profile, name)
        say(f"recorded the times of {', '.join(devices)} in {FOLDER / name}")
        return
    index = freeze(profile, name)
    say(
        f"recorded {index.cells} cells and {index.tuning_cells} of the tuning grid "
        f"to {FOLDER / name}; {len(index.missing)} cells of params.yaml were not trained"
    )


@app.command(rich_help_panel=COMPARE)
def restore(
    context: typer.Context,
    name: Name = None,
) -> None:
    """Put a baseline's records among the results: tables and page without training."""
    from benchmarks.running.restoring import restore

    profile, _ = opened(context)
    restored = restore(profile, profile.name if name is None else name)
    says = [f"{profile.params}: {plural(restored.written, 'record')} restored"]
    if restored.there:
        says.append(f"{restored.there} were there already")
    if restored.others:
        says.append(f"{restored.others} are of cells that it does not name, or trains otherwise")
    say("; ".join(says))
    if restored.protocol:
        say(f"they were {restored.protocol}: `run` trains them again")
