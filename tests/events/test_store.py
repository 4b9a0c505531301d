"""Real data sets from files on disk to an event set over a memory map."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.errors import InputError
from benchmarks.events import ensure, manifest, real, store
from benchmarks.events import formats as readers
from benchmarks.events.embedded.simulate import EVENT
from benchmarks.events.formats.write import write_aedat3, write_dat
from benchmarks.events.frames import by_count, by_time
from benchmarks.events.manifests import write_manifest
from benchmarks.events.mapped import MappedFrames
from benchmarks.events.published.catalogue import SETS
from benchmarks.events.published.layout import REHEARSAL, entries
from benchmarks.events.recording import Recording

NCARS = SETS["ncars"]
TRAIN, TEST = 12, 4  # recordings of each class


def _recording(generator: np.random.Generator, width: int, height: int, count: int) -> Recording:
    events = np.empty(count, EVENT)
    events["t"] = np.sort(generator.integers(0, 100_000, count))
    events["x"], events["y"] = generator.integers(0, (width, height), (count, 2)).T
    events["p"] = generator.random(count) < 0.5
    return Recording(events, width, height)


def ncars_tree(tree: Path, train: int = TRAIN, test: int = TEST, count: int = 500) -> Path:
    """A rehearsal's tree of N-CARS with random events."""
    generator = np.random.default_rng(5)
    for part, many in (("train", train), ("test", test)):
        for name in NCARS.classes:
            for number in range(many):
                path = tree / f"n-cars_{part}" / name / f"obj_{number:06d}_td.dat"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_dat(path, _recording(generator, 120, 100, count))
    said = {"counts": {"train": [train, train], "test": [test, test]}}
    (tree / REHEARSAL).write_text(json.dumps(said))
    return tree


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = ncars_tree(tmp_path / "ncars")
    monkeypatch.setenv("AIA_DATA_NCARS", str(made))
    return made


@pytest.mark.parametrize(("name", "slices"), [("", by_time), ("-count", by_count)])
def test_frames_are_those_of_the_files_and_parts_those_of_the_set(
    tree: Path, tmp_path: Path, name: str, slices: object
) -> None:
    made = ensure(f"ncars-rehearsal{name}", 5, tmp_path / "cache")
    assert isinstance(made.test.frames, MappedFrames)
    assert isinstance(made.test.frames.store, np.memmap)
    assert made.train.frames.shape[1:] == (5, 2, 100, 120)
    assert len(made.validation.labels) == 2
    assert len(made.train.labels) == 2 * (TRAIN - 3)  # one on either side belongs to no part
    found = entries(NCARS, tree)
    for split, part in ((made.train, "train"), (made.test, "test")):
        for place in (0, -1):
            entry = found[split.sources[place]]
            assert (entry.part, entry.label) == (part, split.labels[place])
            events = readers.read(entry.path, "dat", (120, 100)).events
            expected = slices(events, 5, 100, 120)  # type: ignore[operator]
            assert np.array_equal(split.frames[np.array([place])][0], expected)
    said = manifest(made)
    assert said["left_out"] == 4
    assert said["split"] == "official"
    assert said["archive"] == "dat, rehearsal"
    assert said["events_per_sample"] == dict.fromkeys(made.splits(), 500.0)


def test_frames_are_kept_at_the_size_and_every_event_is_accounted_for(
    tree: Path, tmp_path: Path
) -> None:
    made = ensure("ncars-rehearsal", 5, tmp_path / "cache", size=48)
    assert made.train.frames.shape[1:] == (5, 2, 48, 48)
    said = manifest(made)
    assert said["binning"] == "sum"
    for name, split in made.splits().items():
        recorded = 500 * len(split.labels)
        assert split.frames[:].sum(dtype=int) == recorded
        assert said["events"][name] == {"recorded": recorded, "kept": 1.0, "clipped": 0}  # type: ignore[index]


