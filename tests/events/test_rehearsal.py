"""Made-up recordings in a real set's archive."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from benchmarks.errors import InputError
from benchmarks.events import formats as readers
from benchmarks.events.published.archives import extract
from benchmarks.events.published.layout import REHEARSAL, entries, is_rehearsal
from benchmarks.events.rehearsal import rehearsed, write_archive
from benchmarks.progress import silent


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(rehearsed("ncars"), 20, tmp_path_factory.mktemp("made"), silent)


def test_the_archive_holds_zips_as_the_published_one_does(archive: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        assert set(packed.namelist()) == {REHEARSAL, "n-cars_train.zip", "n-cars_test.zip"}
        counts = json.loads(packed.read(REHEARSAL))["counts"]
    assert sum(map(sum, counts.values())) == pytest.approx(20, abs=2)
    assert counts["train"][0] > counts["test"][0]


def test_it_unpacks_to_a_tree_of_recordings_that_the_reader_takes(
    archive: Path, tmp_path: Path
) -> None:
    chosen = rehearsed("ncars")
    extract(archive, tmp_path / "tree", silent)
    found = entries(chosen, tmp_path / "tree")
    assert is_rehearsal(tmp_path / "tree")
    assert {entry.part for entry in found} == {"train", "test"}
    for entry in found:
        recording = readers.read(entry.path, chosen.format, (chosen.width, chosen.height))
        assert (recording.width, recording.height) == (chosen.width, chosen.height)
        assert len(recording.events) > 1000
        assert recording.events["t"].max() <= 100_000


def test_the_same_samples_give_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    again = write_archive(rehearsed("ncars"), 20, tmp_path, silent)
    with zipfile.ZipFile(archive) as one, zipfile.ZipFile(again) as other:
        for name in ("n-cars_train.zip", "n-cars_test.zip"):
            with one.open(name) as a, other.open(name) as b:
                first, second = zipfile.ZipFile(a), zipfile.ZipFile(b)
                assert first.namelist() == second.namelist()
                assert all(first.read(m) == second.read(m) for m in first.namelist())


def test_more_than_there_are_scenes_and_unknown_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ask for fewer samples"):
        write_archive(rehearsed("ncars"), 20_000, tmp_path, silent)
    assert not list(tmp_path.glob("*.zip"))
    with pytest.raises(InputError, match="did you mean 'ncars'"):
        rehearsed("ncar")
