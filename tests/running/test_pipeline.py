"""The DVC pipeline in a scratch project: what is stale after which edit, and both ways to run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.errors import InputError
from benchmarks.running import dvc
from benchmarks.training import protocol
from tests.called import call_command
from tests.made_records import write_throughput
from tests.small import AIA, LIF, ROOT, small_profile

CELLS = {"cell@dvs_digits-aia", "cell@dvs_digits-lif"}
TUNING = "tuning@dvs_digits-aia"


class Project:
    """A copy of the packages with a small params.yaml, under DVC without git."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for package in ("aia", "baselines", "benchmarks"):
            shutil.copytree(
                ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(ROOT / "dvc.yaml", folder)
        shutil.copy(ROOT / ".dvcignore", folder)
        if (ROOT / ".cache" / "events").exists():
            shutil.copytree(ROOT / ".cache" / "events", folder / ".cache" / "events")
        self.write(
            root=".",
            at="",
            datasets=["dvs_digits"],
            seeds=[0, 1],
            neuron={"lif": LIF, "aia": AIA},
            training={"epochs": 1, "channels": [4], "hidden": 8, "batch": 256},
            tuning={"learning_rates": [0.0025, 0.01], "seeds": [100], "neurons": ["aia"]},
        )
        self.dvc("init", "--no-scm", "--quiet")

    def write(self, **params: Any) -> None:
        self.params = params
        (self.folder / "params.yaml").write_text(yaml.safe_dump(params))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.folder,
            env={**os.environ, "PATH": os.pathsep.join(paths), "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def dvc(self, *words: str) -> str:
        done = self.run("dvc", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def stale_cells(self) -> set[str]:
        """Cells that DVC would train now, once the specs are up to date."""
        self.dvc("repro", "--quiet", "specs")
        status = json.loads(self.dvc("status", "--json") or "{}")
        return {stage for stage in status if stage.startswith("cell@")}

    def stale_times(self) -> list[str]:
        """What DVC finds changed of what the times depend on, once the specs are up to date."""
        self.dvc("repro", "--quiet", "specs")
        said = json.loads(self.dvc("status", "--json", "throughput"))
        changed = (each.get("changed deps", {}) for each in said.get("throughput", []))
        return [Path(path).name for each in changed for path in each]

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def records(self) -> dict[str, bytes]:
        runs = self.folder / "results" / "runs"
        return {str(path.relative_to(runs)): path.read_bytes() for path in runs.glob("*/*/*.json")}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("project"))
    done = made.run("benchmarks", "run", "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return made


@pytest.mark.slow
def test_parallel_and_serial_runs_leave_the_same_records(project: Project) -> None:
    parallel = project.records()
    assert len(parallel) == 4
    choice = project.folder / "results" / "tuned" / "dvs_digits" / "aia.json"
    chosen = choice.read_bytes()
    for folder in ("runs", "tuned", "tuning"):
        shutil.rmtree(project.folder / "results" / folder)
    project.dvc("repro", "--quiet", "cell", "tuning")
    assert project.records() == parallel
    assert choice.read_bytes() == chosen


@pytest.mark.slow
def test_data_that_dvc_refuses_cost_no_record(tmp_path: Path) -> None:
    """In a fresh clone cells are trained while DVC reads the data that were made for them."""
    fresh = Project(tmp_path)
    shutil.rmtree(fresh.folder / ".cache", ignore_errors=True)
    blocks = fresh.folder / "results" / "data"
    blocks.parent.mkdir()
    blocks.write_text("where DVC's stage wants a folder")
    done = fresh.run("benchmarks", "run", "--jobs", "2")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "dvc repro" in line
    records = fresh.records()
    assert len(records) == 4
    blocks.unlink()
    done = fresh.run("benchmarks", "run", "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test" not in done.stdout  # nothing was trained
    assert fresh.records() == records
    assert fresh.stale_cells() == set()


@pytest.mark.slow
def test_one_seed_more_trains_that_seed_alone(project: Project) -> None:
    before, kept = project.params, project.records()
    times = {path: path.stat().st_mtime_ns for path in project.folder.glob("results/runs/*/*/*")}
    project.write(**{**before, "seeds": [0, 1, 2]})
    assert project.stale_cells() == CELLS
    done = project.run("benchmarks", "run", "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2/2" in done.stdout
    assert project.records().items() > kept.items()
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    assert project.stale_cells() == set()
    for path in project.folder.glob("results/*/*/*/2.json"):
        path.unlink()
    project.write(**before)
    project.dvc("commit", "--force", "--quiet", *CELLS, TUNING)


@pytest.mark.slow
def test_a_run_out_of_time_begins_nothing_and_the_next_goes_on(project: Project) -> None:
    record = project.folder / "results" / "runs" / "dvs_digits" / "lif" / "1.json"
    content = record.read_bytes()
    record.unlink()
    done = project.run("benchmarks", "run", "--minutes", "0")
    assert done.returncode == 0
    assert "1 cell left; the same command goes on" in done.stdout
    assert not record.exists()
    done = project.run("benchmarks", "run", "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert record.read_bytes() == content


@pytest.mark.slow
def test_another_checkout_takes_its_own_times_and_a_compiled_module_changes_none(
    project: Project,
) -> None:
    write_throughput(project.folder / "results" / "throughput", ("aia",))
    project.dvc("commit", "--force", "--quiet", "throughput")
    compiled = project.folder / "benchmarks" / "throughput" / "__pycache__" / "new.pyc"
    compiled.parent.mkdir(exist_ok=True)
    compiled.write_bytes(b"")
    assert project.stale_times() == []
    checkout = project.folder / "results" / "specs" / "checkout.json"
    here = checkout.read_bytes()
    checkout.unlink()  # as in a fresh clone
    assert project.stale_times() == ["checkout.json"]
    checkout.write_text(here.decode().replace('"device": "', '"device": "another '))
    project.dvc("commit", "--force", "--quiet", "throughput")
    assert project.stale_times() == ["checkout.json"]  # the same folder on another machine


def test_a_new_or_changed_neuron_trains_its_cells_alone_and_a_comment_none(
    project: Project,
) -> None:
    klif = {"class": "spikingjelly.activation_based.neuron:KLIFNode", "match": True}
    slower = {**LIF, "args": {"decay": 0.75}}
    before = project.params
    project.edit("benchmarks/training/train.py", "import time\n", "# a comment\nimport time\n")
    project.write(**{**before, "neuron": {"lif": slower, "aia": AIA, "klif": klif}})
    assert project.stale_cells() == {"cell@dvs_digits-lif", "cell@dvs_digits-klif"}
    project.write(**before)
    assert project.stale_cells() == set()


@pytest.mark.slow
def test_another_learning_rule_or_its_protocol_retrains_all(project: Project) -> None:
    before = project.params
    project.write(**{**before, "training": {**before["training"], "rule": "asf"}})
    assert project.stale_cells() == CELLS
    project.write(**before)
    for rule, stale in (("bptt", CELLS), ("asf", set())):
        version = protocol.PROTOCOL[rule]
        kept, raised = (f'"{rule}": {version + more}' for more in (0, 1))
        project.edit("benchmarks/training/protocol.py", kept, raised)
        assert project.stale_cells() == stale
        project.edit("benchmarks/training/protocol.py", raised, kept)
    assert project.stale_cells() == set()


@pytest.mark.slow
def test_a_neuron_that_breaks_the_contract_stops_the_run_before_anything_trains(
    project: Project,
) -> None:
    before = project.params
    bad = {"class": "torch.nn:ReLU6"}
    project.write(**{**before, "neuron": {**before["neuron"], "bad": bad}})
    records = project.records()
    done = project.run("benchmarks", "run", "--jobs", "1")
    project.write(**before)
    assert done.returncode == 2
    assert "bad" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert project.records() == records


def test_a_download_without_git_runs_and_dvcs_own_reason_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("dvc.yaml", "params.yaml", ".dvc/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(InputError, match=r"^dvc repro: .*'nosuch'"):
        dvc.ask_dvc("repro", "nosuch")


def test_a_profile_that_gives_dvc_another_ones_folder_is_refused(tmp_path: Path) -> None:
    small_profile(tmp_path)  # without `at`: DVC would be asked about the root's profile
    done = call_command("--profile", str(tmp_path), "run")
    assert done.returncode == 2
    assert "names another profile; write `at: " in done.stderr


def test_git_ignores_all_that_the_pipeline_writes() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    outs = [f"{path}/file" for stage in stages for out in stage["outs"] for path in out]
    written = [path.replace("${at}", at) for at in ("", "ncars/wide/") for path in outs]
    written += ["dvc.lock", "ncars/wide/dvc.lock", ".dvc/tmp/lock"]
    asked = ["git", "check-ignore", *written]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 128:
        pytest.skip("no checkout")
    assert done.stdout.splitlines() == written
