"""``python -m benchmarks data``: the list, getting, checking, looking."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from benchmarks.cli.main import app
from benchmarks.cli.progress import console
from benchmarks.errors import InputError
from benchmarks.events.embedded.simulate import EVENT
from benchmarks.events.formats.write import write_aedat3, write_dat
from benchmarks.events.published.catalogue import SETS
from benchmarks.events.published.layout import REHEARSAL
from benchmarks.events.recording import Recording
from benchmarks.records.recorded import open_recorded
from tests.events.small_sets import zipped

CLASSES = ("background", "cars")


def recording(seed: int, width: int, height: int) -> Recording:
    generator = np.random.default_rng(seed)
    events = np.zeros(500, dtype=EVENT)
    events["t"] = np.sort(generator.integers(0, 100_000, 500))
    events["x"], events["y"] = generator.integers(0, (width, height), (500, 2)).T
    events["p"] = generator.random(500) < 0.5
    return Recording(events, width, height)


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("AIA_DATA")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("AIA_OFFLINE", "1")
    monkeypatch.setattr(console, "width", 100)


@pytest.fixture
def ncars(tmp_path: Path) -> Path:
    """Two made-up recordings of each class and part, in the format of N-CARS."""
    tree = tmp_path / "ncars"
    for part in ("train", "test"):
        for label, name in enumerate(CLASSES):
            for number in range(2):
                made = recording(10 * label + number, 120, 100)
                folder = tree / f"n-cars_{part}" / name
                folder.mkdir(parents=True, exist_ok=True)
                write_dat(folder / f"obj_{number:06d}_td.dat", made)
    counts = {"train": [2, 2], "test": [2, 2]}
    (tree / REHEARSAL).write_text(json.dumps({"counts": counts}))
    return tree


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["data", *words])
    if done.exception is not None:
        raise done.exception
    return done.stdout


def where() -> str:
    """The list's last column without blanks, which it wraps at."""
    cells = [line.split("│")[-2] for line in run().splitlines() if "│" in line]
    return "".join("".join(cells).split())


def test_the_list_names_every_set_in_100_columns() -> None:
    said = run()
    assert all(name in said for name in (*SETS, "dvs_digits", "dvs_vehicles", "dvs_motion"))
    assert max(len(line) for line in said.splitlines() if line[0] in "┃│") <= 100
    assert "no; 290 MB to get by hand" in said
    assert "no; 8.38 GB to download" in said
    for chosen in SETS.values():
        assert f"{chosen.name}: {chosen.licence_page} ({chosen.licence})" in said


