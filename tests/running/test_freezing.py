"""What is frozen, what is refused, and that a baseline is the old or the new one, always whole."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from benchmarks.errors import InputError
from benchmarks.evidence.tuning import tuned_cells
from benchmarks.profile import Profile
from benchmarks.records import recorded
from benchmarks.records.files import (
    as_json,
    host_path,
    read_host,
    record_path,
    write_atomic,
    write_atomic_bytes,
)
from benchmarks.records.selection import Selection, load
from benchmarks.records.swap import BEGUN
from benchmarks.running.freezing import freeze, freeze_times
from benchmarks.throughput.summaries import read_summaries, speeds_of_profile
from benchmarks.throughput.timings import read_speeds
from tests import made_records
from tests.called import call_command
from tests.made_records import SETTINGS, failed, made, write, write_profile, write_throughput
from tests.presenting.test_tables import grid_params, write_grid
from tests.small import ROOT

WHOLE = made_records.selection()
ONE = Selection(("dvs_digits",), ("aia",), (0,))
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}

# kills itself with SIGKILL before the n-th step that changes a folder, for every n until one run
# comes to its end; says after each what is recorded
KILLED = """
import itertools, os, shutil, signal, sys
from pathlib import Path
from benchmarks.running import freezing
from benchmarks.profile import Profile
from benchmarks.records.recorded import open_recorded

def run(what, profile, steps):
    def step(event, _):
        nonlocal steps
        if event.startswith(("os.", "ctypes.")) and event != "os.kill":
            steps -= 1
            if steps < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(step)
    getattr(freezing, what)(Profile(Path(profile)), "made")
    os._exit(0)

what, old, new = sys.argv[1:]
first = open_recorded("made").index
for steps in itertools.count():
    if open_recorded("made").index != first:
        getattr(freezing, what)(Profile(Path(old)), "made")
        assert open_recorded("made").index == first
    shutil.copytree("recorded/made", "recorded/.begun", dirs_exist_ok=True)  # one killed before
    child = os.fork()
    if not child:
        run(what, new, steps)
    _, status = os.waitpid(child, 0)
    print(open_recorded("made").index.model_dump_json())
    if status == 0:
        break
    assert os.WTERMSIG(status) == signal.SIGKILL
"""


AGAIN = """
import sys
from pathlib import Path
from benchmarks.running.freezing import freeze
from benchmarks.profile import Profile
for folder in 20 * sys.argv[1:]:
    freeze(Profile(Path(folder)), "made")
"""


def record(folder: str, *words: str, room: int = -1) -> subprocess.CompletedProcess[str]:
    """``record`` from the command line, where no file may grow beyond ``room`` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        return call_command("--profile", folder, "record", *words, at=Path.cwd())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names() -> list[str]:
    """What lies in ``recorded/``, hidden or not."""
    return [path.name for path in recorded.FOLDER.iterdir()]


