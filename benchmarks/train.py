"""The training of one cell: (data set, neuron, seed). Reads like the protocol: build, loop."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import asf, augment, checkpoints, host, measure, neurons, protocol
from benchmarks.blocks import Network
from benchmarks.distributed import ALONE, Group
from benchmarks.errors import InputError
from benchmarks.events import EventSet, Split, ensure_for
from benchmarks.events.labels import flip_keeps_label
from benchmarks.networks import build_network, prepare_synapses
from benchmarks.params import ALIAS, NORMALISED, Params, Training
from benchmarks.records import Curves, Failure, Hashes

Progress = Callable[[int, int, str], None]  # update, updates in all, what to say


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
    updated: int  # samples that this process trained on


def train_cell(
    cell: Cell,
    params: Params,
    events: Path,
    checkpoint: Path,
    progress: Progress,
    group: Group = ALONE,
) -> Trained:
    """All epochs of a cell, from ``checkpoint`` if it is there; ``events`` caches frames.

    ``group``: the processes that share the work; all of them end with the same network.
    Raises InputError for what is wrong with the parameters or the neuron.
    """
    build = neurons.builder(params.neuron_named(cell.neuron), params.matched)
    neurons.check_contract(build, cell.neuron, params.training.steps)
    device = host.settle()
    data = ensure_for(cell.dataset, params.training, events)
    seeds = protocol.seeds_of(cell.dataset, cell.seed)
    state, hashes = start(cell, params, data, seeds, build, device)
    # hashes do not hold the learning rate, the settings do
    identity = {
        "hashes": hashes.model_dump(),
        "settings": params.training.settings(),
        "arithmetic": host.arithmetic_on(device),
    }
    resumed = checkpoints.load(checkpoint, state, identity)
    group.meet()  # all have read before one writes
    task = _Task(params.training, data, seeds, device, group, _kind(cell, params.training))
    failure = _train(state, task, progress, checkpoint, identity)
    if failure is None:
        state.network.load_state_dict(state.best)
        protocol.seed_noise(seeds, params.training.epochs)
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
    training = params.training
    classes, size = len(data.classes), _side(data, training)
    state = fresh_state(build, training, classes, size, seeds, device)
    hashes = Hashes(
        protocol=protocol.protocol_hash(training),
        data=data.digest[:16],
        weights=state.weights,
        order=protocol.order_hash(seeds, training, len(data.train.labels)),
        neuron=neurons.source_hash(params.neuron_named(cell.neuron), params.matched),
    )
    return state, hashes


def fresh_state(
    build: neurons.Build,
    training: Training,
    classes: int,
    size: int,
    seeds: protocol.Seeds,
    device: torch.device,
) -> State:
    """A network before its first update, for frames of ``size`` x ``size`` pixels."""
    network = build_network(build, training, classes, size, (seeds.synapses, seeds.neurons))
    weights = protocol.weights_hash(network)
    prepare_synapses(network)
    network.to(device)
    return State(
        network,
        protocol.make_optimizer(network, training),
        asf.FlowScales(network),
        torch.amp.GradScaler(device.type, enabled=training.precision == "float16"),
        weights,
        initial=measure.coefficients(network),
    )


def _side(data: EventSet, training: Training) -> int:
    """Pixels of a side. Raises InputError for frames that are not square and stay so."""
    height, width = data.train.frames.shape[-2:]
    if training.size is None and height != width:
        raise InputError(
            f"data set {data.name!r} has frames of {width} x {height} pixels; "
            "set `size:` in params.yaml's section training, e.g. 48"
        )
    return training.size or width


@dataclass(frozen=True)
class _Task:
    """What does not change while a cell trains."""

    training: Training
    data: EventSet
    seeds: protocol.Seeds
    device: torch.device
    group: Group
    kind: augment.Kind


def _kind(cell: Cell, training: Training) -> augment.Kind:
    return augment.kind_of(training.augment, flip_keeps_label(cell.dataset))


def _train(
    state: State, task: _Task, progress: Progress, checkpoint: Path, identity: dict[str, Any]
) -> Failure | None:
    """All epochs that are left; the best one is chosen on validation."""
    model = _shared(state.network, task)
    while state.epoch < task.training.epochs:
        try:
            _epoch(state, model, task, progress)
        except DivergedError as error:
            return Failure(epoch=state.epoch, reason=str(error))
        lead = task.group.leads
        found = measure.accuracy(state.network, task.data.validation, task.device) if lead else 0.0
        reached = task.group.agreed(found)
        state.curves["validation_accuracy"].append(reached)
        if reached > max(state.curves["validation_accuracy"][:-1], default=-1.0):
            state.best_epoch = state.epoch
            state.best = {k: v.clone() for k, v in state.network.state_dict().items()}
        state.epoch += 1
        if lead:
            checkpoints.save(checkpoint, state, identity)
    return None


def _shared(network: Network, task: _Task) -> nn.Module:
    """The network as this process trains it. Raises InputError for what cannot be shared."""
    if task.group.size == 1:
        return network
    if task.training.rule == "asf":
        raise InputError("rule asf trains in one process; start without torchrun")
    if task.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # in place, parameters stay the same
        here = [torch.cuda.current_device()]
        return nn.parallel.DistributedDataParallel(network, device_ids=here)
    if task.training.network in NORMALISED:
        raise InputError(
            f"network {task.training.network} normalises over the batch, which processes on a CPU "
            "do not share; train it in one process, or on GPUs"
        )
    return nn.parallel.DistributedDataParallel(network)


def _epoch(state: State, model: nn.Module, task: _Task, progress: Progress) -> None:
    """One pass over the training split; appends to the curves only when it is whole."""
    training, split, group = task.training, task.data.train, task.group
    state.network.train()
    protocol.seed_noise(task.seeds, state.epoch)
    order = protocol.epoch_order(task.seeds.order, state.epoch, len(split.labels))
    generator = protocol.augmentation(task.seeds, state.epoch)
    chunks = order.split(training.batch)
    updates = training.epochs * len(chunks)
    loss_sum, right, norms = 0.0, 0, 0.0
    for number, chosen in enumerate(chunks):
        done = state.epoch * len(chunks) + number
        for options in state.optimizer.param_groups:
            options["lr"] = protocol.learning_rate(training, done, updates)
        draws = augment.draw(generator, len(chosen), task.kind)
        batch = Batch(split, chosen, draws, task.kind, task.device)
        loss, hits, norm = update(state, model, training, batch, group)
        loss_sum += loss * len(chosen)
        right += hits
        norms += norm
        progress(done + 1, updates, f"epoch {state.epoch + 1}/{training.epochs} loss {loss:.3f}")
    if training.rule == "asf":
        state.scales.refresh()
    state.curves["train_loss"].append(loss_sum / len(split.labels))
    state.curves["train_accuracy"].append(right / len(split.labels))
    state.curves["gradient_norm"].append(norms / len(chunks))


@dataclass(frozen=True)
class Batch:
    """Samples of one update and what augmentation does to them."""

    split: Split
    chosen: Tensor  # [B] indices into the split
    draws: augment.Draws
    kind: augment.Kind
    device: torch.device

    def part(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Frames ``[T, b, 2, H, W]`` and labels ``[b]`` of some places of the batch."""
        frames, labels = measure.take(self.split, self.chosen[places].numpy(), self.device)
        if self.kind == augment.KINDS["none"]:
            return frames, labels
        return augment.apply(frames, self.draws.of(places)), labels


