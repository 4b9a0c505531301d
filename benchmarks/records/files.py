"""Where the files of a cell lie, and how they are written and read."""

from __future__ import annotations

import base64
import glob
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from benchmarks.errors import InputError
from benchmarks.records.schema import Host, Record

_AGAIN = "delete the file and run its cell again"
_SEALED = 3  # the protocol since which records are sealed
_UNFINISHED = ".part"  # ends the names of files being written; DVC ignores them

Model = TypeVar("Model", bound=BaseModel)


def write_atomic(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader sees the old file or the whole new one."""
    write_atomic_bytes(path, text.encode("utf-8"))


def write_atomic_bytes(path: Path, content: bytes) -> None:
    """As :func:`write_atomic`, for bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.name}.", suffix=_UNFINISHED
    )
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def clear_unfinished(path: Path) -> None:
    """Remove what a killed write of ``path`` has left; only while nobody else writes it."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{_UNFINISHED}"):
        left.unlink(missing_ok=True)


def as_json(value: BaseModel | dict[str, Any]) -> str:
    """Stable JSON text: sorted keys, shortest exact floats, a newline at the end."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(plain, sort_keys=True, indent=1, allow_nan=False) + "\n"


def as_bits(values: NDArray[np.bool_]) -> str:
    """A bool ``[N]`` as base64 of its bits, eight values a byte, the first the highest."""
    return base64.b64encode(np.packbits(values).tobytes()).decode()


def bits_of(text: str, count: int) -> NDArray[np.bool_]:
    """What :func:`as_bits` wrote of ``count`` values. Raises ValueError for another number."""
    packed = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    if len(packed) != -(-count // 8):
        raise ValueError(f"{len(packed)} bytes do not hold {count} values")
    return np.unpackbits(packed, count=count).astype(bool)


def version_of(protocol: str) -> int:
    """The version that a record's protocol hash names; 1 where it names none."""
    version, dash, _ = protocol.partition("-")
    return int(version) if dash and version.isdecimal() else 1


def sealed(record: Record) -> Record:
    """The record with a digest of its own content, by which reading sees that it was edited."""
    content = as_json(record.model_copy(update={"seal": ""}))
    return record.model_copy(update={"seal": hashlib.sha256(content.encode()).hexdigest()[:16]})


def record_path(runs: Path, dataset: str, neuron: str, seed: int) -> Path:
    return runs / dataset / neuron / f"{seed}.json"


def host_path(record: Path) -> Path:
    """Beside ``runs``, so that what the clock changes leaves the folder of the records alone."""
    dataset, neuron, name = record.parts[-3:]
    return record.parents[3] / "hosts" / dataset / neuron / name


def read_record(path: Path) -> Record:
    """Read and check one record.

    Raises InputError if the file is not JSON, does not fit the schema, was written by another
    version of the schema, or was edited since.
    """
    return checked_record(path.read_bytes(), path, _AGAIN)


def checked_record(content: bytes, where: object, mend: str) -> Record:
    """A record's JSON text, checked as in :func:`read_record`; ``where`` and ``mend`` (what to do
    about it) are for the message."""
    record = checked(content, Record, where, mend)
    unsealed = not record.seal and version_of(record.hashes.protocol) < _SEALED
    if not unsealed and record != sealed(record):
        raise InputError(f"{where}: edited since it was written, its seal does not fit; {mend}")
    return record


def read_host(record: Path) -> Host | None:
    """The host file beside a record, None where there is none."""
    path = host_path(record)
    return read_checked(path, Host) if path.exists() else None


def read_checked(path: Path, model: type[Model]) -> Model:
    """A file of this schema. Raises InputError, with what does not fit, for another."""
    return checked(path.read_bytes(), model, path, _AGAIN)


def checked(content: bytes, model: type[Model], where: object, mend: str) -> Model:
    """JSON text of this schema. Raises InputError, with what does not fit, for another."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(
            f"{where}: not a valid {model.__name__.lower()}: {place}: {first['msg']}; {mend}"
        ) from error