def everything_in(folder: Path) -> dict[Path, bytes | None]:
    return {p: p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """A whole made profile in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return write_profile(tmp_path / "here", WHOLE)


def test_what_is_frozen_opens_with_every_record_and_where_it_came_from(profile: Profile) -> None:
    index = freeze(profile, "made")
    opened = recorded.open_recorded("made")
    assert index.cells == len(opened.cells.records) == 63
    assert index.missing == []
    assert index.commits == ["0123456789abcdef0123456789abcdef01234567"]
    for key, record in opened.cells.records.items():
        path = record_path(profile.runs, *key)
        assert as_json(record).encode() == path.read_bytes()
        assert opened.cells.hosts[key] == read_host(path)
    for dataset in WHOLE.datasets:
        manifest = json.loads((profile.data / f"{dataset}.json").read_text())
        assert opened.manifests[dataset] == manifest
    assert read_summaries(opened.throughput) == read_speeds(profile.throughput)


def test_the_cells_of_the_tuning_grid_are_told_apart_by_their_rate(profile: Profile) -> None:
    chosen = Selection(("dvs_digits",), ("aia", "snntorch_lif"), (0, 1, 2))
    params, tuned = grid_params(chosen), write_grid(profile, chosen, {"aia": 0.01})
    write_atomic(profile.params, yaml.safe_dump(json.loads(params.model_dump_json(by_alias=True))))
    index = freeze(profile, "made")
    opened = recorded.open_recorded("made")
    assert index.tuning_cells == len(opened.records) - len(opened.cells.records) > 0
    assert tuned_cells(opened, opened.params) == replace(
        tuned, cells=replace(tuned.cells, profile="made")
    )
    assert opened.cells.records == load(profile.runs, chosen).records


def test_a_record_of_another_rate_than_its_folders_is_refused(profile: Profile) -> None:
    write(profile.runs, made("dvs_digits", "aia", 1, settings={**SETTINGS, "learning_rate": 0.1}))
    with pytest.raises(InputError, match=r"aia/1.json: the record of 0.1/.* in the place of 0.005"):
        freeze(profile, "made")
    assert not recorded.FOLDER.exists()


def test_what_is_no_manifest_is_refused(profile: Profile) -> None:
    for text in ("{", "[]", '{"name": "dvs_motion"}'):
        write_atomic(profile.data / "dvs_digits.json", text)
        with pytest.raises(InputError, match=r"dvs_digits.json: not the manifest of dvs_digits"):
            freeze(profile, "made")


def test_cells_that_were_not_trained_are_listed(profile: Profile) -> None:
    record_path(profile.runs, "dvs_motion", "gain_plain", 2).unlink()
    assert freeze(profile, "made").missing == ["dvs_motion/gain_plain/2"]


def test_a_failed_cell_and_a_dirty_checkout_are_refused_and_nothing_is_written(
    profile: Profile,
) -> None:
    write(profile.runs, failed("dvs_digits", "aia", 1))
    with pytest.raises(InputError, match=r"aia/1.json: the cell failed"):
        freeze(profile, "made")
    write(profile.runs, made("dvs_digits", "aia", 1))
    path = record_path(profile.runs, "dvs_digits", "snntorch_lif", 0)
    host = read_host(path)
    assert host is not None
    for dirty, said in {True: "uncommitted changes", None: "git did not say"}.items():
        write_atomic(host_path(path), as_json(host.model_copy(update={"dirty": dirty})))
        with pytest.raises(InputError, match=rf"snntorch_lif/0.json: .*{said}"):
            freeze(profile, "made")
    assert not recorded.FOLDER.exists()


def test_records_of_two_protocols_are_not_frozen_together(profile: Profile) -> None:
    write(profile.runs, made("dvs_digits", "aia", 0, protocol="q"))
    with pytest.raises(InputError, match=r"different training protocols \(p, q\)"):
        freeze(profile, "made")


def test_protocols_in_turn_each_take_the_others_place(profile: Profile, tmp_path: Path) -> None:
    turns = {"p": profile, "q": write_profile(tmp_path / "later", WHOLE, protocol="q")}
    for protocol in "pqpq":
        assert freeze(turns[protocol], "made").protocol == protocol
        opened = recorded.open_recorded("made")
        assert {r.hashes.protocol for r in opened.cells.records.values()} == {protocol}
    assert names() == ["made"]


def test_a_new_devices_times_join_what_is_recorded(profile: Profile) -> None:
    freeze(profile, "made")
    before = recorded.open_recorded("made").index
    shutil.rmtree(profile.throughput)
    with pytest.raises(InputError, match=r"results/throughput: no times"):
        freeze_times(profile, "made")
    path = profile.throughput / "new-device" / "quick.json"
    write_throughput(profile.throughput, ("aia",), "New CPU")
    times = (profile.throughput / "made-cpu" / "times.json").read_bytes()
    shutil.rmtree(profile.throughput)
    write_atomic_bytes(path, times[:100])
    with pytest.raises(InputError, match=r"new-device/quick.json"):
        freeze_times(profile, "made")
    assert recorded.open_recorded("made").index == before
    write_atomic_bytes(path, times)
    assert freeze_times(profile, "made") == ["new-device"]
    after = recorded.open_recorded("made")
    assert {*after.index.files} - {*before.files} == {"throughput/new-device.jsonl"}
    assert after.index.model_copy(update={"files": before.files}) == before
    assert read_summaries(after.throughput).devices == ("Made CPU", "New CPU")
    write_atomic_bytes(path, times.replace(b"New CPU", b"Newer CPU"))  # the older ones go
    freeze_times(profile, "made")
    assert read_summaries(after.throughput).devices == ("Made CPU", "Newer CPU")
    freeze(profile, "made")  # what other devices took stays
    assert read_summaries(after.throughput).devices == ("Made CPU", "Newer CPU")
    (after.throughput / "made-cpu.jsonl").write_text("{}")
    with pytest.raises(InputError, match=r"made-cpu.jsonl: not what was recorded"):
        freeze(profile, "made")


def test_a_profile_shows_the_recorded_times_of_devices_that_it_has_none_of(
    profile: Profile,
) -> None:
    freeze(profile, profile.name)
    assert speeds_of_profile(profile) == read_speeds(profile.throughput)
    times = profile.throughput / "made-cpu" / "times.json"
    new = times.read_bytes().replace(b"Made CPU", b"New CPU")
    shutil.rmtree(profile.throughput)
    write_atomic_bytes(profile.throughput / "new-cpu" / "times.json", new)
    assert {*speeds_of_profile(profile).devices} == {"Made CPU", "New CPU"}
    (recorded.folder_of(profile.name) / "throughput" / "made-cpu.jsonl").write_text("{}")
    with pytest.raises(InputError, match=r"made-cpu.jsonl: not what was recorded"):
        speeds_of_profile(profile)


# --- nothing but the folder of that name is touched ---


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two baselines, and what is precious beside it."""
    checkout = tmp_path / "home" / "checkout"
    profile = write_profile(checkout, ONE)
    monkeypatch.chdir(checkout)
    freeze(profile, "quick")
    freeze(profile, "zoo")
    write_atomic(checkout / ".git" / "HEAD", "ref: refs/heads/main")
    write_atomic(checkout / "recorded" / "proven.json", "{}")
    write_atomic(checkout / "recorded" / "notes" / "mine.txt", "not a baseline")
    write_atomic(checkout.parent / "x" / "thesis.tex", "precious")
    Path("alias").symlink_to("recorded/quick")
    Path("recorded/away").symlink_to(checkout.parent / "x")
    return checkout


@pytest.mark.parametrize("times", [(), ("--times",)], ids=["records", "times"])
@pytest.mark.parametrize(
    ("folder", "name"),
    [
        (".", "../../x"),
        (".", ".."),
        (".", "."),
        (".", ""),
        (".", "away"),
        (".", "notes"),
        (".", "proven.json"),
        ("recorded/quick", None),
        ("recorded/../recorded/quick", None),
        ("alias", "quick"),
    ],
)
def test_a_hostile_record_is_one_line_and_status_2_and_nothing_is_gone(
    checkout: Path, folder: str, name: str | None, times: tuple[str, ...]
) -> None:
    before = everything_in(checkout.parent)
    named = [] if name is None else ["--name", name]
    done = record(folder, *named, *times)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert everything_in(checkout.parent) == before


@pytest.mark.parametrize("words", [("compare", "aia", "--profile", "../../x"), ("verify",)])
def test_nothing_outside_is_read_as_a_baseline(checkout: Path, words: tuple[str, ...]) -> None:
    shutil.copytree("recorded/quick", "../x", dirs_exist_ok=True)
    folder = "." if "--profile" in words else "recorded/.."
    done = call_command("--profile", folder, *words, at=Path.cwd())
    assert done.returncode == 2
    assert "cannot name a recorded profile" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("what", [freeze, freeze_times])
def test_a_profile_that_overlaps_with_the_baseline_is_refused(
    checkout: Path, what: Callable[[Profile, str], object]
) -> None:
    write_profile(checkout / "recorded/quick/inside", ONE)
    shutil.copytree("recorded/quick", "recorded", dirs_exist_ok=True)
    Path("linked").mkdir()
    Path("linked/params.yaml").symlink_to(checkout / "params.yaml")
    Path("linked/results").symlink_to(checkout / "recorded/quick/inside/results")
    before = everything_in(checkout.parent)
    for folder in ("recorded/quick/inside", "recorded", "linked"):
        with pytest.raises(InputError, match=folder):
            what(Profile(Path(folder)), "quick")
    assert everything_in(checkout.parent) == before


# --- old or new, and whole ---


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Profile, Profile]:
    """The profile that is recorded and one of another protocol and a device's other times."""
    monkeypatch.chdir(tmp_path)
    old = write_profile(tmp_path / "old", ONE)
    new = write_profile(tmp_path / "new", ONE, protocol="q")
    write_throughput(new.throughput, ONE.neurons, "Other CPU")
    freeze(old, "made")
    return old, new


