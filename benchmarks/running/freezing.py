"""Freeze a profile's results, or its times alone, as the baselines ``recorded/<name>/``.

The new folder is built beside and takes the old one's place whole. What it replaces, git keeps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks import params as params_file
from benchmarks.errors import InputError
from benchmarks.evidence.tuning import record_paths
from benchmarks.params import Params
from benchmarks.profile import INDEX, Profile
from benchmarks.records.files import (
    as_json,
    host_path,
    read_host,
    read_record,
    write_atomic_bytes,
)
from benchmarks.records.lines import Place, as_line, lines_of_hosts, lines_of_records, place_of
from benchmarks.records.recorded import (
    CELLS,
    DATA,
    FOLDER,
    HOSTS,
    PARAMS,
    THROUGHPUT,
    Index,
    folder_of,
    open_recorded,
    read_index,
    recorded_times,
)
from benchmarks.records.schema import Host, Record
from benchmarks.records.selection import Cells, load, selection_of
from benchmarks.records.swap import replacing
from benchmarks.throughput.summaries import summary
from benchmarks.throughput.timings import files, timings_of


def freeze(profile: Profile, name: str) -> Index:
    """Write a profile's results to ``recorded/<name>`` and index them.

    Replaces what was there, but for the times of devices that the profile has no times of.
    Raises InputError, before anything is written, for a name that is not one part of a path or
    stands for something else than a baseline, for failed cells, cells trained from a checkout with
    uncommitted changes, cells of different protocols or in another's place, for manifests and times
    that are not ours, and for a profile that overlaps with ``recorded/<name>``.
    """
    target = folder_of(name)
    params = params_file.read(profile.params)
    trained = _records(profile, params)
    if not trained:
        raise InputError(f"{profile.runs}: no records; train them first")
    hosts = {
        place: _fit_to_freeze(path, place, record) for place, (path, record) in trained.items()
    }
    records = {place: record for place, (_, record) in trained.items()}
    protocol = _shared_protocol(profile, records.values())
    cells = load(profile.runs, selection_of(params))
    _refuse_overlap(profile, _sources(profile, [path for path, _ in trained.values()]), target)
    if target.exists() and not (target / INDEX).is_file():
        raise InputError(f"{target}: not a recorded profile (no {INDEX}); choose another --name")
    contents = _contents(profile, records, hosts)
    ran = list(hosts.values())
    with replacing(target) as new:
        older = {inside: content.decode() for inside, content in recorded_times(name).items()}
        index = Index(
            profile=name,
            protocol=protocol,
            commits=sorted({host.commit for host in ran}),
            devices=sorted({host.device for host in ran}),
            versions=sorted({f"{k} {v}" for host in ran for k, v in host.versions.items()}),
            cells=len(cells.records),
            missing=_missing(cells),
            tuning_cells=len(trained) - len(cells.records),
            files=_write(older | contents, new),
        )
        write_atomic_bytes(new / INDEX, as_json(index).encode("utf-8"))
    return index


def freeze_times(profile: Profile, name: str) -> list[str]:
    """Write a profile's times into ``recorded/<name>``, whose records stay as they are.

    Returns the folders' names of the devices, whose older times are replaced. Raises InputError,
    before anything is written, if there are no times, if nothing is recorded under that name or
    what is is damaged, or if the profile overlaps with it.
    """
    target = folder_of(name)
    times = files(profile.throughput)
    if not times:
        raise InputError(f"{profile.throughput}: no times; take them first (throughput)")
    summaries = _summaries(times)
    _refuse_overlap(profile, times, target)
    read_index(name)  # before there is a folder recorded/
    with replacing(target) as new:
        index = open_recorded(name).index
        kept = {inside: (target / inside).read_text(encoding="utf-8") for inside in index.files}
        index = index.model_copy(update={"files": _write(kept | summaries, new)})
        write_atomic_bytes(new / INDEX, as_json(index).encode("utf-8"))
    return [Path(inside).stem for inside in summaries]


def _records(profile: Profile, params: Params) -> dict[Place, tuple[Path, Record]]:
    """Every record of the profile, and its file."""
    paths = record_paths(profile, params)
    return {place: (path, read_record(path)) for place, path in paths.items() if path.exists()}


def _fit_to_freeze(path: Path, place: Place, record: Record) -> Host:
    """The record's host file. Raises InputError if the record cannot be a baseline."""
    host = read_host(path)
    if place_of(record, path) != place:
        raise InputError(
            f"{path}: the record of {'/'.join(map(str, place_of(record, path)))} in the place of "
            f"{'/'.join(map(str, place))}; run the cell again"
        )
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


def _shared_protocol(profile: Profile, records: Iterable[Record]) -> str:
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


def _sources(profile: Profile, records: list[Path]) -> list[Path]:
    others = [*profile.data.glob("*.json"), *files(profile.throughput)]
    return [profile.params, *records, *map(host_path, records), *others]


def _contents(
    profile: Profile, records: Mapping[Place, Record], hosts: Mapping[Place, Host]
) -> dict[str, str]:
    """Path below the new folder -> text."""
    manifests = "".join(map(_manifest, sorted(profile.data.glob("*.json"))))
    return {
        PARAMS: profile.params.read_text(encoding="utf-8"),
        CELLS: lines_of_records(records),
        HOSTS: lines_of_hosts(hosts),
        **({DATA: manifests} if manifests else {}),
        **_summaries(files(profile.throughput)),
    }


def _manifest(path: Path) -> str:
    """A data set's manifest as a line. Raises InputError for another file."""
    try:
        content = json.loads(path.read_bytes())
        if content["name"] == path.stem:
            return as_line(content)
        reason = f"it is that of {content['name']}"
    except (ValueError, KeyError, TypeError) as error:
        reason = str(error)
    raise InputError(f"{path}: not the manifest of {path.stem} ({reason}); write it again")


def _summaries(times: Iterable[Path]) -> dict[str, str]:
    """One text a device. Raises InputError for a file that is not ours."""
    by_device: dict[str, list[Path]] = {}
    for path in times:
        timings_of(path)
        by_device.setdefault(path.parent.name, []).append(path)
    return {f"{THROUGHPUT}/{device}.jsonl": summary(of) for device, of in by_device.items()}


def _refuse_overlap(profile: Profile, sources: Iterable[Path], target: Path) -> None:
    """Links count as what they lead to; a project's root may hold ``recorded/`` itself."""
    place = target.resolve()
    if profile.folder.resolve() == FOLDER.resolve():
        raise InputError(f"{profile.folder}: holds the recorded profiles and is none to freeze")
    for path in (profile.folder, *sources):
        if path.resolve().is_relative_to(place):
            raise InputError(f"{path}: lies in {target} itself; choose another --name")


def _write(contents: Mapping[str, str], new: Path) -> dict[str, str]:
    """Write texts to their places below ``new``; path below it -> SHA-256."""
    digests = {}
    for inside, text in sorted(contents.items()):
        content = text.encode("utf-8")
        digests[inside] = hashlib.sha256(content).hexdigest()
        write_atomic_bytes(new / inside, content)
    return digests
