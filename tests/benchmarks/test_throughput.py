"""The benchmark files really run, say what a reader needs to believe them, and are compared."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aia import LIF as LIFNeuron
from aia import backends
from benchmarks import drawing, drawing_speed, rows
from benchmarks.errors import InputError
from benchmarks.profile import Profile
from benchmarks.selection import Cells, Selection
from benchmarks.throughput import device as devices
from benchmarks.throughput import runner
from benchmarks.throughput.backends import Variant, variants
from benchmarks.throughput.compare import Paired, confirmed, in_words, named, pair, slower
from benchmarks.throughput.peers import NorseLIF
from benchmarks.throughput.plan import ORDER, base, scaling
from benchmarks.throughput.runner import (
    FULL,
    QUICK,
    folder_of,
    measure_again,
    measure_throughput,
    record_of,
)
from benchmarks.timings import (
    TITLES,
    Cost,
    Machine,
    Timing,
    all_timings,
    costs_of,
    in_figures,
    read_speeds,
    timings_of,
)
from tests.benchmarks.made_records import write_throughput
from tests.benchmarks.small import AIA, LIF, ROOT, run_command, small_profile

CPU = torch.device("cpu")
BY_FILE = """
import time
import torch
from aia import LIF

EXTRA = {extra}  # of the time that the neuron takes, once more


class Mine(LIF):
    def forward(self, drive):
        start = time.perf_counter()
        spikes = super().forward(drive)
        end = time.perf_counter() + EXTRA * (time.perf_counter() - start)
        while time.perf_counter() < end:
            pass
        return spikes
"""


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("AMD EPYC", "amd-epyc"),
        ("Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz", "intel-core-i7-8650u-cpu-1-90ghz"),
        ("NVIDIA H200", "nvidia-h200"),
    ],
)
def test_a_device_has_a_folder_of_its_name(
    name: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "device_name", lambda device: name)
    assert folder_of("cpu") == folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One quick run on this machine's processor, beside a file of another device.

    After the process that counts comes one that dies.
    """
    folder = tmp_path_factory.mktemp("speed")
    params, profile = small_profile(folder, {"aia": AIA})
    other = profile.throughput / "another-device" / QUICK
    other.parent.mkdir(parents=True)
    other.write_text("kept")
    said: list[str] = []
    dies = Variant(("ours",), {backends.VARIABLE: "none"}, "none")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "variants", lambda *asked: [*variants(*asked), dies])
        path = measure_throughput(params, profile.throughput, True, "cpu", said.append)
    assert path == profile.throughput / folder_of("cpu") / QUICK
    assert other.read_text() == "kept"
    other.unlink()
    return {
        "path": path,
        "content": json.loads(path.read_text()),
        "folder": profile.throughput,
        "params": params,
        "said": said,
    }


def test_the_file_says_which_device_with_which_versions_and_bounds(
    measured: dict[str, Any],
) -> None:
    machine = measured["content"]["machine_info"]
    assert machine["aia_device"]
    assert machine["aia_copy_gb_per_s"] > 0
    assert machine["aia_matmul_gflop_per_s"] > 0
    assert machine["aia_threads"] == 1
    assert machine["aia_versions"]["torch"] == torch.__version__
    assert set(machine["aia_state"]) == {"before", "after"}
    assert "node" not in machine


def test_every_measurement_is_taken_beside_its_peers_and_no_faster_than_memory(
    measured: dict[str, Any],
) -> None:
    timed = timings_of(measured["path"])
    kinds = {"neuron_forward", "neuron_forward_backward", "training_step", "inference"}
    for neuron in ("aia", "lif", "spikingjelly_lif"):
        assert {t.what for t in timed if t.neuron == neuron} == kinds
    both = {t.neuron: t for t in timed if t.what == "neuron_forward_backward"}
    for timing in both.values():
        assert timing.bound is not None
        assert timing.median > 0.7 * timing.bound, "faster than memory allows"
        assert timing.kept_bytes is not None
        assert timing.peak_bytes is not None
        assert timing.peak_bytes >= timing.kept_bytes * 0.9
    assert both["aia"].backend == "C++"
    assert both["spikingjelly_lif"].backend == "spikingjelly, torch"
    names = {"copy", devices.PRODUCT, devices.SMALL, devices.RUNNING_SUM, devices.STREAMED}
    assert all(set(t.yardsticks) == names for t in timed), "a yardstick was not taken"
    assert all(min(t.yardsticks.values()) > 0 for t in timed)
    step = next(t for t in timed if t.what == "training_step" and t.neuron == "aia")
    assert step.flops is not None
    assert step.bound is not None
    assert step.median < step.bound, "more samples a second than the device's arithmetic allows"


