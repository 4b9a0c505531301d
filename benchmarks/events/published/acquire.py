"""Find a real data set on this machine, or fetch it: the result is a checked tree of recordings.

Places, in this order: an explicit path; the environment variable ``AIA_DATA_<SET>``; the folder
``<set>`` in ``AIA_DATA``; the cache, ``aia-bench/data/<set>`` in XDG_CACHE_HOME or ``~/.cache``.
Each may hold the extracted recordings, however deep, or the archives under any name. Nothing is
written but in the cache. ``AIA_OFFLINE=1`` keeps off the network.

In the cache: ``archives/`` what was downloaded, ``tree/`` what was unpacked, ``stamps/`` which
checksums were found for files of which size and time, so that no archive is hashed twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from benchmarks.errors import InputError
from benchmarks.events.published.advice import Place, Search, not_here
from benchmarks.events.published.archives import extract, kind, member_names
from benchmarks.events.published.disk import disk_faults, in_units
from benchmarks.events.published.download import NotServed, download, md5_of
from benchmarks.events.published.entries import Archive, RealSet
from benchmarks.events.published.layout import entries
from benchmarks.progress import Progress
from benchmarks.records.files import as_json, write_atomic

_ROUNDED = (0.8, 1.25)  # of `about`: a rounded size, in units of 1000 or of 1024


def places(chosen: RealSet, explicit: Path | None) -> list[Place]:
    """Where to look, in order. An explicit path is the only one beside the cache."""
    cache = Place("the cache", cache_of(chosen))
    if explicit is not None:
        return [Place("the path that you gave", explicit), cache]
    own, every = f"AIA_DATA_{chosen.name.upper()}", "AIA_DATA"
    return [
        Place(own, _from_environment(own)),
        Place(every, _from_environment(every, chosen.name)),
        cache,
    ]


def cache_of(chosen: RealSet) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "aia-bench" / "data" / chosen.name


def offline() -> bool:
    return os.environ.get("AIA_OFFLINE", "") not in ("", "0")


def find(chosen: RealSet, explicit: Path | None = None) -> Path | None:
    """A complete tree that is there already; nothing is unpacked, fetched or written."""
    for place in places(chosen, explicit):
        tree_or_why = _tree_at(chosen, place)
        if isinstance(tree_or_why, Path):
            return tree_or_why
    return None


def acquire(chosen: RealSet, explicit: Path | None, progress: Progress) -> Path:
    """A tree that holds every recording of ``chosen``: found, unpacked or downloaded.

    ``explicit``: a tree, a folder of archives, or an archive; then nothing is downloaded.
    Progress is reported in MB. Raises one InputError that says what was tried and what to do.
    """
    cache = cache_of(chosen)
    looked: dict[Place, str] = {}
    for place in places(chosen, explicit):
        tree_or_why = _tree_at(chosen, place)
        if isinstance(tree_or_why, Path):
            return tree_or_why
        looked[place] = tree_or_why
        if place.path == explicit is not None:
            # what was asked for has to be there: another copy would be a surprise
            archives, refused = archives_at(chosen, place, progress)
            if not archives:
                looked[place] = "; ".join([tree_or_why, *refused])
                raise InputError(
                    not_here(Search(chosen, cache, explicit, looked, [*chosen.archives], []))
                )
    with disk_faults(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(cache, progress):
            # whoever held the lock may have made it
            made = _tree_at(chosen, Place("", cache))
            return made if isinstance(made, Path) else _make(chosen, looked, explicit, progress)


def archives_at(
    chosen: RealSet, place: Place, progress: Progress, *, trust_stamps: bool = True
) -> tuple[dict[str, list[Path]], list[str]]:
    """Files that are the archives of ``chosen``, by the archive's name, and why others are not."""
    archives: dict[str, list[Path]] = {}
    refused = []
    for file in _files_at(place.path):
        try:
            for archive in chosen.archives if kind(file) else ():
                if archive.contents and (file == place.path or _holds(archive, file)):
                    archives.setdefault(archive.name, []).append(file)
                elif archive.md5 and (_fits(archive, file) or file.name == archive.name):
                    md5 = _stamped_md5(chosen, file, progress, trust_stamps)
                    if md5 == archive.md5:
                        archives[archive.name] = [file]
                    elif file.name == archive.name:
                        refused.append(
                            f"{file.name}: {in_units(file.stat().st_size)}, md5 {md5}, "
                            f"expected {archive.md5}"
                        )
        except (InputError, OSError) as error:
            refused.append(str(error))
    return archives, refused


