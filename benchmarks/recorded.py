"""Baselines frozen in ``recorded/<profile>/``: a profile's folder with an index beside it.

The folder has the layout of any profile (params.yaml, results/, reports/), so that every command
reads it with ``--profile recorded/<profile>``. ``index.json`` holds the SHA-256 of every file, so
that what was edited, cut short or lost is refused by name. Records of an older protocol are moved
to ``recorded/<profile>-<protocol hash>/``, where they stay readable and are never paired.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks import params as params_file
from benchmarks.errors import InputError, unknown
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.records import Host, Record, as_json, read_host, read_record, write_atomic_bytes
from benchmarks.selection import Cells, load, selection_of
from benchmarks.timings import timings_of
from benchmarks.tuning import at_rate

FOLDER = Path("recorded")
INDEX = "index.json"

# Another platform rounds differently, and a spike that falls on the other side of the threshold
# sends training another way: first epochs agree closely, final accuracies loosely. With AVX2,
# AVX-512 and MKL's own order of sums switched off (ATEN_CPU_CAPABILITY=default,
# ONEDNN_MAX_CPU_ISA=SSE41, MKL_CBWR=COMPATIBLE), 6 cells of aia came out up to 3.2e-5 apart in the
# first epoch's loss and up to 2.4 points of test accuracy; of profile quick's 63 cells on a Xeon
# instead of an EPYC all but three kept within both tolerances, three of dvs_motion parted further.
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


@dataclass(frozen=True)
class Recorded:
    """A recorded profile, checked."""

    name: str
    profile: Profile
    params: Params
    index: Index
    cells: Cells


def freeze(profile: Profile, name: str) -> Index:
    """Copy a profile's results to ``recorded/<name>`` and index them.

    Raises InputError, before anything is written, for failed cells, cells trained from a checkout
    with uncommitted changes, or cells of different protocols.
    """
    params = params_file.read(profile.params)
    found = _records(profile, params)
    if not found:
        raise InputError(f"{profile.runs}: no records; train them first")
    hosts = [_fit_to_freeze(path, record) for path, record in found]
    protocols = sorted({record.hashes.protocol for _, record in found})
    if len(protocols) > 1:
        raise InputError(
            f"{profile.runs}: records of different training protocols ({', '.join(protocols)}); "
            "train the stale ones again (dvc repro does)"
        )
    cells = load(profile.runs, selection_of(params))
    _set_aside(name, protocols[0])
    target = Profile(FOLDER / name)
    shutil.rmtree(target.folder, ignore_errors=True)
    files = _copy(_files(profile, [path for path, _ in found]), profile, target)
    index = Index(
        profile=name,
        protocol=protocols[0],
        commits=sorted({host.commit for host in hosts}),
        devices=sorted({host.device for host in hosts}),
        versions=sorted({f"{k} {v}" for host in hosts for k, v in host.versions.items()}),
        cells=len(cells.records),
        missing=[
            f"{dataset}/{neuron}/{seed}"
            for dataset, neuron in cells.selection.groups
            for seed in cells.missing(dataset, neuron)
        ],
        tuning_cells=len(found) - len(cells.records),
        files=files,
    )
    write_atomic_bytes(target.folder / INDEX, as_json(index).encode("utf-8"))
    return index


def freeze_times(profile: Profile, name: str) -> list[Path]:
    """Copy a profile's times into ``recorded/<name>``, whose records stay as they are.

    Returns what was copied; a device's older times are replaced, those too that the profile no
    longer has. Raises InputError, before anything is written, if there are no times or if what is
    recorded is damaged.
    """
    times = sorted(profile.throughput.glob("*/*.json"))
    if not times:
        raise InputError(f"{profile.throughput}: no times; take them first (throughput)")
    for path in times:
        timings_of(path)
    opened = open_recorded(name)
    devices = {path.parent.relative_to(profile.folder).as_posix() for path in times}
    older = {
        inside for inside in opened.index.files if str(PurePosixPath(inside).parent) in devices
    }
    kept = {inside: sha for inside, sha in opened.index.files.items() if inside not in older}
    files = kept | _copy(times, profile, opened.profile)
    index = opened.index.model_copy(update={"files": files})
    write_atomic_bytes(opened.profile.folder / INDEX, as_json(index).encode("utf-8"))
    for inside in older - files.keys():
        (opened.profile.folder / inside).unlink()
    return times


def open_recorded(name: str) -> Recorded:
    """A recorded profile with every file checked against the index.

    Raises InputError naming the file that was edited, cut short or lost.
    """
    profile = Profile(FOLDER / name)
    index = read_index(name)
    for inside, digest in index.files.items():
        path = profile.folder / inside
        if not path.exists():
            raise InputError(f"{path}: recorded, but not there; get it back (git checkout {path})")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise InputError(
                f"{path}: not what was recorded (its SHA-256 differs from {INDEX}); "
                f"get it back (git checkout {path}) or record the profile again"
            )
    params = params_file.read(profile.params)
    return Recorded(name, profile, params, index, load(profile.runs, selection_of(params)))


def read_index(name: str) -> Index:
    """Raises InputError for a profile that is not recorded, or whose index is damaged."""
    path = FOLDER / name / INDEX
    if not path.exists():
        known = sorted(p.parent.name for p in FOLDER.glob(f"*/{INDEX}"))
        raise unknown("recorded profile", name, known)
    try:
        return Index.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise InputError(f"{path}: not a valid index; get it back (git checkout {path})") from error


def _records(profile: Profile, params: Params) -> list[tuple[Path, Record]]:
    """Every selected record, at the shared rate and at the grid's."""
    folders = [profile, *(at_rate(profile, rate) for rate in params.tuning.learning_rates)]
    wanted = [
        folder.runs / dataset / neuron / f"{seed}.json"
        for folder in folders
        for dataset in params.datasets
        for neuron in params.neuron
        for seed in params.seeds
    ]
    return [(path, read_record(path)) for path in wanted if path.exists()]


