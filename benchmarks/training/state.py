"""A cell before, while and after it trains."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmarks.errors import InputError
from benchmarks.events import EventSet
from benchmarks.params import ALIAS
from benchmarks.records.schema import Curves, Failure, Hashes
from benchmarks.training import asf, host
from benchmarks.training.blocks import Network


@dataclass
class State:
    """Everything that a cell needs to go on after an epoch."""

    network: Network
    optimizer: torch.optim.Optimizer
    scales: asf.FlowScales
    scaler: torch.amp.GradScaler  # of the loss, in float16 alone
    weights: str  # digest of the synapses before anything changed them
    epoch: int = 0  # finished epochs
    best_epoch: int = -1
    best: dict[str, Tensor] = field(default_factory=dict)
    initial: dict[str, list[float]] = field(default_factory=dict)  # association coefficients
    curves: dict[str, list[float]] = field(
        default_factory=lambda: {name: [] for name in Curves.model_fields}
    )


class DivergedError(ArithmeticError):
    """Loss or gradient is no number any more."""


@dataclass(frozen=True)
class Cell:
    """What is trained: one data set, one neuron's alias, one seed.

    Raises InputError for a name that could not stand in params.yaml.
    """

    dataset: str
    neuron: str
    seed: int

    def __post_init__(self) -> None:
        for name in (self.dataset, self.neuron):  # they become folders
            if not re.fullmatch(ALIAS, name):
                raise InputError(f"{name!r} is no name of a data set or neuron: use {ALIAS}")

    def __str__(self) -> str:
        return f"{self.dataset}/{self.neuron}/{self.seed}"


@dataclass
class Trained:
    """A cell at the end of its training, with the weights of its best epoch."""

    state: State
    hashes: Hashes
    data: EventSet
    device: torch.device
    failure: Failure | None
    course: host.Course
