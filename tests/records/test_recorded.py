"""Recorded baselines: what is refused by name, and what trains to the same bytes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from benchmarks import params
from benchmarks.errors import InputError
from benchmarks.profile import Profile
from benchmarks.records import recorded
from benchmarks.records.files import (
    as_json,
    host_path,
    read_host,
    record_path,
    version_of,
    write_atomic,
)
from benchmarks.records.lines import lines_of_hosts, read_hosts
from benchmarks.running import newcomer, verify
from benchmarks.running.cells import run_cell
from benchmarks.running.freezing import freeze
from benchmarks.training import protocol
from benchmarks.training.state import Cell
from tests.called import call_command
from tests.made_records import made_host, selection, write_profile
from tests.small import ROOT, small_profile


def quiet(done: int, total: int, say: str) -> None: ...


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is recorded of a made profile, in an otherwise empty working directory."""
    monkeypatch.chdir(tmp_path)
    profile = write_profile(tmp_path / "here", selection(seeds=1))
    freeze(profile, "made")
    return recorded.FOLDER / "made"


FILES = ("params.yaml", "cells.jsonl", "hosts.jsonl", "data.jsonl", "throughput/made-cpu.jsonl")


@pytest.mark.parametrize("inside", FILES)
@pytest.mark.parametrize("damage", ["edit", "truncate", "lose"])
def test_a_damaged_file_is_refused_by_name(folder: Path, inside: str, damage: str) -> None:
    path = folder / inside
    text = path.read_text()
    if damage == "edit":
        path.write_text(text.replace("0", "1", 1))
    elif damage == "truncate":
        path.write_text(text[: text.rindex("\n", 0, -1) + 1])
    else:
        path.unlink()
    with pytest.raises(InputError, match=rf"^recorded/made/{inside}"):
        recorded.open_recorded("made")


def test_an_edited_line_is_refused_by_its_number(trained: recorded.Recorded) -> None:
    path = recorded.FOLDER / "small" / "cells.jsonl"
    (line,) = path.read_text().splitlines()
    (loss, *_) = json.loads(line)["curves"]["train_loss"]
    worst = line.replace(repr(loss), repr(loss + 1), 1)
    for lines, said in {
        (worst,): r":1: edited since it was written, its seal does not fit",
        (line, line[:100]): r":2: not a valid record",
        (line, line): r":2: stands twice or out of order",
        (line, ""): r":2: not a valid record",
    }.items():
        path.write_text("\n".join([*lines, ""]))
        with pytest.raises(InputError, match=rf"^recorded/small/cells\.jsonl{said}"):
            recorded.open_recorded("small")


def test_hosts_of_other_cells_are_refused(folder: Path) -> None:
    path = folder / "hosts.jsonl"
    path.write_text(path.read_text().replace('"neuron":"aia"', '"neuron":"aib"'))
    index = json.loads((folder / "index.json").read_text())
    index["files"]["hosts.jsonl"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"hosts.jsonl: not the cells of cells.jsonl"):
        recorded.open_recorded("made")


def test_hosts_come_back_whole_though_a_line_says_only_what_is_new() -> None:
    one, two = made_host(), made_host().model_copy(update={"cpu": "another"})
    hosts = {(0.1, "dvs_digits", "aia", seed): host for seed, host in enumerate((one, one, two))}
    text = lines_of_hosts(hosts)
    assert [json.loads(line)["host"] for line in text.splitlines()][1:] == [{}, {"cpu": "another"}]
    assert read_hosts(Path("hosts.jsonl"), text.encode()) == hosts
    with pytest.raises(InputError, match=r"^hosts.jsonl:1: not a valid host: "):
        read_hosts(Path("hosts.jsonl"), text.partition("\n")[2].encode())