def _fit_to_freeze(path: Path, record: Record) -> Host:
    """The record's host file. Raises InputError if the record cannot be a baseline."""
    host = read_host(path)
    if record.failure is not None:
        raise InputError(
            f"{path}: the cell failed ({record.failure.reason}); "
            "a baseline must have trained: take the neuron out of params.yaml or mend it"
        )
    if host is None:
        raise InputError(f"{path}: no host file says where it was trained; run the cell again")
    if host.dirty:
        raise InputError(
            f"{path}: trained from a checkout with uncommitted changes ({host.commit[:12]}); "
            "commit them and run the cell again"
        )
    return host


def _files(profile: Profile, records: list[Path]) -> list[Path]:
    """What is frozen: parameters, records, hosts, the tuning's choices, manifests, timings."""
    hosts = [p.parents[3] / "hosts" / Path(*p.parts[-3:]) for p in records]
    others = [*profile.data.glob("*.json"), *profile.throughput.glob("*/*.json")]
    return [profile.params, *records, *hosts, *sorted(others)]


def _copy(sources: list[Path], profile: Profile, target: Profile) -> dict[str, str]:
    """Copy files of a profile to their places in another; path below it -> SHA-256."""
    files = {}
    for source in sources:
        inside = source.relative_to(profile.folder)
        content = source.read_bytes()
        files[inside.as_posix()] = hashlib.sha256(content).hexdigest()
        write_atomic_bytes(target.folder / inside, content)
    return files


def _set_aside(name: str, protocol: str) -> None:
    """Move what is recorded under another protocol out of the way."""
    if not (FOLDER / name / INDEX).exists():
        return
    old = read_index(name)
    if old.protocol != protocol:
        (FOLDER / name).rename(FOLDER / f"{name}-{old.protocol}")
