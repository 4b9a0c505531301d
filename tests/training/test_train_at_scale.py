"""Training at scale: schedules, augmentation, parts of a batch, precision, several processes."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from benchmarks.errors import InputError
from benchmarks.events import ensure
from benchmarks.events.published.labels import flip_keeps_label
from benchmarks.params import LATER, Matched, NeuronParams, Training
from benchmarks.progress import silent
from benchmarks.records.files import record_path
from benchmarks.records.schema import Record
from benchmarks.running.cells import run_cell
from benchmarks.training import augment, protocol
from benchmarks.training.batches import Batch
from benchmarks.training.distributed import ALONE, Group, joined
from benchmarks.training.neurons import builder
from benchmarks.training.state import Cell
from benchmarks.training.train import fresh_state
from benchmarks.training.updates import update
from tests.small import AIA, ROOT, command, run_command, small_profile

TINY = {"network": "vgg11", "width": 0.03, "size": 16, "augment": "nda", "epochs": 3}


def test_settings_of_before_are_told_as_before() -> None:
    with (ROOT / "recorded/quick/cells.jsonl").open(encoding="utf-8") as lines:
        recorded = json.loads(next(lines))["settings"]
    assert Training(epochs=5).settings() == recorded
    assert Training(epochs=5, augment="nda").settings() == {**recorded, "augment": "nda"}
    assert set(Training.model_fields) - set(recorded) == LATER


def test_the_rate_falls_at_the_milestones() -> None:
    training = Training(schedule="step", milestones=(2, 3), factor=0.5, epochs=4, learning_rate=0.8)
    rates = [protocol.learning_rate(training, u, 12) for u in range(12)]
    assert rates == pytest.approx([0.8] * 6 + [0.4] * 3 + [0.2] * 3)


def test_the_rate_of_the_cosine_ends_near_zero() -> None:
    training = Training(schedule="cosine", learning_rate=1.0)
    assert protocol.learning_rate(training, 0, 10) == 1.0
    assert protocol.learning_rate(training, 5, 10) == pytest.approx(0.5)
    assert protocol.learning_rate(training, 9, 10) < 0.03


def test_augmentation_is_part_of_the_order_and_the_same_in_any_epoch() -> None:
    seeds = protocol.seeds_of("dvs_digits", 0)
    plain, moved = Training(), Training(augment="nda")
    assert protocol.order_hash(seeds, plain, 9) != protocol.order_hash(seeds, moved, 9)
    kind = augment.kind_of("nda", flip_keeps_label=True)
    one, other = (augment.draw(protocol.augmentation(seeds, 7), 5, kind) for _ in range(2))
    assert torch.equal(one.roll, other.roll)
    assert torch.equal(one.flip, other.flip)


def test_sets_whose_labels_a_flip_would_change_are_not_flipped() -> None:
    assert not flip_keeps_label("dvs_gesture")
    assert not flip_keeps_label("dvs_motion")
    assert flip_keeps_label("cifar10dvs-first100")
    kind = augment.kind_of("nda", flip_keeps_label("dvs_motion"))
    assert not augment.draw(torch.Generator().manual_seed(0), 64, kind).flip.any()


def _gradients(accumulate: int, batch: int) -> list[torch.Tensor]:
    """Of one update of a network in float64."""
    training = Training(channels=(4, 8), hidden=16, accumulate=accumulate)
    build = builder(NeuronParams.model_validate(AIA), Matched())
    seeds, device = protocol.seeds_of("dvs_digits", 0), torch.device("cpu")
    data = ensure("dvs_digits", 10, ROOT / ".cache" / "events")
    state = fresh_state(build, training, 10, 32, seeds, device)
    state.network.double()
    for block in state.network.blocks.values():
        block.register_forward_pre_hook(lambda _, args: (args[0].double(),))
    kind = augment.KINDS["none"]
    draws = augment.draw(torch.Generator().manual_seed(0), batch, kind)
    update(
        state,
        state.network,
        training,
        Batch(data.train, torch.arange(batch), draws, kind, device),
        ALONE,
    )
    return [p.grad for p in state.network.parameters() if p.grad is not None]


@pytest.mark.parametrize("parts", [3, 50])
def test_the_gradient_of_parts_is_that_of_the_whole_batch(parts: int) -> None:
    for whole, summed in zip(_gradients(1, 20), _gradients(parts, 20), strict=True):
        assert torch.allclose(whole, summed, rtol=1e-11, atol=1e-14)


def test_float16_trains_with_a_scaled_loss_and_keeps_the_scale(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path, {"aia": AIA}, precision="float16", epochs=1)
    record = run_cell(Cell("dvs_digits", "aia", 0), params, profile, silent)
    assert record.result is not None
    assert math.isfinite(record.curves.train_loss[0])


@pytest.mark.slow
def test_a_large_network_killed_in_mid_training_gives_the_same_bytes(tmp_path: Path) -> None:
    options = {**TINY, "schedule": "step", "milestones": [1, 2], "factor": 0.5}
    paths = []
    for name in ("straight", "killed"):
        _, profile = small_profile(tmp_path / name, {"aia": AIA}, **options)
        paths.append(record_path(profile.runs, "dvs_digits", "aia", 0))
        if name == "killed":
            _kill_after_the_first_epoch(tmp_path / name)
        done = run_command(tmp_path / name, "cell", "dvs_digits", "aia", "0", AIA_BACKEND="eager")
        assert done.returncode == 0, done.stderr
    assert paths[0].read_bytes() == paths[1].read_bytes()


def _kill_after_the_first_epoch(folder: Path) -> None:
    child = subprocess.Popen(
        command(folder, "cell", "dvs_digits", "aia", "0"),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "AIA_BACKEND": "eager"},
    )
    kept = folder / "results" / "checkpoints" / "dvs_digits-aia-0.safetensors"
    until = time.monotonic() + 200
    while not kept.exists():
        assert child.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert kept.exists()


def _torchrun(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.run(
        [*launcher, *command(folder, *words)[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "AIA_BACKEND": "eager"},
    )


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.device_count() == 1, reason="on a CPU, or on two GPUs")
def test_two_processes_train_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIA_BACKEND", "eager")
    found: dict[str, Record] = {}
    for name in ("one", "two"):
        params, profile = small_profile(tmp_path / name, {"aia": AIA}, batch=127)
        if name == "one":
            run_cell(Cell("dvs_digits", "aia", 0), params, profile, silent)
        else:
            done = _torchrun(tmp_path / name, "cell", "dvs_digits", "aia", "0")
            assert done.returncode == 0, done.stderr
            assert done.stdout.count("test ") == 1
        path = record_path(profile.runs, "dvs_digits", "aia", 0)
        found[name] = Record.model_validate_json(path.read_bytes())
    one, two = found["one"], found["two"]
    assert one.hashes == two.hashes
    assert two.curves.train_loss[0] == pytest.approx(one.curves.train_loss[0], rel=1e-4)
    assert two.curves.gradient_norm[0] == pytest.approx(one.curves.gradient_norm[0], rel=1e-3)
    assert one.result is not None
    assert two.result is not None
    assert two.result.accuracy.test == pytest.approx(one.result.accuracy.test, abs=0.03)


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match=r"process 2 where there are 1 GPU.*=1"), joined():
        pass


@pytest.fixture
def process_group() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("process_group")
@pytest.mark.skipif(torch.cuda.is_available(), reason="on a CPU")
@pytest.mark.parametrize(
    ("training", "said"),
    [(TINY, "network vgg11 normalises over the batch"), ({"rule": "asf"}, "without torchrun")],
)
def test_what_processes_on_a_cpu_cannot_share_is_refused(
    training: dict[str, Any], said: str, tmp_path: Path
) -> None:
    params, profile = small_profile(tmp_path, {"aia": AIA}, **training)
    with pytest.raises(InputError, match=said):
        run_cell(Cell("dvs_digits", "aia", 0), params, profile, silent, Group(0, 2))
