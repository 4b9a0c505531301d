"""What is written down of a data set: a manifest to commit, and one sample a class to look at."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.errors import InputError
from benchmarks.events import EventSet, manifest
from benchmarks.events.mapped import MappedFrames
from benchmarks.records.files import as_json, write_atomic, write_atomic_bytes


def write_manifest(event_set: EventSet, out: Path) -> None:
    """``out/<name>.json`` and ``out/<name>.npz`` with ``frames`` uint8 ``[classes, T, 2, H, W]``
    and ``labels``, the first test sample of each class.

    Raises InputError if frames of a recorded set have changed since they were made.
    """
    for split in event_set.splits().values():
        if isinstance(split.frames, MappedFrames):
            _check(split.frames)
    first = [int(np.flatnonzero(event_set.test.labels == k)[0]) for k in _classes(event_set)]
    file = io.BytesIO()
    np.savez_compressed(
        file, frames=event_set.test.frames[first], labels=np.array(event_set.classes)
    )
    write_atomic_bytes(out / f"{event_set.name}.npz", file.getvalue())
    write_atomic(out / f"{event_set.name}.json", as_json(manifest(event_set)))


def read_manifest(path: Path) -> dict[str, Any]:
    """What :func:`write_manifest` wrote. Raises InputError for a file that is damaged."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            f"{path}: no manifest of a data set ({error}); delete it, and `dvc repro` or "
            "`python -m benchmarks data manifest` writes it anew"
        ) from error
    return content


def _check(frames: MappedFrames) -> None:
    row = frames.damaged()
    if row is not None:
        assert isinstance(frames.store, np.memmap)
        folder = Path(str(frames.store.filename)).parent
        raise InputError(
            f"{folder}: the frames of recording {row} are not those that were made; delete the "
            "folder, and they are made anew"
        )


def _classes(event_set: EventSet) -> range:
    return range(len(event_set.classes))
