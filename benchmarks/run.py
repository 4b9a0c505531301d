"""Stale cells in parallel: DVC says which, joblib runs them, DVC takes the results over.

``dvc repro`` runs one stage after the other; this leaves the same files, sooner.
"""

from __future__ import annotations

import importlib
import itertools
import json
import logging
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import joblib
from joblib.externals.loky import get_reusable_executor

from benchmarks import killed
from benchmarks import workers as workers_of
from benchmarks.errors import InputError, unknown
from benchmarks.events import ensure_for, unmade
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.records import Record, record_path, write_atomic
from benchmarks.tuning import (
    best,
    profile_at,
    reachable_rates,
    scores_of,
    wanted_rates,
    write_choice,
)

if TYPE_CHECKING:  # torch takes seconds to import, and only the workers need it
    from benchmarks.train import Cell, Progress

_log = logging.getLogger(__name__)
_Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]  # as joblib.delayed gives it


@dataclass(frozen=True)
class Stage:
    """A stage of dvc.yaml: all seeds of a (data set, neuron), at the shared rate or at others."""

    kind: Literal["cell", "tuning"]
    dataset: str
    neuron: str

    def kind_name(self, params: Params) -> str:
        """What DVC calls all stages of this kind."""
        return f"{params.at}dvc.yaml:{self.kind}" if params.at else self.kind

    def name(self, params: Params) -> str:
        """What DVC calls it."""
        return f"{self.kind_name(params)}@{self.dataset}-{self.neuron}"


@dataclass(frozen=True)
class Job:
    """One seed of a stage at one learning rate."""

    stage: Stage
    seed: int
    rate: float

    @property
    def cell(self) -> Cell:
        from benchmarks.train import Cell

        return Cell(self.stage.dataset, self.stage.neuron, self.seed)

    def __str__(self) -> str:
        return f"{self.cell} at {self.rate:g}"


@dataclass(frozen=True)
class Outcome:
    """How one job ended; ``error`` is None for one that left a record."""

    job: Job
    says: str
    error: str | None


def jobs_of(params: Params) -> list[Job]:
    """All jobs of a profile that are known beforehand: those of the grid, not of the chosen rates.

    Seed by seed, so that a run cut short has few seeds of all neurons.
    """
    shared, tuning = params.training.learning_rate, params.tuning
    jobs = [
        Job(Stage("cell", dataset, neuron), seed, shared)
        for seed in params.seeds
        for dataset in params.datasets
        for neuron in params.neuron
    ]
    jobs += [
        Job(Stage("tuning", dataset, neuron), seed, rate)
        for seed in tuning.seeds
        for rate in params.rates
        for dataset in params.datasets
        for neuron in tuning.neurons
    ]
    return jobs


def next_jobs(stage: Stage, params: Params, profile: Profile) -> list[Job]:
    """What a tuning stage needs beyond the jobs that have a record: further rates, or the seeds of
    the verdict at the chosen one; none where it is through."""
    scores = scores_of(profile, params, stage.dataset, stage.neuron)
    if rates := wanted_rates(params, scores):
        return [Job(stage, seed, rate) for seed in params.tuning.seeds for rate in rates]
    rate = best(scores)
    if rate == params.training.learning_rate:  # the stage `cell` trains them
        return []
    return unfinished([Job(stage, seed, rate) for seed in params.seeds], params, profile)


def stale_jobs(
    params: Params, profile: Profile, workers: int
) -> tuple[list[Job], Callable[[], object]]:
    """Jobs whose record is missing or does not fit code, data and parameters any more.

    Brings the specs and the data up to date first. In a fresh clone DVC still reads the data while
    the jobs are given out; the second value waits for it and is to be called before DVC is asked
    for anything more. Both raise InputError if DVC refuses.
    """
    target = f"{params.at}dvc.yaml"
    missing = unmade(params.datasets, params.training.steps, profile.events)
    making = _in_parallel(_fresh_clones_work(missing, params, profile), workers)
    _dvc("repro", f"{target}:specs")
    for _ in making:
        pass
    if missing:  # cells train in processes of their own, and these hold all that they imported
        get_reusable_executor().shutdown(wait=False)
    read = ThreadPoolExecutor(1).submit(_dvc, "repro", f"{target}:data").result
    if missing != list(params.datasets):  # what was made just now is what DVC will find
        read()
    jobs = jobs_of(params)
    if not any(_path(job, params, profile).exists() for job in jobs):
        return jobs, read  # what is not there is stale, without a second of DVC's
    read()
    status = json.loads(_dvc("status", "--json", target) or "{}")
    return [job for job in jobs if job.stage.name(params) in status], read


def unfinished(
    jobs: list[Job], params: Params, profile: Profile, progress: Progress | None = None
) -> list[Job]:
    """The jobs without a valid record; DVC knows whole stages alone, which hold several."""
    left = []
    for done, job in enumerate(jobs, start=1):
        left += [] if _finished(job, params, profile) else [job]
        (progress or _silent)(done, len(jobs), str(job.stage.neuron))
    return left


