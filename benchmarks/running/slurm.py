"""Cells as a job array of SLURM: a list of cells, and a script that trains one line of it.

The records are collected by the next run, which takes what it finds and lists what is left.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from benchmarks import arithmetic
from benchmarks.profile import Profile
from benchmarks.records.files import write_atomic
from benchmarks.running.jobs import Job
from benchmarks.source import digest

_SCRIPT = """#!/bin/sh
#SBATCH --job-name=aia-bench
#SBATCH --array=1-{count}
#SBATCH --cpus-per-task=1
#SBATCH --output={folder}/%a.txt
cd {root} || exit 1
cell=$(sed -n "${{SLURM_ARRAY_TASK_ID}}p" {folder}/cells.txt)
# shellcheck disable=SC2086  # a line is several words
exec {command} cell $cell
"""


def write_array(jobs: list[Job], profile: Profile) -> Path:
    """Write the list and the script below ``results/slurm``; returns the script.

    Each list has a folder of its own, so that an array that waits keeps its lines.
    """
    lines = [f"{j.stage.dataset} {j.stage.neuron} {j.seed} --rate {j.rate!r}\n" for j in jobs]
    folder = Path.cwd() / profile.slurm / digest(*lines)
    write_atomic(folder / "cells.txt", "".join(lines))
    fast = ["--fast"] if arithmetic.fast() else []
    command = [sys.executable, "-m", "benchmarks", "--profile", str(profile.folder), *fast]
    script = _SCRIPT.format(
        count=len(jobs),
        folder=shlex.quote(str(folder)),
        root=shlex.quote(str(Path.cwd())),
        command=shlex.join(command),
    )
    write_atomic(folder / "array.sh", script)
    return folder / "array.sh"
