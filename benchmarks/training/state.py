"""What training changes, and how it ends early."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmarks.records.schema import Curves
from benchmarks.training import asf
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
