"""The benchmark files really run, and say what a reader needs to believe them."""

from __future__ import annotations

import copy
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from aia import LIF as LIFNeuron
from aia import backends
from benchmarks.errors import InputError
from benchmarks.presenting.figures import speed as drawing_speed
from benchmarks.presenting.figures.looks import colours
from benchmarks.presenting.tables.speed import throughput
from benchmarks.records.selection import Cells, Selection
from benchmarks.throughput import device as devices
from benchmarks.throughput import runner
from benchmarks.throughput.backends import Variant, variants
from benchmarks.throughput.peers import NorseLIF
from benchmarks.throughput.plan import ORDER, base, scaling
from benchmarks.throughput.runner import FULL, QUICK, folder_of, measure_throughput
from benchmarks.throughput.summaries import read_summaries, summary
from benchmarks.throughput.timings import (
    TITLES,
    Machine,
    StepRatio,
    Timing,
    in_figures,
    read_speeds,
    speeds_of,
    timings_of,
    together,
)
from benchmarks.training import nvml
from benchmarks.training.host import arithmetic_on
from tests.made_records import write_throughput
from tests.small import AIA, ROOT, small_profile

CPU = torch.device("cpu")
MACHINE = {"aia_device": "cpu", "aia_copy_gb_per_s": 10.0, "aia_matmul_gflop_per_s": 100.0}


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

    After the process that counts comes one of another backend, and one that dies of a plugin.
    """
    folder = tmp_path_factory.mktemp("speed")
    source = "def pytest_collection_finish():\n    raise RuntimeError('a broken plugin')\n"
    (folder / "broken_plugin.py").write_text(source)
    dies = {"PYTEST_PLUGINS": "broken_plugin", "PYTHONPATH": str(folder)}
    params, profile = small_profile(folder, {"aia": AIA}, batch=8, steps=2)
    other = profile.throughput / "another-device" / QUICK
    other.parent.mkdir(parents=True)
    other.write_text("kept")
    said: list[str] = []
    eager = Variant(("ours",), {backends.VARIABLE: "eager"}, "eager")
    more = [eager, Variant(("ours",), dies, "broken")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "variants", lambda *asked: [*variants(*asked), *more])
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
    assert machine["aia_arithmetic"] == arithmetic_on(CPU)
    assert torch.__version__.startswith(machine["aia_versions"]["torch"])
    assert set(machine["aia_state"]) == {"before", "after"}
    assert "node" not in machine


def test_every_measurement_is_taken_beside_its_peers_with_its_bound_and_its_memory(
    measured: dict[str, Any],
) -> None:
    timed = read_speeds(measured["folder"]).main
    kinds = {"neuron_forward", "neuron_forward_backward", "training_step", "inference"}
    for neuron in ("aia", "lif", "spikingjelly_lif"):
        assert {t.what for t in timed if t.neuron == neuron} == kinds
    both = {t.neuron: t for t in timed if t.what == "neuron_forward_backward"}
    for timing in both.values():
        assert timing.bound is not None
        assert timing.kept_bytes is not None
        assert timing.peak_bytes is not None
        assert timing.peak_bytes >= timing.kept_bytes * 0.9
    assert both["aia"].backend == "C++"
    assert both["spikingjelly_lif"].backend == "spikingjelly, torch"
    step = next(t for t in timed if t.what == "training_step" and t.neuron == "aia")
    assert step.flops is not None
    assert step.bound is not None


def test_inference_is_of_the_folded_network(measured: dict[str, Any]) -> None:
    """Which has no coefficients that would have to be read."""
    timed = {(t.what, t.neuron): t.bytes_moved for t in read_speeds(measured["folder"]).main}
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


def test_a_backend_s_times_have_names_of_their_own(measured: dict[str, Any]) -> None:
    """Or nothing could pair them with another file's."""
    names = [entry["fullname"] for entry in measured["content"]["benchmarks"]]
    assert len(set(names)) == len(names)
    by = {t.backend for t in timings_of(measured["path"]) if t.neuron == "aia"}
    assert by == {"C++", "eager"}


def test_pytest_benchmark_holds_two_files_side_by_side(
    measured: dict[str, Any], tmp_path: Path
) -> None:
    """As docs/performance.md says; of twice the time it says 100 % more."""
    slower = copy.deepcopy(measured["content"])
    for entry in slower["benchmarks"]:
        entry["stats"]["median"] *= 2
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text(json.dumps(measured["content"]))
    second.write_text(json.dumps(slower))
    command = [sys.executable, "-m", "pytest_benchmark", "compare", first, second]
    options = ["--between", "median", "-k", "forward_backward and aia-main"]
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = [line for line in done.stdout.splitlines() if "[aia-main" in line]
    assert line.split()[-1] == "+100.0%"


