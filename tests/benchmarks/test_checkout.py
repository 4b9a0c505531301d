"""What a rewrite gives is held against what the source before it gives on the same machine."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks import checkout, freezing, recorded, verify
from benchmarks.cells import run_cell
from benchmarks.errors import InputError
from benchmarks.profile import Profile
from benchmarks.records import as_json, host_path, read_host, record_path, write_atomic
from benchmarks.train import Cell
from tests.benchmarks.small import AIA, ROOT, small_profile

CELL = Cell("dvs_digits", "aia", 0)


def quiet(done: int, total: int, say: str) -> None: ...


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packages in a git repository of their own, with a small profile."""
    for name in ("aia", "baselines", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "recorded").mkdir()
    shutil.copy(ROOT / "recorded" / "proven.json", tmp_path / "recorded")
    small_profile(tmp_path / "small", {"aia": AIA})
    (tmp_path / ".gitignore").write_text(".cache\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "--quiet", "-m", "before")
    (ROOT / ".cache" / "events").mkdir(parents=True, exist_ok=True)
    (tmp_path / ".cache").symlink_to(ROOT / ".cache")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def elsewhere(project: Path) -> recorded.Recorded:
    """A recorded cell whose losses are not those that this machine gives."""
    params, profile = small_profile(project / "small", {"aia": AIA})
    record = run_cell(CELL, params, profile, quiet)
    path = record_path(profile.runs, CELL.dataset, CELL.neuron, CELL.seed)
    host = read_host(path)
    assert host is not None
    write_atomic(host_path(path), as_json(host.model_copy(update={"dirty": False})))
    losses = [loss * (1 + 1e-6) for loss in record.curves.train_loss]
    curves = record.curves.model_copy(update={"train_loss": losses})
    write_atomic(path, as_json(record.model_copy(update={"curves": curves})))
    freezing.freeze(profile, "small")
    return recorded.open_recorded("small")


def test_another_processor_s_record_is_not_what_a_rewrite_is_held_against(
    elsewhere: recorded.Recorded,
) -> None:
    (checked,) = verify.verify(elsewhere, [CELL], quiet)
    assert checked.likeness == "equal within tolerance"
    commit = checkout.resolved("HEAD")
    with checkout.checked_out(commit) as folder:
        trains = functools.partial(checkout.train_in, folder, Path("small"))
        (checked,) = verify.verify(elsewhere, [CELL], quiet, trains)
    assert checked.likeness == "bit-identical"
    assert not folder.exists()


def test_a_commit_whose_source_is_not_the_recorded_one_is_refused(
    elsewhere: recorded.Recorded, project: Path
) -> None:
    changed = project / "aia" / "dynamics.py"
    changed.write_text(changed.read_text() + "\nOTHER = 1\n")
    git(project, "commit", "--quiet", "-a", "-m", "changed")
    with checkout.checked_out("HEAD") as folder:
        trains = functools.partial(checkout.train_in, folder, Path("small"))
        with pytest.raises(InputError, match=r"aia/0: that commit's neuron source is not the rec"):
            list(verify.verify(elsewhere, [CELL], quiet, trains))


def test_a_machine_without_git_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="git does not run: No such file"):
        checkout.resolved("HEAD")


def test_what_cannot_be_checked_out_or_trained_is_said(project: Path) -> None:
    with pytest.raises(InputError, match=r"git rev-parse .*(single revision|bad revision)"):
        checkout.resolved("nosuch")
    with checkout.checked_out("HEAD") as folder:
        with pytest.raises(InputError, match=r"benchmarks --profile \.\.\.: error: .*nosuch"):
            checkout.train_in(folder, Path("small"), Cell("dvs_digits", "nosuch", 0))
        with pytest.raises(InputError, match="a profile of this checkout is needed"):
            checkout.train_in(folder, Profile(Path("/elsewhere")).folder, CELL)
