"""Baselines frozen in ``recorded/<profile>/``: a profile's folder with an index beside it.

The folder has the layout of any profile (params.yaml, results/), so that a copy of both is one.
``index.json`` holds the SHA-256 of every file, so that what was edited, cut short, lost or added is
refused by name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from benchmarks import params as params_file
from benchmarks.errors import InputError, unknown
from benchmarks.params import Params
from benchmarks.profile import INDEX, Profile
from benchmarks.records.selection import Cells, load, selection_of

FOLDER = Path("recorded")
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
    """A recorded profile, checked."""

    name: str
    profile: Profile
    params: Params
    index: Index
    cells: Cells


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


def open_recorded(name: str) -> Recorded:
    """A recorded profile with every file checked against the index.

    If another process replaces it meanwhile, what is opened is the old one whole or the new one
    whole. Raises InputError naming the file that was edited, cut short, lost or added.
    """
    while True:
        index = read_index(name)
        try:
            opened = _opened(name, index)
        except (InputError, OSError):
            if read_index(name) == index:
                raise
        else:
            if read_index(name) == index:
                return opened


def read_index(name: str) -> Index:
    """Raises InputError for a profile that is not recorded, or whose index is damaged."""
    path = folder_of(name) / INDEX
    if not path.is_file():
        folders = (p.parent.name for p in FOLDER.glob(f"*/{INDEX}"))
        raise unknown("recorded profile", name, filter(_NAME.fullmatch, folders))
    try:
        return Index.model_validate_json(path.read_bytes())
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        raise InputError(
            f"{path}: not a valid index ({said}); get it back (git checkout {path})"
        ) from error


def _opened(name: str, index: Index) -> Recorded:
    profile = Profile(folder_of(name))
    found = set(_files_below(profile.folder)) - {profile.folder / INDEX}
    for inside, digest in index.files.items():
        path = profile.folder / inside
        if path not in found:
            raise InputError(f"{path}: recorded, but not there; get it back (git checkout {path})")
        if digest not in _digests(path.read_bytes()):
            raise InputError(
                f"{path}: not what was recorded (its SHA-256 differs from {INDEX}); "
                f"get it back (git checkout {path}) or record the profile again"
            )
    for path in sorted(found - {profile.folder / inside for inside in index.files}):
        raise InputError(f"{path}: not in {INDEX}; move it out of {profile.folder}")
    params = params_file.read(profile.params)
    return Recorded(name, profile, params, index, load(profile.runs, selection_of(params)))


def _digests(content: bytes) -> set[str]:
    """Of a file as it is, and as it was before git gave its lines the ends of another system."""
    texts = (content, content.replace(b"\r\n", b"\n"))
    return {hashlib.sha256(text).hexdigest() for text in texts}


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
