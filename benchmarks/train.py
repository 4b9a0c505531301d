"""The training of one cell: (data set, neuron, seed). Reads like the protocol: build, loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import asf, checkpoints, host, measure, neurons, protocol
from benchmarks.events import EventSet, Split, ensure
from benchmarks.networks import Network, build_network, prepare_synapses
from benchmarks.params import Params, Training
from benchmarks.records import Curves, Failure, Hashes

Progress = Callable[[int, int, str], None]  # update, updates in all, what to say


@dataclass
class State:
    """Everything that a cell needs to go on after an epoch."""

    network: Network
    optimizer: torch.optim.Optimizer
    scales: asf.FlowScales
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
    """What is trained: one data set, one neuron's alias, one seed."""

    dataset: str
    neuron: str
    seed: int

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
    updated: int  # samples that this process trained on


def train_cell(
    cell: Cell, params: Params, events: Path, checkpoint: Path, progress: Progress
) -> Trained:
    """All epochs of a cell, from ``checkpoint`` if it is there; ``events`` caches frames.

    Raises InputError for what is wrong with the parameters or the neuron.
    """
    build = neurons.builder(params.neuron_named(cell.neuron), params.matched)
    neurons.check_contract(build, cell.neuron, params.training.steps)
    device = host.settle()
    data = ensure(cell.dataset, params.training.steps, events)
    seeds = protocol.seeds_of(cell.dataset, cell.seed)
    state, hashes = start(cell, params, data, seeds, build, device)
    # hashes do not hold the learning rate, the settings do
    settings = params.training.model_dump(mode="json")
    identity = {"hashes": hashes.model_dump(), "settings": settings}
    resumed = checkpoints.load(checkpoint, state, identity)
    failure = _train(state, params.training, data, seeds, device, progress, checkpoint, identity)
    if failure is None:
        state.network.load_state_dict(state.best)
    updated = (state.epoch - resumed) * len(data.train.labels)
    return Trained(state, hashes, data, device, failure, updated)


def start(
    cell: Cell,
    params: Params,
    data: EventSet,
    seeds: protocol.Seeds,
    build: neurons.Build,
    device: torch.device,
) -> tuple[State, Hashes]:
    """A fresh network and the digests of what it starts from."""
    training, size = params.training, data.train.frames.shape[-1]
    network = build_network(
        build, training, len(data.classes), size, (seeds.synapses, seeds.neurons)
    )
    hashes = Hashes(
        protocol=protocol.protocol_hash(training),
        data=data.digest[:16],
        weights=protocol.weights_hash(network),
        order=protocol.order_hash(seeds.order, training.epochs, len(data.train.labels)),
        neuron=neurons.source_hash(params.neuron_named(cell.neuron), params.matched),
    )
    prepare_synapses(network)
    network.to(device)
    state = State(network, protocol.make_optimizer(network, training), asf.FlowScales(network))
    state.initial = measure.coefficients(network)
    return state, hashes


def _train(
    state: State,
    training: Training,
    data: EventSet,
    seeds: protocol.Seeds,
    device: torch.device,
    progress: Progress,
    checkpoint: Path,
    identity: dict[str, Any],
) -> Failure | None:
    """All epochs that are left; the best one is chosen on validation."""
    while state.epoch < training.epochs:
        try:
            _epoch(state, training, data.train, seeds.order, device, progress)
        except DivergedError as error:
            return Failure(epoch=state.epoch, reason=str(error))
        reached = measure.accuracy(state.network, data.validation, device)
        state.curves["validation_accuracy"].append(reached)
        if reached > max(state.curves["validation_accuracy"][:-1], default=-1.0):
            state.best_epoch = state.epoch
            state.best = {k: v.clone() for k, v in state.network.state_dict().items()}
        state.epoch += 1
        checkpoints.save(checkpoint, state, identity)
    return None


def _epoch(
    state: State,
    training: Training,
    split: Split,
    order_seed: int,
    device: torch.device,
    progress: Progress,
) -> None:
    """One pass over the training split; appends to the curves only when it is whole."""
    state.network.train()
    order = protocol.epoch_order(order_seed, state.epoch, len(split.labels))
    chunks = order.split(training.batch)
    updates = training.epochs * len(chunks)
    loss_sum, right, norms = 0.0, 0, 0.0
    for number, chosen in enumerate(chunks):
        update = state.epoch * len(chunks) + number
        for group in state.optimizer.param_groups:
            group["lr"] = protocol.learning_rate(training, update, updates)
        frames, labels = measure.take(split, chosen.numpy(), device)
        loss, logits, norm = _update(state, training, frames, labels)
        loss_sum += loss * len(labels)
        right += int((logits.argmax(1) == labels).sum())
        norms += norm
        progress(update + 1, updates, f"epoch {state.epoch + 1}/{training.epochs} loss {loss:.3f}")
    if training.rule == "asf":
        state.scales.refresh()
    state.curves["train_loss"].append(loss_sum / len(split.labels))
    state.curves["train_accuracy"].append(right / len(split.labels))
    state.curves["gradient_norm"].append(norms / len(chunks))


def _update(
    state: State, training: Training, frames: Tensor, labels: Tensor
) -> tuple[float, Tensor, float]:
    """One update; returns loss, logits and the gradient's 2-norm. Raises DivergedError."""
    state.optimizer.zero_grad(set_to_none=True)
    if training.rule == "asf":
        logits = asf.flow_logits(state.network, frames, state.scales)
    else:
        logits = state.network(frames)
    loss = F.cross_entropy(logits, labels)
    value = float(loss.detach())
    if not math.isfinite(value):
        raise DivergedError(f"the loss became {value}")
    loss.backward()
    gradients = [p.grad for p in state.network.parameters() if p.grad is not None]
    norm = float(torch.nn.utils.get_total_norm(gradients))
    if not math.isfinite(norm):
        raise DivergedError(f"the gradient's norm became {norm}")
    state.optimizer.step()
    return value, logits.detach(), norm
