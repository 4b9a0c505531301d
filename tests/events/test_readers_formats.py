"""What is particular to one format, on files made byte by byte."""

from __future__ import annotations

import builtins
import contextlib
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.errors import InputError
from benchmarks.events.formats import aedat2, aedat3, aedat4, atis, dat, read
from benchmarks.events.formats.write import write_aedat3, write_aedat4
from benchmarks.events.recording import Recording
from tests.events.recordings import AEDAT4_HERE, assert_same, made

AEDAT2 = b"#!AER-DAT2.0\r\n# a comment\r\n"
AEDAT3 = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"
DAT = b"% Data file containing CD events\n% Version 2\n"


def aedat2_file(path: Path, *events: tuple[int, int]) -> Path:
    path.write_bytes(AEDAT2 + b"".join(struct.pack(">II", *event) for event in events))
    return path


def packet(words: list[tuple[int, int]], *, kind: int = 1, **header: int) -> bytes:
    """A packet of AEDAT 3.1; ``header`` overrides what its header says."""
    valid = sum(word & 1 for word, _ in words)
    said = {"size": 8, "offset": 4, "overflow": 0, "capacity": len(words)}
    said |= {"number": len(words), "valid": valid, **header}
    head = struct.pack("<hhiiiiii", kind, 1, *said.values())
    return head + b"".join(struct.pack("<II", *word) for word in words)


def word(x: int, y: int, p: int, valid: int = 1) -> int:
    return x << 17 | y << 2 | p << 1 | valid


# AEDAT 2.0


def test_aedat2_has_the_orientation_of_jaer(tmp_path: Path) -> None:
    # column 3 from the right, row 5 from the bottom, bit 0 clear
    path = aedat2_file(tmp_path / "a.aedat", (5 << 8 | 3 << 1 | 0, 9), (0 << 8 | 127 << 1 | 1, 9))
    recording = aedat2.read(path)
    assert recording.events.tolist() == [(9, 124, 122, True), (9, 0, 127, False)]
    assert (recording.width, recording.height) == (128, 128)


def test_a_crop_in_aedat2_counts_from_the_left_and_from_the_top(tmp_path: Path) -> None:
    path = aedat2_file(tmp_path / "a.aedat", (5 << 8 | 3 << 1 | 0, 9), (34 << 8 | 32 << 1 | 1, 9))
    assert read(path, "aedat2_crop", (35, 35)).events.tolist() == [
        (9, 3, 5, True),
        (9, 32, 34, False),
    ]
    with pytest.raises(InputError, match="event 1 is at x 32, y 34, outside the sensor of 32 x 32"):
        read(path, "aedat2_crop", (32, 32))