def _path(job: Job, params: Params, profile: Profile) -> Path:
    """Where a job's record is put."""
    _, folder = at(job.rate, job.seed, params, profile)
    return record_path(folder.runs, job.stage.dataset, job.stage.neuron, job.seed)


def _finished(job: Job, params: Params, profile: Profile) -> bool:
    if not _path(job, params, profile).exists():
        return False  # what is not there is worth no import of torch
    from benchmarks.cells import finished

    return finished(job.cell, *at(job.rate, job.seed, params, profile)) is not None


def run_jobs(
    jobs: list[Job],
    params: Params,
    profile: Profile,
    workers: int,
    minutes: float,
    each: workers_of.Each = workers_of.each,
) -> Iterator[Outcome]:
    """Train in ``workers`` processes, or where ``each`` has its own; yields outcomes as they end.

    After ``minutes`` no further job is begun. A job whose process was killed is named, and tried
    once more when the others are done, alone; killed again, it is noted as failed (see
    :mod:`benchmarks.killed`), and the next run tries it again.
    """
    end = time.monotonic() + 60 * minutes
    work = partial(_run_one, params=params, profile=profile)
    again = []
    in_time = itertools.takewhile(lambda _: time.monotonic() < end, jobs)
    for job, found in each(work, in_time, workers):
        if isinstance(found, Outcome):
            yield found
        else:
            _log.warning(
                "%s: %s; it is tried once more when the others are done", job, found.reason
            )
            again.append(job)
    if not again:  # a cluster's workers are not asked for in vain
        return
    in_time = itertools.takewhile(lambda _: time.monotonic() < end, list(again))
    for job, found in each(partial(work, again=True), in_time, 1):
        again.remove(job)
        yield found if isinstance(found, Outcome) else _noted(job, found, params, profile)
    for job in again:
        yield Outcome(job, "failed", "its process was killed; run again to go on")


def run_rounds(
    todo: list[Job],
    stages: Iterable[Stage],
    params: Params,
    profile: Profile,
    minutes: float,
    work: Callable[[list[Job], float], Iterator[Outcome]],
) -> Iterator[tuple[Outcome, int]]:
    """Round by round, since what tuning ``stages`` ask for is known after each.

    ``work``: runs jobs for so many minutes, see :func:`run_jobs`. Yields each outcome with the
    number of jobs known so far. A stage with a fault asks no more, and a round of jobs without any
    outcome is the last.
    """
    end = time.monotonic() + 60 * minutes
    tuning = [stage for stage in stages if stage.kind == "tuning"]
    known, done, jobs = 0, 0, todo
    while time.monotonic() < end:
        known, before = known + len(jobs), done
        for outcome in work(jobs, (end - time.monotonic()) / 60):
            done += 1
            if outcome.error and outcome.job.stage in tuning:
                tuning.remove(outcome.job.stage)
            yield outcome, known
        if jobs and done == before:
            return
        jobs = [job for stage in tuning for job in next_jobs(stage, params, profile)]
        if not jobs:
            return


def _noted(job: Job, lost: workers_of.Lost, params: Params, profile: Profile) -> Outcome:
    """Write down that a job's process was killed twice."""
    reason = f"{lost.reason}, twice"
    killed.note(_path(job, params, profile), reason)
    return Outcome(job, "failed", f"{reason}; the next run tries it again")


def _in_parallel(calls: Iterable[_Call], workers: int) -> Iterator[Any]:
    """Results of joblib's delayed ``calls`` as they come; work begins at once, in this order, and
    a further call when one has ended."""
    pool = joblib.Parallel(
        n_jobs=workers, return_as="generator_unordered", batch_size=1, pre_dispatch=workers
    )
    results: Iterator[Any] = pool(calls)
    return results


def _fresh_clones_work(missing: list[str], params: Params, profile: Profile) -> Iterator[_Call]:
    """The ``missing`` data sets, and what else is made once and would keep a first cell waiting."""
    for name in missing:
        yield joblib.delayed(_make)(name, params, profile)
    if missing:  # last: by then the specs, which make the kernels too, have compiled most of it
        yield joblib.delayed(_import_trainer)()


def _make(name: str, params: Params, profile: Profile) -> None:
    ensure_for(name, params.training, profile.events)


def _import_trainer() -> None:
    """In a fresh clone this compiles thousands of modules, which each worker would do by itself."""
    importlib.import_module("benchmarks.cells")
    importlib.import_module("torch._dynamo")  # as the first optimizer does


