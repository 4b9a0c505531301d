"""Cells and their files: what is trained is written down, what is written is not trained again."""

from __future__ import annotations

from pathlib import Path

import torch
from filelock import FileLock

from benchmarks import host, measure, neurons, protocol
from benchmarks.distributed import ALONE, Group
from benchmarks.events import ensure_for
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.records import (
    Curves,
    Record,
    as_json,
    host_path,
    read_record,
    record_path,
    sealed,
    write_atomic,
)
from benchmarks.train import Cell, Progress, start, train_cell


def run_cell(
    cell: Cell, params: Params, profile: Profile, progress: Progress, group: Group = ALONE
) -> Record:
    """Train one cell, or take up where a killed run of it stopped, and write its two files.

    Of several processes only the leading one does this; the others :func:`assist`.
    Raises InputError for what is wrong with the parameters or the neuron.
    """
    spec = params.neuron_named(cell.neuron)
    path = record_path(profile.runs, cell.dataset, cell.neuron, cell.seed)
    checkpoint = _checkpoint(cell, profile)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(checkpoint.with_suffix(".lock")):  # a child of a killed run may still be at it
        meter = host.Meter()
        trained = train_cell(cell, params, profile.events, checkpoint, progress, group)
        used = meter.read(trained.device)
        record = sealed(
            Record(
                dataset=cell.dataset,
                neuron=cell.neuron,
                seed=cell.seed,
                neuron_class=spec.class_,
                neuron_args=spec.args,
                classes=list(trained.data.classes),
                hashes=trained.hashes,
                settings=params.training.settings(),
                arithmetic=host.arithmetic_on(trained.device),
                curves=Curves(**trained.state.curves),
                result=None if trained.failure else measure.result_of(trained),
                failure=trained.failure,
            )
        )
        ran = host.describe(trained.device, used, trained.course)
        write_atomic(host_path(path), as_json(ran))
        write_atomic(path, as_json(record))
        checkpoint.unlink(missing_ok=True)
    return record


def assist(cell: Cell, params: Params, profile: Profile, group: Group) -> None:
    """Train a cell together with the process that leads, writing nothing."""
    train_cell(cell, params, profile.events, _checkpoint(cell, profile), _silent, group)


def _checkpoint(cell: Cell, profile: Profile) -> Path:
    return profile.checkpoints / f"{cell.dataset}-{cell.neuron}-{cell.seed}.safetensors"


def _silent(done: int, total: int, say: str) -> None: ...


def finished(cell: Cell, params: Params, profile: Profile) -> Record | None:
    """The cell's record, if it is what training the cell now would give again."""
    path = record_path(profile.runs, cell.dataset, cell.neuron, cell.seed)
    if not path.exists():
        return None
    record = read_record(path)
    build = neurons.builder(params.neuron_named(cell.neuron), params.matched)
    data = ensure_for(cell.dataset, params.training, profile.events)
    seeds = protocol.seeds_of(cell.dataset, cell.seed)
    _, hashes = start(cell, params, data, seeds, build, torch.device("cpu"))
    same = (
        record.hashes == hashes
        and record.settings == params.training.settings()
        and record.arithmetic == host.arithmetic_on(torch.device(host.here()))
    )
    return record if same else None
