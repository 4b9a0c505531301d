"""How a lead over LIF hangs on the learning rate and on how long was trained.

In validation accuracy: the test split plays no part in the choice of a rate or of an epoch.
"""

from __future__ import annotations

from benchmarks.evidence.statistics import Estimate, paired_difference
from benchmarks.evidence.tuning import Tuned
from benchmarks.records.selection import BASELINE, Cells


def lead_by_rate(
    tuned: Tuned, dataset: str, neuron: str, baseline: str = BASELINE
) -> dict[float, Estimate]:
    """Validation accuracy minus the baseline's at every rate that both were trained at.

    Paired by tuning seed; a cell that diverged counts as accuracy 0.
    """
    of, other = (tuned.by_rate.get((dataset, n), {}) for n in (neuron, baseline))
    both = [rate for rate in sorted(of) if rate in other and len(of[rate]) == len(other[rate])]
    return {rate: paired_difference(of[rate], other[rate]) for rate in both}


def lead_by_epoch(
    cells: Cells, dataset: str, neuron: str, baseline: str = BASELINE
) -> list[Estimate]:
    """The validation curve minus the baseline's, an estimate an epoch, paired by seed.

    Raises InputError if two records of a pair were not trained under matched conditions.
    """
    seeds = [pair.seed for pair in cells.pairs(dataset, neuron, baseline)]
    curves = [
        [cells.records[dataset, n, seed].curves.validation_accuracy for seed in seeds]
        for n in (neuron, baseline)
    ]
    epochs = min((len(curve) for side in curves for curve in side), default=0)
    left, right = ([[curve[e] for curve in side] for e in range(epochs)] for side in curves)
    return [paired_difference(a, b) for a, b in zip(left, right, strict=True)]
