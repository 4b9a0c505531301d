"""Stale cells in parallel: DVC says which, joblib runs them, DVC takes the results over.

``dvc repro`` runs one stage after the other; this leaves the same files, sooner.
"""

from __future__ import annotations

import importlib
import itertools
import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import joblib
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from benchmarks.errors import InputError, unknown
from benchmarks.events import ensure_for, unmade
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.progress import Progress, silent
from benchmarks.records import killed
from benchmarks.running import workers as workers_of
from benchmarks.running.dvc import ask_dvc, refuse_elsewhere
from benchmarks.running.jobs import (
    Job,
    Outcome,
    Stage,
    at,
    concluded,
    jobs_of,
    next_jobs,
    path_of,
    summary,
    unfinished,
)

_log = logging.getLogger(__name__)
_Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]  # as joblib.delayed gives it


def stale_jobs(
    params: Params, profile: Profile, workers: int
) -> tuple[list[Job], Callable[[], object]]:
    """Jobs whose record is missing or does not fit code, data and parameters any more.

    Brings the specs and the data up to date first. In a fresh clone DVC still reads the data while
    the jobs are given out; the second value waits for it and is to be called before DVC is asked
    for anything more. Both raise InputError if DVC refuses.
    """
    refuse_elsewhere(params, profile)
    target = f"{params.at}dvc.yaml"
    missing = unmade(params.datasets, params.training.steps, profile.events)
    making = _in_parallel(_fresh_clones_work(missing, params, profile), workers)
    ask_dvc("repro", f"{target}:specs")
    try:
        for _ in making:
            pass
    except TerminatedWorkerError as error:
        raise InputError(
            "a process that made data sets was killed, as where memory is short; run again"
        ) from error
    if missing:  # cells train in processes of their own, and these hold all that they imported
        get_reusable_executor().shutdown(wait=False)
    read = ThreadPoolExecutor(1).submit(ask_dvc, "repro", f"{target}:data").result
    if missing != list(params.datasets):  # what was made just now is what DVC will find
        read()
    jobs = jobs_of(params)
    if not any(path_of(job, params, profile).exists() for job in jobs):
        return jobs, read  # what is not there is stale, without a second of DVC's
    read()
    status = json.loads(ask_dvc("status", "--json", target) or "{}")
    return [job for job in jobs if job.stage.name(params) in status], read


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
    :mod:`benchmarks.records.killed`), and the next run tries it again.
    """
    end = time.monotonic() + 60 * minutes
    work = partial(_run_one, params=params, profile=profile)
    again = []
    in_time = itertools.takewhile(lambda _: time.monotonic() < end, jobs)
    for job, answer in each(work, in_time, workers):
        if isinstance(answer, Outcome):
            yield answer
        else:
            _log.warning(
                "%s: %s; it is tried once more when the others are done", job, answer.reason
            )
            again.append(job)
    if not again:  # a cluster's workers are not asked for in vain
        return
    in_time = itertools.takewhile(lambda _: time.monotonic() < end, list(again))
    for job, answer in each(work, in_time, 1):
        again.remove(job)
        yield answer if isinstance(answer, Outcome) else _noted(job, answer, params, profile)
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
    killed.note(path_of(job, params, profile), reason)
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
    importlib.import_module("benchmarks.running.cells")
    importlib.import_module("torch._dynamo")  # as the first optimizer does


def run_stage(stage: Stage, params: Params, profile: Profile, progress: Progress) -> None:
    """Train a stage's seeds one after the other, those with a valid record left out.

    Raises InputError, once the other seeds are trained, for what was wrong with one.
    """
    from benchmarks.running.cells import run_cell

    params.neuron_named(stage.neuron)
    if stage.dataset not in params.datasets:
        raise unknown("data set of this profile", stage.dataset, params.datasets)

    def in_turn(jobs: list[Job], _: float) -> Iterator[Outcome]:
        for job in jobs:
            try:
                cell = (job.cell, *at(job.rate, job.seed, params, profile))
                record = run_cell(*cell, partial(_said_of, job, progress))
            except InputError as error:
                yield Outcome(job, "refused", str(error))
            else:
                yield Outcome(job, summary(record), None)

    todo = unfinished([j for j in jobs_of(params) if j.stage == stage], params, profile)
    rounds = run_rounds(todo, [stage], params, profile, math.inf, in_turn)
    faults = [f"{outcome.job}: {outcome.error}" for outcome, _ in rounds if outcome.error]
    if faults:
        raise InputError("; ".join(faults))
    concluded(stage, params, profile)


def _said_of(job: Job, progress: Progress, done: int, total: int, say: str) -> None:
    progress(done, total, f"{job}: {say}")


def _run_one(job: Job, params: Params, profile: Profile) -> Outcome:
    """A record that another run, or a process killed since, wrote meanwhile is taken."""
    from benchmarks.running.cells import finished, run_cell

    cell = (job.cell, *at(job.rate, job.seed, params, profile))
    try:
        record = finished(*cell) or run_cell(*cell, silent)
    except InputError as error:
        return Outcome(job, "refused", str(error))
    except Exception as error:  # one cell's fault must not cost the others their results
        return Outcome(job, "failed", f"{type(error).__name__}: {error}")
    return Outcome(job, summary(record), None)