def test_the_list_says_where_a_set_is_and_that_it_is_made_up(
    ncars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIA_DATA_NCARS", str(ncars))
    last_column = [line.split("│")[-2].strip() for line in run().splitlines() if "│" in line]
    assert "a rehearsal, not the set;" in " ".join(last_column)
    assert str(ncars) in "".join(last_column)


def test_the_list_says_how_much_of_a_download_came(tmp_path: Path) -> None:
    part = tmp_path / "cache" / "aia-bench" / "data" / "nmnist" / "archives" / "Train.zip.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"0" * 2_000_000)
    assert "(2 MB came so far)" in " ".join(run().replace("│", " ").split())


def test_get_takes_what_is_there_and_says_whose_it_is(ncars: Path) -> None:
    said = " ".join(run("get", "ncars", "--from", str(ncars)).split())
    assert "N-CARS: 8 recordings in" in said
    assert SETS["ncars"].licence_page in said
    assert SETS["ncars"].citation in said


def test_get_declares_a_part_that_verify_and_show_then_take(ncars: Path, tmp_path: Path) -> None:
    (ncars / REHEARSAL).unlink()
    with pytest.raises(InputError, match="data get ncars --part --from"):
        run("get", "ncars", "--from", str(ncars))
    said = " ".join(run("get", "ncars", "--part", "--from", str(ncars)).split())
    assert "2 of 7,482" in said
    assert "2 of 4,396" in said
    assert "part: train background with 2 of 7,482, cars with 2 of 7,940; test" in said
    assert "call the data set ncars-part; its split is official" in said
    assert SETS["ncars"].licence_page in said
    assert "8 recordings in" in run("verify", "ncars", "--part")
    out = tmp_path / "sheet.png"
    run("show", "ncars", "--part", "--out", str(out))
    assert out.stat().st_size > 1000
    assert "apart,ncars-part:8recordingsin" in where()
    (ncars / "n-cars_test" / "cars" / "obj_000001_td.dat").unlink()
    assert "apartwasdeclared;" in where()


def test_an_embedded_set_has_no_part() -> None:
    with pytest.raises(InputError, match="dvs_motion' is made here, whole"):
        run("get", "dvs_motion", "--part")
    with pytest.raises(InputError, match="unknown data set 'dvs_digit'; did you mean 'dvs_digits'"):
        run("get", "dvs_digit")
    with pytest.raises(InputError, match="did you mean 'ncars'"):
        run("get", "n_cars")


def test_get_and_list_say_what_to_know_of_a_small_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for suit, count in zip(SETS["pokerdvs"].classes, SETS["pokerdvs"].counts[""], strict=True):
        for number in range(1, count + 1):
            (tmp_path / f"x{suit}{number:02d}.aedat").touch()
    for words in (("get", "pokerdvs", "--from", str(tmp_path)), ()):
        assert "too few to train on with confidence" in " ".join(run(*words).split())


def test_get_of_what_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Check the path: .*\n *.*nowhere") as caught:
        run("get", "ncars", "--from", str(tmp_path / "nowhere"))
    assert "the path that you gave" in str(caught.value)


def test_an_unknown_set_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'nmnist'"):
        run("get", "mnist")


def test_verify_counts_and_looks_at_every_file(ncars: Path) -> None:
    assert "8 recordings in" in run("verify", "ncars", "--from", str(ncars))
    (ncars / "n-cars_test" / "cars" / "obj_000001_td.dat").write_bytes(b"<html>")
    (ncars / "n-cars_test" / "cars" / "obj_000000_td.dat").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        run("verify", "ncars", "--from", str(ncars))
    said = str(caught.value)
    assert "2 files are not what they should be" in said
    assert "obj_000001_td.dat: begins with b'<', expected b'%'" in said
    assert "obj_000000_td.dat: empty" in said


def test_verify_names_the_split_that_leaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracks, length = 40, 3
    for part in ("train", "test"):
        for label, name in enumerate(CLASSES):
            folder = tmp_path / "tree" / f"n-cars_{part}" / name
            folder.mkdir(parents=True)
            for number in range(tracks * length):
                seed = 1000 * label + number // length + (500 if part == "test" else 0)
                write_dat(folder / f"obj_{number:06d}_td.dat", recording(seed, 120, 100))
    counts = (tracks * length,) * 2
    small = dataclasses.replace(SETS["ncars"], counts={"train": counts, "test": counts})
    monkeypatch.setitem(SETS, "ncars", small)
    profile = tmp_path / "profile"
    done = CliRunner().invoke(
        app,
        ["--profile", str(profile), "data", "verify", "ncars", "--from", str(tmp_path / "tree")],
    )
    assert done.exception is None, done.exception
    leaking = [line.split()[1] for line in done.stdout.splitlines() if "leaks" in line]
    assert leaking == ["ncars-random"] * 2


def test_verify_compares_the_splits_of_an_embedded_set() -> None:
    said = run("verify", "dvs_vehicles")
    assert all(split in said for split in ("train", "validation", "test"))
    assert "leaks" not in said


def test_frames_are_packed_and_taken_elsewhere(
    ncars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIA_DATA_NCARS", str(ncars))
    (tmp_path / "params.yaml").write_text(Path("params.yaml").read_text())
    monkeypatch.chdir(tmp_path)  # frames are cached in the working directory
    file = tmp_path / "packed" / "ncars.tar.xz"
    profile = ["--profile", str(tmp_path), "data"]
    done = CliRunner().invoke(
        app, [*profile, "pack", "ncars-rehearsal", "--out", str(file)], catch_exceptions=False
    )
    sha256 = done.stdout.split()[-1]
    done = CliRunner().invoke(
        app, [*profile, "get", "ncars-rehearsal", "--from", str(file)], catch_exceptions=False
    )
    said = " ".join(done.stdout.split())
    assert "ncars-rehearsal, 10 frames as recorded in slices of equal time" in said
    assert said.endswith(f"as it was packed: {sha256}")
    with pytest.raises(InputError, match="recorded sets are packed"):
        run("pack", "dvs_digits", "--out", str(file))


def test_verify_hashes_archives_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIA_DATA_CIFAR10DVS_AEDAT2", str(tmp_path))
    (tmp_path / "cat.zip").write_bytes(zipped({"a": b"1"}))
    with pytest.raises(InputError, match=r"cat\.zip: \d+ bytes, md5 \w+, expected 52c63c67"):
        run("verify", "cifar10dvs_aedat2")


def test_verify_of_a_set_that_is_not_here_says_so() -> None:
    with pytest.raises(InputError, match="is not here: python -m benchmarks data get nmnist"):
        run("verify", "nmnist")


def test_show_draws_one_recording_of_each_class(ncars: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    run("show", "ncars", "--sample", "1", "--steps", "4", "--out", str(out), "--from", str(ncars))
    with Image.open(out) as picture:
        assert picture.size[0] > picture.size[1]  # two classes, four steps
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24) or []}
    assert {(0, 114, 178), (213, 94, 0)} <= colours  # brightening and darkening events


def test_show_animates_as_many_frames_as_steps(ncars: Path, tmp_path: Path) -> None:
    out = tmp_path / "sample.gif"
    run("show", "ncars", "--steps", "4", "--out", str(out), "--from", str(ncars))
    with Image.open(out) as picture:
        assert getattr(picture, "n_frames", 1) == 4


def test_show_cuts_the_trials_of_a_gesture(tmp_path: Path) -> None:
    tree = tmp_path / "gestures"
    tree.mkdir()
    write_aedat3(tree / "user24_led.aedat", recording(1, 128, 128))
    rows = [f"{label},{9000 * label - 9000},{9000 * label}" for label in range(1, 12)]
    table = "\n".join(["class,startTime_usec,endTime_usec", *rows])
    (tree / "user24_led_labels.csv").write_text(table)
    counts = {"train": [0] * 11, "test": [1] * 11}
    (tree / REHEARSAL).write_text(json.dumps({"counts": counts}))
    out = tmp_path / "gestures.gif"
    run("show", "dvs_gesture", "--steps", "3", "--out", str(out), "--from", str(tree))
    with Image.open(out) as picture:
        assert getattr(picture, "n_frames", 1) == 3


def test_show_draws_an_embedded_set(tmp_path: Path) -> None:
    out = tmp_path / "motion.png"
    assert "wrote" in run("show", "dvs_motion", "--out", str(out))
    assert out.stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sample", "2", "--out", "x.png"), "class background has 2 recordings to show"),
        (("--out", "x.pdf"), "ends in .png or .gif"),
    ],
)
def test_show_refuses_what_it_cannot_draw(ncars: Path, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        run("show", "ncars", "--from", str(ncars), *words)
    assert not Path(words[-1]).exists()


def test_manifest_writes_what_dvc_watches(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(Path("params.yaml").read_text())
    done = CliRunner().invoke(app, ["--profile", str(tmp_path), "data", "manifest", "dvs_motion"])
    assert done.exit_code == 0, done.exception
    made = tmp_path / "results" / "data" / "dvs_motion.json"
    recorded = open_recorded("quick").manifests["dvs_motion"]
    assert json.loads(made.read_text())["digest"] == recorded["digest"]
    assert made.with_suffix(".npz").exists()
