"""Unpack zip, tar.gz and 7z archives: nothing lands outside the folder, nothing is half there.

What an archive is follows from its first bytes, not from its name. A member whose name leads out
of the folder is refused, as are links and devices, which no data set has; then nothing of the
archive is kept. Archives within an archive are unpacked too, each into a folder of its own name.
Members whose names clash are refused, and so is what unpacks to more than :func:`limit` bytes.
"""

from __future__ import annotations

import contextlib
import errno
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal

from benchmarks.errors import InputError
from benchmarks.events.published.disk import disk_faults, in_units, require_space
from benchmarks.progress import Progress

Kind = Literal["zip", "tar", "7z"]

_MAGIC: dict[bytes, Kind] = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # an empty one
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x1f\x8b": "tar",  # gzip; only tars are packed so
}
_DEPTH = 3  # archives within archives
_SUFFIXES = (".zip", ".7z", ".tar.gz", ".tgz")
_LONGEST = 255  # bytes of a file's name, on most file systems
_MOST, _ALWAYS = 100, 10**8  # times its size, and bytes: no recording compresses like that
# what a name may be to blame for
_NAME_FAULTS = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EINVAL)
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    lzma.LZMAError,
    tarfile.TarError,
    NotImplementedError,
    RuntimeError,  # how zipfile names a password
    UnicodeDecodeError,  # a name that says it is UTF-8 and is not
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


