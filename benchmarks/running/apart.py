"""One task in a process of its own, below a worker of Dask or Ray.

A worker of theirs has imported NumPy long before the suite, and may run several tasks in threads; a
cell needs a process alone, in which code paths are chosen before any library is loaded. Killed, it
costs its task and not the worker; and it ends with the worker, whatever ends that.
"""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import arithmetic
from benchmarks.errors import InputError
from benchmarks.running import workers
from benchmarks.wording import how_ended

_LIBRARIES = ("torch", "numpy")


@dataclass(frozen=True)
class Surroundings:
    """What must be alike wherever a run's cells train, for equal cells to leave equal bytes."""

    root: Path  # where paths start: a folder that all machines see at the same place
    environment: dict[str, str]  # which code paths libraries take, see arithmetic
    sums: str  # arithmetic.Arithmetic on this machine
    versions: dict[str, str]


def here() -> Surroundings:
    """This process's own."""
    names = (arithmetic.FAST, *arithmetic.PATHS)
    environment = {name: os.environ[name] for name in names if name in os.environ}
    return Surroundings(Path.cwd(), environment, _sums(), _versions())


def _sums() -> str:
    import torch  # it takes seconds, which only the processes that train have to spend

    from benchmarks.training import host

    return host.arithmetic_on(torch.device(host.here()))


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _LIBRARIES}


def run_apart(work: Callable[[Any], Any], task: Any, asked: Surroundings) -> Any:
    """``work`` of the task in a new process; Lost where that one ended before its work did.

    Raises InputError for a machine on which the work would leave other bytes, or cannot be done.
    """
    if not asked.root.is_dir():
        raise InputError(
            f"{socket.gethostname()} does not see {asked.root}; start its worker where the "
            "project's folder is shared, at the same path"
        )
    names = (arithmetic.FAST, *arithmetic.PATHS)
    kept = {name: value for name, value in os.environ.items() if name not in names}
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.running.apart", str(os.getpid())],
        cwd=asked.root,
        env=kept | asked.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    said, _ = child.communicate(pickle.dumps((work, task, asked)))
    if child.returncode != 0:
        return workers.Lost(how_ended(child.returncode))
    reply = pickle.loads(said)
    if isinstance(reply, InputError):
        raise reply
    return reply


def _refuse_otherwise(asked: Surroundings) -> None:
    """Raise InputError where equal cells would leave other bytes than elsewhere in the run."""
    node, versions = socket.gethostname(), _versions()
    unlike = [
        f"{name} {versions[name]}" for name in versions if versions[name] != asked.versions[name]
    ]
    if unlike:
        wanted = ", ".join(f"{name} {asked.versions[name]}" for name in versions)
        raise InputError(f"{node} has {', '.join(unlike)}, this run is made with {wanted}")
    arithmetic.require_in_time()
    sums = _sums()
    if sums not in (asked.sums, "cuda"):
        raise InputError(
            f"{node} sums in another order ({sums}) than the machine that started this run "
            f"({asked.sums}), which gives other bits; leave it out of the cluster"
        )


def _main(parent: int) -> None:
    """Read (work, task, surroundings) from stdin; write what the work gives to stdout."""
    workers.end_with(parent)
    workers.one_thread_each()
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a neuron prints is no answer
    work, task, asked = pickle.load(sys.stdin.buffer)
    try:
        _refuse_otherwise(asked)
        reply = work(task)
    except InputError as error:
        reply = error
    with answer:
        pickle.dump(reply, answer)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
