"""Prophesee RAW, word by word as the encodings are documented."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from benchmarks.errors import InputError
from benchmarks.events.formats import raw

EVT2, EVT3 = b"% evt 2.0\n", b"% evt 3.0\n"


def evt2(path: Path, *words: int, header: bytes = EVT2) -> Path:
    path.write_bytes(header + struct.pack(f"<{len(words)}I", *words))
    return path


def evt3(path: Path, *words: int, header: bytes = EVT3) -> Path:
    path.write_bytes(header + struct.pack(f"<{len(words)}H", *words))
    return path


def pixel(low: int, x: int, y: int, on: int) -> int:
    """An event of EVT 2.0 with the lower 6 bits of its time."""
    return on << 28 | low << 22 | x << 11 | y


def test_an_event_of_evt2_has_its_own_lower_bits_of_time(tmp_path: Path) -> None:
    path = evt2(
        *(tmp_path / "a.raw", 8 << 28 | 3, pixel(5, 639, 479, 1), pixel(63, 0, 1, 0)),
        *(0xA000_0001, 0xE000_0000, 8 << 28 | 4, pixel(0, 7, 8, 1)),
    )
    expected = [(3 * 64 + 5, 639, 479, True), (3 * 64 + 63, 0, 1, False), (256, 7, 8, True)]
    assert raw.read(path).events.tolist() == expected


def test_an_event_of_evt3_takes_time_row_and_column_from_words_before_it(tmp_path: Path) -> None:
    path = evt3(
        *(tmp_path / "a.raw", 0x8002, 0x6003, 0x000A, 0x2005, 0x2000 | 1 << 11 | 6, 0x6004),
        *(0xE000, 0x000B, 0x2007, 0x8003, 0x6000, 0x2008),
    )
    assert raw.read(path).events.tolist() == [
        (2 * 4096 + 3, 5, 10, False),
        (2 * 4096 + 3, 6, 10, True),
        (2 * 4096 + 4, 7, 11, False),
        (3 * 4096, 8, 11, False),
    ]


def test_vectors_of_evt3_go_on_where_the_one_before_them_ended(tmp_path: Path) -> None:
    base = 0x3000 | 1 << 11 | 100
    path = evt3(
        *(tmp_path / "a.raw", 0x8001, 0x6000, 0x0004, base, 0x4801, 0x5F81, 0x4002),
        *(0x2000 | 9, 0x3000 | 50, 0x5001),
    )
    # bits 0 and 11 of 12; 0 and 7 of 8 (bits above are reserved); 1 of 12; one event; a new base
    events = raw.read(path).events
    assert events["x"].tolist() == [100, 111, 112, 119, 121, 9, 50]
    assert events["p"].tolist() == [True] * 5 + [False, False]
    assert set(events["t"].tolist()) == {4096}
    assert set(events["y"].tolist()) == {4}


def test_lower_bits_that_step_back_between_events_add_no_overflow(tmp_path: Path) -> None:
    # a Gen4.1 camera: 811, then at once 800 of the same upper bits
    path = evt3(tmp_path / "a.raw", 0x8001, 0x631F, 0x0001, 0x2001, 0x632B, 0x6320, 0x2002)
    assert raw.read(path).events["t"].tolist() == [4096 + 799, 4096 + 800]


def test_counters_that_start_over_are_unwrapped(tmp_path: Path) -> None:
    last, first = 0x8FFF, 0x8000
    words = (last, 0x6FFF, 0x0001, 0x2001, first, 0x6001, 0x2002, last, 0x2003, first, 0x2004)
    t = raw.read(evt3(tmp_path / "a.raw", *words)).events["t"]
    turn = 2**24  # us
    assert t.tolist() == [turn - 1, turn + 1, 2 * turn - 4096 + 1, 2 * turn + 1]
    last, first = 8 << 28 | (1 << 28) - 1, 8 << 28
    path = evt2(tmp_path / "b.raw", last, pixel(63, 0, 0, 1), first, pixel(1, 0, 0, 1))
    assert raw.read(path).events["t"].tolist() == [2**34 - 1, 2**34 + 1]


def test_events_before_the_first_time_are_left_out(tmp_path: Path) -> None:
    path = evt2(tmp_path / "a.raw", pixel(1, 2, 3, 1), 8 << 28 | 1, pixel(0, 4, 5, 0))
    assert raw.read(path).events.tolist() == [(64, 4, 5, False)]
    path = evt3(tmp_path / "b.raw", 0x0001, 0x2002, 0x8001, 0x2003)
    assert raw.read(path).events.tolist() == [(4096, 3, 1, False)]


@pytest.mark.parametrize(
    ("header", "size"),
    [
        (EVT3, (1280, 720)),
        (b"% plugin_name hal_plugin_gen3_fx3\n% evt 3.0\n", (640, 480)),
        (b"% plugin_name hal_plugin_gen41_evk3\n% evt 3.0\n", (1280, 720)),
        (b"% evt 3.0\n% geometry 320x320\n", (320, 320)),
        (b"% format EVT3;height=200;width=300\n% end\n", (300, 200)),
    ],
)
def test_the_sensor_is_the_headers(tmp_path: Path, header: bytes, size: tuple[int, int]) -> None:
    path = evt3(tmp_path / "a.raw", 0x8001, 0x2001, header=header)
    recording = raw.read(path)
    assert (recording.width, recording.height) == size
    with pytest.raises(InputError, match="outside the sensor of"):
        raw.read(evt3(path, 0x8001, 0x2000 | size[0], header=header))


def test_data_that_looks_like_a_header_after_its_end_is_data(tmp_path: Path) -> None:
    path = evt3(tmp_path / "a.raw", 0x0025, 0x8001, 0x2001, header=b"% evt 3.0\n% end\n")
    assert raw.read(path).events["y"].tolist() == [0x25]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"<html></html>", "web page"),
        (b"EVT3" * 9, "not Prophesee RAW"),
        (b"% evt 3.0", "cut within its header"),
        (EVT3, "ends after its header"),
        (EVT3 + b"\x01\x80\x01", "cut within an event: 3 bytes"),
        (EVT2 + b"\x01\x80", "cut within an event: 2 bytes"),
        (EVT3 + b"\x01\x20", "it holds no event"),
        (b"% evt 2.1\n" + b"\0" * 8, "encoded as EVT 2.1, as its header says; EVT 2.0 and 3.0"),
        (b"% format EVT4;height=2;width=2\n" + b"\0" * 8, "encoded as EVT 4"),
        (b"% Date 2020\n" + b"\0" * 8, "EVT of no version"),
        (EVT3 + struct.pack("<4H", 0x8002, 0x2001, 0x8001, 0x2001), "event 1 goes back in time"),
    ],
)
def test_what_is_no_whole_recording_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        raw.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_any_words_are_read_or_refused(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for header in (EVT2, EVT3):
        for number in range(100):
            path = tmp_path / "a.raw"
            path.write_bytes(header + generator.bytes(4 * (1 + number)))
            try:
                events = raw.read(path).events
            except InputError:
                continue
            assert len(events)
