"""The profile's network: a training step and inference, at its batch and at the largest."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from aia import backends, fold
from benchmarks.errors import InputError
from benchmarks.throughput import device as devices
from benchmarks.throughput.backends import label
from benchmarks.throughput.conftest import DEVICE, PLAN, graphs_of, leave_out
from benchmarks.throughput.plan import is_control, library_of
from benchmarks.training.blocks import Network
from benchmarks.training.networks import build_network
from benchmarks.training.neurons import builder
from benchmarks.training.protocol import make_optimizer

TRAINING = PLAN.params.training
SIZE, CLASSES = TRAINING.size or 32, 10
LARGEST = {"cpu": 256, "cuda": 16384}[DEVICE.type]
# batch, and whether by CUDA graph: of a GPU also two ways in which launching is not all the time
IN_TURN = [(None, False), *([(2048, False), (None, True)] if DEVICE.type == "cuda" else [])]
# networks of each neuron that are timed in turn, since the place of a network's memory alone
# makes a step up to 2 % slower or faster, and steps of each
NETWORKS, STEPS = 10, 6 if PLAN.quick else 30


def _network(alias: str) -> Network:
    try:
        build = builder(PLAN.neuron(alias), PLAN.params.matched)
        return build_network(build, TRAINING, CLASSES, SIZE, (0, 0)).to(DEVICE)
    except (ImportError, InputError) as error:
        if isinstance(error, InputError) and alias in PLAN.params.neuron:
            raise
        leave_out(str(error), neuron=alias, what="training_step")


def _frames(batch: int, count: int = 2) -> list[Tensor]:
    shape = (TRAINING.steps, batch, 2, SIZE, SIZE)
    generator = torch.Generator(DEVICE).manual_seed(0)
    rates = torch.full(shape, 0.3, device=DEVICE)
    return [torch.poisson(rates, generator) for _ in range(count)]


def _by_another_backend(alias: str) -> bool:
    """Whether this process asks for other dynamics than the neuron has by itself.

    SpikingJelly has none by itself: on a GPU it is timed by a named backend alone.
    """
    return PLAN.optional and library_of(PLAN.neuron(alias)) == "ours"


def _training(network: Network, frames: Tensor) -> Callable[[], None]:
    """A call that makes one training step; of Adam's a CUDA graph can be made."""
    optimizer = make_optimizer(network, TRAINING)
    labels = torch.arange(frames.shape[1], device=DEVICE) % CLASSES

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(network(frames), labels).backward()
        optimizer.step()

    return step


def _about(alias: str, what: str, network: Network, frames: Tensor) -> dict[str, Any]:
    block = next(iter(network.blocks.values()))
    return {
        "what": what,
        "neuron": alias,
        "backend": label(PLAN, alias, _neuron_of(block), DEVICE),
        "shape": str(list(frames.shape)),
        "dtype": "float32",
        "series": "main",
        "elements": None,
        "samples": frames.shape[1],
        **_work(network, frames, what == "training_step"),
    }


def _work(network: Network, frames: Tensor, training: bool) -> dict[str, int]:
    """What must be computed and moved."""
    flops = _flops(training) * frames.shape[1]
    return {"flops": flops, "bytes_moved": _moved(network, frames, training)}


def _neuron_of(block: nn.Module) -> nn.Module:
    neuron: nn.Module = block.neuron  # type: ignore[assignment]
    return neuron


@functools.cache
def _flops(training: bool) -> int:
    """Of a sample's synapses, the same under every neuron, as PyTorch counts them.

    What the neurons themselves compute is little, and left out.
    """
    network, frames = _network("lif"), _frames(1, 1)[0]
    with pytest.MonkeyPatch.context() as patch, FlopCounterMode(display=False) as counter:
        patch.setenv(backends.VARIABLE, "eager")  # the counter sees nothing of compiled kernels
        logits = network(frames)
        if training:
            logits.sum().backward()
    return int(counter.get_total_flops())


