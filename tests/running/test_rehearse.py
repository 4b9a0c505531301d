"""The rehearsal: the paper's pipeline on made-up recordings, from the archive to the page."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from benchmarks.params import read as read_params
from tests.called import call_command
from tests.small import ROOT, run_command

SMALL = ("--samples", "40", "--neurons", "snntorch_lif,aia", "--width", "0.03")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ncars", "cifar10dvs"])
def test_from_the_archive_to_the_page(name: str, tmp_path: Path) -> None:
    pytest.importorskip("dv_processing")
    done = run_command(Path("paper"), "rehearse", "--set", name, *SMALL, "--out", str(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
    folder, made_up = tmp_path / name, f"{name}-rehearsal"
    with (folder / "results/tables/cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["ok", "ok"]
    assert made_up in (folder / "reports/index.html").read_text()
    manifest = json.loads((folder / f"results/data/{made_up}.json").read_text())
    assert sum(manifest["samples"].values()) + manifest.get("left_out", 0) == recordings_in(
        next((folder / "archive").glob("*.zip"))
    )
    # what was made up is nowhere called by the real set's own name
    assert {row["dataset"] for row in rows} == {made_up}


def test_what_failed_is_told_with_its_last_words(tmp_path: Path) -> None:
    done = call_command(
        *("--profile", "paper", "rehearse", "--set", "ncars"),
        *("--samples", "100000", "--out", str(tmp_path)),
    )

    assert done.returncode != 0
    assert "ask for fewer samples" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_dvc_reads_the_pipeline_of_the_paper() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--name-only", "paper/dvc.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    stages = {line.partition("@")[0].rpartition(":")[2] for line in listed.stdout.splitlines()}
    assert {"data", "cell", "tables", "report"} <= stages
    params = read_params(ROOT / "paper/params.yaml")
    for dataset in params.datasets:
        assert f"paper/dvc.yaml:cell@{dataset}-aia" in listed.stdout


def recordings_in(archive: Path) -> int:
    """Files packed in the zips within a zip."""
    with zipfile.ZipFile(archive) as outer:
        inner = [name for name in outer.namelist() if name.endswith(".zip")]
        count = 0
        for name in inner:
            with outer.open(name) as file, zipfile.ZipFile(file) as packed:
                count += sum(not each.endswith("/") for each in packed.namelist())
    return count


def test_another_profile_is_not_written_over(tmp_path: Path) -> None:
    params = tmp_path / "ncars" / "params.yaml"
    params.parent.mkdir()
    params.write_bytes((ROOT / "params.yaml").read_bytes())
    done = call_command("rehearse", "--set", "ncars", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "a profile that is no rehearsal; choose another folder by --out" in done.stderr
    assert params.read_bytes() == (ROOT / "params.yaml").read_bytes()
