"""What a run will take, before it starts."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from aia import LIF
from benchmarks.errors import InputError
from benchmarks.params import NeuronParams, read
from benchmarks.profile import Profile
from benchmarks.progress import silent
from benchmarks.records.files import record_path, write_atomic
from benchmarks.running import foresee, step
from tests.made_records import write_data
from tests.small import ROOT, small_profile


def test_samples_come_from_the_manifest_or_from_what_is_published(tmp_path: Path) -> None:
    quick, paper = read(ROOT / "params.yaml"), read(ROOT / "paper" / "params.yaml")
    made = Profile(tmp_path)
    write_data(made.data, "dvs_digits")
    digits = foresee.size_of("dvs_digits", quick, made)
    assert (digits.side, digits.classes) == (16, 2)
    assert (digits.train, digits.validation, digits.test) == (100, 20, 30)
    empty = Profile(ROOT / "nothing-here")
    cifar = foresee.size_of("cifar10dvs-first100", paper, empty)
    assert (cifar.side, cifar.train, cifar.validation, cifar.test) == (48, 8100, 900, 1000)
    cars = foresee.size_of("ncars", paper, empty)
    assert (cars.train + cars.validation, cars.test) == (15_422, 8_607)
    with pytest.raises(InputError, match="did you mean 'ncars'"):
        foresee.size_of("ncar", paper, empty)


def test_a_line_a_neuron_with_the_cells_that_are_left(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path, epochs=3)
    params = params.only(["aia"]).model_copy(update={"seeds": [0, 1]})
    write_atomic(record_path(profile.runs, params.datasets[0], "aia", 0), "{}")
    (line,) = foresee.foresee(params, profile, silent)
    assert line.cells == 1
    assert line.updates % 3 == 0
    assert line.seconds > 0
    assert line.peak_bytes > 50e6
    assert foresee.table([line]).row_count == 1


class Killed(LIF):
    """As where memory is short."""

    def forward(self, drive: Tensor) -> Tensor:
        os.kill(os.getpid(), signal.SIGKILL)
        return drive


def test_a_measurement_that_is_killed_is_said(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path)
    params = params.with_neuron(
        "killed", NeuronParams.model_validate({"class": f"{__name__}:Killed"})
    )
    with pytest.raises(InputError, match="killed: the process that measured it ended"):
        foresee.foresee(params.only(["killed"]), profile, silent)


def test_cells_of_the_grid_and_at_the_own_best_rate_are_left_as_well(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path)
    tuning = params.tuning.model_copy(
        update={"learning_rates": (0.1, 0.4), "seeds": [100, 101], "neurons": ("aia",)}
    )
    params = params.model_copy(update={"tuning": tuning})
    shared, grid, at_best = len(params.seeds), 2 * len(params.rates), len(params.seeds)
    assert len(params.rates) == 3
    assert foresee._cells_left(params, profile, "dvs_digits", "lif") == shared
    assert foresee._cells_left(params, profile, "dvs_digits", "aia") == shared + grid + at_best


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path)
    write_data(profile.data, "dvs_digits")
    path = profile.data / "dvs_digits.json"
    path.write_text(path.read_text()[:40])
    with pytest.raises(InputError, match=r"dvs_digits\.json: no manifest .*; delete it"):
        foresee.size_of("dvs_digits", params, profile)


def test_short_memory_comes_with_what_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    line = foresee.Foreseen("ncars", "aia", 1, 10, 1.0, peak_bytes=30 * 10**9)
    monkeypatch.setattr(foresee, "_free_bytes", lambda: 8 * 10**9)
    assert "accumulate: 4" in foresee.advice([line])
    monkeypatch.setattr(foresee, "_free_bytes", lambda: 80 * 10**9)
    assert foresee.advice([line]) == ""


def test_a_batch_that_a_gpu_has_no_memory_for_is_foreseen_from_smaller_ones() -> None:
    def run(batch: step._Batch) -> step._Measured:
        if batch.frames > room:
            raise torch.OutOfMemoryError
        return step._Measured(batch, float(batch.frames), 100 + 10 * batch.frames)

    whole, room = step._Batch(64, 10), 200
    measured = step._measured(run, whole, math.inf)
    assert [each.batch.samples for each in measured] == [8, 16]
    assert step._peak_of(whole, measured) == 100 + 10 * 640
    room = 1
    with pytest.raises(InputError, match="no memory for one sample of 4 time steps"):
        step._measured(run, whole, math.inf)


def in_a_process_of_its_own(budget: float, *tried: object) -> step.StepCost:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(step.cost_of, *tried, budget).result()


@pytest.mark.slow
def test_memory_foreseen_from_small_batches_is_what_the_whole_batch_takes(tmp_path: Path) -> None:
    params, _ = small_profile(tmp_path, batch=256, channels=[32, 32], hidden=16)
    size = step.Size(32, 10, 1000, 100, 100)
    whole, small = (
        in_a_process_of_its_own(budget, params, "aia", size) for budget in (1e12, step.BUDGET)
    )
    assert whole.peak_bytes > 5e8  # of which torch itself is some 3e8
    assert small.peak_bytes == pytest.approx(whole.peak_bytes, rel=0.3)