def test_a_checkout_with_other_line_ends_is_what_was_recorded(folder: Path) -> None:
    for path in folder.rglob("*.*"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    recorded.open_recorded("made")
    assert "* text=auto eol=lf" in (ROOT / ".gitattributes").read_text().splitlines()


def test_other_versions_than_the_recorded_ones_are_said(folder: Path) -> None:
    index = recorded.read_index("made")
    here = f"torch {version('torch')}"
    same, old = (index.model_copy(update={"versions": [of]}) for of in (here, "torch 2.1.0"))
    assert recorded.other_versions(same) == ""
    assert recorded.other_versions(old) == f"{here} here, 2.1.0 when recorded"


def test_a_file_that_is_not_in_the_index_is_refused_by_name(folder: Path) -> None:
    shutil.copy(folder / "cells.jsonl", folder / "throughput" / "more.jsonl")
    with pytest.raises(InputError, match=r"throughput/more.jsonl: not in index.json"):
        recorded.open_recorded("made")


@pytest.mark.parametrize("inside", ["throughput", "cells.jsonl"])
def test_a_link_is_refused_where_its_content_is_what_was_recorded(
    folder: Path, inside: str
) -> None:
    outside = folder.parents[1] / "outside"
    (folder / inside).rename(outside)
    (folder / inside).symlink_to(outside)
    with pytest.raises(InputError, match=rf"{inside}: a link"):
        recorded.open_recorded("made")


def test_a_recorded_profile_that_is_a_link_is_refused(folder: Path) -> None:
    folder.rename("elsewhere")
    folder.symlink_to(Path("elsewhere").absolute())
    with pytest.raises(InputError, match=r"recorded/made: a link"):
        recorded.open_recorded("made")


@pytest.mark.parametrize(
    "path", ["../../secret", "results/../../../secret", "/etc/passwd", "./params.yaml", "", "."]
)
def test_an_index_that_leads_out_of_its_folder_is_refused(folder: Path, path: str) -> None:
    Path("secret").write_text("")
    index = json.loads((folder / "index.json").read_text())
    index["files"][path] = hashlib.sha256(b"").hexdigest()
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(InputError) as refused:
        recorded.open_recorded("made")
    assert f"{path!r} is no path below the folder" in str(refused.value)


def test_an_index_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / "index.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"made/index.json: not a valid index"):
        recorded.open_recorded("made")


@pytest.mark.parametrize(
    "name", ["../made", "..", ".", "", "a/b", "a\\b", "a\0b", "made\n", "made/", "x" * 300]
)
def test_a_name_that_is_not_one_part_of_a_path_is_refused(folder: Path, name: str) -> None:
    for read in (recorded.open_recorded, recorded.read_index):
        with pytest.raises(InputError, match=r"cannot name a recorded profile"):
            read(name)


def test_an_unknown_profile_is_named_with_the_nearest(folder: Path) -> None:
    folder.with_name(".begun").mkdir()
    folder.with_name(".begun").joinpath("index.json").touch()
    with pytest.raises(InputError, match=r"mode.*made") as refused:
        recorded.open_recorded("mode")
    assert ".begun" not in str(refused.value)


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with one really trained cell, recorded."""
    (ROOT / ".cache" / "events").mkdir(parents=True, exist_ok=True)
    made = tmp_path_factory.mktemp("trained")
    (made / ".cache").symlink_to(ROOT / ".cache")
    with contextlib.chdir(made):
        small, profile = small_profile(made / "here", epochs=2)
        run_cell(Cell("dvs_digits", "aia", 0), small, profile, quiet)
        path = record_path(profile.runs, "dvs_digits", "aia", 0)
        host = read_host(path)
        assert host is not None
        write_atomic(host_path(path), as_json(host.model_copy(update={"dirty": False})))
        freeze(profile, "small")
    return made


@pytest.fixture
def trained(
    trained_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> recorded.Recorded:
    """The same in a folder of the test's own, which is the working directory."""
    shutil.copytree(trained_once, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
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


def test_another_arithmetic_is_said_instead_of_a_distance(trained: recorded.Recorded) -> None:
    key = ("dvs_digits", "aia", 0)
    trained.cells.records[key] = trained.cells.records[key].model_copy(
        update={"arithmetic": "fast"}
    )
    (checked,) = verify.verify(trained, [Cell(*key)], quiet)
    assert checked.likeness == "different"
    assert "portable arithmetic, recorded fast" in checked.says


def test_baselines_of_an_older_protocol_pair_with_nothing_new(
    trained: recorded.Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = params.read(ROOT / "params.yaml")
    monkeypatch.setitem(protocol.PROTOCOL, "bptt", protocol.PROTOCOL["bptt"] + 1)
    with pytest.raises(InputError, match=r"recorded/small was trained under protocol \d"):
        newcomer.newcomer("aia.neuron:LIF", {}, known, trained, Profile(Path("here")))
    assert version_of("0123456789abcdef") == 1


@pytest.mark.parametrize("words", [("tables",), ("report",), ("cells", "dvs_digits", "aia")])
def test_no_command_writes_into_a_baseline(words: tuple[str, ...]) -> None:
    quick = ROOT / "recorded" / "quick"
    before = sorted(quick.rglob("*"))
    done = call_command("--profile", str(quick), *words)
    assert done.returncode == 2
    assert "a baseline, into which nothing is written" in done.stderr
    assert sorted(quick.rglob("*")) == before
