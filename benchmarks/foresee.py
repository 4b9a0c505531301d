"""What a run will take, before it starts: a few real updates of each neuron on made-up frames.

On a CPU a network whose batch would fill much memory is tried with two small ones instead; time and
memory grow evenly with the batch, so two points say what the whole one takes.
No data is needed: samples are counted in the data set's manifest where there is one, and in the
catalogue of published sets where there is none yet.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import psutil
import torch
from rich import box
from rich.table import Table

from benchmarks import augment, host, neurons, protocol
from benchmarks.distributed import ALONE
from benchmarks.errors import unknown
from benchmarks.events import SETS as EMBEDDED
from benchmarks.events.catalogue import SETS as PUBLISHED
from benchmarks.events.sets import Split
from benchmarks.measure import EVALUATION_BATCH
from benchmarks.params import Params, Training
from benchmarks.profile import Profile
from benchmarks.records import record_path
from benchmarks.train import fresh_state
from benchmarks.training.batches import Batch
from benchmarks.training.state import State
from benchmarks.training.updates import update

_BUDGET = 4e7  # bytes of all layers' outputs, up to which a batch is tried whole
_SHARE = {"train": 0.81, "validation": 0.09, "test": 0.1}  # of a set without an official split
_EVENTS_PER_PIXEL = 0.1  # and time step, of the made-up frames
_EMBEDDED_SIDE, _EMBEDDED_SAMPLES = 32, 1800


@dataclass(frozen=True)
class Size:
    """How much data there is."""

    side: int  # pixels, as the network sees them
    classes: int
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class Cost:
    """What one neuron takes on this device."""

    update: float  # s
    inference: float  # s a batch of EVALUATION_BATCH
    peak_bytes: int  # of the process on a CPU, allocated on a GPU


@dataclass(frozen=True)
class Foreseen:
    """The cells of one (data set, neuron) that have no record yet."""

    dataset: str
    neuron: str
    cells: int
    updates: int  # a cell
    seconds: float  # a cell
    peak_bytes: int


def foresee(
    params: Params, profile: Profile, progress: Callable[[int, int, str], None]
) -> list[Foreseen]:
    """One line a (data set, neuron). Raises InputError for a data set that is not known."""
    sizes = {dataset: size_of(dataset, params, profile) for dataset in params.datasets}
    costs: dict[tuple[str, int], Cost] = {}
    wanted = [(neuron, size) for size in sizes.values() for neuron in params.neuron]
    for done, (neuron, size) in enumerate(wanted, start=1):
        if (neuron, size.side) not in costs:
            costs[neuron, size.side] = _apart(params, neuron, size)
        progress(done, len(wanted), neuron)
    return [
        _line(params, profile, dataset, neuron, size, costs[neuron, size.side])
        for dataset, size in sizes.items()
        for neuron in params.neuron
    ]


def size_of(dataset: str, params: Params, profile: Profile) -> Size:
    """From the manifest, or from what is published."""
    manifest = profile.data / f"{dataset}.json"
    side = params.training.size
    if manifest.exists():
        said = json.loads(manifest.read_text(encoding="utf-8"))
        counts = {part: said["samples"][part] for part in _SHARE}
        return Size(side or max(said["shape"][-2:]), len(said["classes"]), **counts)
    name = dataset.partition("-")[0]
    if name in PUBLISHED:
        found = PUBLISHED[name]
        side = side or max(found.width, found.height)
        return Size(side, len(found.classes), **_counts(found.counts))
    if dataset not in EMBEDDED:
        raise unknown("data set", dataset, [*EMBEDDED, *PUBLISHED])
    shares = {part: round(share * _EMBEDDED_SAMPLES) for part, share in _SHARE.items()}
    return Size(side or _EMBEDDED_SIDE, 10, **shares)


def _counts(published: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    whole = sum(map(sum, published.values()))
    if "test" not in published:
        return {part: round(share * whole) for part, share in _SHARE.items()}
    train = sum(published["train"])
    return {"train": round(0.9 * train), "validation": round(0.1 * train), "test": whole - train}


def table(lines: list[Foreseen]) -> Table:
    """For the terminal."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("data set", "neuron"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("cells", "updates", "min a cell", "h in all", "peak GB"):
        shown.add_column(heading, justify="right")
    for line in lines:
        shown.add_row(
            line.dataset,
            line.neuron,
            str(line.cells),
            f"{line.updates:,}",
            f"{line.seconds / 60:,.1f}",
            f"{line.cells * line.seconds / 3600:,.1f}",
            f"{line.peak_bytes / 1e9:.1f}",
        )
    return shown


def advice(lines: list[Foreseen]) -> str:
    """What to change where memory is short; "" where it is not."""
    needed, free = max(line.peak_bytes for line in lines), _free_bytes()
    if needed < free:
        return ""
    parts = 2 ** math.ceil(math.log2(needed / free))
    return (
        f"{needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free: set "
        f"`accumulate: {parts}` in params.yaml's section training (the same gradient in parts), "
        "`recompute: true` or `precision: bfloat16`"
    )


def _free_bytes() -> int:
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)


