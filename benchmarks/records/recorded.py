"""Baselines frozen in ``recorded/<profile>/``: a few text files and an index of them.

``params.yaml`` says what was trained, at the shared learning rate and for tuning; ``cells.jsonl``
holds the records, ``hosts.jsonl`` where each ran, ``data.jsonl`` the manifests of the data sets and
``throughput/`` one file of times a device. ``index.json`` holds the SHA-256 of every file, so that
what was edited, cut short, lost or added is refused by name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from benchmarks import params as params_file
from benchmarks.errors import InputError, unknown
from benchmarks.params import Params
from benchmarks.profile import INDEX
from benchmarks.records.lines import Place, lines, read_hosts, read_records
from benchmarks.records.schema import Host, Record
from benchmarks.records.selection import Cells, Selection, alike, selection_of

FOLDER = Path("recorded")
PARAMS, CELLS, HOSTS, DATA = "params.yaml", "cells.jsonl", "hosts.jsonl", "data.jsonl"
THROUGHPUT = "throughput"
Read = TypeVar("Read")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")

# Where sums have another order, as on a GPU, a spike on the other side of the threshold sends
# training another way: first epochs agree closely, final accuracies loosely.
FIRST_LOSS_TOLERANCE = 1e-3  # relative, train loss of the first epoch
ACCURACY_TOLERANCE = 0.05  # absolute, test accuracy


class Index(BaseModel):
    """What a recorded profile holds and where it came from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str
    protocol: str  # hash that all records share
    commits: list[str]  # of the code that trained
    devices: list[str]
    versions: list[str]  # "torch 2.13.0" and so on
    cells: int  # at the shared learning rate
    missing: list[str]  # cells that params.yaml names and that were not trained
    tuning_cells: int
    first_loss_tolerance: float = FIRST_LOSS_TOLERANCE
    accuracy_tolerance: float = ACCURACY_TOLERANCE
    files: dict[str, str]  # path below the folder -> SHA-256

    @field_validator("files")
    @classmethod
    def _inside(cls, files: dict[str, str]) -> dict[str, str]:
        for path in files:
            parts = PurePosixPath(path).parts
            if not parts or ".." in parts or "/".join(parts) != path:
                raise ValueError(f"{path!r} is no path below the folder")
        return files


@dataclass(frozen=True)
class Recorded:
    """A recorded profile, checked.

    Of one (learning rate, data set, neuron, seed) there is one record.
    """

    name: str
    params: Params
    index: Index
    records: dict[Place, Record]
    hosts: dict[Place, Host]
    manifests: dict[str, dict[str, Any]]  # by data set

    @cached_property
    def cells(self) -> Cells:
        """The cells that ``params`` selects, at the shared learning rate."""
        return self.at_rate(self.params.training.learning_rate, selection_of(self.params))

    @property
    def throughput(self) -> Path:
        """One file of times a device, see `benchmarks.throughput.summaries`."""
        return FOLDER / self.name / THROUGHPUT

    def at_rate(self, rate: float, selection: Selection) -> Cells:
        """The selected cells at a learning rate. Raises InputError as :func:`alike` does."""
        keys = [key for key in selection.keys if (rate, *key) in self.records]
        records = {key: self.records[(rate, *key)] for key in keys}
        hosts = {key: self.hosts[(rate, *key)] for key in keys}
        return alike(Cells(self.name, selection, records, hosts))


