"""A worker that is killed costs its own task at most, and none outlives who started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.presenting.tables.rows import cells_table
from benchmarks.records.selection import Selection, load
from benchmarks.running import run, workers
from benchmarks.running.jobs import Job, Outcome, Stage, unfinished
from tests.small import ROOT, small_profile


def double_or_die(number: int) -> int:
    if number < 0:
        os.kill(os.getpid(), -number)
    return 2 * number


def test_only_the_task_of_a_killed_worker_is_lost() -> None:
    found = dict(workers.each(double_or_die, [1, -signal.SIGKILL, 2, -signal.SIGTERM, 3, 4], 2))
    assert {task: got for task, got in found.items() if task > 0} == {1: 2, 2: 4, 3: 6, 4: 8}
    assert "SIGKILL, as where memory is short" in str(found[-signal.SIGKILL])
    assert str(found[-signal.SIGTERM]).endswith("SIGTERM')")


def test_a_worker_killed_between_two_tasks_costs_the_second() -> None:
    before = set(psutil.Process().children())

    def tasks() -> Iterator[int]:
        yield 1
        for child in set(psutil.Process().children()) - before:
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()
                child.wait()
        yield 2
        yield 3

    (_, first), (_, second), (_, third) = workers.each(double_or_die, tasks(), 1)
    assert (first, third) == (2, 6)
    assert isinstance(second, workers.Lost)


def test_who_stops_listening_leaves_no_worker() -> None:
    before = set(psutil.Process().children())
    several = workers.each(double_or_die, iter(range(100)), 2)
    next(several)
    several.close()
    assert set(psutil.Process().children()) <= before


PARENT = """
import sys, time
from benchmarks.running import workers
from tests.running.test_workers import sleep
if __name__ == "__main__":
    for _ in workers.each(sleep, ["{0}/a", "{0}/b"], 2): ...
"""


def sleep(note: str) -> None:
    Path(note).write_text(str(os.getpid()))
    time.sleep(600)


@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL]
)
def test_a_killed_parent_leaves_no_worker(how: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(tmp_path))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, str(script)], cwd=tmp_path, env=environment)
    notes = [tmp_path / "a", tmp_path / "b"]
    while not all(note.exists() and note.read_text() for note in notes):
        assert parent.poll() is None
        time.sleep(0.02)
    pids = [int(note.read_text()) for note in notes]
    parent.send_signal(how)
    parent.wait()
    _, alive = psutil.wait_procs([psutil.Process(p) for p in pids if psutil.pid_exists(p)], 10)
    assert not alive


KILLED = """
import os
from aia import LIF

class Dies(LIF):
    def forward(self, drive):
        if drive.shape[1] > 2:
            os.kill(os.getpid(), 9)
        return super().forward(drive)
"""


@pytest.mark.slow
def test_a_cell_that_kills_its_process_is_noted_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "dies.py"
    file.write_text(KILLED)
    neurons = {"dies": {"class": f"{file}:Dies"}, "lif": {"class": "aia.neuron:LIF"}}
    params, profile = small_profile(tmp_path / "here", neurons, epochs=1)
    jobs = [Job(Stage("cell", "dvs_digits", alias), 0, 0.005) for alias in neurons]
    found = {o.job.stage.neuron: o for o in run.run_jobs(jobs, params, profile, 2, float("inf"))}
    assert found["lif"].error is None
    assert isinstance(found["dies"], Outcome)
    assert "SIGKILL" in str(found["dies"].error)
    (line,) = caplog.messages
    assert "dvs_digits/dies/0" in line
    assert "once more" in line
    chosen = Selection(("dvs_digits",), ("dies", "lif"), (0,))
    dies, lif = cells_table(load(profile.runs, chosen)).shown.to_dict("records")
    assert "SIGKILL" in dies["status"]
    assert lif["status"] == "ok"

    file.write_text(KILLED.replace("shape[1] > 2", "shape[1] < 0"))
    assert unfinished(jobs, params, profile) == jobs[:1]
    (now,) = run.run_jobs(jobs[:1], params, profile, 1, float("inf"))
    assert now.error is None
    assert load(profile.runs, chosen).killed == {}
    assert list((tmp_path / "here").rglob("*killed*")) == []


@pytest.mark.slow
def test_a_run_whose_worker_is_killed_leaves_the_records_of_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    records = []
    for name in ("straight", "disturbed"):
        small_profile(tmp_path / name, epochs=4)
        words = [sys.executable, "-c", SCRIPT, str(tmp_path / name)]
        running = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        if name == "disturbed":
            checkpoints = tmp_path / name / "results" / "checkpoints"
            while not list(checkpoints.glob("*.safetensors")):
                assert running.poll() is None
                time.sleep(0.01)
            victims = psutil.Process(running.pid).children()
            max(victims, key=lambda p: p.memory_info().rss).kill()
        _, said = running.communicate(timeout=300)
        assert running.returncode == 0, said
        assert ("once more" in said) == (name == "disturbed")
        runs = tmp_path / name / "results" / "runs"
        records.append({str(p.relative_to(runs)): p.read_bytes() for p in runs.rglob("*.*")})
    assert len(records[0]) == 2
    assert records[0] == records[1]


SCRIPT = """
import sys
from pathlib import Path
from benchmarks.params import read
from benchmarks.profile import Profile
from benchmarks.running.jobs import jobs_of, unfinished
from benchmarks.running.run import run_jobs
if __name__ == "__main__":
    profile = Profile(Path(sys.argv[1]))
    params = read(profile.params)
    for outcome in run_jobs(jobs_of(params)[:2], params, profile, 2, float("inf")):
        assert outcome.error is None, outcome
"""


def test_as_many_workers_as_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    first = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, [{first}]); "
        "from benchmarks.running.workers import usual; print(usual())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert int(done.stdout) == 1
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(Path, "exists", lambda _: True)  # as where there is a GPU
    assert workers.usual() == 1
