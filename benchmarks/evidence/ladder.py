"""What a data set can tell: from guessing over a linear map and LIF to networks that do not spike.

A set on which no reference lies above LIF leaves a better neuron no room to show itself, and one on
which a linear map of the summed events does as well as LIF asks for no spiking neuron.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from benchmarks.evidence.convergence import unconverged
from benchmarks.evidence.metrics import lead_of
from benchmarks.evidence.statistics import Estimate, estimate
from benchmarks.evidence.tuning import Tuned
from benchmarks.records.schema import Record
from benchmarks.records.selection import BASELINE, Cells

LINEAR = "linear"  # the neuron that leaves a network without non-linearity
Kind = Literal["floor", "linear map", "LIF", "best spiking", "reference"]


@dataclass(frozen=True)
class Rung:
    """One step of a data set's ladder."""

    dataset: str
    kind: Kind
    neuron: str  # "" of the floor
    test: Estimate  # accuracy over seeds, a fraction
    over_lif: Estimate  # of pairs; nan of the floor
    says: str = ""  # of the floor, what it is; of the best, of how many
    unconverged: tuple[int, ...] = ()  # seeds
    rate: float | None = None
    own_rate: bool = False


def ladder(cells: Cells, tuned: Tuned | None) -> list[Rung]:
    """The rungs of every data set that has records, from the lowest.

    Raises InputError if two records of a pair were not trained under matched conditions.
    """
    mixed = own_where_tuned(cells, tuned)
    return [rung for dataset in cells.selection.datasets for rung in _of(dataset, mixed, tuned)]


def own_where_tuned(cells: Cells, tuned: Tuned | None) -> Cells:
    """The tuned neurons' cells at their own best rates, the others' at the shared one."""
    if tuned is None:
        return cells
    at_own = {key[:2] for key in tuned.cells.records}
    shared = {key: r for key, r in cells.records.items() if key[:2] not in at_own}
    return replace(cells, records=shared | tuned.cells.records)


def _of(dataset: str, cells: Cells, tuned: Tuned | None) -> Iterator[Rung]:
    if (lowest := _floor(dataset, cells)) is not None:
        yield lowest
    finished = [n for n in cells.selection.neurons if cells.results(dataset, n)]
    graded = [n for n in finished if not all(r.spiking for r in cells.results(dataset, n))]
    spiking = [n for n in finished if n not in graded and n != LINEAR]
    chosen: list[tuple[Kind, str]] = [("linear map", n) for n in finished if n == LINEAR]
    chosen += [("LIF", n) for n in spiking if n == BASELINE]
    if spiking:
        most = max(len(cells.results(dataset, n)) for n in spiking)
        spiking = [n for n in spiking if len(cells.results(dataset, n)) == most]
        chosen.append(("best spiking", max(spiking, key=lambda n: _validation(cells, dataset, n))))
    chosen += [("reference", n) for n in graded if n != LINEAR]
    for kind, neuron in chosen:
        rung = _rung(dataset, kind, neuron, cells, tuned)
        yield replace(rung, says=f"of {len(spiking)}") if kind == "best spiking" else rung


def _floor(dataset: str, cells: Cells) -> Rung | None:
    """The share of the test split's most frequent class, a value a seed as splits may differ.

    Where no cell has finished, so that no confusion matrix says it, 1 / classes.
    """
    nothing = estimate([])
    records = [r for (d, _, _), r in cells.records.items() if d == dataset]
    shares = {r.seed: share for r in records if (share := _most_frequent(r)) is not None}
    if shares:
        floor = estimate([shares[seed] for seed in sorted(shares)])
        return Rung(dataset, "floor", "", floor, nothing, "most frequent class")
    if not records:
        return None
    classes = len(records[0].classes)
    alone = Estimate(1 / classes, math.nan, math.nan, math.nan, 0)
    return Rung(dataset, "floor", "", alone, nothing, f"1 / {classes} classes")


def _most_frequent(record: Record) -> float | None:
    """Share of its test samples that are of one class, the most frequent one."""
    if record.result is None:
        return None
    counts = [sum(row) for row in record.result.confusion]
    return max(counts) / sum(counts)


def _validation(cells: Cells, dataset: str, neuron: str) -> float:
    return fmean(result.accuracy.validation for result in cells.results(dataset, neuron))


def _rung(dataset: str, kind: Kind, neuron: str, cells: Cells, tuned: Tuned | None) -> Rung:
    pairs = cells.pairs(dataset, neuron, BASELINE) if neuron != BASELINE else []
    own = tuned is not None and bool(tuned.cells.of(dataset, neuron))
    shared_rate = cells.of(dataset, neuron)[0].settings.get("learning_rate")
    return Rung(
        dataset=dataset,
        kind=kind,
        neuron=neuron,
        test=estimate([r.accuracy.test for r in cells.results(dataset, neuron)]),
        over_lif=lead_of("accuracy", pairs),
        unconverged=tuple(unconverged(cells, dataset, neuron)),
        rate=tuned.rates[dataset, neuron] if tuned and own else shared_rate,
        own_rate=own,
    )