def test_inference_is_of_the_folded_network(measured: dict[str, Any]) -> None:
    """Which has no coefficients that would have to be read."""
    timed = {(t.what, t.neuron): t.bytes_moved for t in timings_of(measured["path"])}
    assert timed["inference", "aia"] == timed["inference", "lif"]
    assert timed["training_step", "aia"] != timed["training_step", "lif"]


def test_what_a_full_run_timed_too_stands_in_the_table_once(
    measured: dict[str, Any], tmp_path: Path
) -> None:
    both = tmp_path / measured["path"].parent.name
    both.mkdir()
    content = copy.deepcopy(measured["content"])
    (both / QUICK).write_text(json.dumps(content))
    for entry in content["benchmarks"]:
        entry["stats"]["median"] *= 2
    content["benchmarks"].pop(0)
    (both / FULL).write_text(json.dumps(content))
    quick, every = timings_of(both / QUICK), read_speeds(tmp_path).every
    assert len(every) == len(quick)
    assert sum(t.seconds == 2 * q.seconds for t, q in zip(every, quick, strict=True)) == (
        len(quick) - 1
    )


def test_the_cost_of_the_association_comes_with_an_interval(measured: dict[str, Any]) -> None:
    (cost,) = read_speeds(measured["folder"]).costs
    assert cost.low <= cost.ratio <= cost.high
    assert 0.5 < cost.ratio < 2
    assert (cost.processes, cost.pairs) == (3, 60)


def test_the_interval_of_the_cost_covers_what_processes_differ_by(tmp_path: Path) -> None:
    """A process's own ratio is sure, and its own; the machine's is not."""

    def interval(*ratios: float) -> Cost:
        entries = [
            {"extra_info": {"pairs_s": {"aia": [ratio] * 40, "lif": [1.0] * 40}}}
            for ratio in ratios
        ]
        path = tmp_path / "times.json"
        machine = {"aia_device": "cpu"}
        path.write_text(json.dumps({"machine_info": machine, "benchmarks": entries}))
        assert timings_of(path) == []
        (cost,) = costs_of(path)
        return cost

    one, three = interval(1.02), interval(1.01, 1.02, 1.05)
    assert (one.low, one.ratio, one.high) == (1.02, 1.02, 1.02)
    assert (three.low, three.ratio, three.high) == (1.01, 1.02, 1.05)


def test_the_cost_is_said_for_each_batch_and_for_graphs(tmp_path: Path) -> None:
    taken = {(None, False): 1.2, (2048, False): 1.01, (None, True): 1.0}
    entries = [
        {"extra_info": {"pairs_s": {"aia": [ratio] * 4, "lif": [1.0] * 4}, **how}}
        for ratio, how in (
            (1.2, {}),  # as before batches and graphs were
            (1.01, {"batch": 2048, "graph": False}),
            (1.0, {"batch": None, "graph": True}),
        )
    ]
    path = tmp_path / "times.json"
    path.write_text(json.dumps({"machine_info": {"aia_device": "gpu"}, "benchmarks": entries}))
    found = costs_of(path)
    assert {(cost.batch, cost.graph): cost.ratio for cost in found} == taken
    assert [cost.at for cost in found] == ["", ", batch 2,048", ", CUDA graph"]
    empty = Cells(Path(), Selection((), (), ()), {})
    named = rows.throughput(empty, [made(1e-3, device="gpu")], found).shown["neuron"]
    assert [name for name in named if name.startswith("AIA")] == [
        f"AIA over LIF{cost.at}" for cost in found
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "shown"),
    [(False, True, "0123456"), (True, True, "0123456+"), (None, True, "0123456+")],
)
def test_the_commit_is_shown_with_a_plus_where_files_had_changed(
    ours: bool | None, theirs: bool, shown: str, measured: dict[str, Any], tmp_path: Path
) -> None:
    """What the pipeline writes is a change to pytest-benchmark alone."""
    content = copy.deepcopy(measured["content"])
    content["commit_info"] = {"id": "0123456789", "dirty": theirs}
    content["machine_info"].pop("aia_dirty")
    if ours is not None:
        content["machine_info"]["aia_dirty"] = ours
    (tmp_path / "times.json").write_text(json.dumps(content))
    assert {t.commit for t in timings_of(tmp_path / "times.json")} == {shown}