def _make(
    chosen: RealSet, looked: dict[Place, str], explicit: Path | None, progress: Progress
) -> Path:
    """The tree from archives that are here and archives that are downloaded."""
    files: dict[str, list[Path]] = {}
    for place, why in looked.items():
        archives, refused = archives_at(chosen, place, progress)
        has = [f"{len(archives)} of {len(chosen.archives)} archives"] if archives else []
        looked[place] = "; ".join([why, *has, *refused])
        files = archives | files
    cache = cache_of(chosen)
    missing: list[Archive] = []
    answers: list[tuple[str, str]] = []
    barred = offline() or explicit is not None
    for archive in chosen.archives:
        if archive.name in files:
            continue
        try:
            if barred:
                raise NotServed(())
            file = download(archive, cache / "archives", progress)
            files[archive.name] = [file]
            if archive.md5:
                _stamp(chosen, file, archive.md5)
        except NotServed as error:
            answers += error.answers
            missing.append(archive)
    if missing or not chosen.archives:
        raise InputError(not_here(Search(chosen, cache, explicit, looked, missing, answers)))
    return _unpack(chosen, files, cache / "tree", progress)


def _unpack(
    chosen: RealSet, files: Mapping[str, list[Path]], tree: Path, progress: Progress
) -> Path:
    """Archives that a killed process unpacked are not unpacked again."""
    todo = [
        (archive, tree / f"{archive.name.split('.')[0]}{number or ''}", file)
        for archive in chosen.archives
        for number, file in enumerate(
            sorted(files[archive.name], key=lambda file: -file.stat().st_size)
        )
    ]
    if all(folder.exists() for _, folder, _ in todo):
        shutil.rmtree(tree)  # all was there, and yet the tree was not complete
    for archive, folder, file in todo:
        if not folder.exists():
            extract(file, folder, progress)
        # one form of the archive may be enough, e.g. the whole beside its parts
        if archive.contents and isinstance(_tree_at(chosen, Place("", tree)), Path):
            return tree
    try:
        entries(chosen, tree)
    except InputError as error:
        shutil.rmtree(tree)
        raise InputError(
            f"{error}\nunpacked from {', '.join(str(file) for *_, file in todo)}; "
            "what was unpacked is removed again"
        ) from error
    return tree


def _tree_at(chosen: RealSet, place: Place) -> Path | str:
    """The complete tree at a place, or why there is none."""
    path = place.path
    if path is None:
        return "not set"
    if not path.exists():
        return "not there"
    why = []
    for tree in (path / "tree", path):
        if tree.is_dir():
            try:
                entries(chosen, tree)
                return tree
            except InputError as error:
                why.append(str(error).removeprefix(f"{tree}: "))
    return why[0] if why else "a file"


def _files_at(path: Path | None) -> list[Path]:
    """Files at a place that may be archives: the file itself, or those of the folder."""
    if path is None or not path.exists():
        return []
    inside = [path] if path.is_file() else [*path.glob("*"), *path.glob("archives/*")]
    return sorted(file for file in inside if file.is_file() and file.suffix != ".part")


def _holds(archive: Archive, file: Path) -> bool:
    """By its name first: to open a 7z could need a further package."""
    sought = re.compile(archive.contents)
    return bool(sought.search(file.name)) or any(map(sought.search, member_names(file)))


def _fits(archive: Archive, file: Path) -> bool:
    size = file.stat().st_size
    if archive.size is not None:
        return size == archive.size
    low, high = _ROUNDED
    return low * archive.about < size < high * archive.about


def _stamped_md5(chosen: RealSet, file: Path, progress: Progress, trust: bool) -> str:
    state = file.stat()
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(_stamp_of(chosen, file).read_text(encoding="utf-8"))
        if trust and (kept["size"], kept["mtime_ns"]) == (state.st_size, state.st_mtime_ns):
            return str(kept["md5"])
    md5 = md5_of(file, progress)
    _stamp(chosen, file, md5)
    return md5


def _stamp(chosen: RealSet, file: Path, md5: str) -> None:
    state = file.stat()
    said = {"path": str(file.absolute()), "size": state.st_size, "mtime_ns": state.st_mtime_ns}
    with suppress(OSError):  # it only spares time
        write_atomic(_stamp_of(chosen, file), as_json({**said, "md5": md5}))


def _stamp_of(chosen: RealSet, file: Path) -> Path:
    name = hashlib.sha256(str(file.absolute()).encode()).hexdigest()[:16]
    return cache_of(chosen) / "stamps" / f"{name}.json"


@contextmanager
def _alone(cache: Path, progress: Progress) -> Iterator[None]:
    lock = FileLock(cache / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress(0, 0, "another process is fetching it; waiting")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _from_environment(variable: str, below: str = "") -> Path | None:
    value = os.environ.get(variable, "")
    return Path(value).expanduser() / below if value else None
