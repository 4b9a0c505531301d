"""Put a baseline's records among a profile's results: tables need no training, more seeds only
their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import params as params_file
from benchmarks.errors import InputError
from benchmarks.events.manifests import read_manifest
from benchmarks.evidence.tuning import record_paths
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.records import killed
from benchmarks.records.files import as_json, host_path, write_atomic
from benchmarks.records.lines import Place
from benchmarks.records.recorded import Recorded, open_recorded
from benchmarks.training.protocol import other_protocol


@dataclass(frozen=True)
class Restored:
    """How many records of a baseline were written, and how many not."""

    written: int
    there: int  # in whose place the profile has a record, which stays as it is
    others: int  # of cells that the profile does not name, or trains otherwise
    protocol: str  # how it differs from that of this code, in words; "" where it does not


def restore(profile: Profile, name: str) -> Restored:
    """Write what ``recorded/<name>`` holds of a profile's cells and data sets, and it lacks.

    A cell is the profile's where settings, neuron and matched options are equal. Raises InputError
    for a baseline that is not there or was edited, and for a data set that is another one here.
    """
    recorded = open_recorded(name)
    params = params_file.read(profile.params)
    paths = record_paths(profile, params)
    wanted = [
        place
        for place in recorded.records
        if place in paths and _trains_alike(place, recorded, params)
    ]
    for dataset in sorted(recorded.manifests.keys() & {dataset for _, dataset, _, _ in wanted}):
        _restore_manifest(profile.data / f"{dataset}.json", recorded.manifests[dataset])
    written = 0
    for place in wanted:
        path = paths[place]
        if path.exists():
            continue
        write_atomic(host_path(path), as_json(recorded.hosts[place]))
        write_atomic(path, as_json(recorded.records[place]))  # last: now the cell has trained
        killed.forget(path)
        written += 1
    other = other_protocol(recorded.index.protocol, recorded.params.training)
    return Restored(written, len(wanted) - written, len(recorded.records) - len(wanted), other)


def _trains_alike(place: Place, recorded: Recorded, params: Params) -> bool:
    """Whether the profile trains the cell as it was trained."""
    rate, _, alias, _ = place
    neuron = params.neuron[alias]
    return (
        recorded.records[place].settings == params.at_rate(rate).training.settings()
        and recorded.params.neuron[alias] == neuron
        and (not neuron.match or recorded.params.matched == params.matched)
    )


def _restore_manifest(path: Path, manifest: dict[str, Any]) -> None:
    if not path.exists():
        write_atomic(path, as_json(manifest))
    elif read_manifest(path)["digest"] != manifest["digest"]:
        raise InputError(f"{path}: of other data than was recorded; move it away to restore")
