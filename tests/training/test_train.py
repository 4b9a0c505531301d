"""One cell: the same twice, the same after a kill, matched across neurons, honest on failure."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save as to_bytes
from torch import nn

from benchmarks.errors import InputError
from benchmarks.events import EventSet, ensure_for
from benchmarks.evidence.tuning import profile_at
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.records.files import (
    as_json,
    bits_of,
    read_host,
    read_record,
    record_path,
    sealed,
    write_atomic,
)
from benchmarks.records.schema import Hashes, Record, Result
from benchmarks.running import cells
from benchmarks.running.cells import finished, run_cell
from benchmarks.training import checkpoints, protocol
from benchmarks.training.state import Cell
from benchmarks.training.train import start
from tests.small import AIA, LIF, ROOT, command, run_command, small_profile


def quiet(done: int, total: int, say: str) -> None: ...


class Overflows(nn.Module):
    """Spikes forward, but a gradient that is no number."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.0))

    def forward(self, drive: torch.Tensor) -> torch.Tensor:
        soft = drive.sigmoid()
        spikes = soft - soft.detach() + (drive >= 1).to(drive.dtype)
        bad = drive.sum() * self.scale.sqrt()  # derivative of sqrt at 0 is infinite
        return spikes + bad - bad.detach()


FROZEN = {"class": "baselines.controls:GainFrozen", "match": True}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Params, Profile]:
    """A cell of LIF, of AIA and of its frozen control, of one seed; to be read alone."""
    neurons = {"lif": LIF, "aia": AIA, "frozen": FROZEN}
    params, profile = small_profile(tmp_path_factory.mktemp("trained"), neurons)
    for alias in neurons:
        run_cell(Cell("dvs_digits", alias, 0), params, profile, quiet)
    return params, profile


@pytest.fixture
def own_copy(trained: tuple[Params, Profile], tmp_path: Path) -> tuple[Params, Profile]:
    """The same cells in a folder of the test's own."""
    params, profile = trained
    shutil.copytree(profile.folder, tmp_path, dirs_exist_ok=True)
    return params, Profile(tmp_path)


def result_in(trained: tuple[Params, Profile], alias: str) -> Result:
    record = read_record(record_path(trained[1].runs, "dvs_digits", alias, 0))
    assert record.result is not None
    return record.result


def test_the_same_cell_twice_gives_the_same_bytes(
    trained: tuple[Params, Profile], tmp_path: Path
) -> None:
    params, profile = small_profile(tmp_path)
    run_cell(Cell("dvs_digits", "aia", 0), params, profile, quiet)
    first, second = (
        record_path(where.runs, "dvs_digits", "aia", 0) for where in (trained[1], profile)
    )
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.slow
def test_a_cell_killed_in_mid_training_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    for folder in (straight, killed):
        small_profile(folder, epochs=6)
    cell = ("cell", "dvs_digits", "aia", "1")
    assert run_command(straight, *cell).returncode == 0
    checkpoint = killed / "results/checkpoints/dvs_digits-aia-1.safetensors"
    record = record_path(killed / "results/runs", "dvs_digits", "aia", 1)
    running = subprocess.Popen(command(killed, *cell), cwd=ROOT, stdout=subprocess.DEVNULL)
    while not checkpoint.exists():
        assert running.poll() is None
        time.sleep(0.002)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert checkpoint.exists()
    assert not record.exists()
    assert run_command(killed, *cell).returncode == 0
    reference = record_path(straight / "results/runs", "dvs_digits", "aia", 1)
    assert record.read_bytes() == reference.read_bytes()
    assert not checkpoint.exists()
    host, reference_host = read_host(record), read_host(reference)
    assert host is not None
    assert reference_host is not None


def test_all_neurons_of_a_seed_start_from_the_same_weights_and_see_the_same_order(
    tmp_path: Path,
) -> None:
    sj = "spikingjelly.activation_based.neuron:ParametricLIFNode"
    neurons = {
        "lif": LIF,
        "aia": AIA,
        "scaled": {"class": "baselines.controls:LIFInitScaled", "match": True},
        "plif": {"class": sj, "match": True},
        "leaky": {"class": "snntorch:Leaky", "match": True},
    }
    params, profile = small_profile(tmp_path, neurons, epochs=1)
    data = ensure_for("dvs_digits", params.training, profile.events)

    def hashes_at_the_start(neuron: str, seed: int) -> Hashes:
        seeds = protocol.seeds_of("dvs_digits", seed)
        return start(Cell("dvs_digits", neuron, seed), params, data, seeds, torch.device("cpu"))[1]

    hashes = {alias: hashes_at_the_start(alias, 0) for alias in neurons}
    other = hashes_at_the_start("lif", 1)
    assert len({(h.weights, h.order, h.data, h.protocol) for h in hashes.values()}) == 1
    assert len({h.neuron for h in hashes.values()}) == len(neurons)
    assert other.weights != hashes["lif"].weights
    assert other.order != hashes["lif"].order


