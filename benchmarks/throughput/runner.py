"""Run the pytest-benchmark files of this folder and keep one JSON a device."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pytest_benchmark.stats import Stats

from benchmarks.errors import InputError
from benchmarks.host import Device, device_name, here
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.recorded import FOLDER
from benchmarks.records import write_atomic
from benchmarks.throughput.backends import Variant, variants
from benchmarks.throughput.plan import LEFT_OUT, PEERS, VARIABLE, Plan, is_control, library_of
from benchmarks.timings import Timing, parsed, timings_of
from benchmarks.wording import slug

QUICK, FULL = "quick.json", "times.json"  # a quick run leaves a full one's times alone
_IN_TURN = "bench_network.py::bench_association_in_a_training_step"
_IN_TURN_FULL = 5  # processes that time it in a full run
_QUICK = 3  # processes of a quick run
_LAST_S = 60  # what a benchmark that began in time may take beyond it
Say = Callable[[str], None]
_RATES = ("aia_copy_gb_per_s", "aia_matmul_gflop_per_s")  # of machine_info; per ns: bytes, FLOP


def folder_of(device: Device) -> str:
    """Folder of a device's times, below results/throughput."""
    return slug(device_name(torch.device(device)))


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
    params: Params,
    out: Path,
    quick: bool,
    device: Device | None = None,
    say: Say = lambda _: None,
    minutes: float = math.inf,
    processes: int | None = None,
) -> Path:
    """Write ``out/<device>/times.json`` in pytest-benchmark's format; other devices' files stay.

    Each backend that must be chosen before its library is imported has a process of its own, and
    of the ``minutes`` that are left a share as large as its share of the neurons still to time.
    What has not begun by then is left out, with the reason, in the file and by ``say``. Everything
    is timed in so many ``processes``, one after the other, 3 in a quick run and 1 in a full one if
    nothing is asked for: memory lies otherwise in each and the machine's minutes differ, so the
    quantiles are over the rounds of all, and as the fastest counts the middle process's.
    A training step of AIA is timed against one of LIF in several processes in any case.
    ``quick`` times each neuron but the controls as it comes, at one size, and writes ``quick.json``
    beside the full run's file. Raises InputError with the end of pytest's output if a benchmark
    fails, or if there is no such device.
    """
    end = time.time() + 60 * minutes
    device = device or here()
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("throughput: no CUDA device is here; leave --device out to time the CPU")
    processes = processes or (_QUICK if quick else 1)
    path = out / folder_of(device) / (QUICK if quick else FULL)
    plans = [(v, _plan(params, v, device, quick)) for v in variants(device == "cuda", quick)]
    to_time = processes * sum(len(plan.timed) for _, plan in plans)
    contents = []
    for variant, plan in plans:
        found = []
        for number in range(processes if plan.timed else 0):
            turn = f", {number + 1} of {processes}" if processes > 1 else ""
            say(f"timing {len(plan.timed)} neurons{_by(variant)}{turn}")
            now = time.time()
            deadline = now + (end - now) * len(plan.timed) / to_time
            turned = plan.model_copy(update={"costs": number == 0})
            found.append(_tried(_until(turned, deadline), variant))
            to_time -= len(plan.timed)
        contents += [_over_processes(found)] if found else []
        more = 0 if quick else _IN_TURN_FULL - processes
        if not variant.optional and "aia" in params.neuron and more > 0:
            say(f"timing a training step of AIA against LIF in {more} more processes")
            in_turn = _until(plan.model_copy(update={"costs": False}), end)
            contents += [_run(in_turn, variant, [_IN_TURN]) for _ in range(more)]
    merged = _merged(contents)
    for reason, names in left_out(merged).items():
        say(f"left out, {reason}: {', '.join(names)}")
    write_atomic(path, json.dumps(merged, indent=1, sort_keys=True) + "\n")
    return path


def left_out(content: Mapping[str, Any]) -> dict[str, list[str]]:
    """Reason -> whose times are missing for it, from a file's content."""
    whose: dict[str, list[str]] = {}
    for entry in content["machine_info"]["aia_left_out"]:
        names = whose.setdefault(entry["reason"], [])
        name = entry["neuron"] or entry["what"]
        if name not in names:
            names.append(name)
    return whose


def measure_again(
    params: Params, chosen: list[Timing], quick: bool, device: Device
) -> list[Timing]:
    """Some timings once more, in new processes; nothing is written. Raises InputError."""
    found: list[Timing] = []
    for variant in variants(device == "cuda", quick):
        tests = [timing.test for timing in chosen if timing.asked == variant.backend]
        if tests:
            plan = _plan(params, variant, device, quick).model_copy(update={"costs": False})
            content = _run(plan, variant, tests)
            if content["benchmarks"]:
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
    both = {**known, **peers}
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


def _until(plan: Plan, deadline: float) -> Plan:
    """The plan, to begin nothing after so many seconds since the epoch."""
    return plan if math.isinf(deadline) else plan.model_copy(update={"deadline": deadline})


