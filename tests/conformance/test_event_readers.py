"""Other libraries read what we write, and we read what they write, event by event.

SpikingJelly's loaders are no part of this: they import torchvision.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tonic
from numpy.typing import NDArray

from benchmarks.events.embedded.simulate import EVENT
from benchmarks.events.formats import aedat2, aedat3, aedat4, atis, dat
from benchmarks.events.formats.write import (
    write_aedat2,
    write_aedat3,
    write_aedat4,
    write_atis,
    write_dat,
)
from benchmarks.events.frames import by_count, by_time
from benchmarks.events.recording import Recording
from tests.events.recordings import made

COMPRESSIONS = pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
TODAY_US = 1_700_000_000_000_000


def assert_same(theirs: NDArray[np.void], ours: Recording, polarity: str = "p") -> None:
    assert len(theirs) == len(ours.events)
    for name in ("t", "x", "y"):
        assert np.array_equal(theirs[name].astype(np.int64), ours.events[name])
    assert np.array_equal(theirs[polarity].astype(bool), ours.events["p"])


# AEDAT 4


@COMPRESSIONS
def test_tonic_and_aedat_read_our_aedat4(tmp_path: Path, compression: str) -> None:
    pytest.importorskip("aedat")
    pytest.importorskip("dv_processing")
    recording, path = made(12_000, start_us=TODAY_US), tmp_path / "a.aedat4"
    write_aedat4(path, recording, compression)  # type: ignore[arg-type]
    assert_same(tonic.io.read_aedat4(str(path)), recording, polarity="on")


@COMPRESSIONS
def test_dv_processing_reads_our_aedat4(tmp_path: Path, compression: str) -> None:
    dv = pytest.importorskip("dv_processing")
    recording, path = made(12_000, start_us=TODAY_US), tmp_path / "a.aedat4"
    write_aedat4(path, recording, compression)  # type: ignore[arg-type]
    reader = dv.io.MonoCameraRecording(str(path))
    assert tuple(reader.getEventResolution()) == (128, 128)
    batches = []
    while (batch := reader.getNextEventBatch()) is not None:
        batches.append(batch.numpy())
    events = np.concatenate(batches)
    theirs = np.empty(len(events), dtype=EVENT)
    names = ("timestamp", "x", "y", "polarity")
    for ours, name in zip(("t", "x", "y", "p"), names, strict=True):
        theirs[ours] = events[name]
    assert_same(theirs, recording)


@COMPRESSIONS
def test_we_read_what_dv_processing_writes_beside_other_streams(
    tmp_path: Path, compression: str
) -> None:
    pytest.importorskip("aedat")
    dv = pytest.importorskip("dv_processing")
    recording, path = made(12_000, (346, 260), start_us=TODAY_US), tmp_path / "a.aedat4"
    kind = dv.CompressionType.__members__[compression.upper()]
    config = dv.io.MonoCameraWriter.DVSConfig("DVXplorer", (346, 260), kind)
    writer = dv.io.MonoCameraWriter(str(path), config)
    store = dv.EventStore()
    for event in recording.events.tolist():
        store.push_back(*event)
    writer.writeEvents(store)
    for i in range(300):
        writer.writeTrigger(dv.Trigger(TODAY_US + 1000 * i, dv.TriggerType.TIMESTAMP_RESET))
    del writer
    ours = aedat4.read(path)
    assert (ours.width, ours.height) == (346, 260)
    assert_same(ours.events, recording)
    assert len(aedat4.structure(path).elements or {}) == 2


# DAT


def test_expelliarmus_reads_our_dat(tmp_path: Path) -> None:
    wizard = pytest.importorskip("expelliarmus").Wizard(encoding="dat")
    recording, path = made(12_000, (120, 100)), tmp_path / "a.dat"
    write_dat(path, recording)
    wizard.set_file(path)
    assert_same(wizard.read(), recording)


def test_we_read_the_dat_of_expelliarmus(tmp_path: Path) -> None:
    wizard = pytest.importorskip("expelliarmus").Wizard(encoding="dat")
    recording, path = made(12_000, (120, 100)), tmp_path / "a.dat"
    theirs = np.empty(12_000, dtype=[("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "u1")])
    for name in "txyp":
        theirs[name] = recording.events[name]
    wizard.save(str(path), theirs)
    ours = dat.read(path)
    assert (ours.width, ours.height) == (120, 100)
    assert_same(ours.events, recording)


# ATIS


def test_tonic_reads_our_bin(tmp_path: Path) -> None:
    recording, path = made(12_000, (34, 34)), tmp_path / "a.bin"
    write_atis(path, recording)
    assert_same(tonic.io.read_mnist_file(str(path), dtype=tonic.io.events_struct), recording)
    assert_same(atis.read(path).events, recording)


def test_we_count_overflows_as_tonic_does(tmp_path: Path) -> None:
    recording, path = made(400, (240, 180)), tmp_path / "a.bin"
    recording.events["t"] %= 8192
    recording.events["t"].sort()
    write_atis(path, recording)
    data = path.read_bytes()
    events = [data[i : i + 5] for i in range(0, len(data), 5)]
    for place in (350, 350, 120, 0):  # the clock then runs on, it does not start over
        events.insert(place, bytes((7, 240, 0, 0, 0)))
    path.write_bytes(b"".join(events))
    ours = atis.read(path)
    assert ours.events["t"][-1] > 4 * 8192
    assert_same(tonic.io.read_mnist_file(str(path), dtype=tonic.io.events_struct), ours)


# AEDAT 2.0 and 3.1: tonic's readers of these sensors are broken, its reader of raw events is not


def test_tonic_reads_the_raw_events_of_our_aedat2(tmp_path: Path) -> None:
    recording, path = made(12_000), tmp_path / "a.aedat"
    write_aedat2(path, recording)
    version, start, _ = tonic.io.read_aedat_header_from_file(str(path))
    assert version == 2.0
    raw = tonic.io.get_aer_events_from_file(str(path), version, start)
    address = raw["address"].astype(np.int64)
    theirs = np.empty(len(raw), dtype=EVENT)
    theirs["t"] = raw["timeStamp"]
    # as jAER shows it: columns from the right, rows from the bottom, ON where bit 0 is clear
    theirs["x"] = 127 - (address >> 1 & 127)
    theirs["y"] = 127 - (address >> 8 & 127)
    theirs["p"] = address & 1 == 0
    assert_same(theirs, recording)
    assert_same(aedat2.read(path).events, recording)


def test_spikingjelly_sees_our_aedat2_transposed(tmp_path: Path) -> None:
    recording, path = made(2000), tmp_path / "a.aedat"
    write_aedat2(path, recording)
    version, start, _ = tonic.io.read_aedat_header_from_file(str(path))
    address = tonic.io.get_aer_events_from_file(str(path), version, start)["address"]
    # its formula for CIFAR10-DVS, from its datasets/cifar10_dvs.py
    x, y, p = 127 - (address >> 8 & 127), 127 - (address >> 1 & 127), 1 - (address & 1)
    ours = aedat2.read(path).events
    assert np.array_equal(x, ours["y"])
    assert np.array_equal(y, ours["x"])
    assert np.array_equal(p == 1, ours["p"])


def test_tonic_reads_the_raw_events_of_our_aedat3(tmp_path: Path) -> None:
    recording, path = made(20_000), tmp_path / "a.aedat"
    write_aedat3(path, recording)
    version, start, _ = tonic.io.read_aedat_header_from_file(str(path))
    assert version == 3.1
    raw = tonic.io.get_aer_events_from_file(str(path), version, start)
    address = raw["address"].astype(np.int64)
    theirs = np.empty(len(raw), dtype=EVENT)
    theirs["t"] = raw["timeStamp"]
    theirs["x"], theirs["y"] = address >> 17 & 0x1FFF, address >> 2 & 0x1FFF
    theirs["p"] = address >> 1 & 1
    assert_same(theirs, recording)
    assert_same(aedat3.read(path).events, recording)


# frames


def test_tonic_bins_by_time_to_our_frames_but_drops_the_last_event() -> None:
    events = made(5000).events
    events["t"][-1] = events["t"][0] + 300_000  # a span of ten whole windows
    theirs = tonic.transforms.ToFrame((128, 128, 2), n_time_bins=10)(events)
    ours = by_time(events, 10, 128, 128)
    assert ours.sum() == 5000
    assert theirs.sum() == 4999
    _, x, y, p = events[-1].tolist()
    theirs[-1, int(p), y, x] += 1
    assert np.array_equal(ours, theirs)


def test_tonic_drops_the_tail_where_windows_are_rounded() -> None:
    events = np.zeros(1000, dtype=EVENT)
    events["t"] = np.arange(1000) // 51  # 0 to 19 us: windows of 1 us, the tenth ends at 10 us
    theirs = tonic.transforms.ToFrame((2, 2, 2), n_time_bins=10)(events)
    assert theirs.sum() == 510
    assert by_time(events, 10, 2, 2)[:, 0, 0, 0].tolist() == [102] * 9 + [82]


def test_tonic_bins_by_count_to_our_frames_but_drops_the_remainder() -> None:
    for count, dropped in ((5000, 0), (5007, 7)):
        events = made(count).events
        theirs = tonic.transforms.ToFrame((128, 128, 2), n_event_bins=10)(events)
        ours = by_count(events, 10, 128, 128)
        assert ours.sum() == count
        assert theirs.sum() == count - dropped
        if not dropped:
            assert np.array_equal(ours, theirs)


def test_tonic_counts_start_over_where_ours_stay_at_their_limit() -> None:
    events = np.zeros(40_000, dtype=EVENT)
    events["t"] = np.arange(40_000)
    theirs = tonic.transforms.ToFrame((2, 2, 2), n_event_bins=1)(events)
    assert theirs[0, 0, 0, 0] == 40_000 - 2**16
    assert by_count(events, 1, 2, 2)[0, 0, 0, 0] == 255
