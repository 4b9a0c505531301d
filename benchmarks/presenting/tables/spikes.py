"""Spikes and synaptic operations, beside those of LIF and of the frozen gain."""

from __future__ import annotations

from benchmarks.evidence import estimates
from benchmarks.evidence.analysis import Metric
from benchmarks.evidence.gaps import GRADED, absence
from benchmarks.evidence.metrics import lead_of
from benchmarks.evidence.readings import frozen_of
from benchmarks.evidence.statistics import Estimate, estimate, exponential
from benchmarks.evidence.tuning import Tuned
from benchmarks.presenting.tables.table import (
    NOT_TUNED,
    Number,
    Row,
    Shown,
    Table,
    columns,
    make_table,
)
from benchmarks.records.schema import Result
from benchmarks.records.selection import BASELINE, FROZEN, Cells
from benchmarks.wording import NOTHING

# what is compared, what its columns of raw numbers and of text are called
_RATIOS: tuple[tuple[Metric, str, str], ...] = (
    ("spikes", "ratio", "ratio"),
    ("synops", "synops_ratio", "SynOps"),
)


def spikes(cells: Cells, baseline: str = BASELINE) -> Table:
    """Spikes and synaptic operations of a test sample."""
    made = [_spikes(cells, d, n, baseline) for d, n in cells.selection.groups]
    return make_table("spikes", "Spikes and synaptic operations", made)


def tuned_spikes(tuned: Tuned | None, baseline: str = BASELINE) -> Table:
    """As :func:`spikes`, each neuron at its own best learning rate."""
    groups = tuned.cells.selection.groups if tuned else ()
    made = [_spikes(tuned.cells, d, n, baseline) for d, n in groups] if tuned else []
    title = "Spikes and synaptic operations, each at its own best rate"
    return make_table("tuned_spikes", title, made, NOT_TUNED)


def _spikes(cells: Cells, dataset: str, neuron: str, baseline: str) -> Row:
    results = cells.results(dataset, neuron)
    graded = any(not result.spiking for result in results)
    count = estimate([r.spikes.per_sample for r in results])
    sparsity = estimate([r.spikes.activation_sparsity for r in results]).mean
    acs, macs, dense = (
        estimate([getattr(r.synops, part) for r in results]).mean
        for part in ("effective_acs", "effective_macs", "dense")
    )
    others = {baseline: baseline, FROZEN: frozen_of(neuron, cells.selection.neurons)}
    raw = {"dataset": dataset, "neuron": neuron, "spiking": not graded} | columns("spikes", count)
    shown: dict[str, Shown] = {"spikes": {}, "synops": {}}
    for name, other in others.items():  # column -> what its ratio is to
        for metric, stem, title in _RATIOS:
            ratio = _ratio(cells, dataset, neuron, other, metric)
            raw |= columns(f"{stem}_to_{name}", ratio)
            text = NOTHING if graded else _share(ratio, neuron, other, name)
            shown[metric][f"{title} to {name}"] = text
    raw |= {"frozen": others[FROZEN], "firing_rate": 1 - sparsity, "activation_sparsity": sparsity}
    raw |= {"effective_acs": acs, "effective_macs": macs, "dense_macs": dense, "seeds": count.n}
    row: Shown = {"data set": dataset, "neuron": neuron}
    if not results:
        return raw, row | {"spikes a sample": absence(cells, dataset, neuron)}
    if graded:
        shown["spikes"][f"ratio to {baseline}"] = GRADED
    mean = f"{count.mean:,.0f}{estimates.spread(count.sd, ',.0f')}"
    row |= {"spikes a sample": Number(mean, count.mean)} | shown["spikes"]
    row |= {"firing rate, %": Number(f"{100 * (1 - sparsity):.1f}", 1 - sparsity)}
    row |= {"by layer, %": _rates(results)}
    row |= {"effective ACs": Number(f"{acs:,.0f}", acs)}
    return raw, row | {"effective MACs": Number(f"{macs:,.0f}", macs)} | shown["synops"]


def _ratio(cells: Cells, dataset: str, neuron: str, other: str, metric: Metric) -> Estimate:
    """Paired ratio to another neuron; nan throughout where one of the two has graded outputs."""
    pairs = cells.pairs(dataset, neuron, other)
    return exponential(lead_of(metric, [p for p in pairs if p.left.spiking and p.right.spiking]))


def _share(ratio: Estimate, neuron: str, other: str, column: str) -> Number:
    """A ratio, which says what it is to where that is not the column's."""
    text = "1" if neuron == other else estimates.ratio(ratio)
    return Number(text if other == column else f"{text} to {other}", ratio.mean)


def _rates(results: list[Result]) -> str:
    layers = results[0].spikes.firing_rate
    means = [estimate([r.spikes.firing_rate[layer] for r in results]).mean for layer in layers]
    return " / ".join(f"{100 * mean:.1f}" for mean in means)
