"""Every format comes back as it was written; every damaged file is refused by its name."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest

from benchmarks.errors import InputError
from benchmarks.events.embedded.simulate import EVENT
from benchmarks.events.formats import READERS, read
from benchmarks.events.published.catalogue import SETS
from benchmarks.events.recording import Recording
from tests.events.recordings import AEDAT4_HERE, EACH_FORMAT, FORMATS, assert_same, made

EACH = pytest.mark.parametrize("name", EACH_FORMAT)
HEADED = pytest.mark.parametrize("name", [each for each in EACH_FORMAT if each.values != ("atis",)])
EVENT_BYTES = {"aedat2": 8, "aedat3": 8, "dat": 8, "atis": 5}
RAW = pytest.mark.parametrize("name", EVENT_BYTES)
HTML = b"<!DOCTYPE html>\n<html><body>Too many requests</body></html>\n"


def written(folder: Path, name: str, count: int = 40) -> Path:
    path = folder / f"recording{FORMATS[name].suffix}"
    FORMATS[name].write(path, made(count, FORMATS[name].size))
    return path


def refused(name: str, path: Path, data: bytes, *words: str) -> None:
    """``data`` under ``path`` gives one error that names the file and says ``words``."""
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        FORMATS[name].read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    for word in words:
        assert word in message


@EACH
@pytest.mark.parametrize("count", [1, 2, 10_000])
@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_written_comes_back(tmp_path: Path, name: str, count: int, seed: int) -> None:
    recording = made(count, FORMATS[name].size, seed)
    path = tmp_path / f"recording{FORMATS[name].suffix}"
    FORMATS[name].write(path, recording)
    assert_same(FORMATS[name].read(path), recording)
    assert_same(read(path, name, FORMATS[name].size), recording)


@EACH
def test_events_at_the_same_time_keep_their_order(tmp_path: Path, name: str) -> None:
    recording = made(500, FORMATS[name].size)
    recording.events["t"] = recording.events["t"] // 100_000 * 100_000
    path = tmp_path / f"recording{FORMATS[name].suffix}"
    FORMATS[name].write(path, recording)
    assert_same(FORMATS[name].read(path), recording)


@EACH
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    refused(name, written(tmp_path, name), b"", "empty")


@EACH
@pytest.mark.parametrize("page", [HTML * 5, b"\xef\xbb\xbf\r\n  " + HTML, b"<?xml?><Error/>\n"])
def test_a_web_page_is_refused(tmp_path: Path, name: str, page: bytes) -> None:
    refused(name, written(tmp_path, name), page, "web page")


@EACH
def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path, name: str) -> None:
    for path, words in ((tmp_path / "none.bin", "No such file"), (tmp_path, "directory")):
        with pytest.raises(InputError, match=words) as caught:
            FORMATS[name].read(path)
        assert str(path) in str(caught.value)


@HEADED
def test_a_file_of_another_format_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "recording"
    for other in FORMATS:
        if other != name and (AEDAT4_HERE or other != "aedat4"):
            refused(name, path, written(tmp_path, other).read_bytes(), "begin with")
    refused(name, path, bytes(range(256)) * 4, "begin with")


@HEADED
@pytest.mark.parametrize("kept", [3, 20, 27])
def test_a_file_cut_in_its_header_is_refused(tmp_path: Path, name: str, kept: int) -> None:
    path = written(tmp_path, name)
    refused(name, path, path.read_bytes()[:kept])


@RAW
def test_a_file_cut_in_an_event_is_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    data = path.read_bytes()
    for missing in range(1, EVENT_BYTES[name]):
        refused(name, path, data[:-missing], "cut within an event")


@RAW
def test_a_cut_is_either_refused_or_between_events(tmp_path: Path, name: str) -> None:
    whole = made(20, FORMATS[name].size)
    path = tmp_path / "recording"
    FORMATS[name].write(path, whole)
    data = path.read_bytes()
    for kept in range(len(data)):
        path.write_bytes(data[:kept])
        with contextlib.suppress(InputError):  # any other error fails the test
            read_back = FORMATS[name].read(path)
            assert (len(data) - kept) % EVENT_BYTES[name] == 0
            assert name != "aedat3"  # its packet says how many events follow
            assert np.array_equal(read_back.events, whole.events[: len(read_back.events)])


@HEADED
def test_a_header_without_events_is_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, count=1)
    data = path.read_bytes()
    if name == "aedat4":
        packets = 18 + struct.unpack_from("<I", data, 14)[0]
        refused(name, path, data[:packets], "cut: its index")
    else:
        packet_header = 28 if name == "aedat3" else 0
        refused(name, path, data[: -8 - packet_header], "event")


@RAW
def test_an_event_that_goes_back_in_time_is_refused(tmp_path: Path, name: str) -> None:
    path, size = written(tmp_path, name), EVENT_BYTES[name]
    data = path.read_bytes()
    swapped = data[: -2 * size] + data[-size:] + data[-2 * size : -size]
    refused(name, path, swapped, "event 39 goes back in time")


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("aedat2", struct.pack(">II", 1 << 16, 400_000)),  # a bit that no DVS128 sets
        ("aedat3", struct.pack("<II", 128 << 17 | 3 << 2 | 1, 400_000)),
        ("dat", struct.pack("<II", 400_000, 99 << 14 | 120)),
        ("atis", bytes([239, 180, 6, 0, 0])),
        ("atis", bytes([240, 3, 6, 0, 0])),
    ],
)
def test_an_event_outside_the_sensor_is_refused(tmp_path: Path, name: str, event: bytes) -> None:
    path = written(tmp_path, name)
    refused(name, path, path.read_bytes()[: -len(event)] + event, "outside the sensor", "event 39")


@EACH
def test_an_event_outside_the_canvas_is_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    with pytest.raises(InputError, match="outside the sensor of 60 x 60") as caught:
        read(path, name, (60, 60))
    assert str(path) in str(caught.value)
    wide = read(path, name, (500, 400))
    assert (wide.width, wide.height) == (500, 400)


def test_every_set_has_a_reader() -> None:
    assert {chosen.format for chosen in SETS.values()} <= set(READERS)


def test_a_recording_of_another_dtype_or_size_is_refused() -> None:
    with pytest.raises(InputError, match="give one dimension of"):
        Recording(np.zeros(3, dtype=[("t", "<i4"), ("x", "<i2")]), 3, 3)
    with pytest.raises(InputError, match="at least 1 x 1"):
        Recording(np.zeros(3, dtype=EVENT), 0, 3)
