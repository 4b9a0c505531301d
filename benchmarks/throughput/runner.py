"""Run the pytest-benchmark files of this folder and keep one JSON a device."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.errors import InputError
from benchmarks.host import device_name
from benchmarks.params import Params
from benchmarks.records import write_atomic

QUICK_ROUNDS, FULL_ROUNDS = 7, 30


def measure_throughput(params: Params, out: Path, quick: bool) -> Path:
    """Write ``out/<device>.json`` in pytest-benchmark's format; other devices' files stay.

    Raises InputError with the end of pytest's output if a benchmark fails.
    """
    here = Path(__file__).parent
    name = device_name(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    path = out / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.json"
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.json")
        command = [sys.executable, "-m", "pytest", str(here), "-q", "-p", "no:cacheprovider"]
        command += ["-p", "no:xdist", "-o", "addopts=", "-o", "python_files=bench_*.py"]
        command += ["-o", "python_functions=bench_*"]
        command += [f"--benchmark-json={result}", "--rootdir", str(here)]
        # a pytest that runs us would tell its child that it is an xdist worker: no timing then
        outside = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        environment = {
            **outside,
            "AIA_BENCH_PARAMS": params.model_dump_json(by_alias=True),
            "AIA_BENCH_ROUNDS": str(QUICK_ROUNDS if quick else FULL_ROUNDS),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not result.exists():
            lines = [line for line in done.stdout.splitlines() if line.startswith(("E ", "FAILED"))]
            raise InputError(f"throughput: pytest failed: {'; '.join(lines[:3]) or done.stderr}")
        write_atomic(path, result.read_text(encoding="utf-8"))
    return path
