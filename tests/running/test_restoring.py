"""What a baseline gives back: the bytes that were frozen, and nothing in place of one's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from benchmarks.errors import InputError
from benchmarks.profile import Profile
from benchmarks.records.files import read_record, record_path, write_atomic
from benchmarks.records.recorded import FOLDER
from benchmarks.records.selection import Selection
from benchmarks.running.freezing import freeze
from benchmarks.running.restoring import Restored, restore
from tests.called import call_command
from tests.made_records import made, write, write_profile
from tests.presenting.test_tables import grid_params, write_grid

CHOSEN = Selection(("dvs_digits",), ("aia", "snntorch_lif"), (0, 1, 2))
CELLS = 6


@pytest.fixture
def frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """A made profile with a tuning grid, frozen as ``recorded/made``."""
    monkeypatch.chdir(tmp_path)
    profile = write_profile(tmp_path / "here", CHOSEN)
    params = grid_params(CHOSEN).model_dump_json(by_alias=True)
    write_grid(profile, CHOSEN, {"aia": 0.01})
    write_atomic(profile.params, yaml.safe_dump(json.loads(params)))
    freeze(profile, "made")
    return profile


def files_of(*folders: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for f in folders for p in f.rglob("*.json")}


def results_of(profile: Profile) -> dict[Path, bytes]:
    hosts = profile.runs.parent / "hosts"
    return files_of(profile.runs, hosts, profile.tuning, profile.data)


def test_what_was_frozen_comes_back_byte_by_byte_and_freezes_alike(frozen: Profile) -> None:
    before, recorded = results_of(frozen), files_of(FOLDER / "made")
    shutil.rmtree(frozen.folder / "results")
    restored = restore(frozen, "made")
    assert results_of(frozen) == before
    assert restored == Restored(sum("runs" in path.parts for path in before), 0, 0)
    freeze(frozen, "made")
    assert files_of(FOLDER / "made") == recorded


def test_a_record_of_ones_own_stays_and_the_others_come(frozen: Profile) -> None:
    shutil.rmtree(frozen.runs)
    own = made("dvs_digits", "aia", 1, protocol="mine")
    write(frozen.runs, own)
    restored = restore(frozen, "made")
    assert restored.written == CELLS - 1
    assert read_record(record_path(frozen.runs, "dvs_digits", "aia", 1)) == own
    assert restore(frozen, "made").written == 0


def test_only_what_params_yaml_names_comes(frozen: Profile, tmp_path: Path) -> None:
    fewer = Profile(tmp_path / "fewer")
    one = Selection(("dvs_digits",), ("aia",), (0, 7))
    params = json.loads(grid_params(one).model_dump_json(by_alias=True))
    params["tuning"]["neurons"] = params["tuning"]["seeds"] = []
    write_atomic(fewer.params, yaml.safe_dump(params))
    restored = restore(fewer, "made")
    assert list(fewer.runs.rglob("*.json")) == [record_path(fewer.runs, "dvs_digits", "aia", 0)]
    assert restored.written + restored.unselected == restore(frozen, "made").there


def test_the_command_counts_and_refuses_what_was_edited(frozen: Profile) -> None:
    shutil.rmtree(frozen.runs)
    done = call_command("--profile", "here", "restore", "--name", "made", at=Path.cwd())
    assert done.returncode == 0
    assert f"{CELLS} records restored" in done.stdout
    shutil.rmtree(frozen.runs)
    cells = FOLDER / "made" / "cells.jsonl"
    cells.write_bytes(cells.read_bytes().replace(b'"p"', b'"q"', 1))
    done = call_command("--profile", "here", "restore", "--name", "made", at=Path.cwd())
    assert (done.returncode, frozen.runs.exists()) == (2, False)
    assert "cells.jsonl: not what was recorded" in done.stderr
    with pytest.raises(InputError, match="recorded profile"):
        restore(frozen, "another")
