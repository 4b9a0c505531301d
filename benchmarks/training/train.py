"""The training of one cell: (data set, neuron, seed). Reads like the protocol: build, loop."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.errors import InputError
from benchmarks.events import EventSet, ensure_for
from benchmarks.events.published.labels import flip_keeps_label
from benchmarks.params import NORMALISED, Params, Training
from benchmarks.progress import Progress
from benchmarks.records.schema import Failure, Hashes
from benchmarks.training import asf, augment, checkpoints, graphs, host, measure, neurons, protocol
from benchmarks.training.batches import Batch
from benchmarks.training.blocks import Network
from benchmarks.training.coefficients import coefficients
from benchmarks.training.distributed import ALONE, Group
from benchmarks.training.graphs import GraphedUpdate
from benchmarks.training.networks import build_network, prepare_synapses, weights_hash
from benchmarks.training.state import Cell, DivergedError, State, Trained
from benchmarks.training.updates import update


def train_cell(
    cell: Cell,
    params: Params,
    events: Path,
    checkpoint: Path,
    progress: Progress,
    group: Group = ALONE,
) -> Trained:
    """All epochs of a cell, from ``checkpoint`` if it is there; ``events`` caches frames.

    ``group``: the processes that share the work; all of them end with the same network. The neuron
    is one that :func:`~benchmarks.training.contract.check_named` lets pass.
    Raises InputError for what is wrong with the parameters.
    """
    device = host.settle()
    data = ensure_for(cell.dataset, params.training, events, seed=cell.seed)
    seeds = protocol.seeds_of(cell.dataset, cell.seed)
    state, hashes = start(cell, params, data, seeds, device)
    # hashes do not hold the learning rate, the settings do
    identity = {
        "hashes": hashes.model_dump(),
        "settings": params.training.settings(),
        "arithmetic": host.arithmetic_on(device),
    }
    resumed = checkpoints.load(checkpoint, state, identity, params.training.epochs)
    group.meet()  # all have read before one writes
    kind = augment.kind_of(params.training.augment, flip_keeps_label(cell.dataset))
    task = _Task(params.training, data, seeds, device, group, kind)
    graph = None
    if group.size == 1 and graphs.fits(params.training, device):
        graph = graphs.GraphedUpdate(state, params.training, device)
    failure, seconds = _train(state, graph, task, progress, checkpoint, identity)
    samples = (state.epoch - resumed) * len(data.train.labels)
    paths = {} if graph is None else {"update": graph.refused or "one CUDA graph"}
    course = host.Course(samples, seconds, paths)
    return Trained(state, hashes, data, device, failure, course)


def start(
    cell: Cell,
    params: Params,
    data: EventSet,
    seeds: protocol.Seeds,
    device: torch.device,
) -> tuple[State, Hashes]:
    """A fresh network and the digests of what it starts from."""
    training, neuron = params.training, params.neuron_named(cell.neuron)
    build = neurons.builder(neuron, params.matched)
    source = neurons.source_hash(neuron, params.matched)
    classes, size = len(data.classes), side_of(data, training)
    state = fresh_state(build, training, classes, size, seeds, device, params.matched.threshold)
    samples = len(data.train.labels)
    return state, protocol.hashes_of(training, data.digest, samples, seeds, state.weights, source)


def fresh_state(
    build: neurons.Build,
    training: Training,
    classes: int,
    size: int,
    seeds: protocol.Seeds,
    device: torch.device,
    threshold: float = 1.0,
) -> State:
    """A network before its first update, for frames of ``size`` x ``size`` pixels.

    ``threshold``: what rule asf divides logits by.
    """
    network = build_network(build, training, classes, size, (seeds.synapses, seeds.neurons))
    weights = weights_hash(network)
    prepare_synapses(network)
    network.to(device)
    return State(
        network,
        protocol.make_optimizer(network, training),
        asf.FlowScales(network, threshold),
        torch.amp.GradScaler(device.type, enabled=training.precision == "float16"),
        weights,
        initial=coefficients(network),
    )


def side_of(data: EventSet, training: Training) -> int:
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


def _train(
    state: State,
    graph: GraphedUpdate | None,
    task: _Task,
    progress: Progress,
    checkpoint: Path,
    identity: dict[str, Any],
) -> tuple[Failure | None, list[float]]:
    """All epochs that are left, and their seconds; ends with the network best on validation."""
    model = _shared(state.network, task)
    seconds: list[float] = []
    while state.epoch < task.training.epochs:
        begun = time.perf_counter()
        try:
            _epoch(state, model, graph, task, progress)
        except DivergedError as error:
            return Failure(epoch=state.epoch, reason=str(error)), seconds
        seconds.append(time.perf_counter() - begun)
        lead = task.group.leads
        accuracy = (
            measure.accuracy(state.network, task.data.validation, task.device) if lead else 0.0
        )
        reached = task.group.agreed(accuracy)
        state.curves["validation_accuracy"].append(reached)
        if reached > max(state.curves["validation_accuracy"][:-1], default=-1.0):
            state.best_epoch = state.epoch
            state.best = {k: v.clone() for k, v in state.network.state_dict().items()}
        state.epoch += 1
        if lead:
            checkpoints.save(checkpoint, state, identity)
    state.network.load_state_dict(state.best)
    protocol.seed_noise(task.seeds, task.training.epochs)  # of the test split
    return None, seconds


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


def _epoch(
    state: State, model: nn.Module, graph: GraphedUpdate | None, task: _Task, progress: Progress
) -> None:
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
        rate = protocol.learning_rate(training, done, updates)
        protocol.set_learning_rate(state.optimizer, rate)
        draws = augment.draw(generator, len(chosen), task.kind)
        batch = Batch(split, chosen, draws, task.kind, task.device)
        says = f"epoch {state.epoch + 1}/{training.epochs}"
        if graph is not None and len(chosen) == training.batch:
            graph(*batch.part(torch.arange(len(chosen))))  # its sums are read once, at the end
        else:
            loss, hits, norm = update(state, model, training, batch, group)
            loss_sum += loss * len(chosen)
            right += hits
            norms += norm
            says = f"{says} loss {loss:.3f}"
        progress(done + 1, updates, says)
    if graph is not None:
        losses, hits, norm = graph.sums()
        loss_sum, right, norms = loss_sum + losses, right + hits, norms + norm
    state.curves["train_loss"].append(loss_sum / len(split.labels))
    state.curves["train_accuracy"].append(right / len(split.labels))
    state.curves["gradient_norm"].append(norms / len(chunks))
