"""Train recorded cells again and say whether they come out the same."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.errors import InputError
from benchmarks.profile import Profile
from benchmarks.progress import Progress
from benchmarks.records.files import as_json
from benchmarks.records.recorded import Index, Recorded, other_versions
from benchmarks.records.schema import Record
from benchmarks.running.cells import run_cell
from benchmarks.training.state import Cell

Likeness = Literal["bit-identical", "equal within tolerance", "different"]


@dataclass(frozen=True)
class Checked:
    """A recorded cell and the same cell trained now."""

    cell: Cell
    likeness: Likeness
    says: str


def chosen_cells(recorded: Recorded, count: int, seed: int) -> list[Cell]:
    """``count`` recorded cells drawn by ``seed``; all of them if there are fewer."""
    keys = sorted(recorded.cells.records)
    return [Cell(*key) for key in random.Random(seed).sample(keys, min(count, len(keys)))]


def named_cell(recorded: Recorded, name: str) -> Cell:
    """The recorded cell ``<data set>/<neuron>/<seed>``.

    Raises InputError if there is none of that name.
    """
    keys = {"/".join(map(str, key)): key for key in recorded.cells.records}
    if name not in keys:
        raise InputError(f"{name!r} is not recorded in {recorded.name}; e.g. {next(iter(keys))}")
    return Cell(*keys[name])


def verify(recorded: Recorded, cells: list[Cell], progress: Progress) -> Iterator[Checked]:
    """Train each cell in a folder of its own and compare it with the record."""
    for before, cell in enumerate(cells):
        old = recorded.cells.records[cell.dataset, cell.neuron, cell.seed]
        with tempfile.TemporaryDirectory() as folder:
            new = run_cell(
                cell,
                recorded.params,
                Profile(Path(folder)),
                _of_all(progress, cell, before, len(cells)),
            )
        if as_json(new) == as_json(old):
            yield Checked(cell, "bit-identical", "every byte")
        else:
            yield Checked(cell, *_part(old, new, recorded.index))


def _of_all(progress: Progress, cell: Cell, before: int, cells: int) -> Progress:
    """Of one cell, ``before`` of ``cells`` being done; all have about as many updates."""
    return lambda done, of, text: progress(before * of + done, cells * of, f"{cell} {text}")


def _part(old: Record, new: Record, index: Index) -> tuple[Likeness, str]:
    """How far two records that are not the same are apart, and where they part."""
    changed = [
        k for k in type(old.hashes).model_fields if getattr(old.hashes, k) != getattr(new.hashes, k)
    ]
    if changed:
        return "different", f"not the same cell any more: {', '.join(changed)} changed since"
    if new.arithmetic != old.arithmetic:
        return "different", f"{new.arithmetic} arithmetic, recorded {old.arithmetic}"
    if old.result is None or new.result is None:
        return "different", "one of the two did not train to its end"
    pairs = zip(old.curves.train_loss, new.curves.train_loss, strict=False)
    parted = next((epoch for epoch, (a, b) in enumerate(pairs, start=1) if a != b), None)
    versions = other_versions(index)
    where = f"losses part in epoch {parted}" if parted else "losses agree, measures do not"
    first = abs(new.curves.train_loss[0] / old.curves.train_loss[0] - 1)
    apart = abs(new.result.accuracy.test - old.result.accuracy.test)
    says = (
        f"{where}; first epoch's loss {first:.2g} apart (relative), "
        f"test accuracy {100 * apart:.1f} points apart{f' ({versions})' if versions else ''}"
    )
    within = first <= index.first_loss_tolerance and apart <= index.accuracy_tolerance
    return ("equal within tolerance" if within else "different"), says
