"""What the benchmarks share: the profile, the device, its copy bandwidth, how to time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import aia.compiled
from benchmarks.host import device_name, keep_freed_memory
from benchmarks.params import Params

PARAMS = Params.model_validate_json(os.environ["AIA_BENCH_PARAMS"])
ROUNDS = int(os.environ["AIA_BENCH_ROUNDS"])
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pytest_configure() -> None:
    torch.set_num_threads(1)
    keep_freed_memory()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "alias" in metafunc.fixturenames:
        metafunc.parametrize("alias", list(PARAMS.neuron))


def pytest_benchmark_update_machine_info(
    config: pytest.Config, machine_info: dict[str, Any]
) -> None:
    machine_info["aia_device"] = device_name(DEVICE)
    machine_info["aia_copy_gb_per_s"] = copy_bandwidth()
    machine_info["aia_threads"] = torch.get_num_threads()
    machine_info["aia_torch"] = torch.__version__
    machine_info["aia_compiled"] = aia.compiled.enabled()
    machine_info.pop("node", None)  # a host's name says nothing and may be private


def synchronize() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


_bandwidth: list[float] = []


def copy_bandwidth() -> float:
    """GB/s read and written by a copy far larger than the caches; measured once a run."""
    if not _bandwidth:
        source = torch.rand(64 * 2**20 // 4, device=DEVICE)
        target = torch.empty_like(source)
        best = min(_seconds(lambda: target.copy_(source)) for _ in range(10))
        _bandwidth.append(2 * source.numel() * 4 / best / 1e9)
    return _bandwidth[0]


def _seconds(work: Callable[[], object]) -> float:
    synchronize()
    start = time.perf_counter()
    work()
    synchronize()
    return time.perf_counter() - start


def kept_bytes(forward: Callable[[], object]) -> int:
    """Bytes of the tensors that ``forward`` keeps for its backward pass, each storage once."""
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = forward()
    del out  # until here no storage was freed, so no address can have been used twice
    return sum(storages.values())


@pytest.fixture
def timed(benchmark: Any) -> Callable[..., None]:
    """``timed(work, **extra_info)``: warm up, then time rounds that end synchronised."""

    def run(work: Callable[[], Tensor | None], **extra: Any) -> None:
        def whole() -> None:
            work()
            synchronize()

        benchmark.extra_info.update(extra)
        benchmark.pedantic(whole, rounds=ROUNDS, warmup_rounds=4, iterations=1)

    return run
