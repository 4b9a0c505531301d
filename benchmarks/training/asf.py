"""Training by accumulated spiking flow (Wu et al., AAAI 2021), as the paper's author trained.

All time steps run forward without gradients, by each neuron's own dynamics. One backward pass then
goes through drives summed over time: with n_l the spike counts of layer l,

    I_l    =  its drive summed over time: y = W_l n_(l-1), and the association (below)
    n_l   <-  n_l + out - sg(out),    out = c_l [I_l > 0] I_l
    logits =  W n_L / (threshold * T)

so that values are those of the spiking network, and gradients those of a network of rectifiers with
slopes c_l. Each c starts at 1. In every fifth epoch, the first of all included, each batch moves it
before it is used: c <- 0.6 r + 0.4 c. There r is spikes over drive, both summed over the entries
whose drive is at least their spikes, or 1 where that drive sums up to less than 0.001.

**Association.** A reading's drive is I(t) = y(t) + g(a) sg(z(t)), the sum of which over time is
y + g(a) sg(sum_t z(t)), exactly, since no gradient goes behind the stop-gradient. A neuron gives
this sum by its method ``accumulated``, see :class:`aia.AIA`; plain gains, linear in y, do so too. A
neuron that learns what gets no gradient so (PLIF's time constant, a memory without its
stop-gradient) is refused by :func:`check` before anything trains.

**Sources.** The author's public training script (argument parser "PyTorch ALTP", CIFAR10-DVS) and
the copy of its layers in a co-author's repository (github xiaojuyu/SD, event_datasets/network:
node.py, layer.py, vgg.py, model.py). Equal to them is all of the above, and that pooling units that
fire are a layer with a c of their own, and that behind a maximum over spikes the gradient goes
through the maximum over counts, but [I > 0] and r are of the drive that was there.

**Different** from the script, with `aia_hidden`, network vgg_author, loss mse, and under `matched`
decay 1, threshold 2 and a hard reset:

- the loss is a batch's mean, there its sum. Adam's steps are the same for a weight decay divided by
  the batch: 0.0005 there is 0.0005 / 40 here;
- weights start uniform, `initial_gain` times PyTorch's default, there normal: a gain of sqrt(6) =
  2.449 has its standard deviation, sqrt(2 / inputs), but in the readout, which no gain reaches;
- frames run once, there three times in a row, by which logits are not divided;
- units fire at their threshold, there above it: a pooling unit, which takes a quarter of each spike
  and has 0.75, fires at the third spike, there at the fourth;
- a part of a batch (`accumulate`) moves the scales as a batch does;
- the best epoch is chosen on validation, there on the test set;
- a training of five epochs or fewer moves the scales too, there it does not.
"""

from __future__ import annotations

import itertools
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from benchmarks.errors import InputError
from benchmarks.training.blocks import Block, Network

EVERY = 5  # epochs: in the first of so many the scales move
NEW_SHARE = 0.6
_LEAST_DRIVE = 1e-3


@runtime_checkable
class Accumulates(Protocol):
    """A neuron whose drive is more than the synapse's output, and can be summed over time."""

    def accumulated(self, y: Tensor, synapse: nn.Module, spikes: Tensor) -> Tensor: ...


class FlowScales:
    """The slope c of each layer of units that fire, pooling units included."""

    def __init__(self, network: Network, threshold: float = 1.0) -> None:
        """``threshold``: what logits are divided by, the same for every neuron."""
        layers = sum(2 if _pools_fire(block) else 1 for block in network.blocks.values())
        self.values = torch.ones(layers, dtype=torch.float64)
        self.threshold = threshold

    @torch.no_grad()
    def move(self, layer: int, drive: Tensor, counts: Tensor) -> None:
        """Take in one batch: drive and spikes summed over time, both ``[B, ...]``."""
        within = drive >= counts
        driven, spikes = (
            float(torch.where(within, values, 0).sum(dtype=torch.float64))
            for values in (drive, counts)
        )
        ratio = spikes / driven if driven >= _LEAST_DRIVE else 1.0
        self.values[layer] = NEW_SHARE * ratio + (1 - NEW_SHARE) * self.values[layer]


def flow_logits(network: Network, frames: Tensor, scales: FlowScales, epoch: int) -> Tensor:
    """Logits ``[B, classes]`` whose gradient is the accumulated flow; frames ``[T, B, ...]``.

    ``epoch``: finished ones; ``scales`` move in some of them.
    """
    layers, moves = itertools.count(), epoch % EVERY == 0

    def flow(drive: Tensor, seen: Tensor, counts: Tensor) -> Tensor:
        layer = next(layers)
        if moves:
            scales.move(layer, seen, counts)
        out = float(scales.values[layer]) * drive * (seen > 0)
        return out - out.detach() + counts

    spikes = network.prepared(frames)
    n = spikes.sum(0)
    for block in network.blocks.values():
        assert isinstance(block, Block)
        with torch.no_grad():
            entering, spikes = block.incoming(spikes), block(spikes)
        n = n if block.pooling is None else block.pooling.pool(n)
        n = n.flatten(1) if block.flattens else n
        if _pools_fire(block):
            n = flow(n, n.detach(), entering.sum(0))
        drive = _accumulated(block.neuron, n, block.synapse, entering)
        n = flow(drive, _seen(block, drive, entering), spikes.sum(0))
    logits: Tensor = network.readout(network.read(n / frames.shape[0]))
    return logits / scales.threshold


def _pools_fire(block: nn.Module) -> bool:
    """Whether units that fire pool what enters a block."""
    pooling = getattr(block, "pooling", None)
    return pooling is not None and pooling.neuron is not None


def _accumulated(neuron: nn.Module, n: Tensor, synapse: nn.Module, spikes: Tensor) -> Tensor:
    y: Tensor = synapse(n)
    return neuron.accumulated(y, synapse, spikes) if isinstance(neuron, Accumulates) else y


@torch.no_grad()
def _seen(block: Block, drive: Tensor, entering: Tensor) -> Tensor:
    """The drive that the neuron had; that of a maximum over counts is another."""
    if block.pooling is None or _pools_fire(block):
        return drive.detach()
    return _accumulated(block.neuron, entering.sum(0), block.synapse, entering)


def check(neuron: nn.Module, channels: int, name: str) -> None:
    """Raise InputError for a neuron that learns what this rule would leave as it is."""
    learned = {key: p for key, p in neuron.named_parameters() if p.requires_grad}
    if not learned:
        return
    spikes, synapse = torch.ones(2, 1, channels), nn.Linear(channels, channels, bias=False)
    try:
        drive = _accumulated(neuron.train(), spikes.sum(0), synapse, spikes)
    except NotImplementedError as error:
        raise InputError(
            f"neuron {name!r}: rule asf cannot train it, {error}; set `rule: bptt`"
        ) from error
    gradients = torch.autograd.grad(drive.sum(), list(learned.values()), allow_unused=True)
    missed = [key for key, gradient in zip(learned, gradients, strict=True) if gradient is None]
    if missed:
        raise InputError(
            f"neuron {name!r}: rule asf trains through drives summed over time, which give no "
            f"gradient to its {', '.join(missed)}; set `rule: bptt`"
        )
