"""Frozen baselines: what is taken, what is refused by name, and what trains to the same bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from benchmarks import protocol, proven, recorded, verify
from benchmarks.cells import run_cell
from benchmarks.errors import InputError
from benchmarks.profile import Profile
from benchmarks.records import (
    as_json,
    host_path,
    read_host,
    record_path,
    write_atomic,
    write_atomic_bytes,
)
from benchmarks.train import Cell
from tests.benchmarks import made_records
from tests.benchmarks.made_records import failed, made, write, write_profile
from tests.benchmarks.small import ROOT, small_profile


def quiet(done: int, total: int, say: str) -> None: ...


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """A whole made profile in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    chosen = made_records.selection()
    written = {
        "datasets": list(chosen.datasets),
        "seeds": list(chosen.seeds),
        "neuron": {n: {"class": "aia.neuron:LIF"} for n in chosen.neurons},
    }
    made_profile = write_profile(tmp_path / "here", chosen)
    made_profile.params.write_text(yaml.safe_dump(written))
    return made_profile


def test_what_is_frozen_opens_with_every_record_and_where_it_came_from(profile: Profile) -> None:
    index = recorded.freeze(profile, "made")
    opened = recorded.open_recorded("made")
    assert index.cells == len(opened.cells.records) == 63
    assert index.missing == []
    assert index.commits == ["0123456789abcdef0123456789abcdef01234567"]
    assert opened.cells.records["dvs_digits", "aia", 0].neuron == "aia"
    path = record_path(opened.profile.runs, "dvs_digits", "aia", 0)
    assert path.read_bytes() == record_path(profile.runs, "dvs_digits", "aia", 0).read_bytes()
    assert read_host(path) is not None


def test_cells_that_were_not_trained_are_listed(profile: Profile) -> None:
    record_path(profile.runs, "dvs_motion", "gain_plain", 2).unlink()
    assert recorded.freeze(profile, "made").missing == ["dvs_motion/gain_plain/2"]


def test_a_failed_cell_and_a_dirty_checkout_are_refused_and_nothing_is_written(
    profile: Profile,
) -> None:
    write(profile.runs, failed("dvs_digits", "aia", 1))
    with pytest.raises(InputError, match=r"aia/1.json: the cell failed"):
        recorded.freeze(profile, "made")
    write(profile.runs, made("dvs_digits", "aia", 1))
    path = record_path(profile.runs, "dvs_digits", "snntorch_lif", 0)
    host = read_host(path)
    assert host is not None
    write_atomic(host_path(path), as_json(host.model_copy(update={"dirty": True})))
    with pytest.raises(InputError, match=r"snntorch_lif/0.json: .*uncommitted changes"):
        recorded.freeze(profile, "made")
    assert not recorded.FOLDER.exists()


