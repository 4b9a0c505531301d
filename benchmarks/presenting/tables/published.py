"""Published accuracies beside our own."""

from __future__ import annotations

from benchmarks import wording
from benchmarks.evidence import estimates
from benchmarks.evidence.gaps import absence
from benchmarks.evidence.published import Published, read_published
from benchmarks.evidence.statistics import estimate
from benchmarks.presenting.tables.table import Number, Row, Table, make_table
from benchmarks.records.selection import Cells


def published(cells: Cells) -> Table:
    """The published numbers of the selected data sets: theirs, ours, and the difference.

    A data set's name may carry a choice of split after a dash: ``cifar10dvs-first100``. Nothing
    was published of a rehearsal or of a part.
    """
    made = [
        _row(cells, dataset, one)
        for dataset in cells.selection.datasets
        for one in read_published()
        if one.dataset == dataset.partition("-")[0]
        and not {"rehearsal", "part"} & set(dataset.split("-"))
    ]
    return make_table("published", "Published numbers", made, "no data set that others published")


def _row(cells: Cells, dataset: str, one: Published) -> Row:
    here = estimate([result.accuracy.test for result in cells.results(dataset, one.neuron)])
    apart = here.mean - one.accuracy
    raw = {
        "dataset": dataset,
        "method": one.method,
        "published": one.accuracy,
        "split": one.split,
        "source": one.source,
        "neuron": one.neuron,
        "here": here.mean,
        "seeds": here.n,
        "difference": apart,
    }
    without = absence(cells, dataset, one.neuron)
    return raw, {
        "data set": dataset,
        "method": one.method,
        "published, %": Number(f"{100 * one.accuracy:.1f}", one.accuracy),
        "its split": one.split or wording.NOTHING,
        "neuron here": one.neuron,
        "here, %": Number(estimates.percent(here), here.mean) if here.n else without,
        "difference, points": Number(wording.signed(100 * apart), apart) if here.n else without,
        "source": one.source,
    }
