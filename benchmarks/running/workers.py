"""Processes that work through tasks, one at a time each, and of which any may be killed.

joblib's own end the whole call when one is killed, and do not tell which task that one had.
A worker ends with the process that started it, whatever ends that.
"""

from __future__ import annotations

import ctypes
import itertools
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Protocol, TypeVar

from benchmarks.wording import how_ended

Task = TypeVar("Task")
Result = TypeVar("Result")

_PR_SET_PDEATHSIG = 1  # of linux/prctl.h


@dataclass(frozen=True)
class Lost:
    """A task whose process ended before it did."""

    reason: str


class Each(Protocol):
    """What works through tasks: :func:`each`, or an engine of benchmarks.running.executors."""

    def __call__(
        self, work: Callable[[Task], Result], tasks: Iterable[Task], workers: int
    ) -> Iterator[tuple[Task, Result | Lost]]: ...


def usual() -> int:
    """How many where nobody says: one on a GPU, else one a core that this process may use."""
    import joblib  # it takes a second, which not every command needs

    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1")
    on_gpu = Path("/dev/nvidiactl").exists() and not hidden
    return 1 if on_gpu else int(joblib.cpu_count())  # by affinity and cgroup


def each(
    work: Callable[[Task], Result], tasks: Iterable[Task], workers: int
) -> Iterator[tuple[Task, Result | Lost]]:
    """``work`` of each task by ``workers`` processes; pairs come as tasks end.

    A task is asked for when there is a worker for it. Where this ends early, the workers do.
    """
    left = iter(tasks)
    hired: list[_Worker] = []
    busy: dict[Connection, tuple[_Worker, Task]] = {}

    def give(worker: _Worker | None) -> None:
        """The next task to a worker, or to a new one in the place of one that was lost."""
        for task in itertools.islice(left, 1):
            if worker is None:
                worker = _Worker()
                hired.append(worker)
            busy[worker.connection] = (worker, task)
            with suppress(OSError):  # it was killed since; its answer says so
                worker.connection.send((work, task))

    try:
        for _ in range(workers):
            give(None)
        while busy:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                worker, task = busy.pop(ready)
                answer = worker.answer()
                give(None if isinstance(answer, Lost) else worker)
                yield task, answer
    finally:
        for worker in hired:
            worker.process.kill()
            worker.process.join()


class _Worker:
    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs, os.getpid()))
        self.process.start()
        theirs.close()

    def answer(self) -> Any:
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            return Lost(how_ended(self.process.exitcode or 0))


def _serve(connection: Connection, parent: int) -> None:
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    one_thread_each()
    while True:
        try:
            work, task = connection.recv()
        except EOFError:
            return
        connection.send(work(task))


def one_thread_each() -> None:
    """Keep libraries that are yet to be loaded from using more than one core."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def end_with(parent: int) -> None:
    """Have this process killed when the process ``parent``, which started it, ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before
            os._exit(1)
        return
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
