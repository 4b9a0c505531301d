"""What two neurons are compared in, and the differences of their pairs. No torch.

A difference is the left neuron's value minus the right one's; of counts it is the logarithm of
their ratio. ``margin`` of benchmarks/evidence/analysis.yaml is the smallest difference of interest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from benchmarks.evidence.analysis import Metric, declared
from benchmarks.evidence.families import Judged, Sample, judge
from benchmarks.evidence.statistics import Estimate, estimate
from benchmarks.records.schema import Result
from benchmarks.records.selection import Cells, Pair, neuron_of


@dataclass(frozen=True)
class Measure:
    """How a metric is read off a result and compared."""

    of: Callable[[Result], float]
    is_ratio: bool = False  # compared by the logarithm of the ratio
    fewer: bool = False  # less is better


def synops(result: Result) -> float:
    """Effective synaptic operations of a test sample, accumulates and multiply-accumulates."""
    return result.synops.effective_acs + result.synops.effective_macs


def over_layers(measure: Literal["selectivity", "information", "silent"]) -> Callable[..., float]:
    """A result's mean over layers, weighted equally."""
    return lambda result: fmean(getattr(layer, measure) for layer in result.specificity.values())


MEASURES: dict[Metric, Measure] = {
    "accuracy": Measure(lambda result: result.accuracy.test),
    "spikes": Measure(lambda result: result.spikes.per_sample, is_ratio=True, fewer=True),
    "synops": Measure(synops, is_ratio=True, fewer=True),
    "selectivity": Measure(over_layers("selectivity")),
    "information": Measure(over_layers("information")),
}


def sample(metric: Metric, pairs: Sequence[Pair], margin: float | None = None) -> Sample:
    """Differences of the left neurons to the right ones, one a pair, ready to be judged.

    ``margin`` is the declared one where it is not given; of a ratio it is the share by which one
    neuron has fewer. No difference where a ratio has a value of 0.
    """
    measure = MEASURES[metric]
    least = declared().margin[metric] if margin is None else margin
    values = [(measure.of(pair.left), measure.of(pair.right)) for pair in pairs]
    if not measure.is_ratio:
        grain = 1 / min(map(_samples, pairs), default=1) if metric == "accuracy" else 0.0
        return Sample([a - b for a, b in values], least, grain)
    if any(min(pair) <= 0 for pair in values):
        return Sample([])
    # one spike or operation in the whole split
    grain = max((1 / (_samples(p) * min(v)) for p, v in zip(pairs, values, strict=True)), default=0)
    return Sample([math.log(a / b) for a, b in values], -math.log(1 - least), grain)


def lead_of(metric: Metric, pairs: Sequence[Pair]) -> Estimate:
    """Of the pairs' differences in a metric, of logarithms for a ratio."""
    differences = sample(metric, pairs)
    return estimate(differences.values, least_sd=differences.grain)


def counting(cells: Cells) -> Cells:
    """The cells of those seeds that count at the declared look."""
    return cells.first(declared().counted(len(cells.selection.seeds)))


def judged_leads(
    family: str, cells: Cells, compared: Sequence[tuple[str, str, str]]
) -> list[Judged]:
    """Leads in test accuracy of (data set, left, right), judged as one family at the level of the
    declared look; ``cells`` of :func:`counting`.

    Raises InputError if two records of a pair were not trained under matched conditions.
    """
    samples = [
        replace(sample("accuracy", cells.pairs(*each)), copies=about(*each)) for each in compared
    ]
    return judge(family, samples, declared().alpha(len(cells.selection.seeds)))


def about(dataset: str, *rest: str) -> tuple[str, ...]:
    """What a comparison is about, so that copies of one neuron are about the same."""
    return (dataset, *map(neuron_of, rest))


def _samples(pair: Pair) -> int:
    """Samples of the test split."""
    return sum(map(sum, pair.right.confusion))


def same_words(metric: Metric, margin: float | None = None) -> str:
    """``the same within 1 point``: how a metric says that two neurons are."""
    least = declared().margin[metric] if margin is None else margin
    if MEASURES[metric].is_ratio:
        return f"the same within {100 * least:g} %"
    points = f"{100 * least:g} point{'' if least == 0.01 else 's'}"
    special = {"accuracy": points, "information": f"{least:g} bits"}
    return f"the same within {special.get(metric, f'{least:g}')}"
