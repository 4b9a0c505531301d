"""Run the pytest-benchmark files of this folder and keep one JSON a device."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from benchmarks.errors import InputError
from benchmarks.host import device_name
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.recorded import FOLDER
from benchmarks.records import write_atomic
from benchmarks.throughput.backends import Variant, variants
from benchmarks.throughput.plan import PEERS, VARIABLE, Plan, library_of
from benchmarks.timings import Timing, parsed, timings_of

QUICK, FULL = "quick.json", "times.json"  # a quick run leaves a full one's times alone
Device = Literal["cpu", "cuda"]
Say = Callable[[str], None]


def here() -> Device:
    """The device that is timed if none is asked for."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def folder_of(device: Device) -> str:
    """Folder of a device's times, below results/throughput."""
    return re.sub(r"[^a-z0-9]+", "-", device_name(torch.device(device)).lower()).strip("-")


def record_of(profile: Profile, name: str, quick: bool) -> list[Timing]:
    """What new times are held against: the recorded ones, else those of the run before.

    Of a quick run those of a quick run, of a full one a full one's: each has its own rounds.
    """
    kind = QUICK if quick else FULL
    for folder in (FOLDER / name / "results" / "throughput", profile.throughput):
        found = [t for path in sorted(folder.glob(f"*/{kind}")) for t in timings_of(path)]
        if found:
            return found
    return []


def measure_throughput(
    params: Params, out: Path, quick: bool, device: Device | None = None, say: Say = lambda _: None
) -> Path:
    """Write ``out/<device>/times.json`` in pytest-benchmark's format; other devices' files stay.

    Each backend that must be chosen before its library is imported has a process of its own.
    ``quick`` times each neuron as it comes, at one size, the controls in the network alone, and
    writes ``quick.json`` beside the full run's file. Raises InputError with the end of pytest's
    output if a benchmark fails, or if there is no such device.
    """
    device = device or here()
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("throughput: no CUDA device is here; leave --device out to time the CPU")
    path = out / folder_of(device) / (QUICK if quick else FULL)
    merged: dict[str, Any] = {}
    for variant in variants(device == "cuda", quick):
        plan = _plan(params, variant, device, quick)
        if plan.timed:
            say(f"timing {len(plan.timed)} neurons{_by(variant)}")
            _add(merged, _run(plan, variant))
    write_atomic(path, json.dumps(merged, indent=1, sort_keys=True) + "\n")
    return path


def measure_again(
    params: Params, chosen: list[Timing], quick: bool, device: Device
) -> list[Timing]:
    """Some timings once more, in new processes; nothing is written. Raises InputError."""
    found: list[Timing] = []
    for variant in variants(device == "cuda", quick):
        tests = [timing.test for timing in chosen if timing.asked == variant.backend]
        if tests:
            content = _run(_plan(params, variant, device, quick), variant, tests)
            found += parsed(json.dumps(content), "the second measurement")
    return found


def _by(variant: Variant) -> str:
    if variant.libraries is None:
        return ", each as it comes"
    return f", {' and '.join(variant.libraries)} by {variant.backend}"


def _plan(params: Params, variant: Variant, device: Device, quick: bool) -> Plan:
    known = dict(params.neuron)
    paths = {spec.class_ for spec in known.values()}
    peers = {alias: spec for alias, spec in PEERS.items() if spec.class_ not in paths}
    if variant.libraries is None:
        timed = [*known, *peers]
        # with a choice of backends SpikingJelly is timed in processes that name one
        if device == "cuda" and not quick:
            timed = [a for a in timed if library_of({**peers, **known}[a]) != "spikingjelly"]
    else:
        both = {**known, **peers}
        timed = [a for a, spec in both.items() if library_of(spec) in variant.libraries]
    return Plan(
        params=params,
        timed=tuple(timed),
        backend=variant.backend,
        device=device,
        quick=quick,
        optional=variant.optional,
    )


def _run(plan: Plan, variant: Variant, tests: Sequence[str] = ("",)) -> dict[str, Any]:
    files = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.json")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += [str(files / test) for test in tests]
        command += ["-p", "no:xdist", "-o", "addopts=", "-o", "python_files=bench_*.py"]
        command += ["-o", "python_functions=bench_*"]
        command += [f"--benchmark-json={result}", "--rootdir", str(files)]
        # a pytest that runs us would tell its child that it is an xdist worker: no timing then
        outside = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        environment = {
            **outside,
            **variant.environment,
            VARIABLE: plan.model_dump_json(by_alias=True),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not result.exists():
            said = done.stdout.splitlines()
            lines = [line for line in said if line.startswith(("E ", "ERROR", "FAILED"))]
            raise InputError(f"throughput: pytest failed: {'; '.join(lines[:3]) or done.stderr}")
        read: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    for entry in read["benchmarks"]:
        entry["stats"].pop("data", None)
    return read


def _add(merged: dict[str, Any], more: dict[str, Any]) -> None:
    """The first process gives what is said of the machine; bounds stand at each result."""
    if not merged:
        merged.update(more)
        return
    merged["benchmarks"] += more["benchmarks"]
    merged["machine_info"]["aia_left_out"] += more["machine_info"]["aia_left_out"]
