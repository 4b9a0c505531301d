"""A profile small enough to train in a test, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from benchmarks.params import Params
from benchmarks.params import read as read_params
from benchmarks.profile import Profile

ROOT = Path(__file__).parents[1]
LIF = {"class": "aia.neuron:LIF", "match": True}
AIA = {"class": "aia.neuron:AIA", "match": True}


def small_profile(
    folder: Path, neurons: dict[str, Any] | None = None, **training: Any
) -> tuple[Params, Profile]:
    """Two epochs of a narrow network on dvs_digits."""
    written = {
        "datasets": ["dvs_digits"],
        "seeds": [0, 1],
        "neuron": neurons or {"lif": LIF, "aia": AIA},
        "training": {"epochs": 2, "channels": [4, 8], "hidden": 16, "batch": 128, **training},
    }
    profile = Profile(folder)
    folder.mkdir(parents=True, exist_ok=True)
    profile.params.write_text(yaml.safe_dump(written))
    return read_params(profile.params), profile


def command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks", "--profile", str(folder), *words]


def run_command(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``python -m benchmarks`` on a profile, from the project's root."""
    return subprocess.run(
        command(folder, *words),
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
