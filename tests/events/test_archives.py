"""Archives are unpacked whole, into their folder and nowhere else."""

from __future__ import annotations

import io
import stat
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from benchmarks.errors import InputError
from benchmarks.events.published import archives
from benchmarks.events.published.archives import extract, kind, member_names
from benchmarks.progress import silent
from tests.events.small_sets import tarred, zipped

Pack = Callable[[Mapping[str, bytes]], bytes]
FILES = {"a/one.bin": b"1" * 5000, "a/b/two.bin": b"2" * 5000}


def unpacked(tmp_path: Path, content: bytes, name: str = "archive") -> dict[str, bytes]:
    (tmp_path / name).write_bytes(content)
    extract(tmp_path / name, tmp_path / "out" / "tree", silent)
    return files_below(tmp_path / "out" / "tree")


def files_below(folder: Path) -> dict[str, bytes]:
    found = [at for at in folder.rglob("*") if at.is_file()]
    return {at.relative_to(folder).as_posix(): at.read_bytes() for at in found}


def refusal(tmp_path: Path, content: bytes) -> str:
    """The message; asserts that nothing was written, inside or outside."""
    with pytest.raises(InputError) as caught:
        unpacked(tmp_path, content)
    assert files_below(tmp_path).keys() == {"archive"}
    assert "archive" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_what_an_archive_is_follows_from_its_content(tmp_path: Path, pack: Pack) -> None:
    content = pack(FILES)
    assert unpacked(tmp_path, content) == FILES
    assert sorted(member_names(tmp_path / "archive")) == sorted(FILES)


def test_archives_within_archives_are_unpacked(tmp_path: Path) -> None:
    inner = {"x/cat.zip": zipped({"1.aedat": b"1"}), "x/dog.tar.gz": tarred({"2.aedat": b"2"})}
    twice = zipped({"all.zip": zipped(inner), "readme.txt": b"hello"})
    assert unpacked(tmp_path, twice) == {
        "all/x/cat/1.aedat": b"1",
        "all/x/dog/2.aedat": b"2",
        "readme.txt": b"hello",
    }


def test_a_fault_within_an_archive_within_is_told_by_the_outer_name(tmp_path: Path) -> None:
    inner = zipped({"x/cat.zip": zipped(FILES)[:-30]})
    said = refusal(tmp_path, zipped({"all.zip": inner}))
    start = f"{tmp_path / 'archive'}: in it, all.zip: in it, x/cat.zip: damaged or cut short"
    assert said.startswith(start)


def test_a_recording_that_begins_like_an_archive_is_left_alone(tmp_path: Path) -> None:
    files = {"obj_000000_td.dat": zipped({"a": b"1"})}
    assert unpacked(tmp_path, zipped(files)) == files


@pytest.mark.parametrize(
    "name", ["../out.bin", "a/../../out.bin", "/tmp/out.bin", "C:/out.bin", "..\\out.bin"]
)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_member_that_leads_out_is_refused_by_name(tmp_path: Path, pack: Pack, name: str) -> None:
    said = refusal(tmp_path, pack({**FILES, name: b"x"}))
    assert f"member {name!r} would be written outside" in said


def zip_with_link() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("a/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc")
        archive.writestr("a/link/passwd", b"x")
    return out.getvalue()


def tar_with(kind_of_link: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        link = tarfile.TarInfo("a/link")
        link.type, link.linkname = kind_of_link, "/etc"
        archive.addfile(link)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        zip_with_link(),
        tar_with(tarfile.SYMTYPE),
        tar_with(tarfile.LNKTYPE),
        tar_with(tarfile.FIFOTYPE),
    ],
    ids=["zip", "symbolic", "hard", "pipe"],
)
def test_links_and_devices_are_refused(tmp_path: Path, content: bytes) -> None:
    assert "member 'a/link' is a link or a device" in refusal(tmp_path, bytes(content))


def test_a_damaged_member_of_a_zip_is_named(tmp_path: Path) -> None:
    content = bytearray(zipped(FILES))
    content[content.index(b"222")] = 0
    assert "member 'a/b/two.bin' is damaged or cut short (Bad CRC-32" in refusal(
        tmp_path, bytes(content)
    )


def test_a_damaged_member_that_does_not_even_inflate_is_named(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bin", bytes(range(256)) * 40)
    content = bytearray(out.getvalue())
    content[40:60] = b"\xff" * 20
    assert "member 'a.bin' is damaged" in refusal(tmp_path, bytes(content))


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_an_archive_cut_short_is_refused(tmp_path: Path, pack: Pack, share: float) -> None:
    content = pack({"a.bin": b"".join(n.to_bytes(4, "big") for n in range(9999))})
    assert "cut short" in refusal(tmp_path, content[: int(share * len(content))])


def test_a_damaged_gzip_is_one_line(tmp_path: Path) -> None:
    content = tarred(FILES)
    assert "\n" not in refusal(tmp_path, content[:20] + b"\xff" * 8 + content[28:])


def test_a_password_is_said(tmp_path: Path) -> None:
    content = bytearray(zipped({"a.bin": b"secret"}))
    content[6] |= 1  # the flag of encryption, in the member's header
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    assert "encrypted" in refusal(tmp_path, bytes(content))


@pytest.mark.parametrize("content", [b"", b"<html>", b"\0" * 1000])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "neither a zip, nor a tar.gz, nor a 7z" in refusal(tmp_path, bytes(content))
    assert kind(tmp_path / "archive") is None


def test_a_7z_without_its_package_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "py7zr", None)  # as if it were not installed
    said = refusal(tmp_path, b"7z\xbc\xaf\x27\x1c" + b"\0" * 100)
    assert "pip install py7zr" in said
    assert "7z x archive" in said