@pytest.mark.parametrize("what", ["freeze", pytest.param("freeze_times", marks=pytest.mark.slow)])
def test_killed_at_any_step_the_baseline_is_the_old_or_the_new_one(
    two: tuple[Profile, Profile], what: str
) -> None:
    old = recorded.open_recorded("made").index
    words = [sys.executable, "-c", KILLED, what, *(str(p.folder) for p in two)]
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [recorded.Index.model_validate_json(line) for line in done.stdout.splitlines()]
    new = recorded.open_recorded("made").index
    assert len(found) > 40
    assert found[0] == old != new == found[-1]
    assert all(index in (old, new) for index in found)
    assert names() == ["made"]


def test_who_reads_meanwhile_sees_the_old_or_the_new_one(two: tuple[Profile, Profile]) -> None:
    words = [sys.executable, "-c", AGAIN, *(str(p.folder) for p in two)]
    process = subprocess.Popen(words, env=ENVIRONMENT)
    while process.poll() is None:
        opened = recorded.open_recorded("made")
        protocols = {record.hashes.protocol for record in opened.cells.records.values()}
        assert protocols == {opened.index.protocol}
        assert recorded.recorded_times("made")
    assert process.returncode == 0


def test_two_that_freeze_at_once_wait_for_each_other(two: tuple[Profile, Profile]) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", AGAIN, str(p.folder)], env=ENVIRONMENT) for p in two
    ]
    assert [process.wait() for process in processes] == [0, 0]
    assert recorded.open_recorded("made").index.protocol in ("p", "q")
    assert names() == ["made"]


