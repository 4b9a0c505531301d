"""The note on a cell whose process was killed twice.

A kill says what a machine did, and nothing of the neuron: no code, parameters or seed bring it
about again. So it is no record, which would count against the neuron, and the cell stays one that
was not run: the next run tries it again. The note lies beside the host files, tables give its
reason, and it goes when the cell has its record.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from benchmarks.records.files import as_json, host_path, read_checked, write_atomic
from benchmarks.records.schema import Strict


class Killed(Strict):
    """Why a cell has no record."""

    reason: str
    noted: str  # ISO 8601, UTC


def note_path(record: Path) -> Path:
    """``results/hosts/<data set>/<neuron>/<seed>.killed.json`` for the record's own path."""
    return host_path(record).with_suffix(".killed.json")


def note(record: Path, reason: str) -> None:
    """Write down why ``record`` is not there."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    write_atomic(note_path(record), as_json(Killed(reason=reason, noted=now)))


def forget(record: Path) -> None:
    """Remove the note on a cell that has its record."""
    note_path(record).unlink(missing_ok=True)


def reason_of(record: Path) -> str | None:
    """Why ``record`` is not there, where that is noted. Raises InputError for a damaged note."""
    path = note_path(record)
    return read_checked(path, Killed).reason if path.exists() else None