def extract(path: Path, target: Path, progress: Progress) -> None:
    """Unpack ``path``, and the archives in it, to the new folder ``target``.

    The folder appears whole or not at all: it is filled as ``.unpacking-<name>`` beside it, which
    goes when anything goes wrong, and when a killed process left one. One process at a time.
    Progress is reported in MB.
    Raises InputError, naming the archive and the member, for a damaged archive, a member that
    would land outside or on another one, a link, a password, a 7z archive without py7zr, what
    unpacks to too much, or a full disk.
    """
    temporary = target.with_name(f".unpacking-{target.name}")
    with disk_faults(target.parent):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            _extract_nested(path, temporary, progress, _DEPTH)
            temporary.replace(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _extract_nested(path: Path, folder: Path, progress: Progress, depth: int) -> None:
    _extract_one(path, folder, progress)
    if not depth:
        return
    for inner in [at for at in sorted(folder.rglob("*")) if at.is_file() and _named_so(at)]:
        into = inner.with_name(_without_suffix(inner.name))
        if into.exists():
            raise _refused(path, str(inner.relative_to(folder)), f"clashes with {into.name!r}")
        into.mkdir()
        try:
            _extract_nested(inner, into, progress, depth - 1)
        except InputError as error:
            # the folder goes: what is in it is known to a person by the outer archive's name
            raise InputError(f"{path}: in it, {str(error).removeprefix(f'{folder}/')}") from error
        inner.unlink()


def _named_so(path: Path) -> bool:
    """A recording may begin with anything, so an inner archive must also be named as one."""
    named = path.name.lower().endswith(_SUFFIXES)
    return named and path.name[0] != "." and kind(path) is not None


def _without_suffix(name: str) -> str:
    """``n-cars.train.zip`` to ``n-cars.train``: what else has a dot is part of the name."""
    suffix = next(suffix for suffix in _SUFFIXES if name.lower().endswith(suffix))
    return name[: -len(suffix)]


def limit(path: Path) -> int:
    """Bytes that an archive may unpack to."""
    return _MOST * path.stat().st_size + _ALWAYS


def _check_amount(path: Path, amount: int) -> None:
    if amount > limit(path):
        raise InputError(
            f"{path}: unpacks to {in_units(amount)} or more, over {_MOST} times its size, as no "
            "data set does; delete it and get it from where its authors publish it"
        )


def _extract_one(path: Path, folder: Path, progress: Progress) -> None:
    with _refusals(path):
        match kind(path):
            case "zip":
                _extract_zip(path, folder, progress)
            case "tar":
                _extract_tar(path, folder, progress)
            case "7z":
                _extract_7z(path, folder, progress)
            case None:
                raise InputError(f"{path}: neither a zip, nor a tar.gz, nor a 7z archive")


def _extract_zip(path: Path, folder: Path, progress: Progress) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        seen: set[str] = set()
        for member in members:
            mode = member.external_attr >> 16
            _check_name(path, member.orig_filename)
            _check_once(path, member.filename, seen)
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(path, member.filename, "is a link or a device")
        total = sum(member.file_size for member in members)
        _check_amount(path, total)
        require_space(folder, total, f"unpack {path.name}")
        done = 0
        for member in members:
            with _refusals(path, member.filename):
                archive.extract(member, folder)
            done += member.file_size
            progress(done // 10**6, total // 10**6, f"unpacking {path.name}")


def _extract_tar(path: Path, folder: Path, progress: Progress) -> None:
    total = path.stat().st_size
    require_space(folder, total, f"unpack {path.name}")
    # One pass, as a second over gzip takes minutes: the caller removes the folder on a refusal.
    amount, seen = 0, set[str]()
    with path.open("rb") as file, tarfile.open(fileobj=file) as archive:
        for member in archive:
            _check_name(path, member.name)
            _check_once(path, member.name + "/" * member.isdir(), seen)
            if member.issparse():
                raise _refused(path, member.name, "is sparse")
            amount += member.size
            _check_amount(path, amount)
            if not (member.isreg() or member.isdir()):
                raise _refused(path, member.name, "is a link or a device")
            with _refusals(path, member.name):
                _write(archive, member, folder / member.name)
            progress(file.tell() // 10**6, total // 10**6, f"unpacking {path.name}")
        assert archive.fileobj is not None
        while rest := archive.fileobj.read(2**20):  # to its end, where gzip has its checksum
            amount += len(rest)
            _check_amount(path, amount)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, at: Path) -> None:
    """The bytes alone, with the modes of new files: ``filter=`` is missing before Python 3.11.4."""
    content = archive.extractfile(member)
    if content is None:  # a folder
        at.mkdir(parents=True, exist_ok=True)
        return
    at.parent.mkdir(parents=True, exist_ok=True)
    with content, at.open("wb") as file:
        shutil.copyfileobj(content, file)


def _extract_7z(path: Path, folder: Path, progress: Progress) -> None:
    with _seven_zip(path) as archive:
        seen: set[str] = set()
        for member in archive.files:
            _check_name(path, member.filename)
            _check_once(path, member.filename + "/" * member.is_directory, seen)
            if member.is_symlink or member.is_junction or member.is_socket:
                raise _refused(path, member.filename, "is a link or a device")
        total = archive.archiveinfo().uncompressed
        _check_amount(path, total)
        require_space(folder, total, f"unpack {path.name}")
        progress(0, total // 10**6, f"unpacking {path.name}")
        archive.extractall(folder)
        progress(total // 10**6, total // 10**6, f"unpacking {path.name}")


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
    try:
        longest = max((len(part.encode()) for part in posix.parts), default=0)
    except UnicodeEncodeError:
        raise _refused(path, name, "has a name that is no text") from None
    if longest > _LONGEST:
        raise _refused(path, f"{name[:40]}...", f"has a name of {longest} bytes")
    if not name or "\0" in name:
        raise _refused(path, name, "has no name, or a NUL in it")


def _check_once(path: Path, name: str, seen: set[str]) -> None:
    """Raise InputError for a file of a name that another file or folder has, and the reverse.

    ``name`` ends in a slash for a folder; ``seen`` takes files as they are, folders with a slash.
    """
    parts = PurePosixPath(name).parts
    folders = {"/".join(parts[:end]) for end in range(1, len(parts) + name.endswith("/"))}
    at = "/".join(parts)
    if folders & seen or (not name.endswith("/") and {at, f"{at}/"} & seen):
        raise _refused(path, name, "clashes with another of that name")
    seen.update(f"{folder}/" for folder in folders)
    if not name.endswith("/"):
        seen.add(at)


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
        if error.errno in _NAME_FAULTS:
            raise _refused(path, member, f"cannot be written ({error.strerror})") from error
        if error.errno is not None:
            raise
        raise _damaged(path, member, error) from error


def _damaged(path: Path, member: str, error: Exception) -> InputError:
    at = f"member {member!r} is damaged or cut short" if member else "damaged or cut short"
    # of a damaged gzip tarfile lists, a line each, what no other method could make of it
    first = next(iter(str(error).splitlines()), type(error).__name__)
    said = first.removesuffix(":")
    return InputError(f"{path}: {at} ({said}); delete the file and get it again")
