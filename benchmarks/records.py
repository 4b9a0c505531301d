"""The schema of what one cell leaves behind, and how it is written.

A cell is one (data set, neuron, seed). It leaves two files:

- ``results/runs/<data set>/<neuron>/<seed>.json`` (:class:`Record`): everything that follows
  from code, parameters and seed alone. The same cell twice on a CPU gives the same bytes.
- ``results/hosts/<data set>/<neuron>/<seed>.json`` (:class:`Host`): everything that depends
  on the clock or the machine (seconds, samples/s, versions, hardware).

Cells trained at another learning rate than the profile's, for the tuned table, lie likewise in
``results/tuning/<rate>/results/{runs,hosts}``.

This module does not import torch, so tables and reports read records without it.
"""

from __future__ import annotations

import base64
import glob
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmarks.arithmetic import Arithmetic
from benchmarks.errors import InputError

SCHEMA: Literal[2] = 2
_SEALED = 3  # the protocol since which records are sealed
_UNFINISHED = ".part"  # ends the names of files being written; DVC ignores them

Model = TypeVar("Model", bound=BaseModel)


Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]


class Strict(BaseModel):
    """Unknown keys, wrong types and what is no number are errors: a record is evidence."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Hashes(Strict):
    """SHA-256 digests (first 16 hex digits) of what must match before two records are paired."""

    protocol: str  # its version, and a digest of all settings but the learning rate
    data: str  # frames, labels and splits
    weights: str  # initial synapse weights
    order: str  # order of the training samples over all epochs
    neuron: str  # source text or version, and arguments of the neuron


class Curves(Strict):
    """One value an epoch."""

    train_loss: list[Amount]
    train_accuracy: list[Fraction]
    validation_accuracy: list[Fraction]
    gradient_norm: list[Amount]  # mean over the updates of an epoch, 2-norm over all parameters


class Accuracy(Strict):
    """Fractions at the best epoch (chosen on validation); test was read once."""

    train: Fraction
    validation: Fraction
    test: Fraction


class Spikes(Strict):
    """Spikes of the test set at the best epoch, means over samples."""

    per_sample: Amount
    by_layer_and_step: dict[str, list[Amount]]  # layer -> [T], spikes per sample
    firing_rate: dict[str, Amount]  # layer -> spikes per unit and time step
    activation_sparsity: Fraction  # of unit-steps without a spike


class SynOps(Strict):
    """Synaptic operations per test sample (NeuroBench's terms)."""

    effective_acs: Amount  # accumulates caused by binary inputs that are not zero
    effective_macs: Amount  # multiply-accumulates caused by other inputs that are not zero
    dense: Amount  # multiply-accumulates of the same network were nothing sparse


class Parameters(Strict):
    """Numbers of trainable values."""

    training: Count
    inference: Count


class Fold(Strict):
    """What changes when the trained neuron is folded into its synapses, over the test set."""

    spikes_before: Count
    spikes_differ: Count  # unit-steps whose spike differs
    predictions_differ: Count


class Association(Strict):
    """Association coefficients of one layer, one value a channel or unit."""

    before: list[float]
    after: list[float]


class Specificity(Strict):
    """How specific to the classes the spikes of one layer's channels or units are, test set.

    Both are means over the channels or units that fire at all, of a sample's spike count summed
    over time and space.
    """

    selectivity: float  # class selectivity index (Morcos et al., ICLR 2018), 0..1
    information: float  # mutual information of spike count and class, bits, bias corrected
    silent: float  # fraction of channels or units that never fire, left out of the means


class AssociationEffect(Strict):
    """What the trained association does: the test set with and without it, weights as trained.

    Without means every coefficient set to 0, in all layers at once.
    """

    accuracy_without: float
    spikes_per_sample_without: float
    potentiated: dict[str, float]  # layer -> fraction of channels or units that fire more with it
    depressed: dict[str, float]  # layer -> fraction that fire less with it
    gradient_without_drive: float | None  # 2-norm at the coefficients, event-free frames
    gradient_with_drive: float | None  # 2-norm at the coefficients, test frames; None: not trained


class Failure(Strict):
    """Why a cell has no result."""

    epoch: Count
    reason: str


class Result(Strict):
    """What a cell that trained to its end measured."""

    best_epoch: Count  # 0-based
    accuracy: Accuracy
    confusion: list[list[Count]]  # [true class][predicted class], test set
    right: str | None = None  # see `bits_of`: test samples classified right; None: protocols 1, 2
    spikes: Spikes
    synops: SynOps
    parameters: Parameters
    fold: Fold | None  # None: the neuron cannot fold itself
    association: dict[str, Association] | None  # layer -> coefficients; None: it has none
    association_effect: AssociationEffect | None  # None: it has no coefficients
    specificity: dict[str, Specificity]  # layer -> how specific to the classes its spikes are
    spiking: bool  # False: outputs are graded, and `spikes` counts those that are not zero


class Record(Strict):
    """One cell. ``result`` is None exactly when ``failure`` is not: checked."""

    schema_version: Literal[2] = SCHEMA
    dataset: str
    neuron: str
    seed: Count
    neuron_class: str
    neuron_args: dict[str, Any]
    classes: list[str]
    hashes: Hashes
    settings: dict[str, Any]  # the training section of params.yaml as it was used
    arithmetic: Arithmetic | None = None  # whose order of summation; None: protocol 1 did not say
    curves: Curves
    result: Result | None
    failure: Failure | None
    seal: str = ""  # of all the rest, see `sealed`; "": protocols 1 and 2 had none

    @model_validator(mode="after")
    def _either(self) -> Record:
        if (self.result is None) == (self.failure is None):
            raise ValueError("it needs a result or a failure, and not both")
        epochs = len(self.curves.validation_accuracy)
        if self.result is not None and self.result.best_epoch >= epochs:
            raise ValueError(f"best epoch {self.result.best_epoch} of {epochs}")
        return self

    @property
    def status(self) -> Literal["ok", "failed"]:
        return "ok" if self.result is not None else "failed"


class Host(Strict):
    """Where and how fast a cell ran."""

    commit: str  # git commit, "unknown" outside a checkout
    dirty: bool | None  # uncommitted changes; None: git did not say
    versions: dict[str, str]
    python: str
    platform: str
    cpu: str
    device: str
    driver: str | None
    threads: int
    deterministic: bool
    compiled: bool
    paths: dict[str, str] = {}  # code paths of the libraries, as read back
    command: list[str]
    started: str  # ISO 8601, UTC
    train_seconds: float
    train_samples_per_second: float
    epoch_seconds: list[float] = []  # of every pass over the training split, what came after not
    peak_bytes: int | None = None  # most that tensors took of a GPU's memory
    joules: float | None = None  # of the whole GPU while the cell trained


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
    record = read_checked(path, Record)
    unsealed = not record.seal and version_of(record.hashes.protocol) < _SEALED
    if not unsealed and record != sealed(record):
        raise InputError(
            f"{path}: edited since it was written, its seal does not fit; delete the file and run "
            "its cell again"
        )
    return record


def read_host(record: Path) -> Host | None:
    """The host file beside a record, None where there is none."""
    path = host_path(record)
    return read_checked(path, Host) if path.exists() else None


def read_runs(runs: Path) -> Iterator[tuple[Path, Record]]:
    """Every record below ``runs``, in the order of their paths."""
    for path in sorted(runs.glob("*/*/*.json")):
        yield path, read_record(path)


def read_checked(path: Path, model: type[Model]) -> Model:
    """A file of this schema. Raises InputError, with what does not fit, for another."""
    try:
        return model.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(
            f"{path}: not a valid {model.__name__.lower()}: {place}: {first['msg']}; "
            "delete the file and run its cell again"
        ) from error
