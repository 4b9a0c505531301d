"""Packed frames are the ones that were made, on any machine, or they are refused."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest

from benchmarks.errors import InputError
from benchmarks.events import ensure, manifest, packed, real
from benchmarks.progress import silent
from tests.events.test_store import ncars_tree

NAME = "ncars-rehearsal"
RECIPE = real.choice_of(NAME).recipe(5, 48, None)


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine with the recordings: its cache, and the packed file beside it."""
    tree = ncars_tree(tmp_path / "ncars")
    monkeypatch.setenv("AIA_DATA_NCARS", str(tree))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("AIA_OFFLINE", "1")
    made = real.framed(real.choice_of(NAME), RECIPE, tmp_path / "there", silent)
    packed.pack(made, tmp_path / "frames.xz", silent)
    return tmp_path / "there"


@pytest.fixture
def file(there: Path) -> Path:
    return there.with_name("frames.xz")


def rewritten(file: Path, old: bytes, new: bytes) -> Path:
    """The same file with one place changed, as someone would who packs anew."""
    content = lzma.decompress(file.read_bytes())
    assert content.count(old) >= 1
    file.write_bytes(lzma.compress(content.replace(old, new, 1)))
    return file


@pytest.mark.parametrize("split", ["", "-random", "-blocks1"])
def test_a_machine_without_recordings_has_the_same_set(
    split: str, there: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ensure(NAME + split, 5, there, size=48)
    monkeypatch.delenv("AIA_DATA_NCARS")
    here = there.with_name("here")
    with pytest.raises(InputError, match="N-CARS"):
        ensure(NAME + split, 5, here, size=48)
    packed.unpack(file, here, NAME, silent)
    carried = ensure(NAME + split, 5, here, size=48)
    assert manifest(carried) == manifest(made)
    assert np.array_equal(carried.train.frames[:], made.train.frames[:])
    with pytest.raises(InputError, match="N-CARS"):
        ensure(NAME + split, 5, here, size=47)


def test_the_same_frames_make_the_same_file(there: Path, file: Path) -> None:
    made = real.framed(real.choice_of(NAME), RECIPE, there, silent)
    again = file.with_name("again.xz")
    packed.pack(made, again, silent)
    assert again.read_bytes() == file.read_bytes()


def test_recordings_that_are_here_come_first(there: Path, file: Path) -> None:
    packed.unpack(file, there, NAME, silent)
    folder = next(there.glob("*-packed"))
    (folder / "frames.npy").write_bytes(b"")
    assert len(ensure(NAME, 5, there, size=48).test.labels) == 8


@pytest.mark.parametrize("what", ["about", "labels", "parts", "index", "frames"])
def test_what_was_changed_is_refused_and_what_was_there_stays(
    what: str, there: Path, file: Path
) -> None:
    packed.unpack(file, there, NAME, silent)
    made = packed.kept(there, NAME, RECIPE)
    assert made is not None
    old = {
        "about": b'"official"',
        "labels": made.members.labels.tobytes(),
        "parts": "train".encode("utf-32-le"),
        "index": made.store.index.tobytes(),
        "frames": np.moveaxis(made.store.frames[7:8], 1, -1).tobytes(),
    }[what]
    changed = bytearray(old)
    changed[len(old) // 2] ^= 1
    with pytest.raises(InputError, match="nothing of it is kept"):
        packed.unpack(rewritten(file, old, bytes(changed)), there, NAME, silent)
    kept = packed.kept(there, NAME, RECIPE)
    assert kept is not None
    assert kept.sha256() == kept.about.sha256 == made.about.sha256
    assert not list(there.glob(".unpacking"))


def test_a_name_that_leads_elsewhere_is_refused(file: Path, tmp_path: Path) -> None:
    wrong = rewritten(file, b'"ncars-rehearsal"', b'"../ncars"')
    with pytest.raises(InputError, match="nothing of it is kept"):
        packed.unpack(wrong, tmp_path / "here", "../ncars", silent)
    assert not (tmp_path / "ncars-5-time-48-sum-packed").exists()


def test_a_file_that_is_damaged_or_of_another_set_is_refused(file: Path, tmp_path: Path) -> None:
    here, whole = tmp_path / "here", file.read_bytes()
    with pytest.raises(InputError, match="it holds data set ncars-rehearsal"):
        packed.unpack(file, here, "ncars", silent)
    longer = lzma.compress(lzma.decompress(whole) + b"more")
    for damaged in (whole[: len(whole) // 2], lzma.compress(b"no frames" * 999), whole[:6], longer):
        file.write_bytes(damaged)
        with pytest.raises(InputError, match="nothing of it is kept"):
            packed.unpack(file, here, NAME, silent)
    assert list(here.iterdir()) == []


def test_a_packed_file_is_known_by_its_first_bytes(file: Path, tmp_path: Path) -> None:
    assert packed.is_packed(file)
    assert not packed.is_packed(tmp_path)
    assert not packed.is_packed(tmp_path / "nowhere")