def _moved(network: Network, frames: Tensor, training: bool) -> int:
    """Bytes that must move if every tensor is read or written once by each pass that needs it.

    Forward, of a block: its input is read, the drive written and read, the spikes written.
    Backward: by the neuron two read and one written, by the synapse the gradient read twice, the
    input read and its gradient written. Weights are read twice and their gradient is written.
    """
    moved = 0

    def add(block: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal moved
        into, over = given[0].numel(), out.numel()
        moved += 3 * into + 8 * over if training else into + 3 * over

    hooks = [block.register_forward_hook(add) for block in network.blocks.values()]
    try:
        with torch.no_grad():
            network(frames)
    finally:
        for hook in hooks:
            hook.remove()
    weights = sum(values.numel() for values in network.parameters())
    return 4 * (moved + weights * (3 if training else 1))


def bench_training_step(alias: str, timed: Callable[..., None]) -> None:
    network, frames = _network(alias), _frames(TRAINING.batch)
    about = _about(alias, "training_step", network, frames[0])
    calls = [_training(network, each) for each in frames]
    calls[0]()  # the optimizer's state is made before anything is counted
    about["peak_bytes"] = devices.peak_bytes(calls[0], DEVICE) / TRAINING.batch
    timed(calls, **about | _energy(calls[0]))


@pytest.mark.series("graph")
@pytest.mark.skipif(DEVICE.type != "cuda" or PLAN.quick, reason="CUDA graphs, in a full run")
def bench_training_step_graph(alias: str, timed: Callable[..., None]) -> None:
    """The whole step, optimizer and all, as one CUDA graph."""
    if _by_another_backend(alias) or is_control(PLAN.neuron(alias)):
        pytest.skip("its step is timed as it comes")
    network, frames = _network(alias), _frames(TRAINING.batch)
    about = _about(alias, "training_step", network, frames[0])
    calls = [_training(network, each) for each in frames]
    timed(graphs_of(calls, about), **about)


def bench_inference(alias: str, timed: Callable[..., None]) -> None:
    """Of the folded network, as one would deploy it: of AIA's, plain LIF."""
    network, frames = fold(_network(alias)).eval(), _frames(TRAINING.batch)
    assert isinstance(network, Network)
    about = _about(alias, "inference", network, frames[0])
    with torch.no_grad():
        calls = [_inference(network, each) for each in frames]
        timed(calls, **about | _energy(calls[0]))


def _energy(call: Callable[[], object]) -> dict[str, float]:
    """J a sample, where the device tells it."""
    energy = devices.joules(call, DEVICE)
    return {} if math.isnan(energy) else {"joules": energy / TRAINING.batch}


def _inference(network: Network, frames: Tensor) -> Callable[[], Tensor]:
    return lambda: network(frames)


@pytest.mark.series("largest batch")
@pytest.mark.skipif(PLAN.quick, reason="in a full run")
def bench_training_step_at_the_largest_batch(alias: str, timed: Callable[..., None]) -> None:
    """Doubles the batch until memory or the cap ends it."""
    if _by_another_backend(alias):
        pytest.skip("as it comes")
    fits: Callable[[], None] | None = None
    sizes = itertools.takewhile(
        lambda size: size <= LARGEST, (TRAINING.batch * 2**n for n in itertools.count())
    )
    batch = TRAINING.batch
    for size in sizes:
        try:
            step = _training(_network(alias), _frames(size, 1)[0])
            step()
        except (torch.OutOfMemoryError, MemoryError):
            torch.cuda.empty_cache()
            break
        fits, batch = step, size
    if fits is None:
        leave_out("not even the profile's batch fits", neuron=alias, what="training_step")
    network, frames = _network(alias), _frames(batch, 1)[0]
    about = _about(alias, "training_step", network, frames) | {"series": "largest batch"}
    timed([fits], **about)


def _pair(frames: Tensor, graph: bool) -> dict[str, Callable[[], None]]:
    """A training step of a new network of LIF and one of AIA, both warm."""
    steps = {alias: _training(_network(alias), frames) for alias in ("lif", "aia")}
    if graph:
        steps = {alias: devices.graphed(step) for alias, step in steps.items()}
    for step in steps.values():
        step()
    return steps


@pytest.mark.series("aia and lif in turn")
@pytest.mark.skipif("aia" not in PLAN.params.neuron or PLAN.optional, reason="AIA against LIF")
@pytest.mark.parametrize(("batch", "graph"), IN_TURN)
def bench_association_in_a_training_step(batch: int | None, graph: bool, benchmark: Any) -> None:
    """A step of AIA's network and one of LIF's in turn, so that both see the same machine."""
    frames = _frames(batch or TRAINING.batch, 1)[0]
    try:
        networks = [_pair(frames, graph) for _ in range(NETWORKS)]
    except Exception as error:  # a GPU that is too small, or a step that no graph takes
        if (batch, graph) == IN_TURN[0]:
            raise
        leave_out(f"{type(error).__name__}: {error}", what="training_step", neuron="aia")
    took: dict[str, list[list[float]]] = {alias: [[] for _ in networks] for alias in networks[0]}
    turns = itertools.count()

    def pair() -> None:
        step, place = divmod(next(turns), NETWORKS)
        for alias in sorted(took, reverse=step % 2 == 1):
            took[alias][place].append(devices.seconds(networks[place][alias]))

    benchmark.pedantic(pair, rounds=NETWORKS * STEPS)
    benchmark.extra_info.update(pairs_s=took, batch=batch, graph=graph)
