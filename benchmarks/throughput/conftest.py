"""What the benchmarks share: the plan, the device and its bounds, how to time."""

from __future__ import annotations

import itertools
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from aia import backends
from benchmarks import arithmetic
from benchmarks.throughput import device as devices
from benchmarks.throughput.plan import COUNTED, LEFT_OUT, NO_TIME, ORDER, Case, from_environment
from benchmarks.training import operators
from benchmarks.training.host import (
    arithmetic_on,
    device_name,
    dirty,
    driver,
    keep_freed_memory,
    keep_imports_from_the_collector,
    versions,
)

PLAN = from_environment()
DEVICE = torch.device(PLAN.device)
_ROUND_S = 0.005  # a round of a short call repeats it for so long
_WARM_UP, _WARM_UP_S = 3, 0.15  # rounds of all inputs, none begun after so many s
_left_out: list[dict[str, str]] = []
_before: dict[str, float] = {}
_finished: list[str] = []
_collected: list[int] = []


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "series(name): of a benchmark that has no case")
    torch.set_num_threads(1)
    if not arithmetic.fast():
        operators.install()  # as where cells train
    keep_freed_memory()
    _before.update(devices.state(DEVICE))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "alias" in metafunc.fixturenames:
        by = f"-{PLAN.backend}" if PLAN.backend else ""  # a file holds every backend's times
        metafunc.parametrize("alias", PLAN.timed, ids=[f"{alias}{by}" for alias in PLAN.timed])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    keep_imports_from_the_collector()  # as where cells train
    items.sort(key=lambda item: ORDER.index(_series(item)))


def pytest_runtest_logfinish(nodeid: str) -> None:
    _finished.append(nodeid)
    Path(os.environ[COUNTED]).write_text(f"{len(_finished)} {_collected[-1]}", encoding="utf-8")


def pytest_collection_finish(session: pytest.Session) -> None:
    _collected.append(len(session.items))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if time.time() > PLAN.deadline:
        about = {"what": _name(item), "neuron": _params(item).get("alias", "")}
        leave_out(f"{NO_TIME}: {_series(item)}", **about)


def _name(item: pytest.Item) -> str:
    assert isinstance(item, pytest.Function)
    return item.originalname.removeprefix("bench_")


def _series(item: pytest.Item) -> str:
    case = _params(item).get("case")  # in a quick run some benchmarks have none to run with
    marked = item.get_closest_marker("series")
    if marked:
        return str(marked.args[0])
    return case.series if isinstance(case, Case) else "main"


def _params(item: pytest.Item) -> dict[str, Any]:
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params) if callspec else {}


def pytest_benchmark_update_machine_info(
    config: pytest.Config, machine_info: dict[str, Any]
) -> None:
    machine_info["aia_device"] = device_name(DEVICE)
    machine_info["aia_driver"] = driver() if DEVICE.type == "cuda" else None
    machine_info["aia_copy_gb_per_s"] = devices.copy_bandwidth(DEVICE)
    machine_info["aia_matmul_gflop_per_s"] = devices.matmul_rate(DEVICE)
    machine_info["aia_arithmetic"] = arithmetic_on(DEVICE)
    machine_info["aia_threads"] = torch.get_num_threads()
    machine_info["aia_versions"] = versions()
    machine_info["aia_dirty"] = dirty()
    machine_info["aia_state"] = {"before": _before, "after": devices.state(DEVICE)}
    machine_info.pop("node", None)  # a host's name says nothing and may be private


def pytest_sessionfinish() -> None:
    Path(os.environ[LEFT_OUT]).write_text(json.dumps(_left_out), encoding="utf-8")


@pytest.fixture
def timed(benchmark: Any) -> Callable[..., None]:
    """``timed(calls, **extra_info)``: warm up, then time rounds of as many calls as take 5 ms.

    ``calls`` are the same work on different inputs, taken in turn, so that no input is still in
    the cache when it comes round again. A neuron that does not run is left out, with the reason,
    where the plan allows it.
    """

    def run(calls: list[Callable[[], object]], **extra: Any) -> None:
        turns = itertools.cycle(calls)
        devices.touch_spare(DEVICE)
        try:
            warm: list[float] = []
            while len(warm) < _WARM_UP * len(calls) and sum(warm) < _WARM_UP_S:
                warm += [devices.seconds(next(turns)) for _ in calls]
        except Exception as error:
            if not PLAN.optional and extra.get("series", "main") == "main":
                raise
            leave_out(f"{type(error).__name__}: {error}", **extra)
        if extra["backend"] == "torch.compile" and backends.running(DEVICE.type) == "eager":
            extra["backend"] = "eager, the compiler failed"
        repeats = max(1, min(1000, math.ceil(_ROUND_S / min(warm))))
        rounds = PLAN.rounds(repeats * min(warm))
        benchmark.pedantic(lambda: next(turns)(), rounds=rounds, iterations=repeats)
        benchmark.extra_info.update(extra)

    return run


def graphs_of(
    calls: Sequence[Callable[[], object]], about: dict[str, Any]
) -> list[Callable[[], None]]:
    """Each call's GPU work as one CUDA graph, which ``about`` then says of itself.

    Leaves the benchmark out, with the reason, where a call cannot be captured.
    """
    about["backend"] += ", CUDA graph"
    about["series"] += " graph"
    try:
        return [devices.graphed(call) for call in calls]
    except Exception as error:
        leave_out(f"{type(error).__name__}: {error}", **about)


def leave_out(reason: str, **about: Any) -> NoReturn:
    """Skip this benchmark and say in the file why."""
    said = {name: str(about.get(name, "")) for name in ("what", "neuron", "backend", "shape")}
    _left_out.append({**said, "reason": reason.splitlines()[0][:300]})
    pytest.skip(reason)
