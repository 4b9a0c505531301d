"""Cells on a real Dask and a real Ray cluster, started on this machine."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from benchmarks.errors import InputError
from benchmarks.running import executors, run
from benchmarks.running.jobs import jobs_of
from benchmarks.running.workers import Each, Lost
from tests.running.test_workers import double_or_die
from tests.small import small_profile


def _engine(name: executors.Engine, package: str) -> object:
    absent = find_spec(package) is None
    return pytest.param(name, marks=pytest.mark.skipif(absent, reason=f"{package} is not here"))


@pytest.fixture(scope="module", params=[_engine("dask", "distributed"), _engine("ray", "ray")])
def each(request: pytest.FixtureRequest) -> Iterator[Each]:
    with executors.started(request.param, "", 2) as engine:
        yield engine


def refuse(task: int) -> int:
    raise InputError(f"task {task} asks for what is not there")


def test_a_killed_task_is_lost_alone_and_a_refused_one_ends_the_run(each: Each) -> None:
    found = dict(each(double_or_die, [1, -signal.SIGKILL, 2], 2))
    lost = found.pop(-signal.SIGKILL)
    assert isinstance(lost, Lost)
    assert "SIGKILL" in lost.reason
    assert found == {1: 2, 2: 4}
    with pytest.raises(InputError, match="task 3 asks for what is not there"):
        list(each(refuse, [3], 2))


def records(folder: Path, each: Each | None = None) -> dict[str, bytes]:
    params, profile = small_profile(folder, epochs=4)
    engine = {} if each is None else {"each": each}
    outcomes = list(run.run_jobs(jobs_of(params)[:2], params, profile, 2, 1e9, **engine))
    assert [outcome.error for outcome in outcomes] == [None, None]
    return {str(p.relative_to(profile.runs)): p.read_bytes() for p in profile.runs.rglob("*.json")}


def kill_a_worker(checkpoints: Path, killed: list[psutil.Process]) -> None:
    """Kill the engine's worker below which a cell trains, once that has left a checkpoint."""
    while not list(checkpoints.glob("*.safetensors")):
        time.sleep(0.02)
    below = psutil.Process().children(recursive=True)
    training = [p for p in below if "benchmarks.running.apart" in p.cmdline()]
    cell = max(training, key=lambda process: process.memory_info().rss)
    worker = cell.parent()
    assert worker is not None
    killed += [worker, cell]
    worker.kill()


def test_a_killed_worker_leaves_the_bytes_of_an_undisturbed_run(each: Each, tmp_path: Path) -> None:
    killed: list[psutil.Process] = []
    folder = tmp_path / "disturbed"
    at = (folder / "results" / "checkpoints", killed)
    killer = threading.Thread(target=kill_a_worker, args=at, daemon=True)
    killer.start()
    disturbed = records(folder, each)
    killer.join()
    _, alive = psutil.wait_procs(killed, timeout=10)
    assert len(killed) == 2
    assert not alive
    assert disturbed == records(tmp_path / "straight")
    assert len(disturbed) == 2


def test_an_address_needs_an_engine_that_has_one() -> None:
    with (
        pytest.raises(InputError, match="only with --executor dask or ray"),
        executors.started("local", "tcp://nowhere:1", 1),
    ):
        pass