def test_a_7z_is_unpacked(tmp_path: Path) -> None:
    py7zr = pytest.importorskip("py7zr")
    with py7zr.SevenZipFile(tmp_path / "made.7z", "w") as archive:
        for name, content in FILES.items():
            archive.writestr(content, name)
    assert unpacked(tmp_path, (tmp_path / "made.7z").read_bytes()) == FILES


def test_a_damaged_7z_is_refused(tmp_path: Path) -> None:
    py7zr = pytest.importorskip("py7zr")
    made = io.BytesIO()
    with py7zr.SevenZipFile(made, "w") as archive:
        archive.writestr(b"x" * 5000, "a.bin")
    content = bytearray(made.getvalue())
    assert "cut short" in refusal(tmp_path, bytes(content[:-20]))
    content[40] ^= 0xFF
    assert "damaged" in refusal(tmp_path, bytes(content))


def test_archives_whose_names_differ_behind_a_dot_keep_their_members_apart(tmp_path: Path) -> None:
    one, other = zipped({"a.dat": b"1"}), zipped({"a.dat": b"2"})
    both = zipped({"n-cars.train.zip": one, "n-cars.test.zip": other})
    assert unpacked(tmp_path, both) == {"n-cars.train/a.dat": b"1", "n-cars.test/a.dat": b"2"}


def test_an_archive_within_beside_a_folder_of_its_name_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, zipped({"x/a.zip": zipped(FILES), "x/a/one.bin": b"1"}))
    assert "member 'x/a.zip' clashes with 'a'" in said


def several(*members: tuple[str, bytes], pack: str) -> bytes:
    """An archive of members in this order, names twice or not."""
    out = io.BytesIO()
    if pack == "zip":
        with zipfile.ZipFile(out, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name, content in members:
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=out, mode="w:gz") as tar:
            for name, content in members:
                about = tarfile.TarInfo(name)
                about.size = len(content)
                tar.addfile(about, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize("pack", ["zip", "tar"])
@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a", "a"), "'a' clashes with another"),
        (("a/b", "a//b"), "clashes with another"),
        (("a", "a/b"), "'a/b' clashes with another"),
        (("a/b", "a"), "'a' clashes with another"),
        (("x" * 300,), "a name of 300 bytes"),
        (("/".join(["x" * 200] * 25),), "cannot be written"),
    ],
)
def test_members_that_cannot_stand_beside_each_other_are_refused(
    tmp_path: Path, pack: str, names: tuple[str, ...], said: str
) -> None:
    members = [(name, bytes([number])) for number, name in enumerate(names)]
    assert said in refusal(tmp_path, several(*members, pack=pack))


def test_a_nul_in_a_name_is_refused(tmp_path: Path) -> None:
    content = zipped({"a#b.dat": b"1"}).replace(b"a#b", b"a\0b")
    assert "has no name, or a NUL in it" in refusal(tmp_path, content)


def test_a_name_that_is_not_the_utf8_that_it_says_is_refused(tmp_path: Path) -> None:
    content = zipped({"ü.dat": b"1"}).replace("ü".encode(), b"\xff\xfc")
    assert "damaged or cut short" in refusal(tmp_path, content)


def test_the_checksum_of_gzip_is_checked(tmp_path: Path) -> None:
    content = bytearray(tarred({"a.bin": b"1" * 5000}))
    content[-6] ^= 1  # of the CRC-32 at the end
    assert "damaged or cut short (CRC check failed" in refusal(tmp_path, bytes(content))


def test_a_sparse_member_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        about = tarfile.TarInfo("a.bin")
        about.type, about.size = tarfile.GNUTYPE_SPARSE, 0
        about.pax_headers = {}
        header = bytearray(about.tobuf(tarfile.GNU_FORMAT))
        header[483:495] = b"77777777777\0"  # its size when unpacked, 8 GB
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        assert archive.fileobj is not None
        archive.fileobj.write(header)
    assert "member 'a.bin' is sparse" in refusal(tmp_path, out.getvalue())


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_what_inflates_without_bound_is_refused_before_it_is_written(
    tmp_path: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_ALWAYS", 10_000)
    monkeypatch.setattr(archives, "_MOST", 2)
    content = pack({"a.bin": bytes(10**6)})
    if pack is zipped:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.bin", bytes(10**6))
        content = out.getvalue()
    assert "over 2 times its size" in refusal(tmp_path, content)
