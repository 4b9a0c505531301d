"""How specific to the classes the spikes of a unit are.

Both measures take a unit's spike count of each sample, ``counts`` ``[N, units]``, and the class
of each sample, ``labels`` ``[N]``, and give one value a unit; nan for a unit that never fires.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS = 8  # most levels that a spike count is told apart by


def selectivity(counts: Floats, labels: NDArray[np.int64], classes: int) -> Floats:
    """Class selectivity index (Morcos et al., ICLR 2018, arXiv 1803.06959), 0..1.

    (m - r) / (m + r) with m the largest mean count of a class and r the mean of the others'.
    """
    means = np.stack([counts[labels == c].mean(0) for c in range(classes)])
    largest = means.max(0)
    others = (means.sum(0) - largest) / (classes - 1)
    with np.errstate(invalid="ignore"):
        index: Floats = (largest - others) / (largest + others)
    return index


def information(counts: Floats, labels: NDArray[np.int64], classes: int) -> Floats:
    """Mutual information of spike count and class, bits.

    Counts are told apart by at most ``BINS`` levels of equal frequency. From the plug-in estimate
    the bias of few samples is taken off (Panzeri and Treves, Network 7, 1996, leading term), so
    that a unit that knows nothing of the class comes out near 0 and may come out below it.
    """
    return np.array([_information(unit, labels, classes) for unit in counts.T])


def _information(counts: Floats, labels: NDArray[np.int64], classes: int) -> float:
    if not counts.any():
        return float("nan")
    edges = np.unique(np.quantile(counts, np.arange(1, BINS) / BINS))
    levels = np.searchsorted(edges, counts, side="left")
    table = np.zeros((classes, len(edges) + 1))
    np.add.at(table, (labels, levels), 1)
    n = table.sum()
    expected = table.sum(1, keepdims=True) * table.sum(0) / n
    seen = table > 0
    plug_in = float((table[seen] * np.log2(table[seen] / expected[seen])).sum()) / n
    occupied = int(seen.any(0).sum())
    cells = int(seen.sum()) - int(seen.any(1).sum())
    # logarithms of two C libraries differ in their last bits
    return round(float(plug_in - (cells - (occupied - 1)) / (2 * n * np.log(2))), 12)
