"""A writer writes the whole file or none, and nothing that its format cannot hold."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from benchmarks.errors import InputError
from benchmarks.events.embedded.simulate import EVENT
from benchmarks.events.formats.write import write_aedat4
from benchmarks.events.recording import Recording
from tests.events.recordings import EACH_FORMAT, FORMATS, NEEDS_AEDAT4, assert_same, made

EACH = pytest.mark.parametrize("name", EACH_FORMAT)
FIRST_TOO_LATE = {"aedat2": 2**32, "aedat3": 2**62, "dat": 2**32, "atis": 2**23}
WIDEST = {"aedat2": (128, 128), "aedat3": (128, 128), "dat": (2**14, 2**14), "atis": (240, 180)}


def recording(*events: tuple[int, int, int, bool], size: tuple[int, int] = (20, 10)) -> Recording:
    return Recording(np.array(list(events), dtype=EVENT), *size)


@EACH
def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path, name: str) -> None:
    path = tmp_path / "folder" / f"a{FORMATS[name].suffix}"
    for seed in (1, 2):
        last = made(50, FORMATS[name].size, seed)
        FORMATS[name].write(path, last)
    assert_same(FORMATS[name].read(path), last)
    assert list(path.parent.iterdir()) == [path]


@EACH
def test_the_same_recording_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    paths = [tmp_path / f"{i}{FORMATS[name].suffix}" for i in range(2)]
    for path in paths:
        FORMATS[name].write(path, made(3000, FORMATS[name].size))
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("name", FIRST_TOO_LATE)
def test_the_largest_event_fits_and_the_next_is_refused(tmp_path: Path, name: str) -> None:
    last, (width, height) = FIRST_TOO_LATE[name] - 1, WIDEST[name]
    path = tmp_path / f"a{FORMATS[name].suffix}"
    corner = (last, width - 1, height - 1, True)
    FORMATS[name].write(path, recording((0, 0, 0, False), corner, size=(width, height)))
    assert FORMATS[name].read(path).events.tolist() == [(0, 0, 0, False), corner]
    before = path.read_bytes()
    late = recording((last + 1, 0, 0, True), size=(width, height))
    wide = recording((0, 0, 0, True), size=(width + 1, height))
    for impossible, words in ((late, "subtract"), (wide, "crop it")):
        with pytest.raises(InputError, match=words):
            FORMATS[name].write(path, impossible)
    assert path.read_bytes() == before


@EACH
@pytest.mark.parametrize(
    ("impossible", "words"),
    [
        (recording(), "without events"),
        (recording((-1, 0, 0, True)), "in order"),
        (recording((5, 0, 0, True), (4, 0, 0, True)), "in order"),
        (recording((5, 20, 0, True)), "outside"),
        (recording((5, 0, -1, True)), "outside"),
    ],
)
def test_a_recording_that_no_reader_takes_back_is_refused(
    tmp_path: Path, name: str, impossible: Recording, words: str
) -> None:
    path = tmp_path / "a"
    with pytest.raises(InputError, match=words) as caught:
        FORMATS[name].write(path, impossible)
    assert str(path) in str(caught.value)
    assert not path.exists()


@NEEDS_AEDAT4
@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_every_compression_of_aedat4_comes_back(tmp_path: Path, compression: str) -> None:
    # more events than one packet of dv-processing, at times of today
    expected = made(25_000, start_us=1_700_000_000_000_000)
    path = tmp_path / "a.aedat4"
    write_aedat4(path, expected, compression)  # type: ignore[arg-type]
    assert_same(FORMATS["aedat4"].read(path), expected)


WRITE = """
import sys
from pathlib import Path
from tests.events.recordings import FORMATS, made
FORMATS[sys.argv[1]].write(Path(sys.argv[2]), made(60_000, FORMATS[sys.argv[1]].size))
"""


@contextmanager
def no_large_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "aedat4"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"a{FORMATS[name].suffix}"
    old = made(20, FORMATS[name].size)
    FORMATS[name].write(path, old)
    with no_large_files(), pytest.raises(OSError, match="File too large"):
        FORMATS[name].write(path, made(60_000, FORMATS[name].size))
    assert_same(FORMATS[name].read(path), old)
    assert list(tmp_path.iterdir()) == [path]


@NEEDS_AEDAT4
def test_a_full_disk_that_ends_the_program_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat4"
    write_aedat4(path, made(20))
    old = path.read_bytes()
    with no_large_files():
        done = subprocess.run(
            [sys.executable, "-c", WRITE, "aedat4", str(path)],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=False,
            timeout=120,
        )
    assert done.returncode != 0
    assert b"File too large" in done.stderr
    assert path.read_bytes() == old


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs more rights")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


@NEEDS_AEDAT4
def test_aedat4_is_not_begun_on_a_disk_without_room(small_disk: Path) -> None:
    with pytest.raises(InputError, match=r"bytes are free .* free the disk"):
        write_aedat4(small_disk / "a.aedat4", made(10))
    assert not list(small_disk.iterdir())
