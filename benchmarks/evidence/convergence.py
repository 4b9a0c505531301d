"""Whether a cell was trained until nothing more was gained.

The rule: a cell is not converged where the best validation accuracy of all epochs is half a point
or more above the best of all but the last fifth of the epochs. The best is what the suite
reports, so this is what the last fifth of training bought. A running best hardly moves with the
noise of single epochs: of flat curves of 40 epochs that scatter by 0.6 points from epoch to epoch
it marks 3 in 100 (the mean of the last fifth minus that of the fifth before: 6), of curves that
gain 2 points a fifth 99. Curves of fewer than five epochs lose their last; one epoch is never
converged.

Of a validation split of some 270 samples half a point is one sample and a half, so that a cell is
marked by chance now and then. A neuron on a data set is converged where the mean of its cells'
late gains is below half a point; that is what a verdict asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from benchmarks.records.schema import Record
from benchmarks.records.selection import Cells

LEAST_GAIN = 0.005  # of accuracy: half a point
PARTS = 5
ROUNDING = 1e-9


def late_gain(validation: Sequence[float]) -> float:
    """What the last fifth of the epochs added to the best validation accuracy ``[epochs]``."""
    last = max(1, len(validation) // PARTS)
    before = validation[:-last]
    return max(validation) - max(before) if before else 1.0


def converged(record: Record) -> bool:
    """False also for a cell that failed."""
    curve = record.curves.validation_accuracy
    return record.result is not None and late_gain(curve) < LEAST_GAIN - ROUNDING


def rising(cells: Cells, dataset: str, neuron: str) -> bool:
    """Whether the neuron's finished cells gain half a point or more late, on average."""
    gains = [late_gain(r.curves.validation_accuracy) for r in cells.of(dataset, neuron) if r.result]
    return bool(gains) and fmean(gains) >= LEAST_GAIN - ROUNDING


def unconverged(cells: Cells, dataset: str, neuron: str) -> list[int]:
    """Seeds whose finished cell is not converged."""
    records = cells.of(dataset, neuron)
    return [record.seed for record in records if record.result and not converged(record)]


def share_unconverged(records: Iterable[Record]) -> tuple[int, int]:
    """How many finished cells are not converged, of how many."""
    finished = [record for record in records if record.result is not None]
    return sum(not converged(record) for record in finished), len(finished)


def said(cells: Cells, neurons: Sequence[str]) -> str:
    """``Not converged: aia in 3 of 30, clif in 1 of 30 cells.``, and what follows.

    Empty where every cell is converged.
    """
    parts = []
    for neuron in neurons:
        records = [r for d in cells.selection.datasets for r in cells.of(d, neuron)]
        marked, of = share_unconverged(records)
        parts += [f"{neuron} in {marked} of {of}"] if marked else []
    if not parts:
        return ""
    late = any(rising(cells, d, n) for d in cells.selection.datasets for n in neurons)
    follows = (
        "Longer training would still gain, so this is a demonstration, not evidence."
        if late
        else "On average no neuron gains half a point late."
    )
    return f"Not converged: {', '.join(parts)} cells. {follows}"
