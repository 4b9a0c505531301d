"""The neuron alone on ``[T, B, C, H, W]`` = [10, 16, 32, 32, 32], float32."""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmarks.neurons import builder
from benchmarks.throughput.conftest import DEVICE, PARAMS, copy_bandwidth, kept_bytes

SHAPE = (10, 16, 32, 32, 32)
# bytes an element and step that any implementation must move: drive in, spikes out;
# backward: gradient in, drive in, gradient out
FORWARD_BYTES, BOTH_BYTES = 8, 20


def _drive() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(SHAPE, generator=generator).to(DEVICE)


def _about(alias: str, bytes_moved: int) -> dict[str, object]:
    return {
        "neuron": alias,
        "backend": backend_of(alias),
        "shape": str(list(SHAPE)),
        "elements": _drive().numel(),
        "samples": None,
        "bound_ns": bytes_moved / copy_bandwidth(),
    }


def backend_of(alias: str) -> str:
    """Who runs the dynamics."""
    module = PARAMS.neuron[alias].class_.partition(".")[0].partition(":")[0]
    return "torch.compile" if module in ("aia", "baselines") else module


def bench_forward(alias: str, timed: Callable[..., None]) -> None:
    neuron = builder(PARAMS.neuron[alias], PARAMS.matched)(SHAPE[2]).to(DEVICE)
    drive = _drive()
    with torch.no_grad():
        timed(lambda: neuron(drive), what="neuron_forward", **_about(alias, FORWARD_BYTES))


def bench_forward_backward(alias: str, timed: Callable[..., None]) -> None:
    neuron = builder(PARAMS.neuron[alias], PARAMS.matched)(SHAPE[2]).to(DEVICE)
    drive = _drive().requires_grad_()
    gradient = torch.rand_like(drive)

    def both() -> None:
        drive.grad = None
        neuron(drive).backward(gradient)

    kept = kept_bytes(lambda: neuron(drive)) / drive.numel()
    timed(both, what="neuron_forward_backward", kept_bytes=kept, **_about(alias, BOTH_BYTES))