def test_the_range_of_a_time_is_that_of_its_rounds_but_for_the_outermost(tmp_path: Path) -> None:
    write_throughput(tmp_path, ("aia",))
    path = tmp_path / "made-cpu" / "times.json"
    content = json.loads(path.read_text())
    stats = content["benchmarks"][0]["stats"]
    stats |= {"median": 51e-6, "data": [n * 1e-6 for n in range(1, 102)], "rounds": 101}
    path.write_text(json.dumps(content))
    neuron, step = timings_of(path)  # of 1000 elements, of 64 samples
    assert (neuron.low, neuron.median, neuron.high) == pytest.approx((6, 51, 96))
    assert in_figures(neuron) == "51.0 [6.00, 96.0]"
    # a record without rounds shows its quartiles, and shows that it does
    assert (step.low, step.median, step.high) == pytest.approx((64 / 0.11, 640, 64 / 0.09))
    assert in_figures(step) == "640 (582, 711)"


def test_a_library_that_is_not_installed_is_left_out_by_name(measured: dict[str, Any]) -> None:
    left = [each for each in _left_out(measured) if each["backend"] != "none"]
    try:
        NorseLIF(3)
    except ImportError:
        assert {entry["neuron"] for entry in left} == {"norse_lif"}
        assert all("norse" in entry["reason"] for entry in left)
        assert sum("norse_lif" in line for line in measured["said"]) == 1
    else:
        assert not left


def test_a_backend_whose_process_dies_costs_only_its_own_times(measured: dict[str, Any]) -> None:
    left = [each for each in _left_out(measured) if each["backend"] == "none"]
    assert {each["neuron"] for each in left} == {"aia", "lif"}
    assert all("no such backend" in each["reason"] for each in left)
    assert any(line.startswith("left out") and "aia, lif" in line for line in measured["said"])
    assert {t.asked for t in timings_of(measured["path"])} == {""}


def _left_out(measured: dict[str, Any]) -> list[dict[str, str]]:
    left: list[dict[str, str]] = measured["content"]["machine_info"]["aia_left_out"]
    return left


def test_what_has_not_begun_when_the_time_is_over_is_left_out_the_least_important_last(
    tmp_path: Path,
) -> None:
    params, profile = small_profile(tmp_path, {"aia": AIA})
    asked = variants(cuda=False, quick=False)[0]
    plan = runner._plan(params, asked, "cpu", quick=False).model_copy(update={"deadline": 0.0})
    left = runner._run(plan, asked)["machine_info"]["aia_left_out"]
    series = dict.fromkeys(entry["reason"].removeprefix("no time left: ") for entry in left)
    assert list(series) == [name for name in ORDER if name != "graph"]  # a GPU's
    whole = {(entry["what"], entry["neuron"]) for entry in left}
    assert whole >= {("forward_backward", "aia"), ("training_step", "spikingjelly_lif")}
    with pytest.raises(InputError, match="nothing was timed: no time left"):
        measure_throughput(params, profile.throughput, quick=False, device="cpu", minutes=0)
    assert not list(profile.throughput.glob("*/*"))


def test_bytes_kept_are_those_that_the_graph_still_holds() -> None:
    x = torch.ones(1000, requires_grad=True)

    def forward() -> torch.Tensor:
        for _ in range(5):
            x.exp().exp()  # keeps two results until its graph is dropped
        return x.tanh().tanh() + x.detach().exp()

    assert devices.kept_bytes(forward) == 2 * x.nbytes