def _apart(params: Params, neuron: str, size: Size, budget: float = _BUDGET) -> Cost:
    """Measured in a process of its own, whose peak is this neuron's."""
    context = multiprocessing.get_context("forkserver")  # which imports torch once for all
    context.set_forkserver_preload([__name__, "torch._dynamo"])
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_cost, params, neuron, size, budget).result()


def _cost(params: Params, neuron: str, size: Size, budget: float) -> Cost:
    device = host.settle()
    whole = params.training
    part = math.ceil(whole.batch / whole.accumulate)
    build = neurons.builder(params.neuron_named(neuron), params.matched)
    state = fresh_state(build, whole, size.classes, size.side, protocol.seeds_of("", 0), device)
    layers = _bytes_of_a_sample(state, whole, size)
    most = math.inf if device.type == "cuda" else budget / sum(layers)
    built = _peak_bytes(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    # before inference, whose memory, kept by the process, would hide the smaller batch's
    training = _trend(lambda n: _updates(state, whole, size, n, device), part, most)
    inference = _trend(lambda n: _inference(state, whole, size, n, device), EVALUATION_BATCH, most)
    seconds = training.seconds(part) * whole.batch / part
    # without gradients a layer's input, drive and output are there at a time
    at_inference = built + 3 * EVALUATION_BATCH * max(layers)
    peak = max(training.peak_bytes(part), at_inference)
    return Cost(seconds, inference.seconds(EVALUATION_BATCH), peak)


@dataclass(frozen=True)
class _Trend:
    """Two sizes of batches, which may be the same, and what each took."""

    sizes: tuple[int, int]
    took: tuple[float, float]
    peaks: tuple[int, int]

    def _at(self, batch: int, values: tuple[float, float]) -> float:
        (small, large), (low, high) = self.sizes, values
        return high if small == large else high + (high - low) * (batch - large) / (large - small)

    def seconds(self, batch: int) -> float:
        return self._at(batch, self.took)

    def peak_bytes(self, batch: int) -> int:
        return round(self._at(batch, self.peaks))


def _trend(measured: Callable[[int], tuple[float, int]], batch: int, most: float) -> _Trend:
    """What ``batch`` samples take, tried with at most ``most``, or two."""
    large = batch if batch <= most else min(batch, max(2, int(most)))
    small = large if large == batch else max(1, large // 2)
    seconds, peak = measured(small)
    more, high = (seconds, peak) if small == large else measured(large)
    return _Trend((small, large), (min(seconds, more), more), (peak, high))


def _bytes_of_a_sample(state: State, training: Training, size: Size) -> list[int]:
    """Of one sample's output of each layer, float32; training keeps several times as much."""
    found: list[int] = []
    handles = [
        block.register_forward_hook(lambda _, __, out: found.append(out.numel()))
        for block in state.network.blocks.values()
    ]
    frames = _made_up(training.steps, 1, size).frames[:].swapaxes(0, 1)
    device = next(state.network.parameters()).device
    with torch.no_grad():
        state.network.eval()(torch.from_numpy(frames).to(device).float())
    for handle in handles:
        handle.remove()
    return [4 * values for values in found]


def _inference(
    state: State, training: Training, size: Size, count: int, device: torch.device
) -> tuple[float, int]:
    split = _made_up(training.steps, count, size)
    frames = torch.from_numpy(split.frames[:].swapaxes(0, 1)).to(device).float()
    state.network.eval()
    with torch.no_grad():
        seconds = min(_clocked(lambda: state.network(frames)) for _ in range(2))  # one warms up
    return seconds, _peak_bytes(device)


def _updates(
    state: State, training: Training, size: Size, count: int, device: torch.device
) -> tuple[float, int]:
    split, kind = _made_up(training.steps, count, size), augment.KINDS[training.augment]
    alone = training.model_copy(update={"batch": count, "accumulate": 1})
    state.network.train()
    took = []
    for number in range(2):  # one warms up
        draws = augment.draw(torch.Generator().manual_seed(number), count, kind)
        batch = Batch(split, torch.arange(count), draws, kind, device)
        took.append(_clocked(partial(update, state, state.network, alone, batch, ALONE)))
    return min(took), _peak_bytes(device)


def _made_up(steps: int, samples: int, size: Size) -> Split:
    generator = torch.Generator().manual_seed(0)
    rate = torch.full((samples, steps, 2, size.side, size.side), _EVENTS_PER_PIXEL)
    frames = torch.poisson(rate, generator=generator).to(torch.uint8).numpy()
    labels = torch.randint(size.classes, (samples,), generator=generator).numpy()
    return Split(frames, labels, labels)


def _clocked(run: Callable[[], object]) -> float:
    """Seconds that ``run`` takes, the device's work included."""
    start = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _line(
    params: Params, profile: Profile, dataset: str, neuron: str, size: Size, cost: Cost
) -> Foreseen:
    training = params.training
    updates = training.epochs * math.ceil(size.train / training.batch)
    # validation after each epoch; at the end train once, test six times: measures, fold, silenced
    evaluated = training.epochs * size.validation + size.train + 6 * size.test
    missing = [
        seed
        for seed in params.seeds
        if not record_path(profile.runs, dataset, neuron, seed).exists()
    ]
    seconds = updates * cost.update + evaluated / EVALUATION_BATCH * cost.inference
    return Foreseen(dataset, neuron, len(missing), updates, seconds, cost.peak_bytes)