@pytest.mark.parametrize("read_one", [aedat2.read, aedat2.read_crop])
@pytest.mark.parametrize(
    "said",
    [b"# AEChip: eu.seebetter.ini.chips.davis.DAVIS240C\r\n", b"#AEChip: DAVIS240C\n"],
)
def test_aedat2_of_another_camera_is_refused_by_its_name(
    tmp_path: Path, said: bytes, read_one: Callable[[Path], Recording]
) -> None:
    path = aedat2_file(tmp_path / "a.aedat", (2, 1))
    magic, data = path.read_bytes().split(b"\n", 1)
    path.write_bytes(magic + b"\n" + said + b"# Start of Preferences for this AEChip\n" + data)
    with pytest.raises(InputError, match=r"recorded with a DAVIS240C, .*only the DVS128") as caught:
        read_one(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "get the file again" not in str(caught.value)


def test_aedat2_that_names_a_dvs128_is_read(tmp_path: Path) -> None:
    path = aedat2_file(tmp_path / "a.aedat", (2, 1))
    magic, data = path.read_bytes().split(b"\n", 1)
    path.write_bytes(magic + b"\n# AEChip: ch.unizh.ini.jaer.chip.retina.DVS128\r\n" + data)
    assert len(aedat2.read(path).events) == 1


@pytest.mark.parametrize("bit", [15, 31])
def test_aedat2_leaves_out_special_events(tmp_path: Path, bit: int) -> None:
    path = aedat2_file(tmp_path / "a.aedat", (2, 1), (1 << bit, 2), (4, 3))
    assert aedat2.read(path).events["t"].tolist() == [1, 3]


def test_aedat2_of_special_events_alone_is_refused(tmp_path: Path) -> None:
    path = aedat2_file(tmp_path / "a.aedat", (1 << 15, 2))
    with pytest.raises(InputError, match="no event"):
        aedat2.read(path)


def test_aedat2_unwraps_a_counter_that_started_over(tmp_path: Path) -> None:
    events = (2, 2**32 - 100), (2, 2**32 - 1), (2, 50), (2, 60)
    t = aedat2.read(aedat2_file(tmp_path / "a.aedat", *events)).events["t"]
    assert t.tolist() == [2**32 - 100, 2**32 - 1, 2**32 + 50, 2**32 + 60]


@pytest.mark.parametrize(
    "times", [(2**32 - 100, 20_000_000), (2**31, 5), (100, 99), (2**32 - 1, 3, 2)]
)
def test_aedat2_that_goes_back_otherwise_is_refused(tmp_path: Path, times: tuple[int]) -> None:
    path = aedat2_file(tmp_path / "a.aedat", *((2, t) for t in times))
    with pytest.raises(InputError, match="goes back in time"):
        aedat2.read(path)


# DAT


def test_dat_without_a_size_is_the_largest_crop(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(DAT + b"\x00\x08" + struct.pack("<II", 7, 1 << 28 | 99 << 14 | 119))
    recording = dat.read(path)
    assert recording.events.tolist() == [(7, 119, 99, True)]
    assert (recording.width, recording.height) == (120, 100)


def test_dat_takes_its_size_from_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(DAT + b"% Height 240\n% Width 304\n\x00\x08" + struct.pack("<II", 7, 303))
    recording = dat.read(path)
    assert (recording.width, recording.height) == (304, 240)
    assert recording.events["p"].tolist() == [False]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (DAT + b"\x0e\x08" + bytes(8), "event type 14 of 8 bytes"),
        (DAT + b"\x00\x10" + bytes(16), "event type 0 of 16 bytes"),
        (DAT + b"\x00", "cut within its header"),
        (DAT[:-1], "cut within its header"),
        (DAT.replace(b"2\n", b"1\n") + b"\x00\x08" + bytes(8), "version 1"),
        (b"% Data file\n\x00\x08" + bytes(8), "no version"),
    ],
)
def test_dat_of_another_kind_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words) as caught:
        dat.read(path)
    assert str(path) in str(caught.value)


# ATIS


def test_atis_overflows_move_the_clock_on(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    events = [(1, 2, 0x80, 0, 9), (0, 240, 0, 0, 0), (3, 4, 0x01, 0, 5), (0, 240, 1, 0, 6)]
    path.write_bytes(b"".join(bytes(event) for event in events))
    assert atis.read(path).events.tolist() == [
        (9, 1, 2, True),
        (65_536 + 5 + 8192, 3, 4, False),
    ]


def test_atis_of_overflows_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes((0, 240, 0, 0, 0)) * 3)
    with pytest.raises(InputError, match="nothing but overflows"):
        atis.read(path)


# AEDAT 3.1