def test_of_several_processes_the_middle_one_counts_benchmark_by_benchmark(
    measured: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process is the measured one with times of its own; one ran out of time."""
    params, profile = small_profile(tmp_path, {"lif": LIF})
    usual = {
        entry["fullname"]: entry["stats"]["min"] / entry["extra_info"]["repeats"]
        for entry in measured["content"]["benchmarks"]
        if "repeats" in entry["extra_info"]
    }
    times = iter([1.0, 3.0, 2.0, 1.5])

    def process(*asked: Any) -> dict[str, Any]:
        content, factor = copy.deepcopy(measured["content"]), next(times)
        entries = [e for e in content["benchmarks"] if e["extra_info"].get("neuron") == "lif"]
        for number, entry in enumerate(entries):
            # the first benchmark's order of the processes is not the others'
            factor_here = 4 - factor if number == 0 else factor
            entry["stats"]["min"] *= factor_here
            entry["stats"]["data"] = [factor_here * entry["extra_info"]["repeats"]] * 10
        late = [{"what": "late", "neuron": "lif", "reason": "no time left"}] if factor == 3 else []
        content["machine_info"]["aia_left_out"] = late
        return {**content, "benchmarks": entries[1:] if factor == 1.5 else entries}

    monkeypatch.setattr(runner, "_run", process)
    said: list[str] = []
    path = measure_throughput(params, profile.throughput, True, "cpu", said.append, processes=4)
    assert said == [f"timing 3 neurons, each as it comes, {n} of 4" for n in (1, 2, 3, 4)]
    content = json.loads(path.read_text())
    assert content["machine_info"]["aia_left_out"] == []
    found = {t.test: t.fastest / usual[t.test] for t in timings_of(path)}
    first, *others = found.values()
    assert first == pytest.approx(2)  # of 3, 1 and 2
    assert others == pytest.approx([2.0] * len(others))  # of 1, 3, 2 and 1.5, the upper one
    counted = [entry["extra_info"]["processes"] for entry in content["benchmarks"]]
    assert counted == [3, *[4] * len(others)]
    # s a call, of the rounds of all: ten each of 1, 2 and 3, and of 1.5 where it ran
    first_of_all, *rest = content["benchmarks"]
    repeats = first_of_all["extra_info"]["repeats"]
    quartiles = [first_of_all["stats"][name] / repeats for name in ("q1", "median", "q3")]
    assert quartiles == pytest.approx([1, 2, 3])
    assert first_of_all["stats"]["rounds"] == 30
    assert all(entry["stats"]["median"] / entry["extra_info"]["repeats"] == 1.75 for entry in rest)
    rounds = np.array(first_of_all["stats"]["data"]) / repeats
    assert sorted(rounds) == pytest.approx(np.repeat([1, 2, 3], 10), rel=1e-4)
    assert {t.quartiles for t in timings_of(path)} == {False}


def test_the_bound_is_that_of_the_process_that_saw_the_device_fastest(
    measured: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params, profile = small_profile(tmp_path, {"aia": AIA})
    gb_per_s = iter([10.0, 20.0, 15.0])

    def process(*_: Any) -> dict[str, Any]:
        content = copy.deepcopy(measured["content"])
        content["machine_info"] |= {
            "aia_copy_gb_per_s": next(gb_per_s),
            "aia_matmul_gflop_per_s": 100.0,
        }
        return content

    monkeypatch.setattr(runner, "_run", process)
    path = measure_throughput(params, profile.throughput, True, "cpu")
    assert json.loads(path.read_text())["machine_info"]["aia_copy_gb_per_s"] == 20
    for timing in timings_of(path):
        if timing.what == "neuron_forward_backward":  # five float32 an element
            assert timing.bound == pytest.approx(5 * 4 / 20)
        if timing.what == "training_step":
            assert timing.flops is not None
            assert timing.bytes_moved is not None
            least_s = max(timing.flops / 100e9, timing.bytes_moved / 20e9)
            assert timing.bound == pytest.approx(timing.sizes[1] / least_s)


def test_a_neuron_that_fails_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path, {"bad": {"class": "snntorch:Leaky"}})
    old = profile.throughput / folder_of("cpu") / QUICK
    old.parent.mkdir(parents=True)
    old.write_text("old")
    with pytest.raises(InputError, match=r"throughput.*Leaky"):
        measure_throughput(params, profile.throughput, quick=True, device="cpu")
    assert old.read_text() == "old"


def test_an_error_of_pytest_itself_is_said(tmp_path: Path) -> None:
    """A plugin that the user has installed may break."""
    source = "def pytest_collection_finish():\n    raise RuntimeError('a broken plugin')\n"
    (tmp_path / "broken_plugin.py").write_text(source)
    params, _ = small_profile(tmp_path, {"aia": AIA})
    environment = {"PYTEST_PLUGINS": "broken_plugin", "PYTHONPATH": str(tmp_path)}
    broken = Variant(None, environment)
    plan = runner._plan(params, broken, "cpu", quick=True)
    with pytest.raises(InputError, match=r"pytest failed: INTERNALERROR.*a broken plugin"):
        runner._run(plan, broken)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path, {"aia": AIA})
    with pytest.raises(InputError, match="no CUDA device is here"):
        measure_throughput(params, profile.throughput, quick=True, device="cuda")


def test_on_a_gpu_every_backend_has_a_process_of_its_own() -> None:
    asked = [(v.libraries, v.backend) for v in variants(cuda=True, quick=False)]
    assert asked[0] == (None, "")
    assert (("ours",), "compile") in asked  # asked for nothing, ours run by Triton there
    for backend in ("cuda", "triton", "torch"):
        assert (("spikingjelly",), backend) in asked
    assert len(variants(cuda=True, quick=True)) == 1


def test_sizes_reach_from_a_launch_to_beyond_the_cache() -> None:
    elements = [case.shape.elements for case in [base(cuda=False), *scaling(cuda=False)]]
    assert min(elements) * 4 < 32 * 2**10  # a first-level cache
    assert max(elements) * 4 > 2 * devices.cache_bytes(CPU)
    assert {case.shape.steps for case in scaling(cuda=False)} >= {4, 64}


def test_peak_memory_is_what_is_held_at_a_time() -> None:
    def work() -> None:
        first = torch.ones(1000, 1000)
        second = first + 1  # both are held
        del first
        third = second + 1
        del second, third

    assert devices.peak_bytes(work, CPU) == pytest.approx(8e6, rel=0.01)


def test_a_counter_s_energy_is_shared_by_all_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """3 J a call, as a counter would say that is read before the first and after the last."""
    calls: list[int] = []
    monkeypatch.setattr(devices, "_energy_counter", lambda device: lambda: 3.0 * len(calls))
    assert devices.joules(lambda: calls.append(1), CPU, at_least_s=0.02) == pytest.approx(3.0)
    assert len(calls) > 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="on a GPU")
def test_on_a_gpu_a_graph_holds_the_tensors_that_only_its_work_knew() -> None:
    """Or their memory is given to others, and a training step reads those as its labels."""
    gpu, sums = torch.device("cuda"), torch.zeros(1, device="cuda")

    def of_ones() -> Callable[[], object]:
        ones = torch.ones(1000, device=gpu)
        return lambda: sums.copy_(ones.sum())

    replay = devices.graphed(of_ones())
    others = [torch.zeros(1000, device=gpu) for _ in range(100)]
    replay()
    assert sums.item() == 1000
    assert len(others) == 100


@pytest.mark.skipif(not torch.cuda.is_available(), reason="on a GPU")
def test_on_a_gpu_a_graph_replays_both_passes_and_their_kernels_are_named() -> None:
    gpu = torch.device("cuda")
    drive = torch.randn(10, 4, 8, 16, device=gpu, requires_grad=True)
    neuron = LIFNeuron(8)

    def both() -> None:
        drive.grad = None
        neuron(drive).sum().backward()

    replay = devices.graphed(both)
    with torch.no_grad():
        drive.mul_(2)
    replay()
    replayed = drive.grad
    assert replayed is not None
    replayed = replayed.clone()
    both()
    torch.testing.assert_close(replayed, drive.grad)
    names = " ".join(devices.kernels(both, gpu))
    assert "_forward_kernel" in names
    assert "_backward_kernel" in names


def test_no_gpu_kernel_runs_on_a_cpu() -> None:
    assert devices.kernels(lambda: torch.ones(3) + 1, CPU) == []


def test_a_device_without_a_counter_has_no_energy() -> None:
    assert math.isnan(devices.joules(lambda: None, CPU))


def test_norse_under_matched_options_fires_where_lif_fires(generator: torch.Generator) -> None:
    pytest.importorskip("norse")
    from aia import LIF

    drive = torch.randn(8, 2, 3, 5, 5, generator=generator, dtype=torch.float64)
    fired = NorseLIF(3, decay=0.75, threshold=1.1)(drive)
    same = fired == LIF(3, decay=0.75, threshold=1.1)(drive)
    assert fired.sum() > 0
    assert same.float().mean() > 0.999  # norse's order of operations rounds otherwise


# ---- comparing ----


def made(seconds: float, **more: Any) -> Timing:
    about = {"device": "cpu", "neuron": "aia", "backend": "b", "shape": "[1]"} | more
    scale = 1e6  # ns per element of 1000 elements
    return Timing(
        what="neuron_forward",
        median=seconds * scale,
        low=seconds * 0.98 * scale,
        high=seconds * 1.02 * scale,
        fastest=seconds,
        bound=None,
        rounds=9,
        kept_bytes=None,
        seconds=seconds,
        **about,
    )


@pytest.mark.parametrize(
    ("after", "says"), [(1.2, "slower"), (1.05, "same"), (1.0, "same"), (0.8, "faster")]
)
def test_a_change_over_ten_percent_is_called_one(after: float, says: str) -> None:
    (paired,) = pair([made(1e-3)], [made(after * 1e-3)])
    assert paired.verdict == says
    assert paired.ratio == pytest.approx(after)


def test_what_a_neighbour_costs_some_rounds_is_no_change() -> None:
    """The fastest rounds are compared."""
    (paired,) = pair([made(1e-3)], [replace(made(1.5e-3), fastest=1e-3)])
    assert (paired.verdict, paired.ratio) == ("same", 1.0)


def test_samples_a_second_fall_where_time_grows() -> None:
    def network(seconds: float) -> Timing:
        rate = 64 / seconds
        return replace(
            made(seconds), what="training_step", median=rate, low=rate * 0.98, high=rate * 1.02
        )

    (paired,) = pair([network(0.1)], [network(0.12)])
    assert paired.verdict == "slower"


def test_rounds_of_two_runs_overlap_where_their_quantiles_do() -> None:
    first = made(1.0)  # 0.98 to 1.02
    assert pair([first], [made(1.03)])[0].overlap
    assert pair([made(1.03)], [first])[0].overlap
    assert not pair([first], [made(1.05)])[0].overlap
    assert not pair([made(1.05)], [first])[0].overlap


def test_rounds_that_a_busy_machine_drew_out_overlap_at_its_pace() -> None:
    """Anything up to what the worst yardstick lost, and no more; of a network samples/s fall."""
    before = made(1.0, yardsticks={"copy": 1e-3, "product": 2e-3})
    busy = {"copy": 1.1e-3, "product": 3e-3}  # 1.1 and 1.5 times as long

    def at(seconds: float, what: str) -> Paired:
        first, then = before, made(seconds, yardsticks=busy)
        if what == "training_step":
            first, then = (replace(t, low=1 / t.high, high=1 / t.low) for t in (first, then))
        (paired,) = pair([replace(first, what=what)], [replace(then, what=what)])
        return paired

    for what in ("neuron_forward", "training_step"):
        for seconds in (0.9, 1.03, 1.3, 1.5, 1.6):
            assert at(seconds, what).overlap == (seconds == 1.03)
            assert at(seconds, what).overlap_at_its_pace == (1.0 < seconds < 1.55)
    for more in ({"device": "gpu", "yardsticks": busy}, {}):  # two devices; a file without any
        (paired,) = pair([before], [made(1.3, **more)])
        assert not paired.overlap_at_its_pace


def test_what_the_machine_itself_lost_is_not_called_slower() -> None:
    """A neighbour on a shared machine slows the yardsticks with the neuron; a change of the code
    does not."""
    quiet, busy_then = {"copy": 1e-3, "product": 2e-3}, {"copy": 1.5e-3, "product": 2e-3}
    before = made(1e-3, yardsticks=quiet)
    (busy,) = pair([before], [made(1.5e-3, yardsticks=busy_then)])
    assert (busy.verdict, busy.ratio, busy.own) == ("same", 1.5, 1.0)
    (changed,) = pair([before], [made(1.8e-3, yardsticks=busy_then)])
    assert changed.verdict == "slower"
    assert in_words(changed).endswith("1 ms -> 1.8 ms (+80%, the machine itself +50%)")
    (other,) = pair([before], [made(1.5e-3, device="gpu", yardsticks=busy_then)])
    assert (other.verdict, other.machine) == ("slower", 1.0)  # two devices are compared as they are


def test_the_machine_is_as_slow_as_the_worst_of_its_yardsticks() -> None:
    before = made(1e-3, yardsticks={"copy": 1e-3, "product": 2e-3})
    (paired,) = pair([before], [made(1e-3, yardsticks={"copy": 4e-3, "product": 2e-3})])
    assert paired.machine == pytest.approx(4)
    (some,) = pair([before], [made(1e-3, yardsticks={"product": 3e-3, "other": 1.0})])
    assert some.machine == pytest.approx(1.5)  # what both have taken


def test_the_csv_has_a_column_for_each_yardstick_and_the_table_the_bound_of_its_rows() -> None:
    timed = [
        replace(made(1e-3, yardsticks={"copy": 1e-3, "running sum": 3e-3}), bound=0.5),
        replace(made(1e-3, neuron="lif"), bound=0.25),
    ]
    empty = Cells(Path(), Selection((), (), ()), {})
    table = rows.throughput(empty, timed)
    assert list(table.raw["running_sum_s"])[:1] == [3e-3]
    assert "yardsticks" not in table.raw
    title = TITLES["neuron_forward"]
    of_bound = table.shown[table.shown["neuron"] == "the device's bound"]
    assert list(of_bound[title]) == ["0.500"]
    assert rows.throughput(empty, []).raw.empty


def test_another_device_or_backend_is_no_record() -> None:
    assert not slower([made(1e-3, device="gpu")], [made(2e-3)])
    assert not slower([made(1e-3, asked="c")], [made(2e-3)])
    assert slower([made(1e-3)], [made(2e-3)])


def test_what_a_neuron_does_by_itself_is_held_against_what_it_did() -> None:
    """Where C++ no longer builds, say, torch.compile's time is a slowdown."""
    (found,) = slower([made(1e-3, backend="C++")], [made(2e-3, backend="torch.compile")])
    assert "aia by torch.compile, before C++, neuron, inference, at 1," in in_words(found)


def test_a_slowdown_must_show_in_the_majority_of_processes() -> None:
    """Noise passes, a change of the code stays."""
    asked: list[list[str]] = []
    took = {  # ms, in the processes after the first
        "noisy": [1.0, 1.3, 1.0, 1.0],
        "noise at once": [1.0, 1.0, 1.0],
        "changed": [1.4, 1.5],
        "changed, once by luck": [1.0, 1.3, 1.4],
    }

    def again(timings: list[Timing]) -> list[Timing]:
        asked.append([t.neuron for t in timings])
        return [made(took[t.neuron].pop(0) * 1e-3, neuron=t.neuron) for t in timings]

    before = [made(1e-3, neuron=name) for name in [*took, "fine"]]
    after = [made(1e-3 if t.neuron == "fine" else 1.3e-3, neuron=t.neuron) for t in before]
    found = confirmed(before, after, again)
    assert {each.after.neuron: round(each.ratio, 2) for each in found} == {
        "changed": 1.4,  # the middle one of those that show it
        "changed, once by luck": 1.3,
    }
    assert [len(names) for names in asked] == [4, 4, 3, 1]
    assert not any(took.values()), "more processes than needed"
    asked.clear()
    assert not confirmed(before, before, again)
    assert not asked


def test_what_is_measured_again_is_held_against_its_own_device_too() -> None:
    before = [made(1e-3), made(1e-5, device="gpu")]
    noisy, fine = made(1.3e-3), made(1e-3)
    assert not confirmed(before, [noisy], lambda timings: [fine])
    (found,) = confirmed(before, [noisy], lambda timings: [noisy])
    assert round(found.ratio, 2) == 1.3


def test_what_cannot_be_measured_again_is_not_called_slower() -> None:
    asked: list[int] = []

    def again(timings: list[Timing]) -> list[Timing]:
        asked.append(len(timings))
        return []

    assert not confirmed([made(1e-3)], [made(2e-3)], again)
    assert len(asked) == 4


def test_a_quick_run_is_held_against_a_quick_one(measured: dict[str, Any]) -> None:
    profile = Profile(measured["folder"].parents[1])
    assert record_of(profile, "nothing of this name", quick=True) == timings_of(measured["path"])
    assert record_of(profile, "nothing of this name", quick=False) == []


def test_some_are_measured_again_alone(measured: dict[str, Any]) -> None:
    timed = timings_of(measured["path"])
    chosen = [t for t in timed if t.neuron == "aia" and t.what == "neuron_forward"]
    found = measure_again(measured["params"], chosen, quick=True, device="cpu")
    assert [(t.neuron, t.what) for t in found] == [("aia", "neuron_forward")]
    assert len(pair(chosen, found)) == 1
    assert found[0].bound is None, "what is only compared has no FLOPs counted and needs no bound"


def test_times_are_named_by_file_folder_or_device(measured: dict[str, Any]) -> None:
    folder, path = measured["folder"], measured["path"]
    expected = all_timings(folder)
    for name in (str(path), str(path.parent), str(folder), path.parent.name):
        assert named(name, folder) == expected
    with pytest.raises(InputError, match=r"'nowhere' is no file or folder of times"):
        named("nowhere", folder)


def test_times_are_named_by_commit() -> None:
    """Those of this repository's own history."""
    folder = Path("results/throughput")
    if not (ROOT / ".git").exists() or not all_timings(ROOT / folder):
        pytest.skip("not a checkout with recorded times")
    done = run_command(Path(), "throughput", "compare", "HEAD", str(folder))
    if "no commit that recorded any" in done.stderr:
        pytest.skip("HEAD has none yet")
    assert done.returncode == 0, done.stderr
    assert "pairs: " in done.stdout


def test_a_planted_slowdown_is_said_and_an_unchanged_neuron_is_not(tmp_path: Path) -> None:
    """The same file twice, then the same neuron with a fifth of its time (and more) added."""
    source = tmp_path / "mine.py"
    names = {"mine": {"class": f"{source}:Mine", "match": True}}
    params, profile = small_profile(tmp_path, names)
    runs = []
    for extra in (0.0, 0.0, 1.0):
        source.write_text(BY_FILE.format(extra=extra))
        path = measure_throughput(params, profile.throughput, quick=True, device="cpu")
        runs.append([t for t in timings_of(path) if t.neuron == "mine"])
    # this machine may be busy with other tests: the bound is wider than the ten percent
    (first,) = pair(_forward(runs[0]), _forward(runs[1]))
    (planted,) = pair(_forward(runs[1]), _forward(runs[2]))
    assert first.ratio < 1.6
    assert planted.verdict == "slower"
    assert planted.ratio > 1.6


def _forward(timings: list[Timing]) -> list[Timing]:
    return [t for t in timings if t.what == "neuron_forward"]


# ---- drawing ----


def test_time_is_drawn_against_every_size_with_the_bound() -> None:
    timings = [
        replace(
            made(1e-4 * size),
            what="neuron_forward_backward",
            series=series,
            shape=str([size if axis == place else 8 for place in range(5)]),
            bound=10.0,
        )
        for axis, series in enumerate(("T", "batch", "channels"))
        for size in (2, 4, 8)
    ]
    figure = drawing_speed.scaling(timings, drawing.colours(("aia",)))
    assert figure is not None
    panels = figure.axes
    assert [axes.get_xlabel() for axes in panels] == ["time steps T", "batch", "channels"]
    for axes in panels:
        lines = {line.get_label(): line for line in axes.lines}
        assert list(lines["aia, b"].get_ydata()) == pytest.approx([0.2, 0.4, 0.8])
        assert max(lines["memory bound"].get_ydata()) < 0.8
    assert drawing_speed.scaling([made(1.0)], drawing.colours(("aia",))) is None


def test_a_network_lies_below_the_roof() -> None:
    step = replace(made(0.01), what="training_step", flops=1e8, bytes_moved=1e6)
    machine = Machine("cpu", copy_gb_per_s=10.0, matmul_gflop_per_s=100.0)
    figure = drawing_speed.roofline([step], machine, drawing.colours(("aia",)))
    assert figure is not None
    roof, point = figure.axes[0].lines
    assert point.get_xdata()[0] == pytest.approx(100)
    assert point.get_ydata()[0] == pytest.approx(10)
    assert max(roof.get_ydata()) == 100.0
    assert drawing_speed.roofline([made(1.0)], machine, drawing.colours(("aia",))) is None
