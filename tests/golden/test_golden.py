"""Training leaves the bytes that it left before, on every processor."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest
import torch

from aia import building
from benchmarks import arithmetic
from benchmarks.training import host
from benchmarks.training.protocol import PROTOCOL
from tests.golden import cells

PROCESSORS = ("EPYC-Milan", "Haswell", "Skylake-Client")
pytestmark = pytest.mark.skipif(
    host.arithmetic_on(torch.device("cpu")) != "portable",
    reason="needs an x86-64 processor with AVX2, a C++ compiler and no other code paths asked for",
)


def kept() -> dict[str, Any]:
    return dict(json.loads(cells.KEPT.read_text(encoding="utf-8")))


def test_every_neuron_and_way_to_train_is_kept_under_this_protocol() -> None:
    assert kept()["protocol"] == PROTOCOL
    assert set(kept()["cells"]) == set(cells.names())


@pytest.mark.parametrize("name", cells.names())
def test_a_tiny_cell_leaves_the_kept_bytes(name: str) -> None:
    assert cells.digest_of(name) == kept()["cells"][name], (
        f"training changed, or torch did: the bytes are kept with {kept()['torch']}, this is "
        f"{torch.__version__}. If it was training, and meant, raise PROTOCOL in "
        "benchmarks/training/protocol.py, run python -m tests.golden.cells --write, and train the "
        "rule's recorded profiles again"
    )


@pytest.mark.emulated
@pytest.mark.parametrize("processor", PROCESSORS)
def test_an_emulated_processor_leaves_the_kept_bytes(processor: str) -> None:
    emulator = shutil.which("qemu-x86_64")
    if emulator is None:
        pytest.skip("needs qemu-x86_64, of Debian's package qemu-user")
    command = [emulator, "-cpu", processor, sys.executable, "-m", "tests.golden.cells"]
    done = subprocess.run(command, cwd=cells.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["cells"] == kept()["cells"]


def test_libraries_imported_first_are_said_before_anything_trains() -> None:
    code = "import torch, benchmarks; from benchmarks.training import host; host.settle()"
    fresh = {k: v for k, v in os.environ.items() if k not in arithmetic.PATHS}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cells.ROOT,
        env=fresh,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "torch was imported before benchmarks" in done.stderr


@pytest.mark.parametrize("fast", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_cell_says_whose_sums_it_has(fast: bool) -> None:
    code = (
        "import benchmarks, torch; from benchmarks.training import host; "
        "print(host.arithmetic_on(host.settle()), torch.backends.cpu.get_cpu_capability())"
    )
    fresh = {k: v for k, v in os.environ.items() if k not in arithmetic.PATHS}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cells.ROOT,
        env={**fresh, arithmetic.FAST: "1" if fast else "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    said, capability = done.stdout.split()
    assert said == ("fast" if fast else "portable")
    assert fast or capability == "AVX2"


def test_portable_kernels_are_built_for_every_processor_with_avx2() -> None:
    assert building.portable()
