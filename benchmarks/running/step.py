"""What one neuron's training step and its inference take, tried on made-up frames.

A batch that would fill much memory of a CPU, or that a GPU has none for, is tried by two small ones
instead, of few samples or of one sample and few time steps. Time and memory grow evenly with the
frames of a batch: memory follows from both, time from the larger, since a difference of times is
mostly noise.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from benchmarks.errors import InputError
from benchmarks.events.sets import Split
from benchmarks.params import Params, Training
from benchmarks.training import augment, host, neurons, protocol
from benchmarks.training.activity import EVALUATION_BATCH
from benchmarks.training.batches import Batch
from benchmarks.training.distributed import ALONE
from benchmarks.training.state import State
from benchmarks.training.train import fresh_state
from benchmarks.training.updates import update

BUDGET = 2e7  # bytes of all layers' outputs, up to which a batch is tried whole
_LEAST_STEPS = 4  # of the larger batch, where one sample is too many
_EVENTS_PER_PIXEL = 0.1  # and time step, of the made-up frames


@dataclass(frozen=True)
class Size:
    """How much data there is."""

    side: int  # pixels, as the network sees them
    classes: int
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class StepCost:
    """What one neuron takes on this device."""

    update: float  # s
    inference: float  # s a batch of EVALUATION_BATCH
    peak_bytes: int  # of the process on a CPU, allocated on a GPU


def cost_of(params: Params, neuron: str, size: Size, budget: float = BUDGET) -> StepCost:
    """Measured in this process, whose peak shall be this neuron's: call it in one of its own."""
    device = host.settle()
    whole = params.training
    part = math.ceil(whole.batch / whole.accumulate)
    build = neurons.builder(params.neuron_named(neuron), params.matched)
    state = fresh_state(build, whole, size.classes, size.side, protocol.seeds_of("", 0), device)
    layers = _bytes_of_a_frame(state, size)
    most = math.inf if device.type == "cuda" else budget / sum(layers)
    built = _peak_bytes(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    # before inference, whose memory, kept by the process, would hide the smaller batch's
    at_once = _Batch(part, whole.steps)
    training = _measured(partial(_updates, state, whole, size, device), at_once, most)
    evaluated = _Batch(EVALUATION_BATCH, whole.steps)
    inference = _measured(partial(_inference, state, size, device), evaluated, most)[-1]
    # without gradients a layer's input, drive and output are there at a time
    at_inference = built + 3 * evaluated.frames * max(layers)
    peak = max(_peak_of(at_once, training), at_inference)
    update = training[-1].seconds(at_once) * whole.batch / part
    return StepCost(update, inference.seconds(evaluated), peak)


@dataclass(frozen=True)
class _Batch:
    """How much is computed at once."""

    samples: int
    steps: int

    @property
    def frames(self) -> int:
        return self.samples * self.steps


@dataclass(frozen=True)
class _Measured:
    """What one batch took."""

    batch: _Batch
    took: float  # s
    peak_bytes: int

    def seconds(self, whole: _Batch) -> float:
        """What a batch of another size takes."""
        return self.took * whole.frames / self.batch.frames


def _tried(whole: _Batch, most: float) -> list[_Batch]:
    """The batch itself where it has no more frames than ``most``, else a small one and a larger."""
    if whole.frames <= most:
        return [whole]
    samples = int(most // whole.steps)
    if samples > 1:
        return [_Batch(samples // 2, whole.steps), _Batch(samples, whole.steps)]
    steps = max(_LEAST_STEPS, min(whole.steps, int(most)))
    return [_Batch(1, steps // 2), _Batch(1, steps)]


def _measured(run: Callable[[_Batch], _Measured], whole: _Batch, most: float) -> list[_Measured]:
    """What :func:`_tried` names; where a GPU has no memory for it, half as much, and so on."""
    while True:
        try:
            return [run(batch) for batch in _tried(whole, most)]
        except torch.OutOfMemoryError as error:
            most = min(most, whole.frames) / 2
            if most < _LEAST_STEPS:
                raise InputError(
                    f"this GPU has no memory for one sample of {_LEAST_STEPS} time steps; free it, "
                    "or give `width` in params.yaml's section training"
                ) from error
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()


def _peak_of(whole: _Batch, measured: list[_Measured]) -> int:
    """Bytes that the whole batch takes, on the line through the first and the last measured."""
    low, high = measured[0], measured[-1]
    if low is high:
        return high.peak_bytes
    of_a_frame = (high.peak_bytes - low.peak_bytes) / (high.batch.frames - low.batch.frames)
    return round(high.peak_bytes + of_a_frame * (whole.frames - high.batch.frames))


def _bytes_of_a_frame(state: State, size: Size) -> list[int]:
    """Of each layer's output for one frame, float32; training keeps several times as much."""
    per_layer: list[int] = []
    handles = [
        block.register_forward_hook(lambda _, __, out: per_layer.append(out.numel()))
        for block in state.network.blocks.values()
    ]
    frames = _made_up(_Batch(1, 1), size).frames[:].swapaxes(0, 1)
    device = next(state.network.parameters()).device
    with torch.no_grad():
        state.network.eval()(torch.from_numpy(frames).to(device).float())
    for handle in handles:
        handle.remove()
    return [4 * values for values in per_layer]


def _inference(state: State, size: Size, device: torch.device, batch: _Batch) -> _Measured:
    frames = torch.from_numpy(_made_up(batch, size).frames[:].swapaxes(0, 1)).to(device).float()
    state.network.eval()
    with torch.no_grad():
        seconds = min(_clocked(lambda: state.network(frames)) for _ in range(2))  # one warms up
    return _Measured(batch, seconds, _peak_bytes(device))


def _updates(
    state: State, training: Training, size: Size, device: torch.device, batch: _Batch
) -> _Measured:
    split, kind = _made_up(batch, size), augment.KINDS[training.augment]
    alone = training.model_copy(update={"batch": batch.samples, "accumulate": 1})
    state.network.train()
    took = []
    for number in range(2):  # one warms up
        draws = augment.draw(torch.Generator().manual_seed(number), batch.samples, kind)
        drawn = Batch(split, torch.arange(batch.samples), draws, kind, device)
        took.append(_clocked(partial(update, state, state.network, alone, drawn, ALONE)))
    return _Measured(batch, min(took), _peak_bytes(device))


def _made_up(batch: _Batch, size: Size) -> Split:
    generator = torch.Generator().manual_seed(0)
    rate = torch.full((batch.samples, batch.steps, 2, size.side, size.side), _EVENTS_PER_PIXEL)
    frames = torch.poisson(rate, generator=generator).to(torch.uint8).numpy()
    labels = torch.randint(size.classes, (batch.samples,), generator=generator).numpy()
    return Split(frames, labels, labels)


def _clocked(run: Callable[[], object]) -> float:
    """Seconds that ``run`` takes; on a CPU those of a core of its own, whatever runs beside."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    start = clock()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - start


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