def _run(plan: Plan, variant: Variant, tests: Sequence[str] = ("",)) -> dict[str, Any]:
    """What one process timed, as pytest-benchmark says it, and what it left out."""
    files = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        result, left = Path(folder, "result.json"), Path(folder, "left_out.json")
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
            LEFT_OUT: str(left),
        }
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_most_s(plan)
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(f"throughput: nothing came back in {error.timeout:.0f} s") from error
        if done.returncode != 0:
            raise InputError(f"throughput: pytest failed: {_reason(done)}")
        read: dict[str, Any] = {"benchmarks": [], "machine_info": {}}
        if result.exists():  # pytest-benchmark writes none where everything was left out
            read = json.loads(result.read_text(encoding="utf-8"))
        read["machine_info"]["aia_left_out"] = json.loads(left.read_text(encoding="utf-8"))
    return read


def _reason(failed: subprocess.CompletedProcess[str]) -> str:
    """What pytest says of a failed benchmark, or of an error of its own."""
    said = failed.stdout.splitlines()
    lines = [line for line in said if line.startswith(("E ", "ERROR", "FAILED"))]
    internal = [line for line in said if line.startswith("INTERNALERROR>")]  # a traceback
    return "; ".join(lines[:3] or internal[-1:]) or failed.stderr


def _most_s(plan: Plan) -> float | None:
    """How long a process may take before it counts as hanging; None: as long as it likes."""
    if plan.deadline is None or not plan.optional:
        return None
    return max(plan.deadline - time.time(), 0) + _LAST_S


def _tried(plan: Plan, variant: Variant) -> dict[str, Any]:
    """:func:`_run`, where the variant is optional also of a process that dies: nothing, and why."""
    try:
        return _run(plan, variant)
    except InputError as error:  # a library's own kernels may take their process along
        if not variant.optional:
            raise
        return _nothing(plan, str(error))


def _over_processes(contents: list[dict[str, Any]]) -> dict[str, Any]:
    """One content of several of the same plan, benchmark by benchmark."""
    found: dict[str, list[dict[str, Any]]] = {}
    for content in contents:
        for entry in content["benchmarks"]:
            found.setdefault(entry["fullname"], []).append(entry)
    kept = []
    for entries in found.values():
        if "pairs_s" in entries[0]["extra_info"]:  # no time of its own, all pairs count
            kept += entries
        else:
            kept.append(_of_all(entries) if len(entries) > 1 else entries[0])
    fullest = max(contents, key=lambda content: len(content["benchmarks"]))
    rates = _fastest(contents)
    return {**fullest, "benchmarks": kept, "machine_info": fullest["machine_info"] | rates}


def _fastest(contents: list[dict[str, Any]]) -> dict[str, float]:
    """The device's rates in the process that saw them fastest: a busy minute is no bound."""
    found: dict[str, float] = {}
    for machine in (content["machine_info"] for content in contents):
        for rate in _RATES:
            if rate in machine:
                found[rate] = max(machine[rate], found.get(rate, 0.0))
    return found


def _add_bound(entry: dict[str, Any], rates: Mapping[str, float]) -> None:
    """The least ns of an element or a sample that what it moves and computes takes the device."""
    about = entry["extra_info"]
    if "bytes_moved" in about:
        copied, computed = (rates[rate] for rate in _RATES)
        least = max(about["bytes_moved"] / copied, about.get("flops", 0) / computed)
        about["bound_ns"] = least / (about["samples"] or about["elements"])


def _of_all(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Of a benchmark in several processes the one in the middle at its fastest, and that time;
    the statistics and the rounds themselves are those of all, memory, energy and what a bound
    needs those of the first, the only one that takes them."""
    costs = entries[0]["extra_info"]
    entries.sort(key=lambda entry: entry["stats"]["min"] / entry["extra_info"]["repeats"])
    middle = entries[len(entries) // 2]
    repeats, all_rounds = middle["extra_info"]["repeats"], Stats()
    for entry in entries:
        for took in entry["stats"]["data"]:
            all_rounds.update(took / entry["extra_info"]["repeats"] * repeats)
    yardsticks = [entry["extra_info"]["yardsticks_fastest_s"] for entry in entries]
    about = {
        "processes": len(entries),
        "fastest_s": middle["stats"]["min"],
        # of each the middle process's too
        "yardsticks_fastest_s": {
            name: statistics.median_high(taken[name] for taken in yardsticks)
            for name in yardsticks[0]
        },
    }
    rounds = {"iterations": middle["stats"]["iterations"], "data": all_rounds.data}
    stats = {**all_rounds.as_dict(), **rounds}
    return {**middle, "stats": stats, "extra_info": {**costs, **middle["extra_info"], **about}}


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
    first = next((content for content in contents if content["benchmarks"]), None)
    if first is None:
        reasons = dict.fromkeys(entry["reason"] for entry in left)
        raise InputError(f"throughput: nothing was timed: {'; '.join(reasons)}")
    benchmarks = [entry for content in contents for entry in content["benchmarks"]]
    rates = _fastest(contents)
    for entry in benchmarks:
        entry["stats"]["data"] = [float(f"{took:.5g}") for took in entry["stats"]["data"]]
        _add_bound(entry, rates)
    machine = {**first["machine_info"], **rates, "aia_left_out": left}
    return {**first, "benchmarks": benchmarks, "machine_info": machine}
