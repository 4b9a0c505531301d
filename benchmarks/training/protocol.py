"""Matched means: for one (data set, seed) everything but the neuron is bit-identical."""

from __future__ import annotations

import inspect
import math
import random
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.params import Rule, Training
from benchmarks.records.files import version_of
from benchmarks.records.schema import Hashes
from benchmarks.source import digest
from benchmarks.training.blocks import Network

# Of each rule, raised by hand when its cells would leave other records than before; tests/golden
# says when.
PROTOCOL: dict[Rule, int] = {"bptt": 3, "asf": 4}


@dataclass(frozen=True)
class Seeds:
    """Independent seeds drawn from (data set, seed)."""

    synapses: int
    neurons: int
    order: int
    augmentation: int
    noise: int


def seeds_of(dataset: str, seed: int) -> Seeds:
    """Seeds of one cell; the neuron is not asked, so all neurons get the same."""
    sequence = np.random.SeedSequence([zlib.crc32(dataset.encode()), seed])
    return Seeds(*(int(word) for word in sequence.generate_state(5)))


def epoch_order(seed: int, epoch: int, samples: int) -> Tensor:
    """Indices ``[samples]`` of one epoch; any epoch without those before it, so resume is exact."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(samples, generator=generator)


def augmentation(seeds: Seeds, epoch: int) -> torch.Generator:
    """What the augmentation of one epoch is drawn from, the same for every neuron and device."""
    return torch.Generator().manual_seed(seeds.augmentation * 1_000_003 + epoch)


def seed_noise(seeds: Seeds, epoch: int) -> None:
    """Seed what a neuron with noise or dropout draws from: the generators of torch, NumPy, Python.

    ``epoch``: the one to come; after the last, what the test split is measured with.
    """
    seed_generators((seeds.noise * 1_000_003 + epoch) % 2**32)


def seed_generators(seed: int) -> None:
    """Seed the global generators of torch, NumPy and Python; below 2^32."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)


@contextmanager
def others_kept() -> Iterator[None]:
    """NumPy's and Python's global generators as they were afterwards; torch has ``fork_rng``."""
    pythons, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(pythons)
        np.random.set_state(numpys)  # noqa: NPY002


def order_hash(seeds: Seeds, training: Training, samples: int) -> str:
    """Digest of the order of samples over all epochs, and of where augmentation is drawn from."""
    epochs = range(training.epochs)
    orders = [epoch_order(seeds.order, epoch, samples).numpy().tobytes() for epoch in epochs]
    if training.augment != "none":
        orders.append(f"{training.augment} {seeds.augmentation}".encode())
    return digest(*orders)


def protocol_hash(training: Training) -> str:
    """The rule's version and a digest of its settings, ``<version>-<16 hex digits>``.

    The learning rate is left out: records at different rates may be paired in the tuned table.
    """
    unsaid = {"learning_rate", *training.unsaid}
    return f"{PROTOCOL[training.rule]}-{digest(training.model_dump_json(exclude=unsaid))}"


def other_protocol(recorded: str, training: Training) -> str:
    """Under which protocols records were trained and this code trains; "" where they are one."""
    now = protocol_hash(training)
    if now == recorded:
        return ""
    return (
        f"trained under protocol {version_of(recorded)} ({recorded}), this code trains under "
        f"{version_of(now)} ({now})"
    )


def hashes_of(
    training: Training, data: str, samples: int, seeds: Seeds, weights: str, neuron: str
) -> Hashes:
    """What a cell starts from; ``data``: the set's digest, ``samples``: of its training split."""
    return Hashes(
        protocol=protocol_hash(training),
        data=data[:16],
        weights=weights,
        order=order_hash(seeds, training, samples),
        neuron=neuron,
    )


def make_optimizer(network: Network, training: Training) -> torch.optim.Optimizer:
    """Adam or SGD with momentum 0.9 over everything that trains."""
    values = [p for p in network.parameters() if p.requires_grad]
    kind = torch.optim.Adam if training.optimizer == "adam" else torch.optim.SGD
    options: dict[str, Any] = {"lr": training.learning_rate, "weight_decay": training.weight_decay}
    if values[0].device.type == "cuda" and kind is torch.optim.Adam:  # a CUDA graph reads them
        options["lr"] = torch.tensor(training.learning_rate, device=values[0].device)
        options["capturable"] = True
    if "momentum" in inspect.signature(kind).parameters:
        options["momentum"] = 0.9
    return kind(values, fused=True, **options)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The rate of the updates to come."""
    for options in optimizer.param_groups:
        if isinstance(options["lr"], Tensor):
            options["lr"].fill_(rate)
        else:
            options["lr"] = rate


def learning_rate(training: Training, update: int, updates: int) -> float:
    """Learning rate of one update of ``updates`` in all."""
    if training.schedule == "constant":
        return training.learning_rate
    if training.schedule == "step":
        epoch = update * training.epochs // updates
        passed = sum(epoch >= milestone for milestone in training.milestones)
        return training.learning_rate * training.factor**passed
    return training.learning_rate * 0.5 * (1 + math.cos(math.pi * update / updates))