def test_the_fold_changes_nothing_and_leaves_as_many_parameters_as_lif_has(
    trained: tuple[Params, Profile],
) -> None:
    lif, aia = (result_in(trained, alias) for alias in ("lif", "aia"))
    assert lif.fold is None
    assert aia.fold is not None
    assert aia.fold.spikes_before > 0
    assert (aia.fold.spikes_differ, aia.fold.predictions_differ) == (0, 0)
    assert aia.parameters.inference == lif.parameters.inference
    assert aia.parameters.training == lif.parameters.training + 4 + 8 + 16
    assert aia.association is not None
    moved = aia.association["conv2"]
    assert moved.before != moved.after
    for result in (lif, aia):
        layers = sum(sum(steps) for steps in result.spikes.by_layer_and_step.values())
        assert result.spikes.per_sample == pytest.approx(layers)
        assert sum(map(sum, result.confusion)) == 359


def test_a_record_is_finished_until_anything_that_made_it_changes(
    trained: tuple[Params, Profile], tmp_path: Path
) -> None:
    params, profile = trained
    cell = Cell("dvs_digits", "aia", 0)
    assert finished(cell, params, Profile(tmp_path)) is None
    record = read_record(record_path(profile.runs, "dvs_digits", "aia", 0))
    assert finished(cell, params, profile) == record
    assert finished(cell, params.at_rate(0.001), profile) is None
    longer = params.model_copy(
        update={"training": params.training.model_copy(update={"epochs": 3})}
    )
    assert finished(cell, longer, profile) is None
    other = params.with_neuron(
        "aia", params.neuron["aia"].model_copy(update={"args": {"std": 0.1}})
    )
    assert finished(cell, other, profile) is None


