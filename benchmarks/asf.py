"""Training by accumulated spiking flow (Wu et al., AAAI 2021), as the paper's author trained.

All time steps run forward without gradients. One backward pass then goes through the drive
accumulated over time: with n_l the spike counts of layer l and y_l = W_l n_(l-1),

    out = scale_l * relu(y_l)        n_l  <-  out - sg(out) + n_l

where scale_l is a running average (0.6 new, 0.4 old) of spikes over drive, refreshed once an
epoch. Every neuron's dynamics are used as they are in the forward pass. What a neuron learns
inside its dynamics (PLIF's time constant) gets no gradient from this rule.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from aia import AIA, association
from benchmarks.blocks import Block, Network

NEW_SHARE = 0.6


class FlowScales:
    """One running ratio of spikes to positive drive a layer."""

    def __init__(self, network: Network) -> None:
        self.values = torch.zeros(len(network.blocks))
        self._spikes = torch.zeros_like(self.values)
        self._drive = torch.zeros_like(self.values)

    def see(self, layer: int, counts: Tensor, y: Tensor) -> float:
        """Take note of one batch; returns the scale in use, the batch's own before any exists."""
        with torch.no_grad():
            spikes, drive = counts.sum(), F.relu(y).sum()
            self._spikes[layer] += spikes.cpu()
            self._drive[layer] += drive.cpu()
            if self.values[layer] == 0:
                self.values[layer] = (spikes / drive.clamp_min(1e-12)).cpu()
        return float(self.values[layer])

    def refresh(self) -> None:
        """At the end of an epoch: average what was seen into the scales, and forget it."""
        seen = self._spikes / self._drive.clamp_min(1e-12)
        self.values = NEW_SHARE * seen + (1 - NEW_SHARE) * self.values
        self._spikes.zero_()
        self._drive.zero_()


def flow_logits(network: Network, frames: Tensor, scales: FlowScales) -> Tensor:
    """Logits ``[B, classes]`` whose gradient is the accumulated flow; frames ``[T, B, ...]``."""
    with torch.no_grad():
        counts = list(_spike_counts(network, frames))
    n = network.prepared(frames).sum(0)
    for layer, block in enumerate(network.blocks.values()):
        assert isinstance(block, Block)
        y = _accumulated_drive(block, n)
        out = scales.see(layer, counts[layer], y) * F.relu(y)
        n = out - out.detach() + counts[layer]
    logits: Tensor = network.readout(network.read(n / frames.shape[0]))
    return logits


def _spike_counts(network: Network, frames: Tensor) -> Iterator[Tensor]:
    x = network.prepared(frames)
    for block in network.blocks.values():
        x = block(x)
        yield x.sum(0)


def _accumulated_drive(block: Block, n: Tensor) -> Tensor:
    """The synapse's output for summed spikes ``[B, ...]``, pooling and association included."""
    pooled = n if block.pooling is None else block.pooling.pool(n)
    y: Tensor = block.synapse(pooled.flatten(1) if block.flattens else pooled)
    if isinstance(block.neuron, AIA):
        y = association.on_drive(y.unsqueeze(0), block.neuron.coefficient).squeeze(0)
    return y
