"""What an entry of the catalogue of published data sets holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.events.recipe import Binning


@dataclass(frozen=True)
class Archive:
    """One file to download. Either ``md5`` or ``contents`` says which file it is."""

    name: str
    urls: tuple[str, ...]  # tried in turn; none: it can only be fetched by hand
    md5: str | None
    size: int | None  # bytes, exact; None: not known
    about: int  # bytes, rounded where `size` is None: to plan disk space
    contents: str = ""  # pattern of member names, for an archive that is published in several forms


@dataclass(frozen=True)
class RealSet:
    """A published data set of recorded events."""

    name: str
    title: str
    classes: tuple[str, ...]  # in the order of the labels
    counts: Mapping[str, tuple[int, ...]]  # part -> recordings of each class; "" is the whole set
    width: int  # pixels, the largest that a recording may have
    height: int
    format: str  # name of the reader in benchmarks.events.formats
    archives: tuple[Archive, ...]
    page: str  # where a person finds it with a browser
    licence: str
    licence_page: str
    citation: str
    splits: tuple[str, ...]  # choices of benchmarks.events.splits, the default first
    flip_keeps_label: bool  # False: a mirrored recording may belong to another class
    manual: str  # what a person must do to get it; "" where a download does
    binning: Binning = "sum"  # to a smaller size, where none is asked for
    ordered: bool = False  # whether neighbours in number were filmed together
    # for each class the number of the first recording of each scene, where a scene has several
    scenes: tuple[tuple[int, ...], ...] = ()
    note: str = ""  # what whoever trains on it should know

    @property
    def samples(self) -> int:
        return sum(map(sum, self.counts.values()))

    @property
    def download_bytes(self) -> int:
        return sum(archive.size or archive.about for archive in self.archives)


def figshare(number: int) -> tuple[str, ...]:
    """The first answers some networks with an empty 202; users report the others to work then."""
    return (
        f"https://figshare.com/ndownloader/files/{number}",
        f"https://ndownloader.figshare.com/files/{number}",
        f"https://api.figshare.com/v2/file/download/{number}",
    )


def mendeley(dataset: str, file: str) -> tuple[str, ...]:
    return (
        f"https://data.mendeley.com/public-files/datasets/{dataset}/files/{file}/file_downloaded",
    )
