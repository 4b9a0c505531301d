"""What DVC is asked, and what it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmarks.errors import InputError
from benchmarks.running.dvc import hand_to_dvc
from benchmarks.running.jobs import Stage
from tests.called import call_command
from tests.small import small_profile

CELLS = Stage("cell", "dvs_digits", "aia")


def test_nothing_is_handed_over_where_params_yaml_was_edited_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)  # which DVC does not know
    params, profile = small_profile(tmp_path)
    with pytest.raises(InputError, match="dvc commit"):
        hand_to_dvc({CELLS}, set(), params, profile)
    edited = yaml.safe_load(profile.params.read_text()) | {"seeds": [0, 1, 2]}
    profile.params.write_text(yaml.safe_dump(edited))
    hand_to_dvc({CELLS}, set(), params, profile)
    assert "edited during the run" in caplog.text


def test_a_profile_without_a_pipeline_is_told_to_copy_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, profile = small_profile(tmp_path / "mine")
    written = yaml.safe_load(profile.params.read_text()) | {"at": "mine/", "root": ".."}
    profile.params.write_text(yaml.safe_dump(written))
    done = call_command("--profile", "mine", "run", at=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: mine: no dvc.yaml there; cp dvc.yaml mine\n"
