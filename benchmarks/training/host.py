"""Where a cell runs: determinism, threads, memory, and what is written down of the machine."""

from __future__ import annotations

import ctypes
import functools
import gc
import importlib
import logging
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import torch

from aia import backends, building
from benchmarks import arithmetic
from benchmarks.arithmetic import Arithmetic
from benchmarks.records.schema import Host
from benchmarks.training import nvml, operators, products

Device = Literal["cpu", "cuda"]
_PACKAGES = ("torch", "snntorch", "spikingjelly", "numpy", "dvc")
_BASELINES = ":(exclude,glob)**/recorded/**"  # what `record` writes makes no checkout dirty
_MILLI = 3  # decimals: no epoch is timed better than to a millisecond
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def here() -> Device:
    """The device that is used if none is asked for."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def settle(threads: int = 1) -> torch.device:
    """Prepare this process for a cell; returns the device it shall use.

    One thread, deterministic algorithms and, unless fast ones are asked for, portable sums, so that
    the same cell gives the same bits; freed memory is kept, since giving it back and faulting it in
    again costs more than the neuron. Raises InputError where that comes too late.
    """
    arithmetic.require_in_time()
    if not arithmetic.fast():
        operators.install()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # torch fills what it allocates then, a second write of every tensor that changes no result
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    keep_freed_memory()
    # where there is no GPU torch says at the first optimizer that Triton is missing
    logging.getLogger("torch._library.triton").setLevel(logging.ERROR)
    keep_imports_from_the_collector()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device(here())


@functools.cache
def keep_imports_from_the_collector() -> None:
    """Count what was imported as alive for good, once.

    The graph of one batch of a neuron stepped in Python is so many objects that Python looks for
    garbage many times an epoch, each time among the 300,000 that torch alone makes: of a cell of
    snnTorch that is 4 %.
    """
    importlib.import_module("torch._dynamo")  # the first optimizer imports it, a third of them
    gc.collect()
    gc.freeze()


def keep_freed_memory() -> None:
    """Tell glibc to serve blocks of any size from a heap that it does not give back.

    Those of over 32 MiB it would ask of the kernel each time, which clears every page once more:
    AIA's forward and backward on [10, 64, 32, 32, 32] took two to five times as long.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def arithmetic_on(device: torch.device) -> Arithmetic:
    """Whose order of summation a settled process follows on ``device``."""
    if device.type == "cuda":
        return "cuda"
    if arithmetic.fast():
        return "fast"
    alike = arithmetic.fixed() and torch.backends.cpu.get_cpu_capability() == "AVX2"
    return "portable" if alike and building.portable() and products.library() else "native"


def _paths(device: torch.device) -> dict[str, str]:
    """Code paths as the environment and the libraries give them."""
    paths = {name: os.environ.get(name, "its own") for name in arithmetic.PATHS}
    paths["torch"] = torch.backends.cpu.get_cpu_capability()
    paths["products"] = "ours" if arithmetic_on(device) == "portable" else "the libraries'"
    return paths


@dataclass(frozen=True)
class Course:
    """How a cell's training went in this process."""

    samples: int  # trained on, each as often as it was
    epoch_seconds: list[float]  # of the passes over the training split
    paths: dict[str, str]  # how updates ran, where there is a choice


@dataclass(frozen=True)
class Used:
    """What a piece of work took."""

    started: datetime
    seconds: float
    peak_bytes: int | None  # most that tensors took of a GPU's memory
    joules: float | None  # of the whole GPU


class Meter:
    """Reads what is used from its making on."""

    def __init__(self) -> None:
        if here() == "cuda":
            torch.cuda.reset_peak_memory_stats()
        checked_out(Path.cwd())  # before anything trains, and anyone commits
        self._started, self._clock = datetime.now(UTC), time.perf_counter()
        self._counter = nvml.energy_counter(torch.device(here()))
        self._joules = self._counter() if self._counter else 0.0

    def read(self, device: torch.device) -> Used:
        """So far. ``device``: where the work ran."""
        seconds = time.perf_counter() - self._clock
        on_gpu = device.type == "cuda"
        peak = torch.cuda.max_memory_allocated(device) if on_gpu else None
        joules = self._counter() - self._joules if self._counter else None
        return Used(self._started, seconds, peak, joules)


def describe(device: torch.device, used: Used, course: Course) -> Host:
    """The host file of a cell."""
    commit, changed = checked_out(Path.cwd())
    return Host(
        commit=commit,
        dirty=changed,
        versions=versions(),
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=cpu_name(),
        device=device_name(device),
        driver=driver() if device.type == "cuda" else None,
        threads=torch.get_num_threads(),
        deterministic=torch.are_deterministic_algorithms_enabled(),
        compiled=backends.running(device.type) != "eager",
        paths=_paths(device) | course.paths,
        command=[Path(sys.argv[0]).name, *sys.argv[1:]],
        started=used.started.isoformat(timespec="seconds"),
        train_seconds=round(used.seconds, _MILLI),
        train_samples_per_second=round(course.samples / used.seconds, 1) if used.seconds else 0.0,
        epoch_seconds=[round(seconds, _MILLI) for seconds in course.epoch_seconds],
        peak_bytes=used.peak_bytes,
        joules=used.joules,
    )


@functools.cache
def checked_out(folder: Path) -> tuple[str, bool | None]:
    """The commit checked out in the working directory, ``folder``, and :func:`dirty`; asked once,
    as the code that a process runs is what it imported."""
    return _git("rev-parse", "HEAD") or "unknown", dirty()


def dirty() -> bool | None:
    """Whether the checkout has changes beside its baselines.

    None where git does not say: outside a checkout, or in one of another owner.
    """
    said = _git("status", "--porcelain", "--untracked-files=no", "--", ".", _BASELINES)
    return None if said is None else bool(said)


def versions() -> dict[str, str]:
    """Of the packages that decide what a cell gives."""
    return {name: _version(name) for name in _PACKAGES}


def device_name(device: torch.device) -> str:
    """The name of the GPU, or of the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()


def cpu_name() -> str:
    """The processor's own name where the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def driver() -> str | None:
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    return _output(asked)


def _git(*words: str) -> str | None:
    return _output(["git", *words])


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
