"""A cell's state after an epoch: one safetensors file, which loads without executing code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from benchmarks.records import write_atomic_bytes

if TYPE_CHECKING:
    from benchmarks.training.state import State


def _tensors(state: State) -> dict[str, Tensor]:
    """Every tensor of the state under a name that tells what it is."""
    tensors = {f"network/{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"best/{k}": v for k, v in state.best.items()}
    for index, slots in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{k}": v for k, v in slots.items() if v is not None}
    tensors["scales"] = state.scales.values
    return {k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()}


def save(path: Path, state: State, identity: dict[str, Any]) -> None:
    """Write ``path`` atomically; ``identity`` is what the cell is, as plain values."""
    plain = {
        "epoch": state.epoch,
        "best_epoch": state.best_epoch,
        "curves": state.curves,
        "scaler": state.scaler.state_dict(),
        "identity": identity,
    }
    metadata = {"state": json.dumps(plain)}
    write_atomic_bytes(path, to_bytes(_tensors(state), metadata))


def load(path: Path, state: State, identity: dict[str, Any]) -> int:
    """Bring ``state`` to where ``path`` stopped; returns the epochs that were taken over.

    A file that is not there, cannot be read, or is of another identity (the code, the data or
    the parameters have changed since) changes nothing and gives 0.
    """
    try:
        with safe_open(path, framework="pt") as file:
            plain = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, json.JSONDecodeError):
        return 0
    if plain.get("identity") != identity:
        return 0
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "best": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition("/")
        if kind in parts:
            parts[kind][rest] = tensor
    state.network.load_state_dict(parts["network"])
    device = next(state.network.parameters()).device
    state.best = {k: v.to(device) for k, v in parts["best"].items()}
    _load_optimizer(state.optimizer, parts["optimizer"])
    state.scales.values = tensors["scales"]
    state.epoch, state.best_epoch = plain["epoch"], plain["best_epoch"]
    state.curves = plain["curves"]
    state.scaler.load_state_dict(plain["scaler"])
    return int(plain["epoch"])


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, slot = name.partition("/")
        slots.setdefault(int(index), {})[slot] = tensor
    plain = optimizer.state_dict()
    plain["state"] = slots
    optimizer.load_state_dict(plain)
