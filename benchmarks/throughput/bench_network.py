"""The profile's network: a training step and inference at the profile's batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from benchmarks.blocks import Network
from benchmarks.networks import build_network
from benchmarks.neurons import builder
from benchmarks.protocol import make_optimizer
from benchmarks.throughput.bench_neuron import backend_of
from benchmarks.throughput.conftest import DEVICE, PARAMS

SIZE, CLASSES = 32, 10


def _network(alias: str) -> Network:
    build = builder(PARAMS.neuron[alias], PARAMS.matched)
    return build_network(build, PARAMS.training, CLASSES, SIZE, (0, 0)).to(DEVICE)


def _frames() -> torch.Tensor:
    shape = (PARAMS.training.steps, PARAMS.training.batch, 2, SIZE, SIZE)
    generator = torch.Generator().manual_seed(0)
    return torch.poisson(torch.full(shape, 0.3), generator).to(DEVICE)


def _about(alias: str, frames: torch.Tensor) -> dict[str, object]:
    return {
        "neuron": alias,
        "backend": backend_of(alias),
        "shape": str(list(frames.shape)),
        "elements": None,
        "samples": frames.shape[1],
        "bound_ns": None,
    }


def bench_training_step(alias: str, timed: Callable[..., None]) -> None:
    network, frames = _network(alias), _frames()
    optimizer = make_optimizer(network, PARAMS.training)
    labels = torch.arange(frames.shape[1], device=DEVICE) % CLASSES

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(network(frames), labels).backward()
        optimizer.step()

    timed(step, what="training_step", **_about(alias, frames))


def bench_inference(alias: str, timed: Callable[..., None]) -> None:
    network, frames = _network(alias).eval(), _frames()
    with torch.no_grad():
        timed(lambda: network(frames), what="inference", **_about(alias, frames))
