"""Tasks on the engines that exist, by joblib's backends: this machine, a Dask or a Ray cluster.

The engine says which worker takes a task, and gives the task of a worker that was killed to another
one; see :mod:`benchmarks.running.apart` for what runs there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal, TypeVar

import joblib

from benchmarks.errors import InputError
from benchmarks.running import workers as workers_of
from benchmarks.running.apart import Surroundings, here, run_apart
from benchmarks.running.workers import Each, Lost

Engine = Literal["local", "dask", "ray"]
Task = TypeVar("Task")
Result = TypeVar("Result")

_PACKAGES = {"dask": "distributed", "ray": "ray"}
_TRIES = 3  # workers that may be killed at one task before Ray gives it up, as Dask does


@contextmanager
def started(engine: Engine, address: str, workers: int) -> Iterator[Each]:
    """What gives out tasks on ``engine``, until the end of the block.

    ``address``: of a cluster's scheduler; "" starts one of ``workers`` processes on this machine.
    Raises InputError where the engine is not installed or does not answer.
    """
    if engine == "local":
        if address:
            raise InputError(f"--address {address}: only with --executor dask or ray")
        yield workers_of.each
        return
    if find_spec(_PACKAGES[engine]) is None:
        raise InputError(
            f"--executor {engine} needs the package {_PACKAGES[engine]}: "
            "pip install 'aia-bench[cluster]'"
        )
    with (_dask if engine == "dask" else _ray)(address, workers) as options:
        yield partial(_each, engine, options, here())


@contextmanager
def _dask(address: str, workers: int) -> Iterator[dict[str, Any]]:
    """A client of a Dask cluster, as options of joblib's backend."""
    from distributed import Client

    # without a limit: the memory is the tasks' processes', which Dask's workers do not count
    own = {"n_workers": workers, "threads_per_worker": 1, "memory_limit": 0}
    try:
        client = Client(address) if address else Client(dashboard_address=None, **own)
    except (OSError, ValueError) as error:
        place = f"at --address {address}" if address else "on this machine"
        raise InputError(f"no Dask scheduler answers {place} ({error})") from error
    with client:
        yield {"client": client}


@contextmanager
def _ray(address: str, workers: int) -> Iterator[dict[str, Any]]:
    """A connection to a Ray cluster, as options of joblib's backend."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.util.joblib import register_ray

    register_ray()
    own = {"num_cpus": workers, "include_dashboard": False}
    quiet = {"log_to_driver": False, "logging_level": "error"}
    try:
        ray.init(address or "local", **quiet, **({} if address else own))
    except Exception as error:  # Ray raises the bare one where its processes are slow to start
        place = f"at --address {address}" if address else "on this machine"
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"no Ray cluster answers {place} ({reason})") from error
    try:
        gpus = int(ray.cluster_resources().get("GPU", 0))
        wanted = {"num_gpus": 1} if gpus else {"num_cpus": 1}
        restarts = {"max_restarts": _TRIES, "max_task_retries": _TRIES}
        yield {"ray_remote_args": wanted | restarts} | ({"n_jobs": gpus} if gpus else {})
    finally:
        ray.shutdown()


def _each(
    engine: Engine,
    options: dict[str, Any],
    asked: Surroundings,
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    workers: int,
) -> Iterator[tuple[Task, Result | Lost]]:
    """As :func:`~benchmarks.running.workers.each`, on a cluster; Ray tells at the end alone.

    Where the engine itself gives up, what it has not told counts as lost.
    """
    left, given = iter(tasks), dict[int, Task]()

    def calls() -> Iterator[Any]:
        for number, task in enumerate(left):
            given[number] = task
            yield joblib.delayed(_numbered)(number, work, task, asked)

    with joblib.parallel_config(engine, **({"n_jobs": -1} | options)):
        kind = "generator_unordered" if engine == "dask" else "list"  # Ray's knows no other
        pool = joblib.Parallel(return_as=kind, batch_size=1, pre_dispatch="n_jobs")
    try:
        for number, answer in pool(calls()):
            yield given.pop(number), answer
    except InputError:
        raise
    except Exception as error:
        said = next(iter(str(error).splitlines()), "")
        lost = Lost(f"{engine} gave up: {type(error).__name__}: {said}")
        for task in (*given.values(), *left):
            yield task, lost


def _numbered(
    number: int, work: Callable[[Task], Result], task: Task, asked: Surroundings
) -> tuple[int, Result | Lost]:
    return number, run_apart(work, task, asked)
