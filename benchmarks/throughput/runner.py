"""Run the pytest-benchmark files of this folder and keep one JSON a device."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.errors import InputError
from benchmarks.params import NeuronParams, Params
from benchmarks.progress import Progress, silent
from benchmarks.records.files import write_atomic
from benchmarks.throughput.backends import Variant, variants
from benchmarks.throughput.device import clock
from benchmarks.throughput.plan import (
    COUNTED,
    LEFT_OUT,
    PEERS,
    VARIABLE,
    Plan,
    is_control,
    library_of,
)
from benchmarks.training.host import Device, device_name, here
from benchmarks.wording import how_ended, slug

QUICK, FULL = "quick.json", "times.json"  # a quick run leaves a full one's times alone
_LAST_S = 60  # what a benchmark that began in time may take beyond it
_EVERY_S = 1  # it is looked how far a process is
Say = Callable[[str], None]
Count = Callable[[int, int], None]
_RATES = ("aia_copy_gb_per_s", "aia_matmul_gflop_per_s")  # of machine_info; per ns: bytes, FLOP


def folder_of(device: Device) -> str:
    """Folder of a device's times, below results/throughput."""
    return slug(device_name(torch.device(device)))


def measure_throughput(
    params: Params,
    out: Path,
    quick: bool,
    device: Device | None = None,
    say: Say = lambda _: None,
    minutes: float = math.inf,
    progress: Progress = silent,
    peers: Mapping[str, NeuronParams] = PEERS,
) -> Path:
    """Write ``out/<device>/times.json`` in pytest-benchmark's format; other devices' files stay.

    Each backend that must be chosen before its library is imported has a process of its own, and
    of the ``minutes`` that are left a share as large as its share of the neurons still to time.
    What has not begun by then is left out, with the reason, in the file and by ``say``.
    ``quick`` times each neuron but the controls as it comes, at one size, and writes ``quick.json``
    beside the full run's file. ``peers`` are timed too where their class is not among the
    profile's. Raises InputError with the end of pytest's output if a benchmark fails, or if there
    is no such device.
    """
    end = time.time() + 60 * minutes
    device = device or here()
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("throughput: no CUDA device is here; leave --device out to time the CPU")
    plans = [(v, _plan(params, v, device, quick, peers)) for v in variants(device == "cuda", quick)]
    to_time = sum(len(plan.timed) for _, plan in plans)
    contents = []
    for variant, plan in plans:
        if plan.timed:
            what = f"timing {len(plan.timed)} neurons{_by(variant)}"
            say(what)
            now = time.time()
            deadline = now + (end - now) * len(plan.timed) / to_time
            plan = plan.model_copy(update={"deadline": deadline})
            contents.append(_tried(plan, variant, _said(progress, what)))
            to_time -= len(plan.timed)
    merged = _merged(contents)
    for reason, names in left_out(merged).items():
        say(f"left out, {reason}: {', '.join(names)}")
    path = out / folder_of(device) / (QUICK if quick else FULL)
    write_atomic(path, json.dumps(merged, indent=1, sort_keys=True) + "\n")
    return path


def _said(progress: Progress, what: str) -> Count:
    return lambda done, of: progress(done, of, what)


def left_out(content: Mapping[str, Any]) -> dict[str, list[str]]:
    """Reason -> whose times are missing for it, from a file's content."""
    whose: dict[str, list[str]] = {}
    for entry in content["machine_info"]["aia_left_out"]:
        names = whose.setdefault(entry["reason"], [])
        name = entry["neuron"] or entry["what"]
        if name not in names:
            names.append(name)
    return whose


def _by(variant: Variant) -> str:
    if variant.libraries is None:
        return ", each as it comes"
    return f", {' and '.join(variant.libraries)} by {variant.backend}"


def _plan(
    params: Params,
    variant: Variant,
    device: Device,
    quick: bool,
    peers: Mapping[str, NeuronParams],
) -> Plan:
    known = dict(params.neuron)
    paths = {spec.class_ for spec in known.values()}
    both = known | {alias: spec for alias, spec in peers.items() if spec.class_ not in paths}
    controls = variant.libraries is None and not quick
    timed = [alias for alias, spec in both.items() if controls or not is_control(spec)]
    if variant.libraries is not None:
        timed = [alias for alias in timed if library_of(both[alias]) in variant.libraries]
    elif device == "cuda" and not quick:
        # with a choice of backends SpikingJelly is timed in processes that name one
        timed = [alias for alias in timed if library_of(both[alias]) != "spikingjelly"]
    return Plan(
        params=params,
        timed=tuple(timed),
        backend=variant.backend,
        device=device,
        quick=quick,
        optional=variant.optional,
    )


