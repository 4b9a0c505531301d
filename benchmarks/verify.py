"""Train recorded cells again and say whether they come out the same."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks import host, proven
from benchmarks.cells import run_cell
from benchmarks.errors import InputError
from benchmarks.profile import Profile
from benchmarks.recorded import Index, Recorded
from benchmarks.records import Record, as_json
from benchmarks.train import Cell, Progress

_SOURCES = ("protocol", "neuron")  # hashes of source text
Trains = Callable[[Cell], Record]
Likeness = Literal["bit-identical", "equal within tolerance", "different"]


@dataclass(frozen=True)
class Checked:
    """A recorded cell and the same cell trained now."""

    cell: Cell
    likeness: Likeness
    says: str
    renamed: dict[str, str] = field(default_factory=dict)  # hash of a source now -> as recorded


def chosen_cells(recorded: Recorded, count: int, seed: int) -> list[Cell]:
    """``count`` recorded cells drawn by ``seed``; all of them if there are fewer."""
    keys = sorted(recorded.cells.records)
    return [Cell(*key) for key in random.Random(seed).sample(keys, min(count, len(keys)))]


def cells_of_every_neuron(recorded: Recorded) -> list[Cell]:
    """One recorded cell a neuron, data sets and seeds in turn: what it takes to accept a source."""
    chosen = recorded.cells.selection
    found = []
    for turn, neuron in enumerate(chosen.neurons):
        keys = [key for key in recorded.cells.records if key[1] == neuron]
        dataset = chosen.datasets[turn % len(chosen.datasets)]
        of_set = [key for key in keys if key[0] == dataset] or keys
        found += [Cell(*of_set[(turn // len(chosen.datasets)) % len(of_set)])] if keys else []
    return found


def named_cell(recorded: Recorded, name: str) -> Cell:
    """The recorded cell ``<data set>/<neuron>/<seed>``.

    Raises InputError if there is none of that name.
    """
    keys = {"/".join(map(str, key)): key for key in recorded.cells.records}
    if name not in keys:
        raise InputError(f"{name!r} is not recorded in {recorded.name}; e.g. {next(iter(keys))}")
    return Cell(*keys[name])


def verify(
    recorded: Recorded, cells: list[Cell], progress: Progress, was: Trains | None = None
) -> Iterator[Checked]:
    """Train each cell in a folder of its own and compare it with the record.

    With ``was``, compare it with what the recorded source gives here, on a processor that rounds
    otherwise than the one of the records: ``was`` trains a cell by that source, beside the new
    one. Raises InputError if that is not the recorded source.
    """
    for cell in cells:
        old = recorded.cells.records[cell.dataset, cell.neuron, cell.seed]
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as beside:
            here = None if was is None else beside.submit(was, cell)
            new = run_cell(cell, recorded.params, Profile(Path(folder)), progress)
            if here is not None:
                old = _as_recorded(cell, old, here.result())
            yield _checked(cell, old, new, recorded.index)


def accept(recorded: Recorded, checked: list[Checked], commit: str = "") -> list[str]:
    """Let sources that gave the recorded bytes stand for the recorded ones; returns their hashes.

    ``commit``: whose source gave, on this device, the bytes they were held against. Raises
    InputError if a cell came out otherwise.
    """
    failed = [c for c in checked if c.likeness != "bit-identical"]
    if failed:
        raise InputError(f"not accepted: {failed[0].cell} is {failed[0].likeness}")
    cells_of: dict[str, list[str]] = {}
    for one in checked:
        for now in one.renamed:
            cells_of.setdefault(now, []).append(str(one.cell))
    was = {now: old for one in checked for now, old in one.renamed.items()}
    proven.enter(
        {
            now: proven.Proof(
                stands_for=was[now],
                profile=recorded.name,
                cells=cells,
                commit=commit,
                device=host.cpu_name(),
                versions=host.versions(),
            )
            for now, cells in cells_of.items()
        }
    )
    return sorted(was)


def _as_recorded(cell: Cell, old: Record, here: Record) -> Record:
    """What the recorded source gave here. Raises InputError if its hashes are others."""
    for name in _SOURCES:
        if getattr(here.hashes, name) != getattr(old.hashes, name):
            raise InputError(f"{cell}: that commit's {name} source is not the recorded one either")
    return here


def _checked(cell: Cell, old: Record, new: Record, index: Index) -> Checked:
    """Compare every byte; hashes of source text are no result and may differ."""
    pairs = {k: (getattr(new.hashes, k), getattr(old.hashes, k)) for k in _SOURCES}
    renamed = {now: was for now, was in pairs.values() if now != was}
    hashes = new.hashes.model_copy(update={k: was for k, (_, was) in pairs.items()})
    if as_json(new.model_copy(update={"hashes": hashes})) != as_json(old):
        return Checked(cell, *_part(old, new, index))
    sources = " and ".join(k for k, (now, was) in pairs.items() if now != was)
    says = f"every byte but the hash of its {sources} source" if renamed else "every byte"
    return Checked(cell, "bit-identical", says, renamed)


def _part(old: Record, new: Record, index: Index) -> tuple[Likeness, str]:
    """How far two records that are not the same are apart, and where they part."""
    changed = [
        k for k in type(old.hashes).model_fields if getattr(old.hashes, k) != getattr(new.hashes, k)
    ]
    if changed:
        return "different", f"not the same cell any more: {', '.join(changed)} changed since"
    if old.result is None or new.result is None:
        return "different", "one of the two did not train to its end"
    pairs = zip(old.curves.train_loss, new.curves.train_loss, strict=False)
    parted = next((epoch for epoch, (a, b) in enumerate(pairs, start=1) if a != b), None)
    where = f"losses part in epoch {parted}" if parted else "losses agree, measures do not"
    first = abs(new.curves.train_loss[0] / old.curves.train_loss[0] - 1)
    apart = abs(new.result.accuracy.test - old.result.accuracy.test)
    says = (
        f"{where}; first epoch's loss {first:.2g} apart (relative), "
        f"test accuracy {100 * apart:.1f} points apart"
    )
    within = first <= index.first_loss_tolerance and apart <= index.accuracy_tolerance
    return ("equal within tolerance" if within else "different"), says