@pytest.mark.parametrize("times", [(), ("--times",)], ids=["records", "times"])
@pytest.mark.parametrize("room", [100, 2_000])  # bytes a file: not even params.yaml; no record
def test_a_full_disk_is_one_line_and_leaves_the_old_baseline(
    two: tuple[Profile, Profile], room: int, times: tuple[str, ...]
) -> None:
    before = everything_in(recorded.FOLDER)
    done = record("new", "--name", "made", *times, room=room)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "recorded/made: not replaced: [Errno 27] File too large" in done.stderr
    assert everything_in(recorded.FOLDER) == before


def test_where_folders_cannot_change_places_nothing_is_replaced(
    two: tuple[Profile, Profile],
) -> None:
    mount = ["mount", "--bind", "recorded/made", "recorded/made"]  # such a folder stays in place
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a folder here")
    before = everything_in(recorded.FOLDER)
    try:
        with pytest.raises(InputError, match=r"cannot change places here .* move recorded/made"):
            freeze(two[1], "made")
        assert everything_in(recorded.FOLDER) == before
    finally:
        subprocess.run(["umount", "recorded/made"], check=True)


def test_of_what_lies_hidden_only_what_a_killed_one_left_is_removed(
    two: tuple[Profile, Profile],
) -> None:
    for name in (BEGUN, ".mine"):
        write_atomic(recorded.FOLDER / name / "file", "")
    freeze(two[1], "made")
    assert sorted(names()) == [".mine", "made"]
