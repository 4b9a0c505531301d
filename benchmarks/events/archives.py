"""Unpack zip, tar.gz and 7z archives: nothing lands outside the folder, nothing is half there.

What an archive is follows from its first bytes, not from its name. A member whose name leads out
of the folder is refused, as are links and devices, which no data set has; then nothing of the
archive is kept. Archives within an archive are unpacked too, each into a folder of its own name.
"""

from __future__ import annotations

import contextlib
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal

from benchmarks.errors import InputError
from benchmarks.events.disk import disk_faults, require_space

Kind = Literal["zip", "tar", "7z"]
Report = Callable[[int, int, str], None]  # done, total, what

_MAGIC: dict[bytes, Kind] = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # an empty one
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x1f\x8b": "tar",  # gzip; only tars are packed so
}
_DEPTH = 3  # archives within archives
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    lzma.LZMAError,
    tarfile.TarError,
    NotImplementedError,
    RuntimeError,  # how zipfile names a password
)


def kind_of(start: bytes) -> Kind | None:
    """What begins with these bytes (six are enough); None for what is no archive."""
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


def kind(path: Path) -> Kind | None:
    """What a file is. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return kind_of(file.read(6))


def member_names(path: Path) -> list[str]:
    """Names of the members. Raises InputError for a file that is no archive, or is damaged."""
    with _refusals(path):
        if kind(path) == "zip":
            with zipfile.ZipFile(path) as archive:
                return archive.namelist()
        if kind(path) == "tar":
            with tarfile.open(path) as archive:
                return archive.getnames()
        with _seven_zip(path) as archive:
            return list(archive.getnames())


def extract(path: Path, target: Path, report: Report) -> None:
    """Unpack ``path``, and the archives in it, to the new folder ``target``.

    The folder appears whole or not at all: it is filled as ``.unpacking-<name>`` beside it, which
    goes when anything goes wrong, and when a killed process left one. One process at a time.
    Progress is reported in MB.
    Raises InputError, naming the archive and the member, for a damaged archive, a member that
    would land outside, a link, a password, a 7z archive without py7zr, or a full disk.
    """
    temporary = target.with_name(f".unpacking-{target.name}")
    with disk_faults(target.parent):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            _extract_nested(path, temporary, report, _DEPTH)
            temporary.replace(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _extract_nested(path: Path, folder: Path, report: Report, depth: int) -> None:
    _extract_one(path, folder, report)
    if not depth:
        return
    for inner in [at for at in sorted(folder.rglob("*")) if at.is_file() and _named_so(at)]:
        into = inner.with_name(inner.name.split(".")[0])
        into.mkdir(exist_ok=True)
        try:
            _extract_nested(inner, into, report, depth - 1)
        except InputError as error:
            # the folder goes: what is in it is known to a person by the outer archive's name
            raise InputError(f"{path}: in it, {str(error).removeprefix(f'{folder}/')}") from error
        inner.unlink()


def _named_so(path: Path) -> bool:
    """A recording may begin with anything, so an inner archive must also be named as one."""
    named = path.name.lower().endswith((".zip", ".7z", ".tar.gz", ".tgz"))
    return named and path.name[0] != "." and kind(path) is not None


def _extract_one(path: Path, folder: Path, report: Report) -> None:
    with _refusals(path):
        match kind(path):
            case "zip":
                _extract_zip(path, folder, report)
            case "tar":
                _extract_tar(path, folder, report)
            case "7z":
                _extract_7z(path, folder, report)
            case None:
                raise InputError(f"{path}: neither a zip, nor a tar.gz, nor a 7z archive")


def _extract_zip(path: Path, folder: Path, report: Report) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        for member in members:
            mode = member.external_attr >> 16
            _check_name(path, member.filename)
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(path, member.filename, "is a link or a device")
        total = sum(member.file_size for member in members)
        require_space(folder, total, f"unpack {path.name}")
        done = 0
        for member in members:
            with _refusals(path, member.filename):
                archive.extract(member, folder)
            done += member.file_size
            report(done // 10**6, total // 10**6, f"unpacking {path.name}")


def _extract_tar(path: Path, folder: Path, report: Report) -> None:
    total = path.stat().st_size
    require_space(folder, total, f"unpack {path.name}")
    # One pass, as a second over gzip takes minutes: the caller removes the folder on a refusal.
    with path.open("rb") as file, tarfile.open(fileobj=file) as archive:
        for member in archive:
            _check_name(path, member.name)
            if not (member.isreg() or member.isdir()):
                raise _refused(path, member.name, "is a link or a device")
            with _refusals(path, member.name):
                _write(archive, member, folder / member.name)
            report(file.tell() // 10**6, total // 10**6, f"unpacking {path.name}")


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, at: Path) -> None:
    """The bytes alone, with the modes of new files: ``filter=`` is missing before Python 3.11.4."""
    content = archive.extractfile(member)
    if content is None:  # a folder
        at.mkdir(parents=True, exist_ok=True)
        return
    at.parent.mkdir(parents=True, exist_ok=True)
    with content, at.open("wb") as file:
        shutil.copyfileobj(content, file)


def _extract_7z(path: Path, folder: Path, report: Report) -> None:
    with _seven_zip(path) as archive:
        for member in archive.files:
            _check_name(path, member.filename)
            if member.is_symlink or member.is_junction or member.is_socket:
                raise _refused(path, member.filename, "is a link or a device")
        total = archive.archiveinfo().uncompressed
        require_space(folder, total, f"unpack {path.name}")
        report(0, total // 10**6, f"unpacking {path.name}")
        archive.extractall(folder)
        report(total // 10**6, total // 10**6, f"unpacking {path.name}")


@contextlib.contextmanager
def _seven_zip(path: Path) -> Iterator[Any]:
    try:
        py7zr = import_module("py7zr")
    except ModuleNotFoundError:
        raise InputError(
            f"{path}: a 7z archive needs the package py7zr: pip install py7zr; "
            f"or unpack it by hand, e.g. `7z x {path.name}`, and put the folder in its place"
        ) from None
    try:
        with py7zr.SevenZipFile(path) as archive:
            yield archive
    except (py7zr.exceptions.ArchiveError, py7zr.exceptions.PasswordRequired) as error:
        raise _damaged(path, "", error) from error


def _check_name(path: Path, name: str) -> None:
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    absolute = posix.is_absolute() or windows.drive or windows.root
    if absolute or ".." in (*posix.parts, *windows.parts):
        raise _refused(path, name, "would be written outside the folder")


def _refused(path: Path, member: str, why: str) -> InputError:
    return InputError(
        f"{path}: member {member!r} {why}; nothing of the archive is kept; "
        "delete it and get it from where its authors publish it"
    )


@contextlib.contextmanager
def _refusals(path: Path, member: str = "") -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise _damaged(path, member, error) from error
    except OSError as error:
        # gzip's own complaint is an OSError without a number; a full disk has one
        if error.errno is not None:
            raise
        raise _damaged(path, member, error) from error


def _damaged(path: Path, member: str, error: Exception) -> InputError:
    at = f"member {member!r} is damaged or cut short" if member else "damaged or cut short"
    said = str(error) or type(error).__name__
    return InputError(f"{path}: {at} ({said}); delete the file and get it again")
