"""Without a compiler everything works, with one warning; in a path with spaces it compiles."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.profile import kernels_folder

SCRIPT = """
import warnings, torch
from aia import AIA, compiled
from aia.dynamics import LIFParameters, lif
drive = torch.randn(4, 2, 3, 8, 8)
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    neuron = AIA(3)
    neuron.coefficient.data.zero_()
    same = torch.equal(neuron(drive), lif(drive, LIFParameters()))
    neuron(drive)
said = [w for w in seen if "running eager" in str(w.message)]
print(same, len(said), compiled.works())
"""


@pytest.mark.slow
def test_a_missing_compiler_costs_one_warning_and_no_failure(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "CXX": "/nonexistent/compiler",
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True", "1", "False"], done.stderr[-2000:]


SPACED = """
import torch
from aia import compiled
from aia.dynamics import LIFParameters
compiled.lif(torch.randn(4, 2, 3, 8), LIFParameters())
print(compiled.works(), " " in torch.__file__)
"""


@pytest.mark.slow
def test_torchs_compiler_works_where_torch_lies_in_a_path_with_spaces(tmp_path: Path) -> None:
    packages = tmp_path / "mit Leerzeichen und ü"
    packages.symlink_to(Path(torch.__file__).parents[1])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(packages), str(Path(__file__).parents[2])]),
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "kernels"),
    }
    done = subprocess.run(
        [sys.executable, "-c", SPACED], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True"], done.stderr[-2000:]


def test_kernels_are_kept_where_no_space_is_in_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, inside in (("größe", True), ("zwei Worte", False)):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        assert kernels_folder().is_relative_to(folder) == inside
        assert " " not in str(kernels_folder())
