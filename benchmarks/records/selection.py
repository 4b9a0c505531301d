"""Which records a table, a figure or the page is about, and those records.

No torch here or in anything imported from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.errors import InputError
from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.records import killed
from benchmarks.records.files import read_host, read_record, record_path
from benchmarks.records.schema import Host, Record, Result

BASELINE = "snntorch_lif"  # the LIF that differences and ratios are taken to
SUBJECT = "aia"  # the neuron under test
LIBRARY_BASELINES = ("snntorch_lif", "spikingjelly_lif", "spikingjelly_plif")
CONTROLS = ("gain_frozen", "gain_plain", "lif_init_scaled")
FROZEN = "gain_frozen"  # the control that spikes and operations are set against too
# one neuron under several names, each a library's copy: bit-identical but for rounding
COPIES = {"LIF": ("snntorch_lif", "spikingjelly_lif")}

# what must agree before two records are paired, and what it is called in a message
_PAIRED = {
    "protocol": "training protocol",
    "data": "data",
    "weights": "initial weights",
    "order": "order of samples",
}
_AVERAGED = {"protocol": "training protocol", "neuron": "neuron"}
_ONE_SPLIT = {**_AVERAGED, "data": "data"}

Key = tuple[str, str, int]  # (data set, neuron, seed)


def neuron_of(name: str) -> str:
    """The neuron that a row is about: ``LIF`` of either library's LIF, else the row's own name."""
    return next((neuron for neuron, names in COPIES.items() if name in names), name)


@dataclass(frozen=True)
class Selection:
    """What params.yaml names; records of anything else are left where they are."""

    datasets: tuple[str, ...]
    neurons: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def groups(self) -> Iterator[tuple[str, str]]:
        """(data set, neuron), data set by data set."""
        return ((d, n) for d in self.datasets for n in self.neurons)

    @property
    def keys(self) -> Iterator[Key]:
        """Every cell, group by group."""
        return ((*group, seed) for group in self.groups for seed in self.seeds)


def selection_of(params: Params) -> Selection:
    return Selection(tuple(params.datasets), tuple(params.neuron), tuple(params.seeds))


@dataclass(frozen=True)
class Pair:
    """The same (data set, seed) under two neurons, trained under matched conditions."""

    seed: int
    left: Result
    right: Result


@dataclass(frozen=True)
class Cells:
    """The selected records that exist, and where they ran; ``profile`` is whose they are."""

    profile: str
    selection: Selection
    records: dict[Key, Record]
    hosts: dict[Key, Host] = field(default_factory=dict)  # absent ones left out
    killed: dict[Key, str] = field(default_factory=dict)  # without a record: how its process ended

    def of(self, dataset: str, neuron: str) -> list[Record]:
        """Records of a group in the order of the seeds; missing ones are left out."""
        keys = [(dataset, neuron, seed) for seed in self.selection.seeds]
        return [self.records[key] for key in keys if key in self.records]

    def first(self, seeds: int) -> Cells:
        """The same with so many of the selected seeds, the first ones."""
        chosen = replace(self.selection, seeds=self.selection.seeds[:seeds])
        return Cells(
            self.profile,
            chosen,
            {key: r for key, r in self.records.items() if key[2] in chosen.seeds},
            {key: h for key, h in self.hosts.items() if key[2] in chosen.seeds},
            {key: why for key, why in self.killed.items() if key[2] in chosen.seeds},
        )

    def results(self, dataset: str, neuron: str) -> list[Result]:
        """Results of a group; missing and failed cells are left out."""
        return [r.result for r in self.of(dataset, neuron) if r.result is not None]

    def failed(self, dataset: str, neuron: str) -> list[Record]:
        return [record for record in self.of(dataset, neuron) if record.failure is not None]

    def missing(self, dataset: str, neuron: str) -> list[int]:
        """Seeds of a group without a record."""
        return [s for s in self.selection.seeds if (dataset, neuron, s) not in self.records]

    def most_seeds(self) -> int:
        """Seeds with a result, of the group that has most: fewer than selected in an unfinished
        run."""
        return max((len(self.results(*group)) for group in self.selection.groups), default=0)

    def pairs(self, dataset: str, left: str, right: str) -> list[Pair]:
        """Seeds for which both neurons have a result.

        Raises InputError naming what differs if two records were not trained alike.
        """
        pairs = []
        for seed in self.selection.seeds:
            a = self.records.get((dataset, left, seed))
            b = self.records.get((dataset, right, seed))
            if a is None or b is None or a.result is None or b.result is None:
                continue
            _refuse_unlike(a, b, _PAIRED, "compared")
            pairs.append(Pair(seed, a.result, b.result))
        return pairs


def load(runs: Path, selection: Selection) -> Cells:
    """Read the selected records, one file a cell, and the files beside them.

    Raises InputError for a record that does not fit the schema or sits in another cell's place,
    and as :func:`alike` does.
    """
    cells = Cells(Profile(runs.parents[1]).name, selection, {})
    for key in selection.keys:
        path = record_path(runs, *key)
        if path.exists():
            cells.records[key] = _read_in_place(path, key)
            if (host := read_host(path)) is not None:
                cells.hosts[key] = host
        elif (why := killed.reason_of(path)) is not None:
            cells.killed[key] = why
    return alike(cells)


def alike(cells: Cells) -> Cells:
    """The same cells.

    Raises InputError for records of one group that cannot be averaged because they were not made
    alike.
    """
    for dataset, neuron in cells.selection.groups:
        group = cells.of(dataset, neuron)
        for record in group[1:]:
            apart = record.settings.get("split_by_seed")
            _refuse_unlike(group[0], record, _AVERAGED if apart else _ONE_SPLIT, "averaged")
    _refuse_other_rates(list(cells.records.values()))
    return cells


def _refuse_other_rates(records: list[Record]) -> None:
    """Hashes leave the learning rate out, so that tuned records pair; one folder has one rate."""
    for record in records[1:]:
        rates = [r.settings.get("learning_rate") for r in (records[0], record)]
        if rates[0] != rates[1]:
            raise InputError(
                f"{_name(records[0])} and {_name(record)} were trained at learning rates "
                f"{rates[0]} and {rates[1]}; train the stale one again (dvc repro does)"
            )


def _read_in_place(path: Path, key: Key) -> Record:
    record = read_record(path)
    held = (record.dataset, record.neuron, record.seed)
    if held != key:
        raise InputError(
            f"{path}: holds the record of {'/'.join(map(str, held))}; "
            "delete the file and run its cell again"
        )
    return record


def _refuse_unlike(a: Record, b: Record, parts: dict[str, str], verb: str) -> None:
    unlike = [k for k in parts if getattr(a.hashes, k) != getattr(b.hashes, k)]
    if unlike:
        what = ", ".join(
            f"{parts[k]} ({getattr(a.hashes, k)} and {getattr(b.hashes, k)})" for k in unlike
        )
        raise InputError(
            f"{_name(a)} and {_name(b)} cannot be {verb}: they differ in {what}; "
            "train the stale one again (dvc repro does)"
        )


def _name(record: Record) -> str:
    return f"{record.dataset}/{record.neuron}/{record.seed}"
