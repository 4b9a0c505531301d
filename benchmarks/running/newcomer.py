"""Train a new neuron as the recorded ones were trained: the half of `compare` that needs torch.

At the recorded profile's shared learning rate, or at its own best: then the newcomer goes through
the grid on the recorded tuning seeds, as the recorded neurons did, and is compared with those of
them that have a best rate of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from benchmarks.errors import InputError, unknown
from benchmarks.evidence.tuning import Rates, best, scores_of, tuned_cells
from benchmarks.params import NeuronParams, Params
from benchmarks.profile import Profile
from benchmarks.records.recorded import Recorded
from benchmarks.records.selection import Cells, Selection, load
from benchmarks.running.jobs import Job, Outcome, Stage, jobs_of, unfinished
from benchmarks.running.run import run_jobs, run_rounds
from benchmarks.training.contract import check_named
from benchmarks.training.protocol import other_protocol


@dataclass(frozen=True)
class Newcomer:
    """A neuron to compare: its name, what it is, the protocol it trains under, its folder.

    ``params.tuning`` names it alone, or none where it trains at the shared rate.
    """

    alias: str
    params: Params
    profile: Profile


def newcomer(
    spec: str,
    args: dict[str, Any],
    known: Params,
    recorded: Recorded,
    home: Profile,
    tune: bool = False,
) -> Newcomer:
    """``spec``: an alias of ``known``, ``module:Class`` or ``file.py:Class``.

    ``tune``: at its own best rate. Raises InputError if there is no such neuron, if it breaks the
    contract, or if this code does not train as the recorded baselines were trained.
    """
    _refuse_other_protocol(recorded)
    alias, neuron = _neuron_of(spec, args, known, recorded.params)
    params = recorded.params.with_neuron(alias, neuron).tuning_only([alias] if tune else [])
    check_named(alias, params)
    return Newcomer(alias, params, Profile(home.compared / alias))


@contextmanager
def alone(new: Newcomer) -> Iterator[None]:
    """Hold the newcomer's folder. Raises InputError where another comparison has it."""
    folder = new.profile.folder
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError(
            f"compare: another comparison of {new.alias} is at work in {folder}; wait for it, or "
            "give the class another name"
        ) from None
    try:
        yield
    finally:
        lock.release()


def train(new: Newcomer, workers: int) -> Iterator[tuple[Outcome, int]]:
    """Train the cells that have no valid record yet.

    Yields, as they end, each outcome with the number of cells known so far.
    """
    params, profile = new.params, new.profile

    def run(todo: list[Job], minutes: float) -> Iterator[Outcome]:
        return run_jobs(todo, params, profile, workers, minutes)

    first, known = jobs(new), 0
    stages, todo = {job.stage for job in first}, unfinished(first, params, profile)
    for outcome, known in run_rounds(todo, stages, params, profile, math.inf, run):
        yield outcome, known
    at_shared = [job for job in _jobs(new, "cell") if _best_is_shared(new, job.stage)]
    rest = unfinished(at_shared, params, profile)
    for outcome in run(rest, math.inf):
        yield outcome, known + len(rest)


def jobs(new: Newcomer) -> list[Job]:
    """One a (data set, seed) of the recorded profile, or one a rate of the grid and tuning seed."""
    return _jobs(new, "tuning" if new.params.tuning.neurons else "cell")


def _jobs(new: Newcomer, kind: str) -> list[Job]:
    every = jobs_of(new.params)
    return [job for job in every if (job.stage.kind, job.stage.neuron) == (kind, new.alias)]


def _best_is_shared(new: Newcomer, stage: Stage) -> bool:
    """Whether the verdict's seeds still have to train at the shared rate, since it is the best."""
    scores = scores_of(new.profile, new.params, stage.dataset, new.alias)
    return bool(scores) and best(scores) == new.params.training.learning_rate


def cells(new: Newcomer) -> tuple[Cells, Rates]:
    """What the newcomer's cells left, and its own best rate on each data set, if it has one."""
    params = new.params
    if params.tuning.neurons:
        return _tuned(new.profile, params)
    chosen = Selection(tuple(params.datasets), (new.alias,), tuple(params.seeds))
    return load(new.profile.runs, chosen), {}


def baselines(recorded: Recorded, tune: bool = False) -> tuple[Cells, Rates]:
    """The recorded cells at the shared rate, or each neuron's at its own best, with these rates.

    Raises InputError where no recorded neuron has such a rate.
    """
    return _tuned(recorded, recorded.params) if tune else (recorded.cells, {})


def _tuned(home: Profile | Recorded, params: Params) -> tuple[Cells, Rates]:
    tuned = tuned_cells(home, params)
    if tuned is None:
        raise InputError(
            f"{home.name}: no neuron has all its cells at a best rate of its own; compare at the "
            "shared rate, without --tune, or with a profile that tunes, e.g. --profile core"
        )
    return tuned.cells, tuned.rates


def against(names: str, alias: str, recorded: Cells) -> tuple[str, ...]:
    """The baselines that ``all`` or ``alias,alias`` stands for.

    Raises InputError for one that is not recorded.
    """
    known = [n for n in recorded.selection.neurons if n != alias]
    if names == "all":
        return tuple(known)
    for name in names.split(","):
        if name not in known:
            raise unknown("recorded neuron", name, known)
    return tuple(names.split(","))


def _neuron_of(
    spec: str, args: dict[str, Any], known: Params, recorded: Params
) -> tuple[str, NeuronParams]:
    if ":" not in spec:
        if "." in spec and spec not in {**recorded.neuron, **known.neuron}:
            raise InputError(f"neuron {spec!r}: name its class too, {spec}:Class")
        named = recorded.neuron.get(spec) or known.neuron_named(spec)
        neuron = named.model_copy(update={"args": {**named.args, **args}})
        same = recorded.neuron.get(spec) in (None, neuron)
        return (spec if same else f"{spec}_new"), neuron
    alias = spec.rpartition(":")[2]
    try:
        neuron = NeuronParams.model_validate({"class": spec, "args": args, "match": True})
    except ValidationError:
        raise InputError(
            f"{spec!r} names no neuron; expected an alias, package.module:Class or file.py:Class"
        ) from None
    return (f"{alias}_new" if alias in recorded.neuron else alias), neuron


def _refuse_other_protocol(recorded: Recorded) -> None:
    if other := other_protocol(recorded.index.protocol, recorded.params.training):
        raise InputError(
            f"recorded/{recorded.name} was {other}, so nothing can be paired; train it again and "
            "record it"
        )
