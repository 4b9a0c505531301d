"""What this machine has, and what follows for `make repro`: one finding a line.

What needs torch comes last: where packages are missing, what went before says so.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from pathlib import Path

import psutil

from benchmarks import arithmetic

_ROOM = 10**9  # bytes: caches, records, tables and page of profile quick
_LEAST = 2 * 10**9  # bytes: one cell at a time, torch and the frames
_CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    says: str
    remedy: str = ""  # not empty where it keeps `make repro` from working


def findings(folder: Path) -> Iterator[Finding]:
    """Of this machine and of the clone in ``folder``; they end where packages are missing."""
    yield cores()
    yield memory()
    yield disk(folder)
    yield checkout(folder)
    installed = packages(folder / "requirements.lock")
    yield installed
    if not installed.remedy:
        yield from (look() for look in (processor, compiler, gpu, numbers, data))


def cores() -> Finding:
    """Those that this process may use."""
    import joblib

    from benchmarks.running.workers import usual

    mine = f"{joblib.cpu_count()} of {psutil.cpu_count()} by affinity and control group"
    return Finding("cores", f"{mine}; cells at a time: {usual()}")


def memory(limits: tuple[Path, ...] = _CGROUPS) -> Finding:
    """Of the machine, or what its control group leaves of it."""
    whole = psutil.virtual_memory().total
    most = min([whole, *(int(text) for text in map(_text, limits) if text.isdigit())])
    limit = f", a limit on {whole / 1e9:.1f}" if most < whole else ""
    remedy = f"give it {_LEAST / 1e9:.0f} GB of memory" if most < _LEAST else ""
    return Finding("memory", f"{most / 1e9:.1f} GB{limit}", remedy)


def disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    says = f"{free / 1e9:.1f} GB free"
    if free < _ROOM:
        return Finding("disk", says, f"make {_ROOM / 1e9:.0f} GB of room on the disk of {folder}")
    closed = "" if os.access(folder, os.W_OK) else f"let {folder} be written to"
    return Finding("disk", says, closed)


def checkout(folder: Path) -> Finding:
    """Whether ``folder`` is a clone, or at least holds what one does."""
    here = all((folder / name).exists() for name in ("dvc.yaml", "params.yaml", ".dvc"))
    remedy = "" if here else "change into a clone of this repository"
    if shutil.which("git") is None:
        return Finding("git", "none; DVC does without", remedy)
    asked = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    commit = f"checkout at {done.stdout.strip()}"
    return Finding(
        "git", commit if done.returncode == 0 else "no checkout; DVC does without", remedy
    )


def packages(lock: Path) -> Finding:
    """Python, DVC, and what is not of the version that ``lock`` pins, or not there."""
    says = f"{platform.python_version()}, DVC {_version('dvc') or 'missing'}"
    if missing := [name for name in _required() if _version(name) is None]:
        return Finding("Python", f"{says}; missing: {', '.join(missing)}", "make setup")
    installed = {_plain(package.name): package.version for package in distributions()}
    pinned = dict(line.split("==") for line in _text(lock).splitlines() if "==" in line)
    other = [
        f"{name} {installed[_plain(name)]} ({pin})"
        for name, pin in pinned.items()
        if installed.get(_plain(name), pin).partition("+")[0] != pin
    ]
    if not pinned:
        return Finding("Python", f"{says}; no requirements.lock to hold them against")
    return Finding("Python", f"{says}; not as pinned: {', '.join(other) or 'none'}")


def processor() -> Finding:
    from aia import building
    from benchmarks.training.host import cpu_name

    known = "AVX2" if building.portable() else "no AVX2: every number rounds otherwise"
    return Finding("processor", f"{cpu_name()}, {known}")


def compiler() -> Finding:
    from aia import building

    command = building.compiler()
    return Finding(
        "C++", " ".join(command) if command else "none: all runs, slower, and rounds otherwise"
    )


def gpu() -> Finding:
    import torch

    from benchmarks.training.host import driver

    known = driver()
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        return Finding("GPU", f"{name}, driver {known}; its records are not those of a processor")
    if known:
        return Finding("GPU", f"driver {known}, but this torch ({torch.__version__}) uses none")
    return Finding("GPU", "none")


def numbers() -> Finding:
    """Which code paths the libraries took, as they say themselves."""
    import torch
    from threadpoolctl import threadpool_info

    from aia import building

    paths = [f"torch {torch.backends.cpu.get_cpu_capability()}"]
    paths += [
        f"{pool['internal_api']} {pool['architecture']}"
        for pool in threadpool_info()
        if pool.get("architecture")
    ]
    portable = arithmetic.fixed() and "AVX2" in paths[0] and building.portable()
    portable = portable and building.compiler() is not None and not arithmetic.fast()
    says = "portable, so the recorded bytes" if portable else "not portable, so other bytes"
    return Finding("arithmetic", f"{says}: {', '.join(dict.fromkeys(paths))}")


def data() -> Finding:
    """Which recorded sets are here; the embedded ones are made anywhere."""
    from benchmarks.events.published.acquire import find
    from benchmarks.events.published.catalogue import SETS

    trees = {name: tree for name, chosen in SETS.items() if (tree := find(chosen))}
    recorded = ", ".join(f"{name} in {tree}" for name, tree in trees.items())
    return Finding("data", f"embedded sets, {recorded or 'none of the recorded ones'}")


def _required() -> list[str]:
    """Packages that the suite needs, as its own metadata names them."""
    try:
        lines = requires("aia-bench") or []
    except PackageNotFoundError:
        return ["aia-bench"]
    return [re.split(r"[^\w.-]", line)[0] for line in lines if "extra ==" not in line]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _plain(name: str) -> str:
    """As package indexes compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _text(path: Path) -> str:
    """Empty where there is no such file."""
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