def test_the_cost_of_the_association_comes_with_an_interval(measured: dict[str, Any]) -> None:
    (cost,) = read_speeds(measured["folder"]).costs
    assert cost.low <= cost.ratio <= cost.high
    assert (cost.draws, cost.pairs) == (10, 60)


def _costs_of(path: Path, *taken: dict[str, Any]) -> list[StepRatio]:
    entries = [{"extra_info": about} for about in taken]
    path.write_text(json.dumps({"machine_info": MACHINE, "benchmarks": entries}))
    found = speeds_of(path)
    assert found.all == []
    return found.costs


@pytest.mark.parametrize("together", [False, True])
def test_the_interval_of_the_cost_covers_what_networks_differ_by(
    together: bool, tmp_path: Path
) -> None:
    """A network's own ratio is sure, and its own; of older files, a process's, an entry each."""

    def interval(*ratios: float) -> StepRatio:
        aia, lif = [[ratio] * 40 for ratio in ratios], [[1.0] * 40 for _ in ratios]
        taken = [{"pairs_s": {"aia": a, "lif": b}} for a, b in zip(aia, lif, strict=True)]
        if together:
            taken = [{"pairs_s": {"aia": aia, "lif": lif}}]
        (cost,) = _costs_of(tmp_path / "times.json", *taken)
        return cost

    one, three = interval(1.02), interval(1.01, 1.02, 1.05)
    assert (one.low, one.ratio, one.high) == (1.02, 1.02, 1.02)
    assert (three.low, three.ratio, three.high) == (1.01, 1.02, 1.05)
    assert (three.draws, three.pairs) == (3, 120)


def test_the_cost_is_said_for_each_batch_and_for_graphs(tmp_path: Path) -> None:
    taken = {(None, False): 1.2, (2048, False): 1.01, (None, True): 1.0}
    found = _costs_of(
        tmp_path / "times.json",
        *(
            {"pairs_s": {"aia": [ratio] * 4, "lif": [1.0] * 4}, **how}
            for ratio, how in (
                (1.2, {}),  # as before batches and graphs were
                (1.01, {"batch": 2048, "graph": False}),
                (1.0, {"batch": None, "graph": True}),
            )
        ),
    )
    assert {(cost.batch, cost.graph): cost.ratio for cost in found} == taken
    assert [cost.at for cost in found] == ["", ", batch 2,048", ", CUDA graph"]
    empty = Cells("made", Selection((), (), ()), {})
    named = throughput(empty, [made(1e-3)], found).shown["neuron"]
    assert [name for name in named if name.startswith("AIA")] == [
        f"AIA over LIF{cost.at}" for cost in found
    ]


def test_the_times_that_are_recorded_are_read() -> None:
    found = read_summaries(ROOT / "recorded" / "quick" / "throughput")
    assert len(found.devices) == len(found.machines) - 2 == 3  # two of a quick and a full run
    assert {cost.device for cost in found.costs} == {*found.devices}
    assert all(t.low <= t.median <= t.high for t in found.all)
    assert all(t.bound is not None for t in found.all)


def test_a_summary_says_what_the_files_said_without_their_rounds(
    measured: dict[str, Any], tmp_path: Path
) -> None:
    text = summary([measured["path"], measured["path"]])
    (tmp_path / "cpu.jsonl").write_text(text)
    twice = speeds_of(measured["path"])
    assert read_summaries(tmp_path) == together([twice, twice])
    assert '"data"' not in text
    (tmp_path / "cpu.jsonl").write_text(text.partition("\n")[2])
    with pytest.raises(InputError, match=r"cpu.jsonl:1: not a throughput file"):
        read_summaries(tmp_path)


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
    left = [each for each in _left_out(measured) if each["backend"] != "broken"]
    try:
        NorseLIF(3)
    except ImportError:
        assert {entry["neuron"] for entry in left} == {"norse_lif"}
        assert all("norse" in entry["reason"] for entry in left)
        assert sum("norse_lif" in line for line in measured["said"]) == 1
    else:
        assert not left


def test_a_backend_whose_process_dies_costs_only_its_own_times(measured: dict[str, Any]) -> None:
    left = [each for each in _left_out(measured) if each["backend"] == "broken"]
    assert {each["neuron"] for each in left} == {"aia", "lif"}
    assert all(
        re.match("throughput: pytest failed: INTERNALERROR.*a broken plugin", each["reason"])
        for each in left
    )
    assert any(line.startswith("left out") and "aia, lif" in line for line in measured["said"])
    assert all("broken" not in t.backend for t in timings_of(measured["path"]))


def _left_out(measured: dict[str, Any]) -> list[dict[str, str]]:
    left: list[dict[str, str]] = measured["content"]["machine_info"]["aia_left_out"]
    return left


