"""The trained network of a cell, which records do not hold: it is trained again, bit for bit."""

from __future__ import annotations

import tempfile
from pathlib import Path

from aia import fold
from benchmarks.errors import InputError
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.progress import Progress
from benchmarks.records.files import read_record, record_path
from benchmarks.training.blocks import Network
from benchmarks.training.contract import check_named
from benchmarks.training.state import Cell
from benchmarks.training.train import train_cell


def cell_named(name: str) -> Cell:
    """The cell ``<data set>/<neuron>/<seed>``. Raises InputError for what is no such name."""
    parts = name.split("/")
    if len(parts) != 3 or not parts[2].isdecimal():
        raise InputError(f"{name!r} is no cell; expected <data set>/<neuron>/<seed>")
    return Cell(parts[0], parts[1], int(parts[2]))


def folded_network(
    name: str, params: Params, profile: Profile, progress: Progress
) -> tuple[Network, int]:
    """The folded network of ``<data set>/<neuron>/<seed>`` at its best epoch, and the frame size.

    Raises InputError for a name that is no cell, a cell that diverges, or one that does not come
    out as its record says.
    """
    cell = cell_named(name)
    check_named(cell.neuron, params)
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "checkpoint.safetensors")
        trained = train_cell(cell, params, profile.events, kept, progress)
    if trained.failure is not None:
        raise InputError(f"{cell}: diverged in training: {trained.failure.reason}")
    path = record_path(profile.runs, cell.dataset, cell.neuron, cell.seed)
    if path.exists() and read_record(path).curves.model_dump() != trained.state.curves:
        raise InputError(f"{cell}: does not train as {path} says; train that cell again first")
    network = fold(trained.state.network.cpu())
    assert isinstance(network, Network)
    return network, network.size or trained.data.train.frames.shape[-1]
