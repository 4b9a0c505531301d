"""The application, and what its commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks import arithmetic
from benchmarks.cli.progress import waiting
from benchmarks.errors import InputError
from benchmarks.params import Params
from benchmarks.params import read as read_params
from benchmarks.profile import INDEX, Profile

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train spiking neurons under matched conditions and compare them.",
    rich_markup_mode="rich",
)
# headings of --help: what a person wants to do
RUN, COMPARE, DATA, LOOK = "Run the pipeline", "Compare and verify", "Data", "Look"
STAGE = "Stages, which DVC calls"
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
    context.with_resource(waiting("reading"))


def opened(context: typer.Context) -> tuple[Profile, Params]:
    """The profile asked for. Raises InputError for a baseline, which no command may write into."""
    profile: Profile = context.obj
    if (profile.folder / INDEX).is_file():
        raise InputError(
            f"{profile.folder}: a baseline, into which nothing is written; copy its params.yaml "
            "into a folder of yours, give it `at:` and `root:` of its own, and name that"
        )
    return profile, read_params(profile.params)