@pytest.mark.slow
def test_what_has_not_begun_when_the_time_is_over_is_left_out_the_least_important_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params, profile = small_profile(tmp_path, {"aia": AIA})
    monkeypatch.setattr(runner, "variants", lambda *asked: variants(*asked)[:1])
    with pytest.raises(InputError, match="nothing was timed: ") as refused:
        measure_throughput(params, profile.throughput, quick=False, device="cpu", minutes=0)
    series = str(refused.value).split("no time left: ")[1:]
    expected = [name for name in ORDER if name != "graph"]  # a GPU's
    assert [name.rstrip("; ") for name in series] == expected
    assert not list(profile.throughput.glob("*/*"))


def test_bytes_kept_are_those_that_the_graph_still_holds() -> None:
    x = torch.ones(1000, requires_grad=True)

    def forward() -> torch.Tensor:
        for _ in range(5):
            x.exp().exp()  # keeps two results until its graph is dropped
        return x.tanh().tanh() + x.detach().exp()

    assert devices.kept_bytes(forward) == 2 * x.nbytes


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
    path = measure_throughput(params, profile.throughput, quick=False, device="cpu")
    assert json.loads(path.read_text())["machine_info"]["aia_copy_gb_per_s"] == 20
    for timing in timings_of(path):
        if timing.what == "neuron_forward_backward":  # five float32 an element
            assert timing.bound == pytest.approx(5 * 4 / 20)
        if timing.what == "training_step":
            assert timing.flops is not None
            assert timing.bytes_moved is not None
            least_s = max(timing.flops / 100e9, timing.bytes_moved / 20e9)
            assert timing.bound == pytest.approx(timing.sizes[1] / least_s)


@pytest.mark.slow
def test_a_neuron_that_fails_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path, {"bad": {"class": "snntorch:Leaky"}})
    old = profile.throughput / folder_of("cpu") / QUICK
    old.parent.mkdir(parents=True)
    old.write_text("old")
    with pytest.raises(InputError, match=r"throughput.*Leaky"):
        measure_throughput(params, profile.throughput, quick=True, device="cpu")
    assert old.read_text() == "old"


def test_a_process_that_does_not_start_is_told_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params, profile = small_profile(tmp_path, {"aia": AIA})
    broken = Variant(None, {"PYTEST_PLUGINS": "nosuch"}, optional=False)
    monkeypatch.setattr(runner, "variants", lambda *_: [broken])
    with pytest.raises(InputError, match=r"pytest failed: .*nosuch"):
        measure_throughput(params, profile.throughput, quick=True, device="cpu")


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
    monkeypatch.setattr(nvml, "energy_counter", lambda device: lambda: 3.0 * len(calls))
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


def made(seconds: float, **more: Any) -> Timing:
    about = {"device": "cpu", "neuron": "aia", "backend": "b", "shape": "[1]"} | more
    scale = 1e6  # ns per element of 1000 elements
    return Timing(
        what="neuron_forward",
        median=seconds * scale,
        low=seconds * 0.98 * scale,
        high=seconds * 1.02 * scale,
        bound=None,
        rounds=9,
        kept_bytes=None,
        seconds=seconds,
        **about,
    )


def test_the_table_shows_the_bound_of_its_rows() -> None:
    """Of two runs the first one's."""
    timed = [replace(made(1e-3), bound=0.5), replace(made(1e-3, neuron="lif"), bound=0.25)]
    empty = Cells("made", Selection((), (), ()), {})
    table = throughput(empty, timed)
    of_bound = table.shown[table.shown["neuron"] == "the device's bound"]
    assert list(of_bound[TITLES["neuron_forward"]]) == ["0.500"]
    assert list(table.raw["bound"]) == [0.5, 0.25]
    assert throughput(empty, []).raw.empty


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
    figure = drawing_speed.scaling(timings, colours(("aia",)))
    assert figure is not None
    panels = figure.axes
    assert [axes.get_xlabel() for axes in panels] == ["time steps T", "batch", "channels"]
    for axes in panels:
        lines = {line.get_label(): line for line in axes.lines}
        assert list(lines["aia, b"].get_ydata()) == pytest.approx([0.2, 0.4, 0.8])
        assert max(lines["memory bound"].get_ydata()) < 0.8
    assert drawing_speed.scaling([made(1.0)], colours(("aia",))) is None


def test_a_network_lies_below_the_roof() -> None:
    step = replace(made(0.01), what="training_step", flops=1e8, bytes_moved=1e6)
    machine = Machine("cpu", copy_gb_per_s=10.0, matmul_gflop_per_s=100.0)
    figure = drawing_speed.roofline([step], machine, colours(("aia",)))
    assert figure is not None
    roof, point = figure.axes[0].lines
    assert point.get_xdata()[0] == pytest.approx(100)
    assert point.get_ydata()[0] == pytest.approx(10)
    assert max(roof.get_ydata()) == 100.0
    assert drawing_speed.roofline([made(1.0)], machine, colours(("aia",))) is None
