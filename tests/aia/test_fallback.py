"""Without a compiler everything works, with one warning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