def folder_of(name: str) -> Path:
    """``recorded/<name>``, whether it exists or not.

    Raises InputError for a name that would lead anywhere else.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name a recorded profile; "
            "use letters, digits, '.', '_' and '-', with no '.' in front"
        )
    if (FOLDER / name).is_symlink():
        raise InputError(f"{FOLDER / name}: a link; put the folder itself there")
    return FOLDER / name


def recorded_names() -> list[str]:
    """Of every recorded profile."""
    return sorted(filter(_NAME.fullmatch, (p.parent.name for p in FOLDER.glob(f"*/{INDEX}"))))


def open_recorded(name: str) -> Recorded:
    """A recorded profile with every file checked against the index.

    If another process replaces it meanwhile, what is opened is the old one whole or the new one
    whole. Raises InputError naming the file that was edited, cut short, lost or added.
    """
    return _undisturbed(name, lambda: _opened(name, read_index(name)))


def _undisturbed(name: str, read: Callable[[], Read]) -> Read:
    """``read()``, again where another process replaced the folder meanwhile."""
    while True:
        before = _made(name)
        try:
            content = read()
        except (InputError, OSError):
            if _made(name) == before:
                raise
        else:
            if _made(name) == before:
                return content


def _made(name: str) -> tuple[int, int] | None:
    """Which folder it is: one that took its place may have an index of the same content."""
    folder = folder_of(name)
    about = folder.stat() if folder.exists() else None
    return about and (about.st_ino, about.st_mtime_ns)


def read_index(name: str) -> Index:
    """Raises InputError for a profile that is not recorded, or whose index is damaged."""
    path = folder_of(name) / INDEX
    if not path.is_file():
        raise unknown("recorded profile", name, recorded_names())
    try:
        return Index.model_validate_json(path.read_bytes())
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        raise InputError(
            f"{path}: not a valid index ({said}); get it back (git checkout {path})"
        ) from error


def _opened(name: str, index: Index) -> Recorded:
    folder = folder_of(name)
    contents = _contents(folder, index)
    # lines first: their own fault names the line, a digest the file alone
    records = read_records(folder / CELLS, contents[CELLS])
    for inside, digest in index.files.items():
        _refuse_other(folder / inside, contents[inside], digest)
    hosts = read_hosts(folder / HOSTS, contents[HOSTS])
    if list(hosts) != list(records):
        raise InputError(f"{folder / HOSTS}: not the cells of {CELLS}; record the profile again")
    params = params_file.read(folder / PARAMS)
    manifests = _manifests(folder / DATA, contents.get(DATA, b""))
    return Recorded(name, params, index, records, hosts, manifests)


def recorded_times(name: str) -> dict[str, bytes]:
    """Path below ``recorded/<name>`` -> content, of each device's times; none are no fault.

    All are the old ones or all the new ones, as in :func:`open_recorded`. Raises InputError for one
    that was edited, and as :func:`read_index` does.
    """
    if not (FOLDER / name / INDEX).is_file():
        return {}
    return _undisturbed(name, lambda: _times(name))


def _times(name: str) -> dict[str, bytes]:
    times = {}
    for inside, digest in read_index(name).files.items():
        if inside.startswith(f"{THROUGHPUT}/"):
            path = folder_of(name) / inside
            times[inside] = _content(path)
            _refuse_other(path, times[inside], digest)
    return times


def _refuse_other(path: Path, content: bytes, digest: str) -> None:
    if hashlib.sha256(content).hexdigest() != digest:
        raise InputError(
            f"{path}: not what was recorded (its SHA-256 differs from {INDEX}); "
            f"get it back: git checkout {path}"
        )


def _content(path: Path) -> bytes:
    """As it was before git gave its lines the ends of another system."""
    return path.read_bytes().replace(b"\r\n", b"\n")


def _contents(folder: Path, index: Index) -> dict[str, bytes]:
    """Path below ``folder`` -> content, for exactly the files of the index."""
    files = set(_files_below(folder)) - {folder / INDEX}
    contents = {}
    for inside in (PARAMS, CELLS, HOSTS, *index.files):
        path = folder / inside
        if path not in files:
            raise InputError(f"{path}: recorded, but not there; get it back (git checkout {path})")
        contents[inside] = _content(path)
    for path in sorted(files - {folder / inside for inside in index.files}):
        raise InputError(f"{path}: not in {INDEX}; move it out of {folder}")
    return contents


def _manifests(path: Path, content: bytes) -> dict[str, dict[str, Any]]:
    manifests = {}
    for where, text in lines(path, content) if content else ():
        try:
            manifest = json.loads(text)
            manifests[manifest["name"]] = manifest
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{where}: not the manifest of a data set") from error
    return manifests


def other_versions(index: Index) -> str:
    """What trains here of another version than what trained the cells, in words; "" for nothing."""
    said = []
    for package in ("torch", "snntorch", "spikingjelly"):
        then = [v.partition(" ")[2] for v in index.versions if v.startswith(f"{package} ")]
        if then and set(then) != {version(package)}:
            said.append(f"{package} {version(package)} here, {' and '.join(then)} when recorded")
    return "; ".join(said)


def _files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder. Raises InputError for a link, which may lead out of it."""
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise InputError(f"{path}: a link; put there what it leads to")
        if not path.is_dir():
            yield path
