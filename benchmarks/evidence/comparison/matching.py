"""Which records of a newcomer and of a baseline are pairs, and what their difference decides."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.errors import InputError
from benchmarks.evidence.comparison.report import (
    ComparisonVerdict,
    Metric,
)
from benchmarks.evidence.families import Sample, Side
from benchmarks.evidence.gaps import GRADED, why_no_pair
from benchmarks.evidence.metrics import MEASURES, Measure, about, sample
from benchmarks.records.schema import Result
from benchmarks.records.selection import Cells, Pair


def pairs_of(cells: Cells, dataset: str, baseline: str) -> list[Pair]:
    neuron = cells.selection.neurons[0]
    try:
        return cells.pairs(dataset, neuron, baseline)
    except InputError as error:
        raise InputError(
            f"{error}; if {neuron} is the stale one, delete its record and compare again"
        ) from error


@dataclass(frozen=True)
class Matched:
    """The values of one comparison before it is judged."""

    dataset: str
    baseline: str
    pairs: list[Pair]
    sample: Sample
    absent: str = ""


def match(metric: Metric, cells: Cells, dataset: str, baseline: str) -> Matched:
    neuron, measure = cells.selection.neurons[0], MEASURES[metric]
    pairs = pairs_of(cells, dataset, baseline)
    reason = "" if pairs else why_no_pair(cells, dataset, neuron, baseline)
    if measure.is_ratio:
        reason = reason or _no_ratio(neuron, [pair.left for pair in pairs], measure)
        reason = reason or _no_ratio(baseline, [pair.right for pair in pairs], measure)
    if reason:
        return Matched(dataset, baseline, pairs, Sample([]), reason)
    differences = replace(sample(metric, pairs), copies=about(dataset, baseline))
    return Matched(dataset, baseline, pairs, differences)


def _no_ratio(neuron: str, results: list[Result], measure: Measure) -> str:
    """Why there is no ratio of a neuron's counts; empty if there is."""
    if not all(result.spiking for result in results):
        return f"{neuron}: {GRADED}"
    return "" if all(measure.of(result) > 0 for result in results) else f"{neuron}: a silent seed"


def verdict_of(metric: Metric, side: Side) -> ComparisonVerdict:
    if side == "no interval":
        return "not tested"
    if side == "the same" or side == "not distinguishable":
        return side
    above: tuple[ComparisonVerdict, ComparisonVerdict] = ("better", "worse")
    if MEASURES[metric].fewer:
        above = ("more", "fewer")
    return above[0] if side == "ahead" else above[1]