def test_a_set_is_loaded_once_for_all_cells_that_are_checked(
    own_copy: tuple[Params, Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    params, profile = own_copy
    record = read_record(record_path(profile.runs, "dvs_digits", "aia", 0))
    params = params.model_copy(update={"neuron": {f"aia{n}": params.neuron["aia"] for n in "abc"}})
    for alias in params.neuron:
        for rate in (0.005, 0.01):
            at = profile_at(profile, params, rate, 0)
            path = record_path(at.runs, "dvs_digits", alias, 0)
            settings = {**record.settings, "learning_rate": rate}
            copied = record.model_copy(update={"neuron": alias, "settings": settings})
            write_atomic(path, as_json(sealed(copied)))
    asked = []

    def counted(*arguments: Any, **named: Any) -> EventSet:
        asked.append(arguments)
        return ensure_for(*arguments, **named)

    monkeypatch.setattr(cells, "ensure_for", counted)
    cells._facts.cache_clear()
    cells._matched.cache_clear()
    for alias in params.neuron:
        for rate in (0.005, 0.01):
            at = profile_at(profile, params, rate, 0)
            assert finished(Cell("dvs_digits", alias, 0), params.at_rate(rate), at) is not None
    assert len(asked) == 1


def test_the_association_is_measured_by_leaving_it_out(trained: tuple[Params, Profile]) -> None:
    aia, frozen, lif = (result_in(trained, alias) for alias in ("aia", "frozen", "lif"))
    assert lif.association_effect is None
    effect = aia.association_effect
    assert effect is not None
    assert effect.gradient_without_drive == 0
    assert effect.gradient_with_drive is not None
    assert effect.gradient_with_drive > 0
    # a gain of at least 1 on the same drive can only add spikes: true of the first layer alone
    assert effect.potentiated["conv1"] > 0
    assert effect.depressed["conv1"] == 0
    assert effect.spikes_per_sample_without < aia.spikes.per_sample
    assert frozen.association_effect is not None
    assert frozen.association_effect.gradient_with_drive is None


def test_a_diverged_cell_is_recorded_with_its_epoch_and_reason(tmp_path: Path) -> None:
    neurons = {"bad": {"class": "tests.training.test_train:Overflows"}}
    params, profile = small_profile(tmp_path, neurons)
    record = run_cell(Cell("dvs_digits", "bad", 0), params, profile, quiet)
    assert record.result is None
    assert record.failure is not None
    assert record.failure.epoch == 0
    assert "gradient's norm became nan" in record.failure.reason
    kept = read_record(record_path(profile.runs, "dvs_digits", "bad", 0))
    assert kept == record


@pytest.mark.slow
def test_asf_learns_more_than_guessing(tmp_path: Path) -> None:
    params, profile = small_profile(
        tmp_path,
        rule="asf",
        epochs=6,
        batch=32,
        initial_gain=3.0,
        learning_rate=0.002,
        channels=[8, 16],
        hidden=32,
    )
    record = run_cell(Cell("dvs_digits", "aia", 0), params, profile, quiet)
    assert record.result is not None
    assert record.result.accuracy.test > 0.18  # chance is 0.1
    assert record.curves.train_loss[-1] < record.curves.train_loss[0]


def test_a_file_that_is_no_checkpoint_is_put_aside(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path, epochs=1)
    run_cell(Cell("dvs_digits", "lif", 0), params, profile, quiet)
    checkpoint = profile.checkpoints / "dvs_digits-lif-0.safetensors"
    checkpoint.write_bytes(b"not a checkpoint")
    again = run_cell(Cell("dvs_digits", "lif", 0), params, profile, quiet)
    assert len(again.curves.train_loss) == 1
    assert checkpoint.with_name(f"{checkpoint.name}.damaged-1").read_bytes() == b"not a checkpoint"


def test_a_checkpoint_of_other_parameters_is_not_resumed(
    interrupted: tuple[Params, Profile], tmp_path: Path
) -> None:
    params, cell = interrupted[0].at_rate(0.001), Cell("dvs_digits", "noisy", 0)
    shutil.copytree(interrupted[1].folder, tmp_path / "resumed")
    resumed, straight = (
        run_cell(cell, params, Profile(tmp_path / name), quiet) for name in ("resumed", "straight")
    )
    assert resumed == straight


@pytest.mark.parametrize(
    ("change", "resealed", "said"),
    [
        ({"epoch": 99}, False, "its digest does not fit"),
        pytest.param({"epoch": 99}, True, "epoch 99 of 3", marks=pytest.mark.slow),
        ({"epoch": 2}, True, "curves of"),
        pytest.param(
            {"epoch": -3},
            True,
            "epoch: Input should be greater than or equal to 0",
            marks=pytest.mark.slow,
        ),
        pytest.param({"best_epoch": 2}, True, "best epoch 2", marks=pytest.mark.slow),
    ],
)
def test_an_edited_checkpoint_is_put_aside_and_training_starts_afresh(
    change: dict[str, int],
    resealed: bool,
    said: str,
    interrupted: tuple[Params, Profile],
    undisturbed: Record,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    params, profile = interrupted[0], Profile(tmp_path)
    shutil.copytree(interrupted[1].folder, tmp_path, dirs_exist_ok=True)
    checkpoint = profile.checkpoints / "dvs_digits-noisy-0.safetensors"
    with safe_open(checkpoint, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    metadata["state"] = json.dumps({**json.loads(metadata["state"]), **change})
    if resealed:
        metadata["digest"] = checkpoints.digest_of(metadata["state"], tensors)
    checkpoint.write_bytes(to_bytes(tensors, metadata))
    edited = checkpoint.read_bytes()
    record = run_cell(Cell("dvs_digits", "noisy", 0), params, profile, quiet)
    (line,) = caplog.messages
    assert said in line
    assert "starts afresh" in line
    assert checkpoint.with_name(f"{checkpoint.name}.damaged-1").read_bytes() == edited
    assert record == undisturbed


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_record_of_one_counts(own_copy: tuple[Params, Profile]) -> None:
    """A login node collects what its cluster trained."""
    params, profile = own_copy
    cell = Cell("dvs_digits", "lif", 0)
    path = record_path(profile.runs, cell.dataset, cell.neuron, cell.seed)
    for arithmetic, counts in (("cuda", True), ("fast", False)):
        there = read_record(path).model_copy(update={"arithmetic": arithmetic})
        write_atomic(path, as_json(sealed(there)))
        assert (finished(cell, params, profile) is not None) == counts


def test_unknown_names_are_refused_with_the_nearest_one(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path)
    with pytest.raises(InputError, match="unknown neuron 'aja'; did you mean 'aia'"):
        run_cell(Cell("dvs_digits", "aja", 0), params, profile, quiet)
    with pytest.raises(InputError, match="did you mean 'dvs_digits'"):
        run_cell(Cell("dvs_digit", "aia", 0), params, profile, quiet)


class Noisy(nn.Module):
    """Spikes where the drive and noise from all three global generators reach the threshold."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, drive: torch.Tensor) -> torch.Tensor:
        noise = torch.rand_like(drive) + random.random() + np.random.rand()  # noqa: NPY002
        soft = (self.scale * drive).sigmoid()
        return soft + ((soft + noise / 3 >= 1).to(drive.dtype) - soft).detach()


NOISY = {"noisy": {"class": f"{Noisy.__module__}:Noisy"}}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The noisy neuron's cell, trained in one go."""
    params, profile = small_profile(tmp_path_factory.mktemp("undisturbed"), NOISY, epochs=3)
    return run_cell(Cell("dvs_digits", "noisy", 0), params, profile, quiet)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Params, Profile]:
    """The same cell, stopped after an epoch; to be read alone."""
    params, profile = small_profile(tmp_path_factory.mktemp("interrupted"), NOISY, epochs=3)
    interrupt_after_an_epoch(params, profile)
    return params, profile


def test_a_neuron_with_noise_gives_the_same_bytes_twice_and_after_a_kill(
    interrupted: tuple[Params, Profile], undisturbed: Record, tmp_path: Path
) -> None:
    params, stopped = interrupted
    shutil.copytree(stopped.folder, tmp_path / "resumed")
    for name in ("again", "resumed"):
        random.seed(name)  # what came before must not matter
        profile = Profile(tmp_path / name)
        assert run_cell(Cell("dvs_digits", "noisy", 0), params, profile, quiet) == undisturbed


def interrupt_after_an_epoch(params: Params, profile: Profile) -> None:
    """Stop the cell in its second epoch, as Ctrl-C does."""

    def stop(done: int, total: int, say: str) -> None:
        if say.startswith("epoch 2/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_cell(Cell("dvs_digits", "noisy", 0), params, profile, stop)


def test_a_record_tells_which_samples_were_right(trained: tuple[Params, Profile]) -> None:
    result = result_in(trained, "lif")
    assert result.right is not None
    right = bits_of(result.right, 359)
    assert right.mean() == pytest.approx(result.accuracy.test)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"seed": 0', '"seed": 3', "edited since it was written"),
        ('"seed": 0', '"seed": "0"', "not a valid record: seed"),
        ("{", "", "not a valid record"),
    ],
)
def test_a_record_that_was_edited_is_not_finished_and_that_is_said(
    old: str,
    new: str,
    said: str,
    own_copy: tuple[Params, Profile],
    caplog: pytest.LogCaptureFixture,
) -> None:
    params, profile = own_copy
    cell = Cell("dvs_digits", "lif", 0)
    path = record_path(profile.runs, cell.dataset, cell.neuron, cell.seed)
    before = path.read_bytes()
    path.write_text(before.decode().replace(old, new, 1))
    assert finished(cell, params, profile) is None
    (line,) = caplog.messages
    assert str(path) in line
    assert said in line
    assert line.endswith("its cell is trained again")


@pytest.mark.slow
def test_a_command_says_once_that_it_trains_a_damaged_record_again(
    own_copy: tuple[Params, Profile],
) -> None:
    _, profile = own_copy
    path = record_path(profile.runs, "dvs_digits", "lif", 0)
    before = path.read_bytes()
    path.write_bytes(before[1:])
    done = run_command(profile.folder, "cells", "dvs_digits", "lif")
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.endswith("its cell is trained again")
    assert path.read_bytes() == before


def test_a_second_run_of_a_cell_takes_the_result_of_the_first(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path, epochs=1)
    cell = Cell("dvs_digits", "lif", 0)
    started, go_on = threading.Event(), threading.Event()

    def hold(done: int, total: int, say: str) -> None:
        started.set()
        assert go_on.wait(60)

    def never(done: int, total: int, say: str) -> None:
        raise AssertionError("it was trained again")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run_cell, cell, params, profile, hold)
        assert started.wait(60)
        second = pool.submit(run_cell, cell, params, profile, never)
        with pytest.raises(TimeoutError):
            second.result(0.5)
        go_on.set()
        assert first.result(60) == second.result(60)


def test_what_a_killed_write_left_is_cleared_by_the_next_run_of_the_cell(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path, epochs=1)
    path = record_path(profile.runs, "dvs_digits", "lif", 0)
    code = (
        "import os, pathlib, sys; from benchmarks.records.files import write_atomic\n"
        "pathlib.Path.replace = lambda *_: os.kill(os.getpid(), 9)\n"
        "write_atomic(pathlib.Path(sys.argv[1]), 'half')"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=False)
    (left,) = path.parent.iterdir()
    assert left.match(".*.part")
    assert ".*.part" in (ROOT / ".dvcignore").read_text().splitlines()
    run_cell(Cell("dvs_digits", "lif", 0), params, profile, quiet)
    assert list(path.parent.iterdir()) == [path]