def test_frames_are_made_by_one_process_where_one_core_may_be_used(
    tree: Path, tmp_path: Path
) -> None:
    code = (
        "import os, psutil; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
        "from pathlib import Path; from benchmarks.events import ensure; "
        f"ensure('ncars-rehearsal', 5, Path({str(tmp_path / 'cache')!r})); "
        "print(len(psutil.Process().children()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_the_manifest_says_which_share_nearest_keeps(tree: Path, tmp_path: Path) -> None:
    made = ensure("ncars-rehearsal", 5, tmp_path / "cache", size=48, binning="nearest")
    said = manifest(made)
    kept = said["events"]["test"]["kept"]  # type: ignore[index]
    assert said["binning"] == "nearest"
    assert kept == pytest.approx(48 * 48 / (100 * 120), rel=0.1)
    assert made.test.frames[:].sum(dtype=int) == round(kept * 500 * len(made.test.labels))


def test_whatever_frames_are_made_by_makes_another_store(tree: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    made = [
        ensure("ncars-rehearsal", 5, cache),
        ensure("ncars-rehearsal", 4, cache),
        ensure("ncars-rehearsal-count", 5, cache),
        ensure("ncars-rehearsal", 5, cache, size=48),
        ensure("ncars-rehearsal", 5, cache, size=47),
        ensure("ncars-rehearsal", 5, cache, size=48, binning="nearest"),
    ]
    assert len({one.digest for one in made}) == len(made)
    assert len(list(cache.glob("*/frames.npy"))) == len(made)


def test_the_second_call_reads_what_the_first_built(tree: Path, tmp_path: Path) -> None:
    first = ensure("ncars-rehearsal", 5, tmp_path / "cache")
    heard: list[int] = []
    second = ensure("ncars-rehearsal", 5, tmp_path / "cache", lambda *said: heard.append(said[0]))
    assert first.digest == second.digest
    assert heard == []


def test_a_changed_file_makes_another_store(tree: Path, tmp_path: Path) -> None:
    first = ensure("ncars-rehearsal", 5, tmp_path / "cache")
    path = tree / "n-cars_test" / "cars" / "obj_000000_td.dat"
    write_dat(path, _recording(np.random.default_rng(9), 120, 100, 500))
    assert ensure("ncars-rehearsal", 5, tmp_path / "cache").digest != first.digest


def test_a_store_that_was_cut_short_is_made_again(tree: Path, tmp_path: Path) -> None:
    first = ensure("ncars-rehearsal", 5, tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob("*/frames.npy")
    os.truncate(path, path.stat().st_size // 2)
    again = ensure("ncars-rehearsal", 5, tmp_path / "cache")
    assert again.digest == first.digest
    assert np.array_equal(again.test.frames[:], first.test.frames[:])


def built(cache: Path) -> Path:
    """The folder of the frames that are made."""
    ensure("ncars-rehearsal", 4, cache)
    (frames,) = cache.glob("*/frames.npy")
    return frames.parent


def test_a_build_goes_on_from_whatever_a_kill_has_left(tree: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    whole = built(cache)
    part = whole.with_name(f"{whole.name}.part")
    for left in ("no chunks", "frames of no byte", "frames of another shape"):
        shutil.move(whole, part)
        if left != "no chunks":
            (part / "chunks").mkdir()
            (part / "frames.npy").write_bytes(b"")
        if left == "frames of another shape":
            np.save(part / "frames.npy", np.zeros((3, 2), np.uint8))
        assert built(cache) == whole, left
        assert ensure("ncars-rehearsal", 4, cache).train.frames[:].any(), left


def test_a_disk_without_room_is_said_and_not_run_into(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    with pytest.raises(InputError, match=r"3\.07 MB are needed to keep the frames, 1 MB are free"):
        ensure("ncars-rehearsal", 4, tmp_path)


def test_frames_that_have_changed_get_no_manifest(tree: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    folder = built(cache)
    write_manifest(ensure("ncars-rehearsal", 4, cache), tmp_path)
    frames = np.load(folder / "frames.npy", mmap_mode="r+")
    frames[5] += 1
    frames.flush()
    with pytest.raises(InputError, match=r"frames of recording 5 are not .* delete the folder"):
        write_manifest(ensure("ncars-rehearsal", 4, cache), tmp_path)


def test_a_recording_that_is_refused_is_named_and_the_others_are_kept(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_CHUNK", 4)
    path = tree / "n-cars_train" / "cars" / "obj_000003_td.dat"
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    state = path.stat()
    with pytest.raises(InputError, match=r"obj_000003_td\.dat.*kept for the next time"):
        ensure("ncars-rehearsal", 5, tmp_path / "cache")
    (part,) = (tmp_path / "cache").glob("*.part")
    kept = len(list((part / "chunks").glob("*.npy")))
    assert kept == (2 * TRAIN + 2 * TEST) // 4 - 1
    # put right under the same name, size and time: the same store, and one chunk is left to do
    path.write_bytes(whole)
    os.truncate(path, len(whole))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert ensure("ncars-rehearsal", 5, tmp_path / "cache").test.frames.shape[0] == 2 * TEST


def test_made_up_recordings_never_pass_for_the_set(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="call the data set ncars-rehearsal"):
        ensure("ncars", 5, tmp_path / "cache")
    (tree / REHEARSAL).unlink()
    with pytest.raises(InputError, match="missing or too many"):
        ensure("ncars-rehearsal", 5, tmp_path / "cache")


def test_a_build_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIA_DATA_NCARS", str(ncars_tree(tmp_path / "ncars", 40, 8)))
    monkeypatch.setattr(store, "_CHUNK", 8)
    cache = tmp_path / "cache"
    script = (
        "import os, signal; from pathlib import Path; from benchmarks.events import ensure, store;"
        "store._CHUNK = 8; killed = lambda *said: os.killpg(0, signal.SIGKILL);"
        f"ensure('ncars-rehearsal', 5, Path({str(cache)!r}), killed)"
    )
    child = subprocess.run([sys.executable, "-c", script], start_new_session=True, check=False)
    assert child.returncode == -signal.SIGKILL
    done = len(list(cache.glob("*.part/chunks/*.npy")))
    assert 0 < done < 96 / 8
    heard: list[int] = []
    resumed = ensure("ncars-rehearsal", 5, cache, lambda *s: heard.append(s[0]))
    assert heard[0] > 8 * (done - 1)
    straight = ensure("ncars-rehearsal", 5, tmp_path / "other")
    assert resumed.digest == straight.digest
    assert np.array_equal(resumed.train.frames[:], straight.train.frames[:])


def test_users_of_dvs_gesture_are_in_one_split_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "gesture"
    tree.mkdir()
    generator = np.random.default_rng(6)
    for user in (*range(1, 12), 24, 25):
        recording = _recording(generator, 128, 128, 3_000)
        write_aedat3(tree / f"user{user:02d}_led.aedat", recording)
        rows = [f"{k},{8_000 * k},{8_000 * (k + 1)}" for k in range(1, 12)]
        table = "\n".join(["class,startTime_usec,endTime_usec", *rows])
        (tree / f"user{user:02d}_led_labels.csv").write_text(table + "\n")
    said = {"counts": {"train": [11] * 11, "test": [2] * 11}}
    (tree / REHEARSAL).write_text(json.dumps(said))
    monkeypatch.setenv("AIA_DATA_DVS_GESTURE", str(tree))
    made = ensure("dvs_gesture-rehearsal", 4, tmp_path / "cache")
    users = {part: set(split.sources.tolist()) for part, split in made.splits().items()}
    assert users["test"] == {24, 25}
    assert users["validation"]
    assert not users["validation"] & users["train"]
    assert made.train.frames[:].sum() > 0


def test_a_name_says_what_is_chosen() -> None:
    choice = real.choice_of("cifar10dvs-first100-count")
    assert (choice.split, choice.slicing, choice.rehearsal) == ("first100", "count", False)
    assert real.choice_of("cifar10dvs").split == ""  # what the recordings allow
    with pytest.raises(InputError, match="did you mean 'first100'"):
        real.choice_of("cifar10dvs-first10")
    for name, both in (("ncars-random-blocks0", "random and blocks0"), ("ncars-count-time", "")):
        with pytest.raises(InputError, match=f"{both}.* exclude each other"):
            real.choice_of(name)
