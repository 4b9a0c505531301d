"""What a baseline gives back: the bytes that were frozen, and nothing in place of one's own."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.errors import InputError
from benchmarks.profile import Profile
from benchmarks.records import killed
from benchmarks.records.files import read_record, record_path, write_atomic
from benchmarks.records.recorded import FOLDER
from benchmarks.records.selection import Selection
from benchmarks.running.freezing import freeze
from benchmarks.running.restoring import restore
from tests.called import call_command
from tests.made_records import TRAINING, made, write, write_profile
from tests.presenting.test_tables import RATES, grid_params, write_grid

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
    there = sum("runs" in path.parts for path in before)
    assert (restored.written, restored.there, restored.others) == (there, 0, 0)
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


def another(folder: Path, **changes: Any) -> Profile:
    """A profile of one neuron and two seeds, one of which is recorded, changed."""
    one = Selection(("dvs_digits",), ("aia",), (0, 7))
    params = json.loads(grid_params(one).model_dump_json(by_alias=True))
    params["tuning"] = {"learning_rates": RATES, "seeds": [], "neurons": []}
    write_atomic(folder / "params.yaml", yaml.safe_dump(params | changes))
    return Profile(folder)


def test_only_what_params_yaml_names_comes(frozen: Profile, tmp_path: Path) -> None:
    fewer = another(tmp_path / "fewer")
    restored = restore(fewer, "made")
    assert list(fewer.folder.rglob("runs/*/*/*")) == [
        record_path(fewer.runs, "dvs_digits", "aia", 0)
    ]
    assert restored.written + restored.others == restore(frozen, "made").there


@pytest.mark.parametrize(
    "changes",
    [
        {"training": TRAINING | {"epochs": 1}},
        {"neuron": {"aia": {"class": "made:other"}}},
        {"seeds": [7]},
    ],
)
def test_what_a_profile_trains_otherwise_stays_out_with_its_manifest(
    frozen: Profile, tmp_path: Path, changes: dict[str, Any]
) -> None:
    differs = another(tmp_path / "differs", **changes)
    restored = restore(differs, "made")
    assert (restored.written, restored.there) == (0, 0)
    assert restored.others == restore(frozen, "made").there
    assert not (differs.folder / "results").exists()


def test_matched_options_count_where_a_neuron_takes_them(tmp_path: Path, frozen: Profile) -> None:
    decayed = {"matched": {"decay": 0.9}}
    assert restore(another(tmp_path / "unmatched", **decayed), "made").written == 1
    matching = {"neuron": {"aia": {"class": "made:aia", "match": True}}}
    written = yaml.safe_load(frozen.params.read_text())
    written["neuron"]["aia"]["match"] = True
    write_atomic(frozen.params, yaml.safe_dump(written))
    freeze(frozen, "made")
    assert restore(another(tmp_path / "matched", **matching), "made").written == 1
    assert restore(another(tmp_path / "decayed", **matching, **decayed), "made").written == 0


def test_data_that_differ_here_are_refused_and_equal_ones_stay(frozen: Profile) -> None:
    manifest = frozen.data / "dvs_digits.json"
    written = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(written))  # on one line
    shutil.rmtree(frozen.runs)
    assert restore(frozen, "made").written == CELLS
    assert manifest.read_text() == json.dumps(written)
    shutil.rmtree(frozen.runs)
    manifest.write_text(json.dumps(written | {"digest": "f" * 64}))
    with pytest.raises(InputError, match=r"dvs_digits.json: of other data than was recorded"):
        restore(frozen, "made")
    assert not frozen.runs.exists()


def test_a_baseline_without_manifests_gives_its_records(frozen: Profile) -> None:
    shutil.rmtree(frozen.data)
    freeze(frozen, "made")
    shutil.rmtree(frozen.runs)
    assert restore(frozen, "made").written == CELLS
    assert not frozen.data.exists()


def test_a_restored_cell_has_no_note_of_why_it_was_missing(frozen: Profile) -> None:
    path = record_path(frozen.runs, "dvs_digits", "aia", 0)
    path.unlink()
    killed.note(path, "ended by a signal")
    restore(frozen, "made")
    assert killed.reason_of(path) is None


def test_a_line_holds_coefficients_with_nine_digits_at_most(frozen: Profile) -> None:
    line = (FOLDER / "made" / "cells.jsonl").read_text().splitlines()[0]
    layer = json.loads(line)["result"]["association"]["conv1"]
    digits = [re.sub(r"e.*|\D", "", repr(value)).strip("0") for value in layer["after"]]
    assert 6 < max(map(len, digits)) < 10


def test_the_command_counts_and_refuses_what_was_edited(frozen: Profile) -> None:
    shutil.rmtree(frozen.runs)
    done = call_command("--profile", "here", "restore", "--name", "made", at=Path.cwd())
    assert done.returncode == 0
    assert f"{CELLS} records restored" in done.stdout
    assert "they were trained under protocol 1 (p), this code trains under" in done.stdout
    shutil.rmtree(frozen.runs)
    cells = FOLDER / "made" / "cells.jsonl"
    cells.write_bytes(cells.read_bytes().replace(b'"p"', b'"q"', 1))
    done = call_command("--profile", "here", "restore", "--name", "made", at=Path.cwd())
    assert (done.returncode, frozen.runs.exists()) == (2, False)
    assert "cells.jsonl: not what was recorded" in done.stderr
    with pytest.raises(InputError, match="recorded profile"):
        restore(frozen, "another")
