"""A declared part of a data set is what was there when it was declared, and says so."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.errors import InputError
from benchmarks.events import ensure, manifest
from benchmarks.events.formats.write import write_aedat2, write_atis
from benchmarks.events.published import parts
from benchmarks.events.published.acquire import cache_of
from benchmarks.events.published.catalogue import SETS
from benchmarks.events.published.layout import REHEARSAL
from benchmarks.events.published.parts import as_set, declare, declared, described, is_declared
from benchmarks.progress import silent
from tests.events.recordings import made
from tests.events.small_sets import ncars_recordings, small_ncars, write_tree

NMNIST = SETS["nmnist"]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("AIA_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def digits(tree: Path, train: dict[str, int], test: dict[str, int]) -> Path:
    """Made-up recordings, so many of each digit, laid out as N-MNIST."""
    for part, counts in (("Train", train), ("Test", test)):
        for digit, count in counts.items():
            for number in range(1, count + 1):
                path = tree / part / digit / f"{number:05d}.bin"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atis(path, made(50, (34, 34), seed=100 * number + int(digit)))
    return tree


def test_a_part_is_trained_on_under_its_name_and_says_what_it_is(tmp_path: Path) -> None:
    tree = digits(tmp_path / "some", {"7": 30, "9": 20}, {})
    declare(NMNIST, tree, silent)
    made_of = ensure("nmnist-part", 4, tmp_path / "frames")
    assert made_of.classes == ("7", "9")
    assert {name: len(split.labels) for name, split in made_of.splits().items()} == {
        "train": 40,
        "validation": 5,
        "test": 5,
    }
    said = manifest(made_of)
    assert said["name"] == "nmnist-part"
    assert said["split"] == (
        "random_per_class; part: train 7 with 30 of 6,265, 9 with 20 of 5,949; 50 recordings"
    )
    assert said["archive"] == f"atis, part {declared(NMNIST).digest}"


def test_the_official_split_stays_where_every_class_has_both_parts(tmp_path: Path) -> None:
    tree = digits(tmp_path / "some", {"2": 10, "3": 10}, {"2": 4, "3": 6})
    declare(NMNIST, tree, silent)
    made_of = ensure("nmnist-part", 4, tmp_path / "frames")
    assert np.bincount(made_of.test.labels).tolist() == [4, 6]
    assert str(manifest(made_of)["split"]).startswith("official; part: train ")
    (tree / "Test" / "2").rename(tree / "Test" / "5")
    declare(NMNIST, tree, silent)
    own, found = as_set(declared(NMNIST))
    assert own.splits == ("random_per_class",)
    assert own.classes == ("2", "3", "5")
    assert own.counts == {"train": (10, 10, 0), "test": (0, 6, 4)}
    assert {entry.path.parent.name: entry.label for entry in found} == {"2": 0, "3": 1, "5": 2}


def test_a_part_of_a_set_that_is_ordered_is_not_drawn_by_default(tmp_path: Path) -> None:
    files = ncars_recordings()
    trained = {path: data for path, data in files.items() if "n-cars_train" in path}
    own, _ = as_set(declare(small_ncars(), write_tree(tmp_path / "some", trained), silent))
    assert own.splits[0] == "blocks0"
    assert {"random", "random_per_class"} <= set(own.splits)


def test_the_description_names_complete_classes_and_how_much_there_is_of_others(
    tmp_path: Path,
) -> None:
    chosen = small_ncars()
    files = ncars_recordings()
    del files["n-cars_train/cars/obj_000001_td.dat"], files["n-cars_test/cars/obj_000000_td.dat"]
    part = declare(chosen, write_tree(tmp_path / "some", files), silent)
    assert described(part) == (
        "part: train background complete, cars with 1 of 2; test background complete; 4 recordings"
    )
    assert part.counts == {"train": [2, 1], "test": [1, 0]}
    many = dataclasses.replace(NMNIST, counts={"train": (2,) * 10, "test": (1,) * 10})
    every = dict.fromkeys(many.classes, 1)
    part = declare(many, digits(tmp_path / "digits", every, {}), silent)
    assert described(part) == "part: train 10 classes with 10 of 20; 10 recordings"


def test_the_hash_is_of_what_is_there_and_not_of_where(tmp_path: Path) -> None:
    one = declare(NMNIST, digits(tmp_path / "one", {"1": 3}, {}), silent)
    other = declare(NMNIST, digits(tmp_path / "two" / "deep", {"1": 3}, {}), silent)
    assert one.digest == other.digest
    (tmp_path / "two" / "deep" / "Train" / "1" / "00002.bin").write_bytes(bytes(5))
    assert declare(NMNIST, tmp_path / "two", silent).digest != one.digest


@pytest.mark.parametrize("change", ["less", "more", "other", "gone"])
def test_what_is_not_as_it_was_declared_is_refused(tmp_path: Path, change: str) -> None:
    tree = digits(tmp_path / "some", {"1": 12, "2": 12}, {})
    declare(NMNIST, tree, silent)
    first = tree / "Train" / "1" / "00001.bin"
    if change == "less":
        first.unlink()
    elif change == "more":
        digits(tree, {}, {"1": 1})
    elif change == "other":
        first.write_bytes(first.read_bytes()[:-5])
    else:
        tree.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="data get nmnist --part --from PATH") as caught:
        ensure("nmnist-part", 4, tmp_path / "frames")
    assert str(tree) in str(caught.value)


def test_contents_that_changed_behind_the_same_size_and_time_are_found_by_verify(
    tmp_path: Path,
) -> None:
    tree = digits(tmp_path / "some", {"1": 2}, {})
    declare(NMNIST, tree, silent)
    parts.verify(declared(NMNIST), silent)
    path = tree / "Train" / "1" / "00001.bin"
    before, data = path.stat(), path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(InputError, match="hold something else"):
        parts.verify(declared(NMNIST), silent)


def test_nothing_is_written_beside_the_recordings(tmp_path: Path) -> None:
    tree = digits(tmp_path / "some", {"1": 2}, {})
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    declare(NMNIST, tree, silent)
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before
    assert [path.name for path in cache_of(NMNIST).iterdir()] == ["part.json"]


def test_the_environment_names_the_place_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIA_DATA_NMNIST", str(digits(tmp_path / "some", {"1": 2}, {})))
    assert declare(NMNIST, None, silent).tree == tmp_path / "some"


def test_what_is_no_part_is_not_declared(tmp_path: Path) -> None:
    chosen = small_ncars()
    tree = write_tree(tmp_path / "whole", ncars_recordings())
    with pytest.raises(InputError, match="N-CARS is whole; call it ncars, without --part"):
        declare(chosen, tree, silent)
    write_tree(tree, {"n-cars_test/cars/obj_000009_td.dat": b"x"})
    with pytest.raises(InputError, match="2 recordings of test cars; N-CARS has 1"):
        declare(chosen, tree, silent)
    with pytest.raises(InputError, match=r"give --from .*no recording of N-CARS below it"):
        declare(chosen, digits(tmp_path / "other", {"1": 1}, {}), silent)
    with pytest.raises(InputError, match="no folder to look into"):
        declare(chosen, tmp_path / "nowhere", silent)
    (tree / REHEARSAL).write_text(json.dumps({"counts": {"train": [2, 2], "test": [1, 2]}}))
    with pytest.raises(InputError, match="made up; no part of N-CARS"):
        declare(chosen, tree, silent)
    assert not is_declared(chosen)
    with pytest.raises(InputError, match="no part of N-CARS was declared; declare one"):
        declared(chosen)


def test_a_declaration_that_is_damaged_is_refused_by_its_name(tmp_path: Path) -> None:
    declare(NMNIST, digits(tmp_path / "some", {"1": 2}, {}), silent)
    note = cache_of(NMNIST) / "part.json"
    for text in ("", "[]", "{}"):
        note.write_text(text)
        with pytest.raises(InputError, match=r"part\.json: not a declared part .*declare it again"):
            declared(NMNIST)


def test_without_its_name_a_part_stays_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIA_OFFLINE", "1")
    tree = digits(tmp_path / "some", {"1": 2}, {})
    monkeypatch.setenv("AIA_DATA_NMNIST", str(tree))
    declare(NMNIST, None, silent)
    with pytest.raises(InputError, match=f"data get nmnist --part --from {tree}"):
        ensure("nmnist", 4, tmp_path / "frames")


def test_cards_stay_whole_in_a_part_of_poker(tmp_path: Path) -> None:
    tree = tmp_path / "poker"
    for suit in ("heart", "spade"):
        for number in range(1, 24):
            recording = made(40, (35, 35), seed=number)
            events = recording.events
            # the writer mirrors, as a DVS128 does
            events["x"], events["y"] = 127 - events["x"], 127 - events["y"]
            mirrored = dataclasses.replace(recording, width=128, height=128)
            write_aedat2(tree / f"x{suit}{number:02d}.aedat", mirrored)
    declare(SETS["pokerdvs"], tree, silent)
    made_of = ensure("pokerdvs-part-fold1", 3, tmp_path / "frames")
    assert made_of.classes == ("heart", "spade")
    assert made_of.train.frames.shape[1:] == (3, 2, 35, 35)
    said = manifest(made_of)
    assert str(said["split"]).startswith("fold1; part: heart complete, spade with 23 of 35; 46 ")
    # eight cards of hearts, four of the 23 spades
    assert sum(said["sources"].values()) == 12  # type: ignore[attr-defined]
