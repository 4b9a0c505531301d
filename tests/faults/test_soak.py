"""Kills at random moments and mutated inputs, as long as one likes; not in the ordinary run.

``SOAK_ROUNDS=20 SOAK_MINUTES=10 SOAK_SEED=1 pytest -m soak tests/faults/test_soak.py``
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.faults.fuzzed import fuzz
from tests.small import ROOT, small_profile

pytestmark = pytest.mark.soak
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "20"))
MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))
SEED = int(os.environ.get("SOAK_SEED", "0"))

RUN = """
import sys
from pathlib import Path
from benchmarks.params import read
from benchmarks.profile import Profile
from benchmarks.running.jobs import jobs_of, unfinished
from benchmarks.running.run import run_jobs
if __name__ == "__main__":
    profile = Profile(Path(sys.argv[1]))
    params = read(profile.params)
    todo = unfinished(jobs_of(params), params, profile)
    for outcome in run_jobs(todo, params, profile, 2, float("inf")):
        assert outcome.error is None, outcome
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", RUN, str(folder)], cwd=ROOT)


def records(folder: Path) -> dict[str, bytes]:
    runs = folder / "results" / "runs"
    return {str(p.relative_to(runs)): p.read_bytes() for p in runs.rglob("*.*")}


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], float]:
    """The records of an undisturbed run, and its seconds."""
    folder = tmp_path_factory.mktemp("straight")
    small_profile(folder, epochs=3)
    begun = time.monotonic()
    assert start(folder).wait() == 0
    return records(folder), time.monotonic() - begun


def begun_in(
    folder: Path, seconds: float, draw: random.Random
) -> tuple[subprocess.Popen[bytes], psutil.Process | None]:
    """A run at a random moment of its ``seconds``, and a process below it."""
    small_profile(folder, epochs=3)
    running = start(folder)
    return running, _below_after(running.pid, draw.uniform(0, seconds), draw)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_worker_killed_at_any_moment_changes_no_byte(
    number: int, straight: tuple[dict[str, bytes], float], tmp_path: Path
) -> None:
    wanted, seconds = straight
    running, victim = begun_in(tmp_path, seconds, random.Random(f"worker {SEED} {number}"))
    if victim is not None:
        victim.kill()
    assert running.wait() == 0
    assert records(tmp_path) == wanted


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_parent_killed_at_any_moment_leaves_no_process_and_the_next_run_no_other_byte(
    number: int, straight: tuple[dict[str, bytes], float], tmp_path: Path
) -> None:
    wanted, seconds = straight
    running, _ = begun_in(tmp_path, seconds, random.Random(f"parent {SEED} {number}"))
    below = _below(running.pid)
    running.kill()
    running.wait()
    _, alive = psutil.wait_procs(below, timeout=10)
    assert not alive
    assert start(tmp_path).wait() == 0
    assert records(tmp_path) == wanted


def _below(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _below_after(pid: int, seconds: float, draw: random.Random) -> psutil.Process | None:
    """A worker of a run after a time, None where it has none (any more)."""
    time.sleep(seconds)
    workers = [p for p in _below(pid) if "spawn_main" in " ".join(p.cmdline())]
    return draw.choice(workers) if workers else None


def test_mutated_inputs_are_refused_in_a_line_or_read_as_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    tried = fuzz(60 * MINUTES, SEED, tmp_path)
    print(f"refused {dict(tried.refused)}, read {dict(tried.read)}")  # noqa: T201
    assert tried.faults == []
    assert set(tried.refused) >= {"zip", "tar.gz", "record", "params", "checkpoint", "dat"}
