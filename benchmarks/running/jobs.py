"""Stages, jobs and their places: what a profile's cells are, and which of them are not finished."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmarks.errors import InputError
from benchmarks.evidence.tuning import (
    best,
    profile_at,
    reachable_rates,
    scores_of,
    wanted_rates,
    write_choice,
)
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.progress import Progress, silent
from benchmarks.records.files import record_path
from benchmarks.records.schema import Record

if TYPE_CHECKING:  # torch takes seconds to import, and only the workers need it
    from benchmarks.training.state import Cell


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
        from benchmarks.training.state import Cell

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
        tried = [Job(stage, seed, rate) for seed in params.tuning.seeds for rate in rates]
        return unfinished(tried, params, profile)
    rate = best(scores)
    if rate == params.training.learning_rate:  # the stage `cell` trains them
        return []
    return unfinished([Job(stage, seed, rate) for seed in params.seeds], params, profile)


def unfinished(
    jobs: list[Job], params: Params, profile: Profile, progress: Progress = silent
) -> list[Job]:
    """The jobs without a valid record; DVC knows whole stages alone, which hold several."""
    left = []
    for done, job in enumerate(jobs, start=1):
        left += [] if _finished(job, params, profile) else [job]
        progress(done, len(jobs), str(job.stage.neuron))
    return left


def path_of(job: Job, params: Params, profile: Profile) -> Path:
    """Where a job's record is put."""
    _, folder = at(job.rate, job.seed, params, profile)
    return record_path(folder.runs, job.stage.dataset, job.stage.neuron, job.seed)


def _finished(job: Job, params: Params, profile: Profile) -> bool:
    if not path_of(job, params, profile).exists():
        return False  # what is not there is worth no import of torch
    from benchmarks.running.cells import finished

    return finished(job.cell, *at(job.rate, job.seed, params, profile)) is not None


def at(rate: float, seed: int, params: Params, profile: Profile) -> tuple[Params, Profile]:
    """Parameters and folder of a learning rate and seed; frames are shared by all rates.

    Raises InputError for a rate that tuning cannot come to.
    """
    known = reachable_rates(params)
    if rate not in known:
        said = ", ".join(f"{known_rate:g}" for known_rate in known)
        raise InputError(f"learning rate {rate:g} is not of this profile; known: {said}")
    return params.at_rate(rate), profile_at(profile, params, rate, seed)


def summary(record: Record) -> str:
    """One cell in a few words."""
    if record.result is None:
        assert record.failure is not None
        return f"diverged in epoch {record.failure.epoch + 1}: {record.failure.reason}"
    accuracy, spikes = record.result.accuracy, record.result.spikes.per_sample
    return f"test {accuracy.test:.1%}, {spikes:,.0f} spikes a sample"


def concluded(stage: Stage, params: Params, profile: Profile) -> bool:
    """Write a tuning stage's choice; False where it is not through."""
    if stage.kind == "cell":
        return True
    return write_choice(profile, params, stage.dataset, stage.neuron)
