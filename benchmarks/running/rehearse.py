"""The paper's pipeline on made-up recordings, from the archive to the tables, with what it took.

The archive has the real layout and format and is fetched from a server on this machine, so every
step runs that a real data set takes: download, checksum, unpacking, reading, frames, training,
tables, page. Each step is a process of its own, whose time and peak memory are reported.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import joblib
import yaml
from rich import box
from rich.table import Table

from benchmarks import params as params_file
from benchmarks.errors import InputError
from benchmarks.events.published.download import md5_of
from benchmarks.events.published.entries import RealSet
from benchmarks.params import Params
from benchmarks.progress import silent
from benchmarks.records.files import write_atomic

Say = Callable[[str], None]

SUFFIX = "-rehearsal"  # of the data set's name, so that no table takes it for the set itself


@dataclass(frozen=True)
class Step:
    """One step of the pipeline and what it took."""

    name: str
    seconds: float
    peak_bytes: int


def rehearse(chosen: RealSet, samples: int, params: Params, out: Path, say: Say) -> list[Step]:
    """Run the pipeline of ``params`` on ``samples`` made-up recordings of ``chosen``, in ``out``.

    Raises InputError for a folder that holds another profile, and with the last words of the step
    that failed; what earlier steps made stays.
    """
    name = f"{chosen.name}{SUFFIX}"
    _refuse_another_profile(out / "params.yaml", name)
    settings = params.model_copy(update={"datasets": [name], "root": ".", "at": ""})
    text = yaml.safe_dump(settings.model_dump(mode="json", by_alias=True), sort_keys=False)
    write_atomic(out / "params.yaml", text)
    steps: list[Step] = []

    def run(step: str, *commands: list[str], environment: Mapping[str, str] = {}) -> None:
        say(step)
        steps.append(_run(step, commands, {**os.environ, **environment}))

    ours = [sys.executable, "-m", "benchmarks", "--profile", str(out)]
    own = [sys.executable, "-m", "benchmarks.running.rehearse"]
    archive = out / "archive" / chosen.archives[0].name
    run("film and pack", [*own, "film", chosen.name, str(samples), str(out)])
    with _served(archive.parent) as address:
        acquire = [*own, "acquire", chosen.name, str(archive), f"{address}/{archive.name}"]
        cache = {"XDG_CACHE_HOME": str(out / "cache")}
        run("download, verify, unpack", acquire, environment=cache)
    there = {f"AIA_DATA_{chosen.name.upper()}": str(out / "cache/aia-bench/data" / chosen.name)}
    run("read, make frames", [*ours, "data", "manifest", name], environment=there)
    run("check neurons", [*ours, "specs"], environment=there)
    cells = [[*ours, "cells", name, neuron] for neuron in settings.neuron]
    run(f"train {len(cells) * len(settings.seeds)} cells", *cells, environment=there)
    run("tables", [*ours, "tables"])
    run("page", [*ours, "report"])
    return steps


def _refuse_another_profile(path: Path, name: str) -> None:
    if path.exists() and params_file.read(path).datasets != [name]:
        raise InputError(f"{path}: a profile that is no rehearsal; choose another folder by --out")


def table(steps: list[Step]) -> Table:
    """For the terminal."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column("step", no_wrap=True)
    for heading in ("seconds", "peak memory, GB"):
        shown.add_column(heading, justify="right")
    for step in steps:
        shown.add_row(step.name, f"{step.seconds:,.1f}", f"{step.peak_bytes / 1e9:.2f}")
    return shown


def _run(name: str, commands: tuple[list[str], ...], environment: Mapping[str, str]) -> Step:
    """Several commands run on all cores; the peak is the largest of a single process."""
    start = time.perf_counter()
    with ThreadPoolExecutor(joblib.cpu_count()) as pool:
        peaks = list(pool.map(functools.partial(_peak, environment=environment), commands))
    return Step(name, time.perf_counter() - start, max(peaks))


def _peak(command: list[str], environment: Mapping[str, str]) -> int:
    """Run a command; returns its peak resident memory in bytes (0 where the system keeps none)."""
    process = subprocess.Popen(
        command, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = "; ".join(said.strip().splitlines()[-3:])
        raise InputError(f"rehearsal: {' '.join(command[1:])} failed: {last}")
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The address of a server on this machine for the files of a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()


def as_served(chosen: RealSet, archive: Path, address: str) -> RealSet:
    """The set with the rehearsal's archive for its own."""
    md5 = md5_of(archive, silent)
    size = archive.stat().st_size
    first = replace(
        chosen.archives[0], urls=(address,), md5=md5, size=size, about=size, contents=""
    )
    return replace(chosen, archives=(first,))


def _main(arguments: list[str]) -> None:
    """Steps that are no command of their own: ``film SET N OUT``, ``acquire SET FILE ADDRESS``."""
    from benchmarks.events.published.acquire import acquire
    from benchmarks.events.rehearsal import rehearsed, write_archive

    what, name, *rest = arguments
    chosen = rehearsed(name)
    if what == "film":
        write_archive(chosen, int(rest[0]), Path(rest[1], "archive"), silent)
    else:
        acquire(as_served(chosen, Path(rest[0]), rest[1]), None, silent)


if __name__ == "__main__":
    _main(sys.argv[1:])
