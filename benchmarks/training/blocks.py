"""What networks are made of: blocks, each a synapse and the neuron it drives.

A network is a chain of blocks and a linear readout averaged over time.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from aia import LIF
from benchmarks.training.augment import resized

Synapse = nn.Conv2d | nn.Linear


@runtime_checkable
class _WantsSynapse(Protocol):
    """A neuron that computes faster, or only, with the synapse before it."""

    def forward_from(self, synapse: nn.Module, spikes: Tensor) -> Tensor: ...


class Pooling(nn.Module):
    """Pooling between blocks; spikes ``[T, B, C, H, W]`` to ``[T, B, C, H', W']``.

    With ``threshold``, its units integrate what they pool and fire at it, without leak.
    """

    def __init__(self, pool: nn.Module, channels: int, threshold: float | None = None) -> None:
        super().__init__()
        self.pool = pool
        self.neuron = None if threshold is None else LIF(channels, decay=1.0, threshold=threshold)

    def forward(self, spikes: Tensor) -> Tensor:
        pooled: Tensor = self.pool(spikes.flatten(0, 1)).unflatten(0, spikes.shape[:2])
        return pooled if self.neuron is None else self.neuron(pooled)


class Block(nn.Module):
    """A synapse and the neuron it drives; ``[T, B, ...]`` to ``[T, B, C, ...]``.

    ``pooling`` comes before the synapse, ``norm`` between it and the neuron.
    """

    def __init__(
        self,
        synapse: Synapse,
        neuron: nn.Module,
        pooling: Pooling | None = None,
        norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.synapse = synapse
        self.neuron = neuron
        self.pooling = pooling
        self.norm = norm
        self.precision = torch.float32  # of the synapse; the neuron's state is float32 always
        self.recompute = False

    def incoming(self, spikes: Tensor) -> Tensor:
        """What reaches the synapse, ``[T, B, ...]``."""
        x = spikes if self.pooling is None else self.pooling(spikes)
        return x.flatten(2) if self.flattens else x

    @property
    def flattens(self) -> bool:
        """Whether the synapse sees features, not pixels."""
        return isinstance(self.synapse, nn.Linear)

    def forward(self, spikes: Tensor) -> Tensor:
        spikes = self.incoming(spikes)
        plain = self.norm is None and self.precision == torch.float32
        on_pixels = not self.flattens and spikes.device.type == "cpu"
        if plain and on_pixels and takes_any_layout(self.neuron):
            # oneDNN's convolutions need not reorder it; they and their gradients keep every bit
            spikes = channels_last(spikes)
        if plain and isinstance(self.neuron, _WantsSynapse):
            return self.neuron.forward_from(self.synapse, spikes)
        drive = self._drive(spikes)
        if self.recompute and torch.is_grad_enabled():
            again: Tensor = checkpoint(self.neuron, drive, use_reentrant=False)
            return again
        out: Tensor = self.neuron(drive)
        return out

    def _drive(self, spikes: Tensor) -> Tensor:
        low = self.precision != torch.float32
        with torch.autocast(spikes.device.type, self.precision) if low else nullcontext():
            y = self.synapse(spikes.flatten(0, 1))
            y = y if self.norm is None else self.norm(y)
        drive: Tensor = (y.float() if low else y).unflatten(0, spikes.shape[:2])
        return drive


def takes_any_layout(neuron: nn.Module) -> bool:
    """Whether the neuron says that the order in memory of what it is given changes no bit."""
    return bool(getattr(neuron, "any_layout", False))


def channels_last(x: Tensor) -> Tensor:
    """``[T, B, C, ...]`` with the channels last in memory."""
    return x.movedim(2, -1).contiguous().movedim(-1, 2)


@dataclass(frozen=True)
class Wiring:
    """Where a block's input comes from, and which other block's output is added to its own."""

    source: str
    plus: str | None = None


class Network(nn.Module):
    """Blocks, and a linear readout averaged over time.

    ``forward``: event counts ``[T, B, 2, H, W]`` to logits ``[B, classes]``. ``size``: pixels that
    frames are resized to. ``scale`` multiplies them. ``wiring``: blocks that do not simply follow
    the one before.
    """

    def __init__(
        self,
        blocks: Mapping[str, Block],
        readout: nn.Linear,
        size: int | None = None,
        scale: float = 1.0,
        last_pool: nn.Module | None = None,
        wiring: Mapping[str, Wiring] | None = None,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict(blocks)
        self.readout = readout
        self.size = size
        self.scale = scale
        self.last_pool = last_pool
        self.wiring = dict(wiring or {})

    def forward(self, frames: Tensor) -> Tensor:
        return self.logits(self.features(frames))

    def features(self, frames: Tensor) -> Tensor:
        """What the last block gives, ``[T, B, ...]``."""
        x = self.prepared(frames)
        outputs: dict[str, Tensor] = {}
        for name, block in self.blocks.items():
            wired = self.wiring.get(name)
            x = block(outputs[wired.source] if wired else x)
            if wired and wired.plus:
                x = x + outputs[wired.plus]
            if self.wiring:
                outputs[name] = x
        return x

    def logits(self, features: Tensor) -> Tensor:
        """The readout's mean over time, ``[B, classes]``."""
        logits: Tensor = self.readout(self.read(features.mean(0)))
        return logits

    def prepared(self, frames: Tensor) -> Tensor:
        """Frames at the network's own size and scale."""
        if self.size is not None and frames.shape[-2:] != (self.size, self.size):
            frames = resized(frames, self.size)
        return frames if self.scale == 1 else self.scale * frames

    def read(self, x: Tensor) -> Tensor:
        """What the readout takes of ``[N, C, ...]``: ``[N, features]``."""
        return (x if self.last_pool is None else self.last_pool(x)).flatten(1)


@dataclass(frozen=True)
class Layer:
    """A block to be: its synapse, and what stands before and behind it."""

    synapse: Synapse
    pooling: Pooling | None = None
    norm: nn.Module | None = None


@dataclass(frozen=True)
class Plan:
    """A network to be, without its neurons."""

    layers: dict[str, Layer]
    readout: nn.Linear
    scale: float = 1.0
    last_pool: nn.Module | None = None
    wiring: dict[str, Wiring] | None = None
