"""Cells and their files: what is trained is written down, what is written is not trained again."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock, Timeout

from aia import LIF
from benchmarks.errors import InputError
from benchmarks.events import ensure_for
from benchmarks.params import Params, Training
from benchmarks.profile import Profile
from benchmarks.progress import Progress, silent
from benchmarks.records import killed
from benchmarks.records.files import (
    as_json,
    clear_unfinished,
    host_path,
    read_record,
    record_path,
    sealed,
    write_atomic,
)
from benchmarks.records.schema import Curves, Hashes, Record
from benchmarks.training import host, measure, neurons, protocol
from benchmarks.training.contract import check_named
from benchmarks.training.distributed import ALONE, Group
from benchmarks.training.networks import build_network, weights_hash
from benchmarks.training.state import Cell, Trained
from benchmarks.training.train import side_of, train_cell

_log = logging.getLogger(__name__)


def run_cell(
    cell: Cell, params: Params, profile: Profile, progress: Progress, group: Group = ALONE
) -> Record:
    """Train one cell, or take up where a killed run of it stopped, and write its two files.

    Of several processes only the leading one does this; the others :func:`assist`. Where another
    run was at the same cell, its result is taken.
    Raises InputError for what is wrong with the parameters or the neuron.
    """
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
        check_named(cell.neuron, params)
        trained = train_cell(cell, params, profile.events, checkpoint, progress, group)
        used = meter.read(trained.device)
        record = _record_of(cell, params, trained)
        ran = host.describe(trained.device, used, trained.course)
        write_atomic(host_path(path), as_json(ran))
        write_atomic(path, as_json(record))
        killed.forget(path)
        checkpoint.unlink(missing_ok=True)
    return record


def _record_of(cell: Cell, params: Params, trained: Trained) -> Record:
    spec = params.neuron_named(cell.neuron)
    return sealed(
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
    check_named(cell.neuron, params)
    train_cell(cell, params, profile.events, _checkpoint(cell, profile), silent, group)


def _checkpoint(cell: Cell, profile: Profile) -> Path:
    return profile.checkpoints / f"{cell.dataset}-{cell.neuron}-{cell.seed}.safetensors"


def finished(cell: Cell, params: Params, profile: Profile) -> Record | None:
    """The cell's record, if it is what training the cell now would give again.

    Where there is no GPU, as on a cluster's login node, a GPU's record of it counts as well.
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
    training, neuron = params.training, params.neuron_named(cell.neuron)
    matched = _matched(cell.dataset, cell.seed, _at_any_rate(training), profile.events)
    source = neurons.source_hash(neuron, params.matched)
    elsewhere = ("cuda",) if host.here() == "cpu" else ()
    same = (
        record.hashes == matched.model_copy(update={"neuron": source})
        and record.settings == params.training.settings()
        and record.arithmetic in (host.arithmetic_on(torch.device(host.here())), *elsewhere)
    )
    return record if same else None


def _at_any_rate(training: Training) -> Training:
    """Settings without the learning rate, which no hash holds."""
    return training.model_copy(update={"learning_rate": 1.0})


@functools.cache
def _matched(dataset: str, seed: int, training: Training, events: Path) -> Hashes:
    """What is alike for all neurons, theirs left empty: computed once for each seed."""
    seeds = protocol.seeds_of(dataset, seed)
    data = _facts(dataset, training, events, seed if training.split_by_seed else None)
    drawn = (seeds.synapses, seeds.neurons)
    network = build_network(LIF, training, data.classes, data.side, drawn)
    weights = weights_hash(network)
    return protocol.hashes_of(training, data.digest, data.samples, seeds, weights, neuron="")


class _Facts(NamedTuple):
    """What hashes need to know of a data set."""

    digest: str
    classes: int
    side: int
    samples: int  # of the training split


@functools.cache
def _facts(dataset: str, training: Training, events: Path, seed: int | None) -> _Facts:
    data = ensure_for(dataset, training, events, seed=seed)
    side = side_of(data, training)
    return _Facts(data.digest, len(data.classes), side, len(data.train.labels))
