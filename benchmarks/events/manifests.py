"""What is written down of a data set: a manifest to commit, and one sample a class to look at."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from benchmarks.events import EventSet, manifest
from benchmarks.records.files import as_json, write_atomic, write_atomic_bytes


def write_manifest(event_set: EventSet, out: Path) -> None:
    """``out/<name>.json`` and ``out/<name>.npz`` with ``frames`` uint8 ``[classes, T, 2, H, W]``
    and ``labels``, the first test sample of each class."""
    first = [int(np.flatnonzero(event_set.test.labels == k)[0]) for k in _classes(event_set)]
    file = io.BytesIO()
    np.savez_compressed(
        file, frames=event_set.test.frames[first], labels=np.array(event_set.classes)
    )
    write_atomic_bytes(out / f"{event_set.name}.npz", file.getvalue())
    write_atomic(out / f"{event_set.name}.json", as_json(manifest(event_set)))


def _classes(event_set: EventSet) -> range:
    return range(len(event_set.classes))
