"""Train a new neuron as the recorded ones were trained: the half of `compare` that needs torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from benchmarks.errors import InputError, unknown
from benchmarks.params import NeuronParams, Params
from benchmarks.profile import Profile
from benchmarks.records.files import version_of
from benchmarks.records.recorded import Recorded
from benchmarks.records.selection import Cells, Selection, load
from benchmarks.running.jobs import Job, Outcome, Stage, jobs_of, unfinished
from benchmarks.running.run import run_jobs
from benchmarks.training.contract import check_neuron
from benchmarks.training.protocol import protocol_hash


@dataclass(frozen=True)
class Newcomer:
    """A neuron to compare: its name, what it is, the protocol it trains under, its folder."""

    alias: str
    params: Params
    profile: Profile


def newcomer(
    spec: str, args: dict[str, Any], known: Params, recorded: Recorded, home: Profile
) -> Newcomer:
    """``spec``: an alias of ``known``, ``module:Class`` or ``file.py:Class``.

    Raises InputError if there is no such neuron, if it breaks the contract, or if this code does
    not train as the recorded baselines were trained.
    """
    _refuse_other_protocol(recorded)
    alias, neuron = _neuron_of(spec, args, known, recorded.params)
    params = recorded.params.with_neuron(alias, neuron)
    check_neuron(neuron, params.matched, alias, params.training.steps, params.training.rule)
    return Newcomer(alias, params, Profile(home.compared / alias))


def train(new: Newcomer, workers: int) -> Iterator[Outcome]:
    """Train the cells that have no valid record yet; yields as they end."""
    todo = unfinished(jobs(new), new.params, new.profile)
    yield from run_jobs(todo, new.params, new.profile, workers, minutes=float("inf"))


def jobs(new: Newcomer) -> list[Job]:
    """One a (data set, seed) of the recorded profile."""
    return [job for job in jobs_of(new.params) if job.stage == _stage(new, job)]


def _stage(new: Newcomer, job: Job) -> Stage:
    return Stage("cell", job.stage.dataset, new.alias)


def cells(new: Newcomer) -> Cells:
    """What the newcomer's cells left, data set by data set."""
    params = new.params
    chosen = Selection(tuple(params.datasets), (new.alias,), tuple(params.seeds))
    return load(new.profile.runs, chosen)


def against(names: str, alias: str, recorded: Recorded) -> tuple[str, ...]:
    """The baselines that ``all`` or ``alias,alias`` stands for.

    Raises InputError for one that is not recorded.
    """
    known = [n for n in recorded.params.neuron if n != alias]
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
        found = recorded.neuron.get(spec) or known.neuron_named(spec)
        neuron = found.model_copy(update={"args": {**found.args, **args}})
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
    now = protocol_hash(recorded.params.training)
    if now != recorded.index.protocol:
        raise InputError(
            f"recorded/{recorded.name} was trained under protocol "
            f"{version_of(recorded.index.protocol)} ({recorded.index.protocol}), this code trains "
            f"under {version_of(now)} ({now}), so nothing can be paired; train it again and "
            "record it"
        )
