"""The schema of what one cell leaves behind, and how it is written.

A cell is one (data set, neuron, seed). It leaves two files:

- ``results/runs/<data set>/<neuron>/<seed>.json`` (:class:`Record`): everything that follows
  from code, parameters and seed alone. The same cell twice on a CPU gives the same bytes.
- ``results/hosts/<data set>/<neuron>/<seed>.json`` (:class:`Host`): everything that depends
  on the clock or the machine (seconds, samples/s, versions, hardware).

Cells trained at another learning rate than the profile's, for the tuned table, lie likewise in
``results/tuning/<rate>/results/{runs,hosts}``. Frozen, all cells of a profile are lines of two
files, see :mod:`benchmarks.records.lines`.

This module does not import torch, so tables and reports read records without it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from benchmarks.arithmetic import Arithmetic

SCHEMA: Literal[2] = 2

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]


def _as_float32(values: list[float]) -> list[float]:
    with np.errstate(over="ignore"):
        rounded = np.asarray(values, np.float32)
    if not np.isfinite(rounded).all():
        raise ValueError("beyond the range of float32")
    found: list[float] = rounded.tolist()
    return found


Float32s = Annotated[list[float], AfterValidator(_as_float32)]  # each rounded to the nearest


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

    before: Float32s
    after: Float32s


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
