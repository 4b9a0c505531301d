"""Why there is nothing to average or to compare."""

from __future__ import annotations

from benchmarks.records.selection import Cells

NOT_RUN = "not run"
GRADED = "graded outputs, not spikes"


def why_no_pair(cells: Cells, dataset: str, neuron: str, baseline: str) -> str:
    """What to print where two neurons have no seed in common."""
    if baseline not in cells.selection.neurons:
        return f"{baseline} is not among these cells"
    whole = cells.results(dataset, neuron), cells.results(dataset, baseline)
    if all(whole):
        return "no seed in common"
    return absence(cells, dataset, baseline if whole[0] else neuron)


def absence(cells: Cells, dataset: str, neuron: str) -> str:
    """What to print where a group has no result."""
    whole = not cells.missing(dataset, neuron)
    return "failed" if whole and cells.failed(dataset, neuron) else NOT_RUN
