"""Cells and their files: what is trained is written down, what is written is not trained again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from benchmarks import host, measure, neurons, protocol
from benchmarks.distributed import ALONE, Group
from benchmarks.errors import InputError
from benchmarks.events import ensure_for
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.records import (
    Curves,
    Record,
    as_json,
    clear_unfinished,
    host_path,
    read_record,
    record_path,
    sealed,
    write_atomic,
)
from benchmarks.train import Cell, Progress, start, train_cell

_log = logging.getLogger(__name__)


def run_cell(
    cell: Cell, params: Params, profile: Profile, progress: Progress, group: Group = ALONE
) -> Record:
    """Train one cell, or take up where a killed run of it stopped, and write its two files.

    Of several processes only the leading one does this; the others :func:`assist`. Where another
    run was at the same cell, its result is taken.
    Raises InputError for what is wrong with the parameters or the neuron.
    """
    spec = params.neuron_named(cell.neuron)
    path = record_path(profile.runs, cell.dataset, cell.neuron, cell.seed)
    checkpoint = _checkpoint(cell, profile)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    with _alone_at(checkpoint.with_suffix(".lock")) as waited:
        made = finished(cell, params, profile) if waited and group.size == 1 else None
        if made is not None:
            return made
        for written in (path, host_path(path), checkpoint):
            clear_unfinished(written)
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


@contextmanager
def _alone_at(lock: Path) -> Iterator[bool]:
    """Hold a cell's lock; whether another run, or a child of a killed one, had it till now."""
    held = FileLock(lock)
    try:
        held.acquire(blocking=False)
        waited = False
    except Timeout:
        held.acquire()
        waited = True
    try:
        yield waited
    finally:
        held.release()


def assist(cell: Cell, params: Params, profile: Profile, group: Group) -> None:
    """Train a cell together with the process that leads, writing nothing."""
    train_cell(cell, params, profile.events, _checkpoint(cell, profile), _silent, group)


def _checkpoint(cell: Cell, profile: Profile) -> Path:
    return profile.checkpoints / f"{cell.dataset}-{cell.neuron}-{cell.seed}.safetensors"


def _silent(done: int, total: int, say: str) -> None: ...


def finished(cell: Cell, params: Params, profile: Profile) -> Record | None:
    """The cell's record, if it is what training the cell now would give again.

    One that was edited, or is no record of this version, is said and does not count.
    """
    path = record_path(profile.runs, cell.dataset, cell.neuron, cell.seed)
    if not path.exists():
        return None
    try:
        record = read_record(path)
    except InputError as error:
        _log.warning("%s; its cell is trained again", str(error).rpartition(";")[0] or error)
        return None
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
