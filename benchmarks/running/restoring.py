"""Put a baseline's records among a profile's results: tables need no training, more seeds only
their own."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import params as params_file
from benchmarks.evidence.tuning import record_paths
from benchmarks.profile import Profile
from benchmarks.records.files import as_json, host_path, write_atomic
from benchmarks.records.recorded import open_recorded


@dataclass(frozen=True)
class Restored:
    """How many records of a baseline were written, and how many not."""

    written: int
    there: int  # in whose place the profile has a record, which stays as it is
    unselected: int  # which the profile's params.yaml does not name


def restore(profile: Profile, name: str) -> Restored:
    """Write what ``recorded/<name>`` holds of a profile's cells and data sets, and it lacks.

    Raises InputError for a baseline that is not there or was edited.
    """
    recorded = open_recorded(name)
    params = params_file.read(profile.params)
    paths = record_paths(profile, params)
    wanted = {place: paths[place] for place in recorded.records if place in paths}
    lacking = {place: path for place, path in wanted.items() if not path.exists()}
    for dataset, manifest in recorded.manifests.items():
        path = profile.data / f"{dataset}.json"
        if dataset in params.datasets and not path.exists():
            write_atomic(path, as_json(manifest))
    for place, path in lacking.items():  # the record last: with it the cell counts as trained
        write_atomic(host_path(path), as_json(recorded.hosts[place]))
        write_atomic(path, as_json(recorded.records[place]))
    unselected = len(recorded.records) - len(wanted)
    return Restored(len(lacking), len(wanted) - len(lacking), unselected)