def hand_to_dvc(whole: set[Stage], partial: set[Stage], params: Params, profile: Profile) -> None:
    """Let DVC record the results of whole stages as its own.

    ``partial``: stages that stay stale. Where a kind has none, all of its stages are committed by
    the kind's name: stage by stage DVC reads its files again each time, half a second each.
    """
    done = [stage for stage in whole if _concluded(stage, params, profile)]
    behind = partial | (whole - set(done))
    names: set[str] = set()
    for stage in done:
        alone = any(stage.kind == other.kind for other in behind)
        names.add(stage.name(params) if alone else stage.kind_name(params))
    if names:
        _dvc("commit", "--force", *sorted(names))


def hand_times_to_dvc(params: Params, specs: Path) -> None:
    """Let DVC record times as its own, where it already knows such a stage's results.

    Within ``dvc repro`` the stage is DVC's own to record; before the first ``dvc repro`` of a
    clone what the stage depends on is not there.
    """
    lock = Path(params.at, "dvc.lock")
    inside = "DVC_STAGE" in os.environ or "DVC_ROOT" in os.environ
    known = lock.exists() and "  throughput:" in lock.read_text(encoding="utf-8")
    if not inside and known and (specs / "checkout.json").exists():
        _dvc("commit", "--force", f"{params.at}dvc.yaml:throughput")


def _concluded(stage: Stage, params: Params, profile: Profile) -> bool:
    """Write a tuning stage's choice; False where it is not through."""
    if stage.kind == "cell":
        return True
    return write_choice(profile, params, stage.dataset, stage.neuron)


def run_stage(stage: Stage, params: Params, profile: Profile, progress: Progress) -> None:
    """Train a stage's seeds one after the other, those with a valid record left out.

    Raises InputError, once the other seeds are trained, for what was wrong with one.
    """
    from benchmarks.cells import run_cell

    params.neuron_named(stage.neuron)
    if stage.dataset not in params.datasets:
        raise unknown("data set of this profile", stage.dataset, params.datasets)

    def in_turn(jobs: list[Job], _: float) -> Iterator[Outcome]:
        for job in jobs:
            try:
                record = run_cell(job.cell, *at(job.rate, job.seed, params, profile), progress)
            except InputError as error:
                yield Outcome(job, "refused", str(error))
            else:
                yield Outcome(job, summary(record), None)

    todo = unfinished([j for j in jobs_of(params) if j.stage == stage], params, profile)
    rounds = run_rounds(todo, [stage], params, profile, math.inf, in_turn)
    faults = [f"{outcome.job}: {outcome.error}" for outcome, _ in rounds if outcome.error]
    if faults:
        raise InputError("; ".join(faults))
    _concluded(stage, params, profile)


def at(rate: float, seed: int, params: Params, profile: Profile) -> tuple[Params, Profile]:
    """Parameters and folder of a learning rate and seed; frames are shared by all rates.

    Raises InputError for a rate that tuning cannot come to.
    """
    known = reachable_rates(params)
    if rate not in known:
        said = ", ".join(f"{known_rate:g}" for known_rate in known)
        raise InputError(f"learning rate {rate:g} is not of this profile; known: {said}")
    return params.at_rate(rate), profile_at(profile, params, rate, seed)


def _run_one(job: Job, params: Params, profile: Profile, again: bool = False) -> Outcome:
    """``again``: after a kill, which may have come when the record was written."""
    from benchmarks.cells import finished, run_cell

    cell = (job.cell, *at(job.rate, job.seed, params, profile))
    try:
        record = (finished(*cell) if again else None) or run_cell(*cell, _silent)
    except InputError as error:
        return Outcome(job, "refused", str(error))
    except Exception as error:  # one cell's fault must not cost the others their results
        return Outcome(job, "failed", f"{type(error).__name__}: {error}")
    return Outcome(job, summary(record), None)


def summary(record: Record) -> str:
    """One cell in a few words."""
    if record.result is None:
        assert record.failure is not None
        return f"diverged in epoch {record.failure.epoch + 1}: {record.failure.reason}"
    accuracy, spikes = record.result.accuracy, record.result.spikes.per_sample
    return f"test {accuracy.test:.1%}, {spikes:,.0f} spikes a sample"


def _silent(done: int, total: int, say: str) -> None:
    """A cell in a pool reports when it ends."""


def _dvc(*words: str) -> str:
    """What DVC prints. Raises InputError with DVC's own reason."""
    _do_without_git()
    command = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line[len("error: ") :] for line in lines if line.lower().startswith("error: ")]
        reason = "; ".join(errors or lines[-1:]) or f"exit status {done.returncode}"
        raise InputError(f"dvc {words[0]}: {reason}")
    return done.stdout


def _do_without_git() -> None:
    """Tell DVC, in a download without git's history, that there is none."""
    local = Path(".dvc", "config.local")
    if not Path(".dvc", "config").exists() or local.exists():
        return
    asked = ["git", "rev-parse", "--git-dir"]
    try:
        if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            return
    except OSError:
        pass  # there is no git at all
    write_atomic(local, "[core]\n    no_scm = true\n")


def _environment() -> dict[str, str]:
    """This environment first on PATH, so that the commands of dvc.yaml find this Python."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
