"""Small data sets with the layouts of the real ones, for tests of finding and fetching them."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.events.published.catalogue import SETS
from benchmarks.events.published.entries import Archive, RealSet

PER_CLASS = 3


def two_classes(archives: tuple[Archive, ...] = ()) -> RealSet:
    """Cats and dogs, laid out as the original CIFAR10-DVS."""
    return dataclasses.replace(
        SETS["cifar10dvs_aedat2"],
        name="pets",
        title="Pets",
        classes=("cat", "dog"),
        counts={"": (PER_CLASS, PER_CLASS)},
        archives=archives,
    )


def small_ncars() -> RealSet:
    return dataclasses.replace(SETS["ncars"], counts={"train": (2, 2), "test": (1, 1)})


def recordings(classes: tuple[str, ...] = ("cat", "dog"), size: int = 200_000) -> dict[str, bytes]:
    """Files of :func:`two_classes`, by path; random bytes, which do not compress."""
    generator = np.random.default_rng(3)
    return {
        f"{name}/cifar10_{name}_{number}.aedat": generator.bytes(size)
        for name in classes
        for number in range(PER_CLASS)
    }


def ncars_recordings() -> dict[str, bytes]:
    counts = {("train", "cars"): 2, ("train", "background"): 2}
    counts |= {("test", "cars"): 1, ("test", "background"): 1}
    return {
        f"n-cars_{part}/{name}/obj_{number:06}_td.dat": f"{part}{name}{number}".encode()
        for (part, name), count in counts.items()
        for number in range(count)
    }


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # the same bytes at any time
    return out.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def archive_of(name: str, content: bytes, *urls: str, size: int | None = None) -> Archive:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Archive(name, urls, md5, size, len(content))


def write_tree(tree: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tree
