"""``throughput``: how fast neurons and networks are here."""

from __future__ import annotations

import math
from typing import Annotated, Literal, cast

import typer

from benchmarks.cli.app import LOOK, app, opened
from benchmarks.cli.progress import ProgressBar, say
from benchmarks.errors import unknown


@app.command(rich_help_panel=LOOK)
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
    """Time neurons and networks: every backend, size and precision, with the device's bounds.

    pytest-benchmark holds two such files side by side: pytest-benchmark compare A.json B.json
    --between median.
    """
    from benchmarks.running.dvc import hand_times_to_dvc
    from benchmarks.throughput.runner import measure_throughput
    from benchmarks.throughput.timings import speeds_of

    profile, params = opened(context)
    if device not in ("", "cpu", "cuda"):
        raise unknown("device", device, ("cpu", "cuda"))
    chosen = cast(Literal["cpu", "cuda"], device) if device else None
    with ProgressBar("timing", "benchmarks") as report:
        path = measure_throughput(
            params, profile.throughput, quick, chosen, say, math.inf if quick else minutes, report
        )
    for cost in speeds_of(path).costs:
        say(
            f"a training step{cost.at} of AIA takes {cost.ratio:.3f} times LIF's "
            f"[{cost.low:.3f}, {cost.high:.3f}] on {cost.device}, {cost.pairs} pairs of "
            f"{cost.draws} networks each"
        )
    hand_times_to_dvc(params, profile.specs)
    say(f"wrote {path}")
