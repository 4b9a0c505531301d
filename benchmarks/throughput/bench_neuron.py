"""The neuron alone: inference, forward with its graph, forward and backward."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.errors import InputError
from benchmarks.throughput import device as devices
from benchmarks.throughput.backends import label
from benchmarks.throughput.conftest import DEVICE, PLAN, graphs_of, leave_out
from benchmarks.throughput.plan import SCALED, Case, is_control
from benchmarks.training.neurons import builder

# tensors of the drive's size that any implementation must move: drive in, spikes out;
# backward: gradient in, drive in, gradient out
FORWARD_MOVES, BOTH_MOVES = 2, 5
BASE = PLAN.base


def _at(cases: list[Case]) -> pytest.MarkDecorator:
    names = [f"{case.series}-{'x'.join(map(str, case.shape))}" for case in cases]
    return pytest.mark.parametrize("case", cases, ids=names)


def _neuron(alias: str, case: Case, what: str) -> nn.Module:
    if case.series not in ("main", "precision") and alias not in SCALED:
        pytest.skip("not drawn against size")
    if DEVICE.type == "cuda" and is_control(PLAN.neuron(alias)):
        pytest.skip("its dynamics are timed as AIA's or LIF's")
    try:
        build = builder(PLAN.neuron(alias), PLAN.params.matched)
        return build(case.shape.channels).to(DEVICE, getattr(torch, case.dtype))
    except (ImportError, InputError) as error:
        if isinstance(error, InputError) and alias in PLAN.params.neuron:
            raise
        leave_out(str(error), neuron=alias, what=what)


def _drives(case: Case) -> list[Tensor]:
    return [drive.detach() for drive in _drawn(case)]


@functools.lru_cache(maxsize=1)
def _drawn(case: Case) -> list[Tensor]:
    dtype = getattr(torch, case.dtype)

    def make(number: int) -> Tensor:
        generator = torch.Generator(DEVICE).manual_seed(number)
        return torch.randn(case.shape.sizes, generator=generator, device=DEVICE).to(dtype)

    return devices.inputs_of(make, case.shape.elements * dtype.itemsize, DEVICE)


def _about(alias: str, case: Case, what: str, moves: int, neuron: nn.Module) -> dict[str, Any]:
    each = getattr(torch, case.dtype).itemsize
    return {
        "what": what,
        "neuron": alias,
        "backend": label(PLAN, alias, neuron, DEVICE),
        "shape": str(case.shape.sizes),
        "dtype": case.dtype,
        "series": case.series,
        "elements": case.shape.elements,
        "samples": None,
        "bytes_moved": moves * case.shape.elements * each,
    }


@_at([BASE])
def bench_inference(alias: str, case: Case, timed: Callable[..., None]) -> None:
    neuron = _neuron(alias, case, "neuron_forward").eval()
    about = _about(alias, case, "neuron_forward", FORWARD_MOVES, neuron)
    with torch.no_grad():
        timed([functools.partial(neuron, drive) for drive in _drives(case)], **about)


@_at([] if PLAN.quick else [BASE])
def bench_forward(alias: str, case: Case, timed: Callable[..., None]) -> None:
    """With the graph that a backward pass needs."""
    neuron = _neuron(alias, case, "neuron_training_forward")
    about = _about(alias, case, "neuron_training_forward", FORWARD_MOVES, neuron)
    drives = [drive.requires_grad_() for drive in _drives(case)]
    timed([functools.partial(neuron, drive) for drive in drives], **about)


@_at(PLAN.cases)
def bench_forward_backward(alias: str, case: Case, timed: Callable[..., None]) -> None:
    neuron = _neuron(alias, case, "neuron_forward_backward")
    about = _about(alias, case, "neuron_forward_backward", BOTH_MOVES, neuron)
    calls = [_both(neuron, drive) for drive in _drives(case)]
    if case == BASE:
        about |= _costs(neuron, calls[0], case)
    timed(calls, **about)


@pytest.mark.skipif(DEVICE.type != "cuda" or PLAN.quick, reason="CUDA graphs, in a full run")
@_at([c for c in PLAN.cases if c.series in ("main", "launch")])
def bench_forward_backward_graph(alias: str, case: Case, timed: Callable[..., None]) -> None:
    """Both passes of an input as one CUDA graph: what is left without the cost of launching."""
    neuron = _neuron(alias, case, "neuron_forward_backward")
    about = _about(alias, case, "neuron_forward_backward", BOTH_MOVES, neuron)
    calls = [_both(neuron, drive) for drive in _drives(case)]
    timed(graphs_of(calls, about), **about)


def _both(neuron: nn.Module, drive: Tensor) -> Callable[[], None]:
    drive.requires_grad_()
    gradient = torch.rand_like(drive)
    learned = list(neuron.parameters())

    def both() -> None:
        for each in (drive, *learned):
            each.grad = None
        neuron(drive).backward(gradient)

    return both


def _costs(neuron: nn.Module, both: Callable[[], None], case: Case) -> dict[str, Any]:
    """Memory, energy, GPU kernels; nothing of a neuron that does not run, as timing then says."""
    drive = torch.randn(case.shape.sizes, device=DEVICE, requires_grad=True)
    try:
        both()  # whatever is made once is made before anything is counted
        kept = devices.kept_bytes(lambda: neuron(drive)) / case.shape.elements
        peak = devices.peak_bytes(both, DEVICE) / case.shape.elements
        energy = devices.joules(both, DEVICE)
        kernels = devices.kernels(both, DEVICE)
    except Exception:
        return {}
    spent = {} if math.isnan(energy) else {"joules": energy}
    return {"kept_bytes": kept, "peak_bytes": peak, "kernels": kernels, **spent}
