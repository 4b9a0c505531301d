"""Real recordings are read as third-party readers read them.

They may not be passed on, so they lie outside the repository: AIA_REAL_FILES names their folder.
Its ``expected.json`` has what third-party readers found in each file, by its path: ``events``, time
stamps ``t_first`` and ``t_last``, sums of x and y and ON events; for AEDAT 2.0 the sums are of the
address bits, and a file without ``events`` is to be refused. Other libraries that are installed are
asked again here, event by event.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tonic
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events import ensure
from benchmarks.events.formats import READERS
from benchmarks.events.published.catalogue import SETS
from benchmarks.events.published.parts import declare, described

FOLDER = Path(os.environ.get("AIA_REAL_FILES", ""))
HERE = "AIA_REAL_FILES" in os.environ
pytestmark = pytest.mark.skipif(not HERE, reason="AIA_REAL_FILES names no folder")
EXPECTED: dict[str, dict[str, Any]] = (
    json.loads((FOLDER / "expected.json").read_text(encoding="utf-8")) if HERE else {}
)
READ = [name for name, said in EXPECTED.items() if "events" in said]
REFUSED = [name for name, said in EXPECTED.items() if "events" not in said]
KINDS = {
    "aedat2": "aedat2",
    "aedat4": "aedat4",
    "mnist_dvs": "aedat2",
    "ncars": "dat",
    "nmnist": "atis",
    "pokerdvs": "aedat2_crop",
    "raw": "raw",
}
LAST = 127  # column and row of a DVS128, which are counted from the other side
Events = NDArray[np.void]


def kind_of(name: str) -> str:
    return KINDS[name.partition("/")[0]]


def events_of(name: str) -> Events:
    return READERS[kind_of(name)](FOLDER / name).events


@pytest.mark.parametrize("name", EXPECTED)
def test_the_files_are_those_that_were_counted(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    said = EXPECTED[name]
    assert (len(data), hashlib.sha256(data).hexdigest()) == (said["bytes"], said["sha256"])


@pytest.mark.parametrize("name", READ)
def test_as_many_events_at_the_same_places_as_others_count(name: str) -> None:
    events, said = events_of(name), EXPECTED[name]
    on, x, y = (int(events[field].sum(dtype=np.int64)) for field in ("p", "x", "y"))
    assert len(events) == said["events"]
    if "bit0" not in said:
        assert (x, y, on) == (said["x_sum"], said["y_sum"], said["on"])
        assert (events["x"].max(), events["y"].max()) == (said["x_max"], said["y_max"])
        return
    assert on == len(events) - said["bit0"]
    if kind_of(name) == "aedat2":
        x, y = LAST * len(events) - x, LAST * len(events) - y
    assert (x, y) == (said["address_x_sum"], said["address_y_sum"])


@pytest.mark.parametrize("name", READ)
def test_time_begins_and_ends_where_others_say(name: str) -> None:
    t, said = events_of(name)["t"], EXPECTED[name]
    assert t[0] == said["t_first"]
    late = said["t_last"] - t[-1]
    if name == "raw/gen41_evt3.raw":
        late %= 4096  # expelliarmus adds an overflow wherever the lower bits step back
    assert late == 0


@pytest.mark.parametrize("name", REFUSED)
def test_another_camera_is_refused_by_its_name(name: str) -> None:
    camera = next(line for line in EXPECTED[name]["header"] if "AEChip:" in line).split(".")[-1]
    with pytest.raises(InputError, match=f"recorded with a {camera}, as its header says") as caught:
        events_of(name)
    assert str(FOLDER / name) in str(caught.value)


def by_tonic_bin(path: Path) -> Events:
    events: Events = tonic.io.read_mnist_file(str(path), dtype=tonic.datasets.NMNIST.dtype)
    return events


def by_tonic_aedat4(path: Path) -> Events:
    pytest.importorskip("aedat")
    events = tonic.io.read_aedat4(str(path))
    return np.rec.fromarrays([events[name] for name in ("t", "x", "y", "on")], names="t,x,y,p")


def by_expelliarmus(encoding: str) -> Callable[[Path], Events]:
    def read(path: Path) -> Events:
        wizard = pytest.importorskip("expelliarmus").Wizard(encoding=encoding)
        return np.asarray(wizard.read(path))

    return read


def by_evlib(path: Path) -> Events:
    try:
        evlib = import_module("evlib")
    except (ImportError, RuntimeError) as error:  # with another torchvision than torch's
        pytest.skip(f"evlib cannot be imported: {error}")
    frame = evlib.load_events(str(path)).collect()
    columns = (frame["t"].dt.total_microseconds(), frame["x"], frame["y"], frame["polarity"] > 0)
    return np.rec.fromarrays([column.to_numpy() for column in columns], names="t,x,y,p")


@pytest.mark.parametrize(
    ("start", "theirs", "fields"),
    [
        ("nmnist/", by_tonic_bin, "txyp"),
        ("ncars/", by_expelliarmus("dat"), "txyp"),
        ("aedat4/", by_tonic_aedat4, "txyp"),
        ("raw/gen3_evt2", by_expelliarmus("evt2"), "txyp"),
        ("raw/gen3_evt2", by_evlib, "txyp"),
        ("raw/gen41_evt3", by_expelliarmus("evt3"), "xyp"),  # t: see above
        ("raw/gen41_evt3", by_evlib, "txyp"),
    ],
)
def test_other_libraries_find_the_same_events(
    start: str, theirs: Callable[[Path], Events], fields: str
) -> None:
    names = [name for name in READ if name.startswith(start)]
    assert names
    for name in names:
        ours, other = events_of(name), theirs(FOLDER / name)
        assert len(ours) == len(other)
        for field in fields:
            assert np.array_equal(ours[field].astype(np.int64), other[field].astype(np.int64))


def test_a_part_of_ncars_is_declared_and_every_event_of_it_is_in_its_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    part = declare(SETS["ncars"], FOLDER / "ncars", lambda *_: None)
    assert described(part).endswith(f"; {len(part.recordings)} recordings")
    made = ensure("ncars-part", 10, tmp_path / "frames")
    frames = sum(int(split.frames[:].sum(dtype=np.int64)) for split in made.splits().values())
    names = [name for name in READ if name.startswith("ncars/")]
    assert len(part.recordings) == len(names)
    assert frames == sum(EXPECTED[name]["events"] for name in names)
