"""How specific to the classes the spikes are, as they are and at like firing rates."""

from __future__ import annotations

import math

import numpy as np

from benchmarks import wording
from benchmarks.evidence import estimates
from benchmarks.evidence.analysis import Metric
from benchmarks.evidence.gaps import absence
from benchmarks.evidence.metrics import MEASURES, lead_of, over_layers
from benchmarks.evidence.statistics import Estimate, adjusted_for, estimate
from benchmarks.presenting.tables.table import Number, Row, Shown, Table, columns, make_table
from benchmarks.records.selection import BASELINE, Cells, Pair
from benchmarks.wording import NOTHING


def specificity(cells: Cells, baseline: str = BASELINE) -> Table:
    """Class selectivity and mutual information of spike counts, means over layers."""
    made = [_specificity(cells, d, n, baseline) for d, n in cells.selection.groups]
    return make_table("specificity", "Specificity of the spikes", made)


def _specificity(cells: Cells, dataset: str, neuron: str, baseline: str) -> Row:
    results = cells.results(dataset, neuron)
    pairs = cells.pairs(dataset, neuron, baseline)
    raw: dict[str, object] = {"dataset": dataset, "neuron": neuron}
    row: Shown = {"data set": dataset, "neuron": neuron}
    titles: dict[Metric, str] = {
        "selectivity": "selectivity index",
        "information": "information, bits",
    }
    for measure, title in titles.items():
        of_seeds = estimate([MEASURES[measure].of(result) for result in results])
        lead, alike = lead_of(measure, pairs), estimate(at_like_rates(measure, pairs))
        raw |= columns(measure, of_seeds) | columns(f"{measure}_minus_{baseline}", lead)
        raw |= columns(f"{measure}_minus_{baseline}_at_like_rates", alike)
        text = f"{of_seeds.mean:.3f}{estimates.interval(of_seeds, 1, '.3f')} ({of_seeds.n})"
        row[title] = Number(text, of_seeds.mean) if of_seeds.n else NOTHING
        for name, of in ((f"{measure} minus {baseline}", lead), (f"{measure}, like rates", alike)):
            shown = bool(lead.n) and neuron != baseline and not math.isnan(of.mean)
            row[name] = Number(_more(of), of.mean) if shown else NOTHING
    silent = estimate([over_layers("silent")(result) for result in results]).mean
    raw |= {"silent": silent, "seeds": len(results)}
    if not results:
        return raw, row | {"selectivity index": absence(cells, dataset, neuron)}
    return raw, row | {"silent, %": Number(f"{100 * silent:.1f}", silent)}


def _more(lead: Estimate) -> str:
    return wording.signed(lead.mean, "+.3f") + estimates.interval(lead, 1, "+.3f")


def at_like_rates(measure: Metric, pairs: list[Pair]) -> list[float]:
    """Differences in specificity that would be left did both neurons fire alike, a value a pair.

    See :func:`benchmarks.evidence.statistics.adjusted_for`; the covariate is the difference of
    the layers' log firing rates. nan throughout where a layer is silent.
    """
    if not pairs:
        return []
    layers = list(pairs[0].left.specificity)
    lead = [
        [getattr(p.left.specificity[x], measure) - getattr(p.right.specificity[x], measure)]
        for p in pairs
        for x in layers
    ]
    rates = [
        [p.left.spikes.firing_rate[x], p.right.spikes.firing_rate[x]] for p in pairs for x in layers
    ]
    shape = (len(pairs), len(layers))
    with np.errstate(divide="ignore", invalid="ignore"):
        covariate = np.log(np.array(rates)) @ (1, -1)
    adjusted = adjusted_for(np.reshape(lead, shape), np.reshape(covariate, shape))
    return [float(value) for value in adjusted]
