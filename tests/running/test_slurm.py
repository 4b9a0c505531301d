"""A job array's script, run as SLURM runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from benchmarks.running import slurm
from benchmarks.running.jobs import jobs_of, unfinished
from tests.small import small_profile


@pytest.mark.slow
def test_a_line_of_the_array_trains_one_cell_which_the_next_run_takes(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path / "zwei größen", epochs=1)
    jobs = jobs_of(params)
    script = slurm.write_array(jobs, profile)
    assert f"#SBATCH --array=1-{len(jobs)}\n" in script.read_text()
    environment = {**os.environ, "SLURM_ARRAY_TASK_ID": "2"}
    subprocess.run(["sh", str(script)], cwd=tmp_path, env=environment, check=True, timeout=300)
    left = unfinished(jobs, params, profile)
    assert left == [jobs[0], *jobs[2:]]
    assert slurm.write_array(left, profile).parent != script.parent
    assert slurm.write_array(jobs, profile) == script
