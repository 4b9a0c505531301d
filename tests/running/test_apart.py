"""A task in a process of its own, as below a worker of Dask or Ray."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import arithmetic
from benchmarks.errors import InputError
from benchmarks.running import apart
from benchmarks.running.apart import Surroundings, run_apart
from benchmarks.running.workers import Lost


@pytest.fixture(scope="module")
def asked() -> Surroundings:
    return apart.here()


def paths_after_printing(_: object) -> dict[str, str | None]:
    print("what a neuron prints is no answer")  # noqa: T201
    os.write(1, b"nor this")
    return {name: os.environ.get(name) for name in (*arithmetic.PATHS, arithmetic.FAST)}


def die(how: int) -> None:
    os.kill(os.getpid(), how)


def test_code_paths_are_those_of_who_asks_whatever_the_worker_has(
    asked: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MKL_CBWR", "AUTO")
    monkeypatch.setenv(arithmetic.FAST, "1")
    found = run_apart(paths_after_printing, None, asked)
    assert {name: value for name, value in found.items() if value} == asked.environment


def test_a_killed_task_is_lost_with_its_reason(asked: Surroundings) -> None:
    found = run_apart(die, signal.SIGKILL, asked)
    assert isinstance(found, Lost)
    assert "SIGKILL" in found.reason


def test_a_machine_that_would_leave_other_bytes_is_refused(
    asked: Surroundings, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"does not see .*; start its worker where"):
        run_apart(die, 9, replace(asked, root=tmp_path / "elsewhere"))
    with pytest.raises(InputError, match=r"this run is made with torch 0\.1, numpy"):
        run_apart(die, 9, replace(asked, versions={**asked.versions, "torch": "0.1"}))
    with pytest.raises(InputError, match=r"sums in another order \(\w+\)"):
        run_apart(die, 9, replace(asked, sums="another"))
