"""Frames of a recorded set as one file, to train on where its recordings are not.

The file is one xz stream: a line of JSON (:class:`About`), then in NumPy's format what splits are
dealt by, the index of a store, and the frames with time last, which takes a fifth less room.
Unpacked it is a folder of the cache like a store that was built; it is used where there are no
recordings, for any split of the set.
"""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated

import numpy as np
from numpy.lib import format as npy
from pydantic import BaseModel, ConfigDict, StringConstraints

from benchmarks.errors import InputError
from benchmarks.events.mapped import MappedFrames
from benchmarks.events.published.disk import disk_faults, require_space
from benchmarks.events.recipe import Recipe
from benchmarks.events.splits import Members
from benchmarks.events.store import INDEX, Store, load
from benchmarks.progress import Progress
from benchmarks.records.swap import replacing

_MAGIC = b"\xfd7zXZ\x00"
_MEMBERS = {"labels": "<i8", "ids": "<i8", "parts": "<U5", "sources": "<i8"}
# N-CARS at 48 x 48: 39 MB in a minute. Preset 6 alone takes four times as long, preset 1 a quarter
# of it and 46 MB.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "pb": 0, "nice_len": 32, "depth": 4}]
_MOST = 1_000_000  # bytes of the line of JSON
_CHUNK = 256  # recordings


class About(BaseModel):
    """What is known of a set as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(-[a-z]+)?$")]  # without a split
    recipe: Recipe
    shape: tuple[int, int, int, int]  # of one recording's frames, [T, 2, H, W]
    classes: tuple[str, ...]
    split: str  # where none is asked for
    archive: str  # what was read
    note: str  # what goes with the name of the split
    ordered: bool  # see splits.Members
    sha256: str = ""  # of all of this and of what is known of each recording, its frames' hash too


@dataclass(frozen=True, eq=False)
class Framed:
    """The frames of all recordings of a set, and what is known of these."""

    about: About
    members: Members
    store: Store

    def sha256(self) -> str:
        about = self.about.model_copy(update={"sha256": ""})
        state = hashlib.sha256(about.model_dump_json().encode())
        for name, kind in _MEMBERS.items():
            state.update(getattr(self.members, name).astype(kind).tobytes())
        state.update(self.store.index.tobytes())
        return state.hexdigest()


def is_packed(path: Path) -> bool:
    """Whether the file is packed by xz, as no archive of a published set is."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def pack(framed: Framed, out: Path, progress: Progress) -> str:
    """Write ``out``, whole or not at all; returns the hash of what is in it.

    Raises InputError for a folder, and for a disk that is full or cannot be written to.
    """
    about = framed.about.model_copy(update={"sha256": framed.sha256()})
    if out.is_dir():
        raise InputError(f"{out}: a folder; give the name of a file")
    unfinished = out.with_name(f".{out.name}.part")
    frames = framed.store.frames
    with disk_faults(out.parent):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            with lzma.open(unfinished, "wb", filters=_FILTERS) as file:
                file.write(about.model_dump_json().encode() + b"\n")
                for name, kind in _MEMBERS.items():
                    npy.write_array(file, getattr(framed.members, name).astype(kind))
                npy.write_array(file, framed.store.index)
                for first in range(0, len(frames), _CHUNK):
                    chunk = frames[first : first + _CHUNK]
                    file.write(np.moveaxis(chunk, 1, -1).tobytes())
                    progress(first + len(chunk), len(frames), "packed")
            unfinished.replace(out)
        finally:
            unfinished.unlink(missing_ok=True)
    return about.sha256


def unpack(path: Path, cache: Path, name: str, progress: Progress) -> About:
    """Unpack a file of :func:`pack` into ``cache``, in place of an older one of the set and recipe.

    Raises InputError, leaving what is there as it is, for a file that is damaged, holds anything
    else than data set ``name``, or whose frames are not those that were packed.
    """
    with disk_faults(cache), _refusals(path), lzma.open(path) as file:
        about = About.model_validate_json(file.readline(_MOST))
        if about.name != name:
            raise InputError(f"{path}: it holds data set {about.name}; give this name")
        cache.mkdir(parents=True, exist_ok=True)
        with replacing(_folder(cache, about.name, about.recipe)) as part:
            _extract(file, about, part, progress)
            _check(about, part)
    return about


def kept(cache: Path, name: str, recipe: Recipe) -> Framed | None:
    """What was unpacked for the set and recipe; None where nothing was, or it is damaged."""
    try:
        return _read(_folder(cache, name, recipe))
    except (OSError, ValueError, EOFError):
        return None


def _folder(cache: Path, name: str, recipe: Recipe) -> Path:
    return cache / f"{name}-{recipe}-packed"


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except (lzma.LZMAError, EOFError, ValueError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{path}: not packed frames, or damaged ({said}); nothing of it is kept; "
            "make it anew with `python -m benchmarks data pack`"
        ) from error


def _extract(file: IO[bytes], about: About, folder: Path, progress: Progress) -> None:
    members = {name: npy.read_array(file, allow_pickle=False) for name in _MEMBERS}
    index = npy.read_array(file, allow_pickle=False)
    steps, polarities, height, width = about.shape
    require_space(folder, len(index) * int(np.prod(about.shape)), "unpack the frames")
    (folder / "about.json").write_text(about.model_dump_json(indent=2), encoding="utf-8")
    for name, array in {**members, "index": index}.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    frames = npy.open_memmap(
        folder / "frames.npy", mode="w+", dtype=np.uint8, shape=(len(index), *about.shape)
    )
    for first in range(0, len(index), _CHUNK):
        chunk = frames[first : first + _CHUNK]
        content = np.frombuffer(file.read(chunk.size), np.uint8)
        chunk[:] = np.moveaxis(content.reshape(-1, polarities, height, width, steps), -1, 1)
        progress(first + len(chunk), len(frames), "unpacked")
    frames.flush()
    if file.read(1):
        raise ValueError("it holds more than its index says")


def _check(about: About, folder: Path) -> None:
    """Raises ValueError for anything else than what was packed."""
    framed = _read(folder)
    if framed.sha256() != about.sha256:
        raise ValueError("its hash is not the one that was packed")
    everything = np.arange(len(framed.store.index))
    row = MappedFrames(framed.store.frames, everything, framed.store.index).damaged()
    if row is not None:
        raise ValueError(f"the frames of recording {row} are not those that were packed")


def _read(folder: Path) -> Framed:
    """Raises OSError, ValueError or EOFError for a folder that is not as it was unpacked."""
    about = About.model_validate_json((folder / "about.json").read_bytes())
    members = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in _MEMBERS}
    store = load(folder, len(members["labels"]))
    if store is None or store.index.dtype != INDEX or store.frames.shape[1:] != about.shape:
        raise ValueError("its parts do not belong together")
    return Framed(about, Members(**members, ordered=about.ordered), store)