def test_aedat3_leaves_out_what_is_not_a_valid_polarity_event(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat"
    valid, not_valid = (word(1, 2, 1), 10), (word(3, 4, 0, valid=0), 11)
    path.write_bytes(
        AEDAT3
        + packet([(7, 3)], kind=0)  # a special event
        + packet([valid, not_valid])
        + packet([(word(5, 6, 0), 12), (0, 0)], number=1, valid=1)  # room for two, one there
    )
    assert aedat3.read(path).events.tolist() == [(10, 1, 2, True), (12, 5, 6, False)]


def test_aedat3_counts_overflows_of_the_time_stamp(tmp_path: Path) -> None:
    recording = made(1000, start_us=2**31 - 150_000)
    write_aedat3(tmp_path / "a.aedat", recording)
    assert recording.events["t"][0] < 2**31 < recording.events["t"][-1]
    assert_same(aedat3.read(tmp_path / "a.aedat"), recording)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (AEDAT3.replace(b"RAW", b"Serial-TS") + packet([(1, 1)]), "format is 'Serial-TS'"),
        (AEDAT3.replace(b"#!END-HEADER\r\n", b"") + packet([(1, 1)]), "END-HEADER"),
        (AEDAT3, "no event"),
        (AEDAT3 + packet([(7, 3)], kind=0), "no event"),
        (AEDAT3 + packet([(1, 1)])[:20], "cut within the packet header"),
        (AEDAT3 + packet([(1, 1)], size=0), "impossible header"),
        (AEDAT3 + packet([(1, 1)], number=2), "impossible header"),
        (AEDAT3 + packet([(1, 1)], overflow=-1), "impossible header"),
        (AEDAT3 + packet([(1, 1), (1, 1)], size=16, number=1, capacity=1, valid=1), "16 bytes"),
        (AEDAT3 + packet([(1, 1), (1, 2)], valid=1), "2 valid events and says 1"),
        (AEDAT3 + packet([(1, 5)]) + packet([(1, 4)]), "goes back in time"),
    ],
)
def test_aedat3_of_another_kind_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "a.aedat"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words) as caught:
        aedat3.read(path)
    assert str(path) in str(caught.value)


def test_aedat3_cut_between_packets_reads_as_shorter_as_documented(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat"
    path.write_bytes(AEDAT3 + packet([(1, 5)]))
    assert len(aedat3.read(path).events) == 1


LABELS = "class,startTime_usec,endTime_usec\n"


def test_trials_hold_the_events_from_start_to_before_end(tmp_path: Path) -> None:
    path, table = tmp_path / "a.aedat", tmp_path / "a_labels.csv"
    times = [10, 20, 20, 30, 40, 50]
    path.write_bytes(AEDAT3 + packet([(word(i, 0, 1), t) for i, t in enumerate(times)]))
    table.write_text(LABELS + "1,10,20\n11,20,40\n3,30,51\n", encoding="utf-8")
    trials = aedat3.trials(path, table)
    assert [label for label, _ in trials] == [0, 10, 2]
    assert [trial.events["x"].tolist() for _, trial in trials] == [[0], [1, 2, 3], [3, 4, 5]]
    assert all((trial.width, trial.height) == (128, 128) for _, trial in trials)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (LABELS, "lists no trial"),
        ("class,start,end\n1,2,3\n", "first line"),
        (LABELS + "1,2\n", "row 2 is not three whole numbers"),
        (LABELS + "1,2,3\n1,x,3\n", "row 3 is not three whole numbers"),
        (LABELS + "12,2,3\n", "class 12"),
        (LABELS + "0,2,3\n", "class 0"),
        (LABELS + "1,3,3\n", "3 to 3 us"),
        (LABELS + "1,10,11\n2,60,70\n", "trial 2, 60 to 70 us, has no event"),
        ("<html>", "web page"),
    ],
)
def test_a_table_of_trials_that_cannot_be_right_is_refused(
    tmp_path: Path, text: str, words: str
) -> None:
    path, table = tmp_path / "a.aedat", tmp_path / "a_labels.csv"
    path.write_bytes(AEDAT3 + packet([(word(1, 1, 1), 10)]))
    table.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words) as caught:
        aedat3.trials(path, table)
    assert str(table) in str(caught.value)


# AEDAT 4

COMPRESSIONS = pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])


@pytest.fixture
def aedat4_file(tmp_path: Path) -> Path:
    if not AEDAT4_HERE:
        pytest.skip("the extras 'events' and 'test'")
    return tmp_path / "a.aedat4"


@COMPRESSIONS
def test_aedat4_cut_anywhere_is_refused(aedat4_file: Path, compression: Any) -> None:
    write_aedat4(aedat4_file, made(60), compression)
    data = aedat4_file.read_bytes()
    for kept in range(len(data)):
        aedat4_file.write_bytes(data[:kept])
        with pytest.raises(InputError) as caught:
            aedat4.read(aedat4_file)
        assert str(caught.value).startswith(f"{aedat4_file}: ")