@pytest.mark.parametrize("damage", ["edit", "truncate", "lose"])
def test_a_damaged_record_is_refused_by_name(profile: Profile, damage: str) -> None:
    recorded.freeze(profile, "made")
    path = record_path(Profile(recorded.FOLDER / "made").runs, "dvs_vehicles", "aia", 2)
    text = path.read_text()
    if damage == "edit":
        path.write_text(text.replace('"train": 0.99', '"train": 0.98'))
    elif damage == "truncate":
        path.write_text(text[: len(text) // 2])
    else:
        path.unlink()
    with pytest.raises(InputError, match=r"dvs_vehicles/aia/2.json"):
        recorded.open_recorded("made")


def test_records_of_two_protocols_are_not_frozen_together(profile: Profile) -> None:
    write(profile.runs, made("dvs_digits", "aia", 0, protocol="q"))
    with pytest.raises(InputError, match=r"different training protocols \(p, q\)"):
        recorded.freeze(profile, "made")


def test_an_older_protocol_is_kept_beside_and_readable(profile: Profile) -> None:
    recorded.freeze(profile, "made")
    for dataset, neuron in made_records.selection().groups:
        for seed in range(3):
            write(profile.runs, made(dataset, neuron, seed, protocol="q"))
    assert recorded.freeze(profile, "made").protocol == "q"
    assert recorded.open_recorded("made-p").index.protocol == "p"
    assert recorded.open_recorded("made").index.protocol == "q"


def test_a_new_devices_times_join_what_is_recorded(profile: Profile) -> None:
    recorded.freeze(profile, "made")
    before = recorded.open_recorded("made").index
    shutil.rmtree(profile.throughput)
    with pytest.raises(InputError, match=r"results/throughput: no times"):
        recorded.freeze_times(profile, "made")
    path = profile.throughput / "new-device" / "quick.json"
    times = (ROOT / "results/throughput/amd-epyc/quick.json").read_bytes()
    write_atomic_bytes(path, times[:100])
    with pytest.raises(InputError, match=r"new-device/quick.json"):
        recorded.freeze_times(profile, "made")
    assert recorded.open_recorded("made").index == before
    write_atomic_bytes(path, times)
    assert recorded.freeze_times(profile, "made") == [path]
    after = recorded.open_recorded("made")
    assert {*after.index.files} - {*before.files} == {"results/throughput/new-device/quick.json"}
    assert after.index.model_copy(update={"files": before.files}) == before
    kept = after.profile.throughput / "new-device" / "quick.json"
    assert kept.read_bytes() == times
    write_atomic_bytes(path.with_name("times.json"), times)
    path.unlink()  # a device's times are of one source: its older ones go
    assert recorded.freeze_times(profile, "made") == [path.with_name("times.json")]
    replaced = {*recorded.open_recorded("made").index.files} - {*before.files}
    assert replaced == {"results/throughput/new-device/times.json"}
    assert not kept.exists()


def test_an_unknown_profile_is_named_with_the_nearest(profile: Profile) -> None:
    recorded.freeze(profile, "made")
    with pytest.raises(InputError, match=r"mode.*made"):
        recorded.open_recorded("mode")


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> recorded.Recorded:
    """One really trained cell, recorded."""
    (ROOT / ".cache" / "events").mkdir(parents=True, exist_ok=True)
    (tmp_path / ".cache").symlink_to(ROOT / ".cache")
    monkeypatch.chdir(tmp_path)
    params, profile = small_profile(tmp_path / "here", epochs=2)
    run_cell(Cell("dvs_digits", "aia", 0), params, profile, quiet)
    path = record_path(profile.runs, "dvs_digits", "aia", 0)
    host = read_host(path)
    assert host is not None
    write_atomic(host_path(path), as_json(host.model_copy(update={"dirty": False})))
    recorded.freeze(profile, "small")
    return recorded.open_recorded("small")


def test_a_recorded_cell_trains_to_the_same_bytes(trained: recorded.Recorded) -> None:
    cells = verify.chosen_cells(trained, 5, seed=0)
    assert cells == [Cell("dvs_digits", "aia", 0)]
    (checked,) = verify.verify(trained, cells, quiet)
    assert checked.likeness == "bit-identical"


def test_a_cell_that_trains_otherwise_is_told_with_the_epoch_where_it_parts(
    trained: recorded.Recorded,
) -> None:
    key = ("dvs_digits", "aia", 0)
    record = trained.cells.records[key]
    losses = list(record.curves.train_loss)
    losses[1] *= 1 + 1e-6
    curves = record.curves.model_copy(update={"train_loss": losses})
    trained.cells.records[key] = record.model_copy(update={"curves": curves})
    (checked,) = verify.verify(trained, [Cell(*key)], quiet)
    assert checked.likeness == "equal within tolerance"
    assert "part in epoch 2" in checked.says
    losses[0] *= 1.5
    trained.cells.records[key] = record.model_copy(update={"curves": curves})
    (checked,) = verify.verify(trained, [Cell(*key)], quiet)
    assert checked.likeness == "different"
    assert "part in epoch 1" in checked.says


def test_a_cell_that_is_not_recorded_is_refused(trained: recorded.Recorded) -> None:
    with pytest.raises(InputError, match=r"dvs_digits/aia/9.*dvs_digits/aia/0"):
        verify.named_cell(trained, "dvs_digits/aia/9")


def _proven_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """What is proven, in a file that a test may write to."""
    content = proven.PATH.read_bytes()
    (folder / "proven.json").write_bytes(content)
    monkeypatch.setattr(proven, "PATH", folder / "proven.json")
    return content


def test_a_rewritten_source_that_trains_to_the_same_bytes_stands_for_the_recorded_one(
    trained: recorded.Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _proven_apart(tmp_path, monkeypatch)
    monkeypatch.setattr(protocol, "_FILES", (*protocol._FILES, "errors"))  # no byte of a result
    rewritten = protocol.protocol_hash(trained.params.training)
    assert rewritten != trained.index.protocol
    checked = list(verify.verify(trained, verify.cells_of_every_neuron(trained), quiet))
    assert [c.likeness for c in checked] == ["bit-identical"]
    assert "hash of its protocol source" in checked[0].says
    assert verify.accept(trained, checked) == [rewritten]
    assert protocol.protocol_hash(trained.params.training) == trained.index.protocol
    kept = json.loads((tmp_path / "proven.json").read_text())[rewritten]
    assert kept["cells"] == ["dvs_digits/aia/0"]


def test_a_source_that_changes_a_result_is_not_accepted(
    trained: recorded.Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _proven_apart(tmp_path, monkeypatch)
    monkeypatch.setattr(protocol, "learning_rate", lambda *_: 0.0045)
    checked = list(verify.verify(trained, verify.cells_of_every_neuron(trained), quiet))
    with pytest.raises(InputError, match=r"not accepted: dvs_digits/aia/0 is (equal|different)"):
        verify.accept(trained, checked)
    assert (tmp_path / "proven.json").read_bytes() == before


def test_damaged_proofs_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "proven.json").write_text('{"abc": {"stands_for"')
    monkeypatch.setattr(proven, "PATH", tmp_path / "proven.json")
    with pytest.raises(InputError, match=r"proven\.json: not valid"):
        proven.stands_for("abc")
