"""Stale cells in parallel: DVC says which, joblib runs them, DVC takes the results over.

``dvc repro`` runs one stage after the other; this leaves the same files, sooner.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import joblib

from benchmarks.errors import InputError
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.records import Record
from benchmarks.train import Cell, run_cell


@dataclass(frozen=True)
class Outcome:
    """How one cell ended; ``error`` is None for one that left a record."""

    cell: Cell
    says: str
    error: str | None


def cells_of(params: Params) -> list[Cell]:
    """All cells of a profile, data set by data set."""
    return [
        Cell(dataset, neuron, seed)
        for dataset in params.datasets
        for neuron in params.neuron
        for seed in params.seeds
    ]


def stage_of(cell: Cell, params: Params) -> str:
    """The cell's name in DVC."""
    file = f"{params.at}dvc.yaml:" if params.at else ""
    return f"{file}cell@{cell.dataset}-{cell.neuron}-{cell.seed}"


def stale_cells(params: Params, profile: Profile) -> list[Cell]:
    """Cells whose record is missing or does not fit code, data and parameters any more.

    Brings the data and the specs up to date first. Raises InputError if DVC refuses.
    """
    target = [f"{params.at}dvc.yaml"]
    stages = [f"{params.at}dvc.yaml:{name}" for name in ("specs", "data")]
    _dvc("repro", "--quiet", *stages)
    status = json.loads(_dvc("status", "--json", *target) or "{}")
    return [cell for cell in cells_of(params) if stage_of(cell, params) in status]


def run_cells(cells: list[Cell], params: Params, profile: Profile, jobs: int) -> Iterator[Outcome]:
    """Train cells in ``jobs`` processes; yields each one's outcome as it ends."""
    pool = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    yield from pool(joblib.delayed(_run_one)(cell, params, profile) for cell in cells)


def hand_to_dvc(cells: list[Cell], params: Params) -> None:
    """Let DVC record the results of ``cells`` as its own."""
    if cells:
        _dvc("commit", "--force", "--quiet", *(stage_of(cell, params) for cell in cells))


def _run_one(cell: Cell, params: Params, profile: Profile) -> Outcome:
    try:
        record = run_cell(cell, params, profile, _silent)
    except InputError as error:
        return Outcome(cell, "refused", str(error))
    except Exception as error:  # one cell's fault must not cost the others their results
        return Outcome(cell, "failed", f"{type(error).__name__}: {error}")
    return Outcome(cell, summary(record), None)


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
    command = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        reason = next((line for line in lines if line.startswith(("error", "ERROR"))), lines[-1:])
        raise InputError(f"dvc {words[0]}: {reason}")
    return done.stdout


def _environment() -> dict[str, str]:
    """This environment first on PATH, so that the commands of dvc.yaml find this Python."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
