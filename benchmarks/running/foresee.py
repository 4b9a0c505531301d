"""What a run will take, before it starts: a few real updates of each neuron on made-up frames.

No data is needed: samples are counted in the data set's manifest where there is one, and in the
catalogue of published sets where there is none yet.
"""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import psutil
import torch
from rich import box
from rich.table import Table

from benchmarks.errors import InputError
from benchmarks.events import check_name
from benchmarks.events.manifests import read_manifest
from benchmarks.events.published.catalogue import SETS as PUBLISHED
from benchmarks.evidence.tuning import best, scores_of, wanted_rates
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.running.jobs import Job, Stage, jobs_of, path_of
from benchmarks.running.step import Size, StepCost, cost_of
from benchmarks.training.activity import EVALUATION_BATCH

_SHARE = {"train": 0.81, "validation": 0.09, "test": 0.1}  # of a set without an official split
_EMBEDDED_SIDE, _EMBEDDED_SAMPLES = 32, 1800


@dataclass(frozen=True)
class Foreseen:
    """The cells of one (data set, neuron) that have no record yet, at all learning rates."""

    dataset: str
    neuron: str
    cells: int
    updates: int  # a cell
    seconds: float  # a cell
    peak_bytes: int


def foresee(
    params: Params, profile: Profile, progress: Callable[[int, int, str], None]
) -> list[Foreseen]:
    """One line a (data set, neuron). Raises InputError for a data set that is not known."""
    sizes = {dataset: size_of(dataset, params, profile) for dataset in params.datasets}
    costs: dict[tuple[str, int], StepCost] = {}
    wanted = [(neuron, size) for size in sizes.values() for neuron in params.neuron]
    for done, (neuron, size) in enumerate(wanted, start=1):
        if (neuron, size.side) not in costs:
            costs[neuron, size.side] = _apart(params, neuron, size)
        progress(done, len(wanted), neuron)
    return [
        _line(params, profile, dataset, neuron, size, costs[neuron, size.side])
        for dataset, size in sizes.items()
        for neuron in params.neuron
    ]


def size_of(dataset: str, params: Params, profile: Profile) -> Size:
    """From the manifest, or from what is published."""
    manifest = profile.data / f"{dataset}.json"
    side = params.training.size
    if manifest.exists():
        said = read_manifest(manifest)
        counts = {part: said["samples"][part] for part in _SHARE}
        return Size(side or max(said["shape"][-2:]), len(said["classes"]), **counts)
    check_name(dataset)
    name = dataset.partition("-")[0]
    if name in PUBLISHED:
        published = PUBLISHED[name]
        side = side or max(published.width, published.height)
        return Size(side, len(published.classes), **_counts(published.counts))
    shares = {part: round(share * _EMBEDDED_SAMPLES) for part, share in _SHARE.items()}
    return Size(side or _EMBEDDED_SIDE, 10, **shares)


def _counts(published: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    whole = sum(map(sum, published.values()))
    if "test" not in published:
        return {part: round(share * whole) for part, share in _SHARE.items()}
    train = sum(published["train"])
    return {"train": round(0.9 * train), "validation": round(0.1 * train), "test": whole - train}


def table(lines: list[Foreseen]) -> Table:
    """For the terminal."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("data set", "neuron"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("cells", "updates", "min a cell", "h in all", "peak GB"):
        shown.add_column(heading, justify="right")
    for line in lines:
        shown.add_row(
            line.dataset,
            line.neuron,
            str(line.cells),
            f"{line.updates:,}",
            f"{line.seconds / 60:,.1f}",
            f"{line.cells * line.seconds / 3600:,.1f}",
            f"{line.peak_bytes / 1e9:.1f}",
        )
    return shown


def advice(lines: list[Foreseen]) -> str:
    """What to change where memory is short; "" where it is not."""
    needed, free = max(line.peak_bytes for line in lines), _free_bytes()
    if needed < free:
        return ""
    parts = 2 ** math.ceil(math.log2(needed / free))
    return f"{needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free: {_less_memory(parts)}"


def _less_memory(parts: int) -> str:
    return (
        f"set `accumulate: {parts}` in params.yaml's section training (the same gradient in "
        "parts), `recompute: true` or `precision: bfloat16`"
    )


def _free_bytes() -> int:
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)


def _apart(params: Params, neuron: str, size: Size) -> StepCost:
    """Measured in a process of its own, whose peak is this neuron's."""
    context = multiprocessing.get_context("forkserver")  # which imports torch once for all
    context.set_forkserver_preload([__name__, "torch._dynamo"])
    try:
        with ProcessPoolExecutor(1, context) as pool:
            return pool.submit(cost_of, params, neuron, size).result()
    except BrokenProcessPool as error:
        raise InputError(
            f"{neuron}: the process that measured it ended without an answer, as where memory is "
            f"short; {_less_memory(2)}"
        ) from error


def _line(
    params: Params, profile: Profile, dataset: str, neuron: str, size: Size, cost: StepCost
) -> Foreseen:
    training = params.training
    updates = training.epochs * math.ceil(size.train / training.batch)
    # validation after each epoch; at the end train once, test six times: measures, fold, silenced
    evaluated = training.epochs * size.validation + size.train + 6 * size.test
    seconds = updates * cost.update + evaluated / EVALUATION_BATCH * cost.inference
    cells = _cells_left(params, profile, dataset, neuron)
    return Foreseen(dataset, neuron, cells, updates, seconds, cost.peak_bytes)


def _cells_left(params: Params, profile: Profile, dataset: str, neuron: str) -> int:
    """Those without a record; where the grid is not through, as if a rate of its own were best."""
    jobs = [j for j in jobs_of(params) if (j.stage.dataset, j.stage.neuron) == (dataset, neuron)]
    unknown = 0
    if params.tuning.seeds and neuron in params.tuning.neurons:
        scores = scores_of(profile, params, dataset, neuron)
        if wanted_rates(params, scores):
            unknown = len(params.seeds)
        else:
            stage = Stage("tuning", dataset, neuron)
            jobs += [Job(stage, seed, best(scores)) for seed in params.seeds]
    paths = {path_of(job, params, profile) for job in jobs}
    return unknown + sum(not path.exists() for path in paths)
