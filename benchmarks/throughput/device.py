"""The device that is timed: its bounds, its memory, its energy, its clocks."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakSet

import numpy as np
import psutil
import torch
from torch import Tensor

from aia import native
from benchmarks.training import nvml

# bytes of the last cache before memory that a core can count on; processors name the whole of it,
# a virtual one its host's, where many share it
_L3 = 32 * 2**20
_SPARE, _PAGE = 512 * 2**20, 4096  # bytes: more than a benchmark of the table's size holds
_ENERGY_S = 0.05  # so long a device is left alone before the clock is asked again
_KERNELS = 8  # so many are named of those that a call runs


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def clock() -> float:
    """Seconds; where a GPU is in use, read when it has done all that it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds(work: Callable[[], object]) -> float:
    """One call, until the device has done it."""
    start = clock()
    work()
    return clock() - start


def cache_bytes(device: torch.device) -> int:
    """Size of the last cache before memory, of a CPU what one core is taken to have of it."""
    cuda = device.type == "cuda"
    return int(torch.cuda.get_device_properties(device).L2_cache_size) if cuda else _L3


def copy_bandwidth(device: torch.device) -> float:
    """GB/s read and written by the fastest of 10 copies of 8 times the cache, PyTorch's or ours.

    Of a CPU also of twice the cache, as large as what the neurons are timed on: a host of many
    cores may have a cache that holds it all, and no bound is to be beaten.
    """
    cpu = device.type == "cpu"
    whole = torch.rand(2 * cache_bytes(device), device=device)
    into = torch.empty_like(whole)
    best = 0.0
    for part in (1, 4) if cpu else (1,):
        source, target = (x[: len(whole) // part] for x in (whole, into))
        ways: list[Callable[[], object]] = [functools.partial(target.copy_, source)]
        if cpu and native.builds():  # past the cache, where PyTorch's may not be
            ways.append(functools.partial(native.copy, source, target))
        took = min(seconds(way) for way in ways for _ in range(10))
        best = max(best, 2 * source.nbytes / took / 1e9)
    return best


def matmul_rate(device: torch.device) -> float:
    """GFLOP/s of the fastest of 10 float32 products of square matrices.

    On a CPU PyTorch's, as this process computes them, or NumPy's, whose OpenBLAS is faster than
    products in a fixed order of summation. On a GPU in the precision of cuDNN's convolutions,
    which is TF32 unless PyTorch is told otherwise: networks are bound by what their own arithmetic
    allows.
    """
    side = 8192 if device.type == "cuda" else 1024
    left, right = torch.rand(2, side, side, device=device).unbind(0)
    ways: list[Callable[[], object]] = [lambda: left @ right]
    if device.type == "cpu":
        ways.append(functools.partial(np.matmul, left.numpy(), right.numpy()))
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
    try:
        best = min(seconds(way) for way in ways for _ in range(10))
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    return float(2 * side**3 / best / 1e9)


def touch_spare(device: torch.device) -> None:
    """Have memory in the heap that the kernel has given already, before anything is timed.

    A heap that is cut up by small objects grows now and then, and a host that takes free memory
    back from its machines may give 20 MB in 50 ms: ten times as long as a call on them.
    """
    if device.type == "cpu":
        torch.empty(_SPARE, dtype=torch.uint8)[::_PAGE] = 0


def inputs_of(make: Callable[[int], Tensor], size: int, device: torch.device) -> list[Tensor]:
    """So many different inputs that the cache cannot hold those to come; ``size`` bytes each."""
    count = min(8, max(2, math.ceil(2 * cache_bytes(device) / size)))
    return [make(number) for number in range(count)]


@dataclass(frozen=True)
class _Replay:
    graph: torch.cuda.CUDAGraph
    work: Callable[[], object]  # holds the tensors that the graph reads wherever they lay

    def __call__(self) -> None:
        self.graph.replay()


def graphed(work: Callable[[], object]) -> Callable[[], None]:
    """All GPU work of a call captured as one CUDA graph, and replayed on the same tensors."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):  # what is made once must be there before a capture
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return _Replay(graph, work)


def kernels(work: Callable[[], object], device: torch.device) -> list[str]:
    """Names of the GPU kernels that a call runs, the longest-running first; none on a CPU."""
    if device.type != "cuda":
        return []
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiled:
        work()
        synchronize(device)
    events = [e for e in profiled.key_averages() if e.device_type.name == "CUDA"]
    events.sort(key=lambda e: -e.device_time_total)
    return [f"{e.key[:120]} x{e.count}" for e in events[:_KERNELS]]


@dataclass(eq=False)
class _Kept:
    """What autograd holds in place of a tensor, gone with the last node that needs it."""

    tensor: Tensor


def kept_bytes(forward: Callable[[], object]) -> int:
    """Bytes of the tensors that ``forward`` keeps for its backward pass, each storage once.

    What a node kept that was dropped again before the end, as behind a ``detach``, does not count.
    """
    kept: WeakSet[_Kept] = WeakSet()

    def keep(tensor: Tensor) -> _Kept:
        one = _Kept(tensor.detach())  # an output would hold its node, which holds it
        kept.add(one)
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one.tensor):
        out = forward()
    storages = [one.tensor.untyped_storage() for one in kept]
    bytes_at = {storage.data_ptr(): storage.nbytes() for storage in storages}
    del out  # until here the graph was alive
    return sum(bytes_at.values())


def peak_bytes(work: Callable[[], object], device: torch.device) -> int:
    """Most bytes of tensors that ``work`` holds at a time beyond those there before."""
    if device.type == "cuda":
        synchronize(device)
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        work()
        synchronize(device)
        return int(torch.cuda.max_memory_allocated() - before)
    kinds = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=kinds, profile_memory=True) as profiled:
        work()
    held = peak = 0
    for event in profiled.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


def joules(work: Callable[[], object], device: torch.device, at_least_s: float = 0.7) -> float:
    """Energy of one call, in J, from the device's own counter; nan where it has none."""
    counter = nvml.energy_counter(device)
    if counter is None:
        return math.nan
    each = max(1, math.ceil(_ENERGY_S / max(seconds(work), 1e-6)))
    before, start, calls = counter(), time.perf_counter(), 0
    while time.perf_counter() - start < at_least_s:
        for _ in range(each):
            work()
        synchronize(device)
        calls += each
    return (counter() - before) / calls


def state(device: torch.device) -> dict[str, float]:
    """Clocks in MHz, temperature in degrees Celsius and power in W, as far as they are told."""
    handle = nvml.handle(device)
    if handle is None:
        clock = psutil.cpu_freq() if device.type == "cpu" else None
        return {"cpu_mhz": clock.current} if clock and clock.current else {}
    import pynvml

    read = {
        "sm_mhz": lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM),
        "memory_mhz": lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_MEM),
        "temperature_c": lambda: pynvml.nvmlDeviceGetTemperature(
            handle, pynvml.NVML_TEMPERATURE_GPU
        ),
        "power_w": lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,
    }
    told = {}
    for name, ask in read.items():
        try:
            told[name] = float(ask())
        except pynvml.NVMLError:
            continue
    return told
