"""A cell's state after an epoch: one safetensors file, which loads without executing code.

The file holds a digest of its tensors and of what it says about them. One that does not fit its
digest, or says what no training can leave, is put aside, and training starts afresh.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from benchmarks.records.files import write_atomic_bytes
from benchmarks.records.schema import Count, Curves, Strict

if TYPE_CHECKING:
    from benchmarks.training.state import State

_log = logging.getLogger(__name__)
_Named = dict[str, Tensor]


class _Plain(Strict):
    """What a file says beside its tensors."""

    epoch: Count
    best_epoch: int = Field(ge=-1)
    curves: Curves
    scaler: dict[str, int | float]
    identity: dict[str, Any]


@dataclass(frozen=True)
class _Parts:
    """The tensors of a file by what they are."""

    network: _Named
    best: _Named
    optimizer: dict[int, _Named]  # parameter -> slot -> values
    scales: Tensor


def _tensors(state: State) -> _Named:
    """Every tensor of the state under a name that tells what it is."""
    tensors = {f"network/{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"best/{k}": v for k, v in state.best.items()}
    for index, slots in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{k}": v for k, v in slots.items() if v is not None}
    tensors["scales"] = state.scales.values
    return {k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()}


def save(path: Path, state: State, identity: dict[str, Any]) -> None:
    """Write ``path`` atomically; ``identity`` is what the cell is, as plain values."""
    plain = json.dumps(
        {
            "epoch": state.epoch,
            "best_epoch": state.best_epoch,
            "curves": state.curves,
            "scaler": state.scaler.state_dict(),
            "identity": identity,
        }
    )
    tensors = _tensors(state)
    metadata = {"state": plain, "digest": digest_of(plain, tensors)}
    write_atomic_bytes(path, to_bytes(tensors, metadata))


def digest_of(plain: str, tensors: _Named) -> str:
    state = hashlib.sha256(plain.encode())
    for name, values in sorted(tensors.items()):
        state.update(f"\n{name} {values.dtype} {tuple(values.shape)}\n".encode())
        state.update(values.contiguous().view(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()


def load(path: Path, state: State, identity: dict[str, Any], epochs: int) -> int:
    """Bring ``state`` to where ``path`` stopped; returns the epochs that were taken over.

    A file that is not there, or is of another identity (the code, the data or the parameters have
    changed since) changes nothing and gives 0; so does one that is damaged or was edited, which is
    renamed to ``<name>.damaged-<n>``, and said. ``epochs``: of the whole training.
    """
    try:
        text, tensors = _read(path)
        if json.loads(text)["identity"] != identity:
            return 0
        plain, parts = _Plain.model_validate_json(text), _sorted(tensors)
        _check(plain, parts, state, epochs)
    except FileNotFoundError:
        return 0
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        _put_aside(path, error)
        return 0
    state.network.load_state_dict(parts.network)
    device = next(state.network.parameters()).device
    state.best = {k: v.to(device) for k, v in parts.best.items()}
    state.optimizer.load_state_dict({**state.optimizer.state_dict(), "state": parts.optimizer})
    state.scales.values = parts.scales
    state.epoch, state.best_epoch = plain.epoch, plain.best_epoch
    state.curves = plain.curves.model_dump()
    state.scaler.load_state_dict(plain.scaler)
    return plain.epoch


def _read(path: Path) -> tuple[str, _Named]:
    """What a file says, and its tensors. Raises ValueError where its digest does not fit."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if metadata["digest"] != digest_of(metadata["state"], tensors):
        raise ValueError("its digest does not fit")
    return metadata["state"], tensors


def _sorted(tensors: _Named) -> _Parts:
    """Raises KeyError or ValueError for a name that :func:`save` does not give."""
    parts = _Parts({}, {}, {}, tensors["scales"])
    for name, tensor in tensors.items():
        kind, _, rest = name.partition("/")
        if kind == "optimizer":
            index, _, slot = rest.partition("/")
            parts.optimizer.setdefault(int(index), {})[slot] = tensor
        elif kind != "scales":
            {"network": parts.network, "best": parts.best}[kind][rest] = tensor
    return parts


def _check(plain: _Plain, parts: _Parts, state: State, epochs: int) -> None:
    """Raise ValueError for what no training of this network can leave."""
    if not 1 <= plain.epoch <= epochs:
        raise ValueError(f"epoch {plain.epoch} of {epochs}")
    lengths = {name: len(values) for name, values in plain.curves.model_dump().items()}
    if set(lengths.values()) != {plain.epoch}:
        raise ValueError(f"curves of {lengths} epochs after {plain.epoch}")
    reached = plain.curves.validation_accuracy
    if plain.best_epoch != reached.index(max(reached)):
        raise ValueError(f"best epoch {plain.best_epoch} is not the best on validation")
    for tensors in (parts.network, parts.best):
        if _shapes(tensors) != _shapes(state.network.state_dict()):
            raise ValueError("tensors of another network")
    if parts.scales.shape != state.scales.values.shape:
        raise ValueError("scales of another network")
    trained = [p.shape for group in state.optimizer.param_groups for p in group["params"]]
    for index, slots in parts.optimizer.items():
        if any(v.dim() and v.shape != trained[index] for v in slots.values()):
            raise ValueError("an optimizer of another network")


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (values.shape, values.dtype) for name, values in tensors.items()}


def _put_aside(path: Path, error: Exception) -> None:
    taken = len(list(path.parent.glob(f"{path.name}.damaged-*")))
    aside = path.with_name(f"{path.name}.damaged-{taken + 1}")
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        error = ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return  # another process of the same cell was first
    _log.warning("%s: %s; put aside as %s, training starts afresh", path, error, aside.name)