def update(
    state: State, model: nn.Module, training: Training, batch: Batch, group: Group
) -> tuple[float, int, float]:
    """One update; returns the loss, the samples that were right and the gradient's 2-norm.

    The loss is the whole batch's mean over samples. Raises DivergedError.
    """
    state.optimizer.zero_grad(set_to_none=True)
    whole = len(batch.chosen)
    share = group.share(torch.arange(whole))
    parts = share.tensor_split(min(training.accumulate, max(1, len(share))))
    loss_sum, right = 0.0, 0
    for number, places in enumerate(parts):
        frames, labels = batch.part(places)
        with _synchronised(model, last=number == len(parts) - 1):
            if training.rule == "asf":
                logits = asf.flow_logits(state.network, frames, state.scales)
            else:
                logits = model(frames)
            loss = _loss(logits, labels, training) * (len(labels) / whole)
            state.scaler.scale(loss * group.size if group.size > 1 else loss).backward()
        loss_sum += float(loss.detach())
        right += int((logits.detach().argmax(1) == labels).sum())
    value, hits = group.sums(loss_sum, right)
    if not math.isfinite(value):
        raise DivergedError(f"the loss became {value}")
    state.scaler.unscale_(state.optimizer)
    gradients = [p.grad for p in state.network.parameters() if p.grad is not None]
    norm = float(torch.nn.utils.get_total_norm(gradients))
    if not math.isfinite(norm):
        if not state.scaler.is_enabled():
            raise DivergedError(f"the gradient's norm became {norm}")
        norm = 0.0  # the scaler leaves this update out and scales less
    state.scaler.step(state.optimizer)
    state.scaler.update()
    return value, int(hits), norm


def _synchronised(model: nn.Module, last: bool) -> AbstractContextManager[None]:
    """Gradients of processes are summed once a batch, in its last part."""
    if last or not isinstance(model, nn.parallel.DistributedDataParallel):
        return nullcontext()
    context: AbstractContextManager[None] = model.no_sync()
    return context


def _loss(logits: Tensor, labels: Tensor, training: Training) -> Tensor:
    """Mean over samples; of the squared errors to one-hot, the sum over classes."""
    if not len(labels):
        return 0 * logits.sum()
    if training.loss == "mse":
        target = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
        return F.mse_loss(logits, target, reduction="sum") / len(labels)
    return F.cross_entropy(logits, labels)