@COMPRESSIONS
def test_aedat4_with_bytes_behind_it_is_refused(aedat4_file: Path, compression: Any) -> None:
    write_aedat4(aedat4_file, made(60), compression)
    aedat4_file.write_bytes(aedat4_file.read_bytes() + b"\0")
    with pytest.raises(InputError, match="index"):
        aedat4.read(aedat4_file)


@COMPRESSIONS
def test_aedat4_with_a_flipped_bit_never_loses_an_event(
    aedat4_file: Path, compression: Any
) -> None:
    recording = made(300)
    write_aedat4(aedat4_file, recording, compression)
    data, generator = aedat4_file.read_bytes(), np.random.default_rng(5)
    for position in generator.integers(0, len(data), 400):
        flipped = bytearray(data)
        flipped[position] ^= 1 << int(generator.integers(8))
        aedat4_file.write_bytes(flipped)
        with contextlib.suppress(InputError):  # any other error fails the test
            assert len(aedat4.read(aedat4_file).events) == len(recording.events)


def without_index(data: bytes) -> tuple[bytes, int]:
    """The file as an interrupted writer leaves it, and where its packets begin."""
    base = 18
    table = base + struct.unpack_from("<I", data, base)[0]
    fields = table - struct.unpack_from("<i", data, table)[0]
    place = table + struct.unpack_from("<H", data, fields + 6)[0]
    index = struct.unpack_from("<q", data, place)[0]
    unfinished = bytearray(data[:index])
    struct.pack_into("<q", unfinished, place, -1)
    return bytes(unfinished), base + struct.unpack_from("<I", data, 14)[0]


def test_aedat4_that_was_never_closed_is_read_if_its_packets_are_whole(aedat4_file: Path) -> None:
    recording = made(500)
    write_aedat4(aedat4_file, recording)
    data, packets = without_index(aedat4_file.read_bytes())
    aedat4_file.write_bytes(data)
    assert_same(aedat4.read(aedat4_file), recording)
    for kept in (packets, packets + 3, packets + 8, len(data) - 1):
        aedat4_file.write_bytes(data[:kept])
        with pytest.raises(InputError, match=r"cut within the packet|no event"):
            aedat4.read(aedat4_file)


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        (struct.pack("<qhh", 317_000, 128, 3), "outside the sensor"),
        (struct.pack("<qhh", 317_000, 3, -1), "outside the sensor"),
        (struct.pack("<qhh", 5, 3, 3), "goes back in time"),
    ],
)
def test_aedat4_with_an_impossible_event_is_refused(
    aedat4_file: Path, patch: bytes, words: str
) -> None:
    recording = made(50)
    write_aedat4(aedat4_file, recording, "none")
    data = bytearray(aedat4_file.read_bytes())
    t, x, y, _ = recording.events[-1].tolist()
    place = data.index(struct.pack("<qhh", t, x, y))
    data[place : place + len(patch)] = patch
    aedat4_file.write_bytes(data)
    with pytest.raises(InputError, match=words):
        aedat4.read(aedat4_file)


def test_a_missing_decoder_says_how_to_install_it(
    aedat4_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_aedat4(aedat4_file, made(5))
    imported = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name in ("aedat", "dv_processing"):
            raise ImportError(name)
        return imported(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'aia-bench\[events\]'"):
        aedat4.read(aedat4_file)
    with pytest.raises(InputError, match=r"pip install 'aia-bench\[events\]'"):
        write_aedat4(aedat4_file, made(5))


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_an_aedat4_that_inflates_without_bound_is_refused_before_memory_is_taken(
    aedat4_file: Path, compression: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = pytest.importorskip({"lz4": "lz4.frame", "zstd": "zstandard"}[compression])
    payload = package.compress(bytes(10**8))
    write_aedat4(aedat4_file, made(60), compression)
    data, packets = without_index(aedat4_file.read_bytes())
    bomb = struct.pack("<ii", 0, len(payload)) + payload
    aedat4_file.write_bytes(data[:packets] + bomb)
    monkeypatch.setattr(aedat4, "_ALWAYS", 10**6)
    tracemalloc.start()
    with pytest.raises(InputError, match="inflate to over 100 times its size"):
        aedat4.read(aedat4_file)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < 9e7
