"""Freeze a profile's results, or its times alone, as the baselines ``recorded/<name>/``.

The new folder is built beside and takes the old one's place whole. What it replaces, git keeps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from benchmarks import params as params_file
from benchmarks.errors import InputError
from benchmarks.params import Params
from benchmarks.profile import INDEX, Profile
from benchmarks.records.files import (
    as_json,
    host_path,
    read_host,
    read_record,
    record_path,
    write_atomic_bytes,
)
from benchmarks.records.recorded import FOLDER, Index, folder_of, open_recorded, read_index
from benchmarks.records.schema import Host, Record
from benchmarks.records.selection import Cells, load, selection_of
from benchmarks.records.swap import replacing
from benchmarks.throughput.timings import timings_of


def freeze(profile: Profile, name: str) -> Index:
    """Copy a profile's results to ``recorded/<name>`` and index them; replaces what was there.

    Raises InputError, before anything is written, for a name that is not one part of a path or
    stands for something else than a baseline, for failed cells, cells trained from a checkout with
    uncommitted changes or cells of different protocols, and for a profile that overlaps with
    ``recorded/<name>``.
    """
    target = folder_of(name)
    params = params_file.read(profile.params)
    found = _records(profile, params)
    if not found:
        raise InputError(f"{profile.runs}: no records; train them first")
    hosts = [_fit_to_freeze(path, record) for path, record in found]
    protocol = _shared_protocol(profile, [record for _, record in found])
    cells = load(profile.runs, selection_of(params))
    sources = _files(profile, [path for path, _ in found])
    _refuse_overlap(profile, sources, target)
    if target.exists() and not (target / INDEX).is_file():
        raise InputError(f"{target}: not a recorded profile (no {INDEX}); choose another --name")
    with replacing(target) as new:
        index = Index(
            profile=name,
            protocol=protocol,
            commits=sorted({host.commit for host in hosts}),
            devices=sorted({host.device for host in hosts}),
            versions=sorted({f"{k} {v}" for host in hosts for k, v in host.versions.items()}),
            cells=len(cells.records),
            missing=_missing(cells),
            tuning_cells=len(found) - len(cells.records),
            files=_copy(sources, profile.folder, new),
        )
        write_atomic_bytes(new / INDEX, as_json(index).encode("utf-8"))
    return index


def freeze_times(profile: Profile, name: str) -> list[Path]:
    """Copy a profile's times into ``recorded/<name>``, whose records stay as they are.

    Returns what was copied; a device's older times are replaced, those too that the profile no
    longer has. Raises InputError, before anything is written, if there are no times, if nothing is
    recorded under that name or what is is damaged, or if the profile overlaps with it.
    """
    target = folder_of(name)
    times = sorted(profile.throughput.glob("*/*.json"))
    if not times:
        raise InputError(f"{profile.throughput}: no times; take them first (throughput)")
    for path in times:
        timings_of(path)
    _refuse_overlap(profile, times, target)
    read_index(name)  # before there is a folder recorded/
    devices = {path.parent.relative_to(profile.folder).as_posix() for path in times}
    with replacing(target) as new:
        index = open_recorded(name).index
        kept = [p for p in index.files if str(PurePosixPath(p).parent) not in devices]
        files = _copy([target / p for p in kept], target, new)
        files |= _copy(times, profile.folder, new)
        index = index.model_copy(update={"files": files})
        write_atomic_bytes(new / INDEX, as_json(index).encode("utf-8"))
    return times


def _records(profile: Profile, params: Params) -> list[tuple[Path, Record]]:
    """Every selected record, at the shared rate and at those that were tried for tuning."""
    folders = [profile, *map(Profile, sorted(profile.tuning.glob("*")))]
    wanted = [
        record_path(folder.runs, dataset, neuron, seed)
        for folder in folders
        for dataset in params.datasets
        for neuron in params.neuron
        for seed in (*params.seeds, *params.tuning.seeds)
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
    if host.dirty is None:
        raise InputError(
            f"{path}: trained where git did not say which source it was (no checkout, or one of "
            "another owner); train it in a clone of your own"
        )
    if host.dirty:
        raise InputError(
            f"{path}: trained from a checkout with uncommitted changes ({host.commit[:12]}); "
            "commit them and run the cell again"
        )
    return host


def _shared_protocol(profile: Profile, records: list[Record]) -> str:
    protocols = sorted({record.hashes.protocol for record in records})
    if len(protocols) > 1:
        raise InputError(
            f"{profile.runs}: records of different training protocols ({', '.join(protocols)}); "
            "train the stale ones again (dvc repro does)"
        )
    return protocols[0]


def _missing(cells: Cells) -> list[str]:
    return [
        f"{dataset}/{neuron}/{seed}"
        for dataset, neuron in cells.selection.groups
        for seed in cells.missing(dataset, neuron)
    ]


def _files(profile: Profile, records: list[Path]) -> list[Path]:
    """What is frozen: parameters, records, hosts, the tuning's choices, manifests, timings."""
    others = [*profile.data.glob("*.json"), *profile.throughput.glob("*/*.json")]
    return [profile.params, *records, *map(host_path, records), *sorted(others)]


def _refuse_overlap(profile: Profile, sources: Iterable[Path], target: Path) -> None:
    """Links count as what they lead to; a project's root may hold ``recorded/`` itself."""
    place = target.resolve()
    if profile.folder.resolve() == FOLDER.resolve():
        raise InputError(f"{profile.folder}: holds the recorded profiles and is none to freeze")
    for path in (profile.folder, *sources):
        if path.resolve().is_relative_to(place):
            raise InputError(f"{path}: lies in {target} itself; choose another --name")


def _copy(sources: list[Path], base: Path, new: Path) -> dict[str, str]:
    """Copy files below ``base`` to their places below ``new``; path below it -> SHA-256."""
    files = {}
    for source in sources:
        inside = source.relative_to(base)
        content = source.read_bytes()
        files[inside.as_posix()] = hashlib.sha256(content).hexdigest()
        write_atomic_bytes(new / inside, content)
    return files