def _run(plan: Plan, variant: Variant, progress: Count) -> dict[str, Any]:
    """What one process timed, as pytest-benchmark says it, and what it left out."""
    files = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        result, left = Path(folder, "result.json"), Path(folder, "left_out.json")
        counted = Path(folder, "counted")
        command = [sys.executable, "-m", "pytest", "-q", str(files), "--rootdir", str(files)]
        command += ["-p", "pytest_benchmark.plugin", "-p", "no:cacheprovider", "-o", "addopts="]
        command += ["-o", "python_files=bench_*.py", "-o", "python_functions=bench_*"]
        command += [f"--benchmark-json={result}", f"--benchmark-timer={clock.__module__}.clock"]
        # a pytest that runs us would tell its child that it is an xdist worker: no timing then
        outside = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        environment = {
            **outside,
            **variant.environment,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # what else is installed takes time, or breaks
            "OMP_NUM_THREADS": "1",  # NumPy's products too, which bound ours
            VARIABLE: plan.model_dump_json(by_alias=True),
            LEFT_OUT: str(left),
            COUNTED: str(counted),
        }
        done = _watched(command, environment, _most_s(plan), counted, progress)
        if done.returncode != 0:
            raise InputError(f"throughput: pytest failed: {_reason(done)}")
        read: dict[str, Any] = {"benchmarks": [], "machine_info": {}}
        if result.exists():  # pytest-benchmark writes none where everything was left out
            read = json.loads(result.read_text(encoding="utf-8"))
        read["machine_info"]["aia_left_out"] = json.loads(left.read_text(encoding="utf-8"))
    return read


def _watched(
    command: list[str],
    environment: Mapping[str, str],
    most_s: float,
    counted: Path,
    progress: Count,
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` and report what it counts; raises InputError if it takes over ``most_s``."""
    end = time.monotonic() + most_s
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while True:
            try:
                said = process.communicate(timeout=_EVERY_S)
                return subprocess.CompletedProcess(command, process.returncode, *said)
            except subprocess.TimeoutExpired:
                if time.monotonic() > end:
                    process.kill()
                    raise InputError(f"throughput: nothing came back in {most_s:.0f} s") from None
                numbers = counted.read_text(encoding="utf-8").split() if counted.exists() else []
                if len(numbers) == 2:  # else it is being written
                    progress(int(numbers[0]), int(numbers[1]))
            except BaseException:
                process.kill()
                raise


def _reason(failed: subprocess.CompletedProcess[str]) -> str:
    """What pytest says of a failed benchmark, or of an error of its own."""
    said = (failed.stdout + failed.stderr).splitlines()
    lines = [line for line in said if line.startswith(("E ", "ERROR", "FAILED"))]
    internal = [line for line in said if line.startswith("INTERNALERROR>")]  # a traceback
    reason = "; ".join(lines[:3] or internal[-1:] or said[-1:])
    return reason or how_ended(failed.returncode)


def _most_s(plan: Plan) -> float:
    """How long a process may take before it counts as hanging."""
    if math.isinf(plan.deadline) or not plan.optional:
        return math.inf
    return max(plan.deadline - time.time(), 0) + _LAST_S


def _tried(plan: Plan, variant: Variant, progress: Count) -> dict[str, Any]:
    """:func:`_run`, where the variant is optional also of a process that dies: nothing, and why."""
    try:
        return _run(plan, variant, progress)
    except InputError as error:  # a library's own kernels may take their process along
        if not variant.optional:
            raise
        return _nothing(plan, str(error))


def _add_bound(entry: dict[str, Any], rates: Mapping[str, float]) -> None:
    """The least ns of an element or a sample that what it moves and computes takes the device."""
    about = entry["extra_info"]
    if "bytes_moved" in about:
        copied, computed = (rates[rate] for rate in _RATES)
        least = max(about["bytes_moved"] / copied, about.get("flops", 0) / computed)
        about["bound_ns"] = least / (about["samples"] or about["elements"])


def _nothing(plan: Plan, reason: str) -> dict[str, Any]:
    """The content of a process from which nothing came."""
    about = {"what": "everything", "backend": plan.backend, "shape": "", "reason": reason}
    left = [{**about, "neuron": alias} for alias in plan.timed]
    return {"benchmarks": [], "machine_info": {"aia_left_out": left}}


def _merged(contents: list[dict[str, Any]]) -> dict[str, Any]:
    """One content of several; the first with times says of the machine what all would say.

    Raises InputError if nothing was timed at all.
    """
    left = [entry for content in contents for entry in content["machine_info"]["aia_left_out"]]
    timed = [content for content in contents if content["benchmarks"]]
    if not timed:
        reasons = dict.fromkeys(entry["reason"] for entry in left)
        raise InputError(f"throughput: nothing was timed: {'; '.join(reasons)}")
    benchmarks = [entry for content in timed for entry in content["benchmarks"]]
    # the fastest that any process saw: a busy minute is no bound
    rates = {rate: max(content["machine_info"][rate] for content in timed) for rate in _RATES}
    for entry in benchmarks:
        entry["stats"]["data"] = [float(f"{took:.5g}") for took in entry["stats"]["data"]]
        _add_bound(entry, rates)
    machine = {**timed[0]["machine_info"], **rates, "aia_left_out": left}
    return {**timed[0], "benchmarks": benchmarks, "machine_info": machine}
