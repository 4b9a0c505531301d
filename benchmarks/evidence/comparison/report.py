"""What a comparison found: the differences, what they cost, where they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.evidence.aggregates import Aggregate
from benchmarks.evidence.statistics import Estimate, Method
from benchmarks.records.selection import neuron_of

Metric = Literal["accuracy", "spikes", "synops"]
METRICS: tuple[Metric, ...] = ("accuracy", "spikes", "synops")
ComparisonVerdict = Literal[
    "better", "worse", "fewer", "more", "the same", "not distinguishable", "not tested"
]
Colour = Literal["ahead", "behind", "even"]
# verdicts that a test decided, and how they are coloured
SIDES: dict[str, Colour] = {
    "better": "ahead",
    "worse": "behind",
    "fewer": "ahead",
    "more": "behind",
}


@dataclass(frozen=True)
class Compared:
    """One metric of the new neuron and of a baseline on one data set, paired by seed."""

    metric: Metric
    dataset: str
    baseline: str
    seeds: tuple[int, ...]
    new: tuple[float, ...]  # one value a seed; accuracies are fractions
    recorded: tuple[float, ...]
    estimate: Estimate  # new - baseline of accuracy, new / baseline of spikes and SynOps
    p: float
    p_holm: float  # corrected over all comparisons of the metric
    method: Method
    least_exact_p: float  # that a sign-flip test of as many seeds can reach
    p_same: float  # that they are not the same within the margin, corrected likewise
    margin: float  # smallest difference of interest, of logarithms for a ratio
    effect: float  # mean over standard deviation of the differences, of ratios in logarithms
    verdict: ComparisonVerdict
    absent: str  # why nothing was compared; empty where something was


@dataclass(frozen=True)
class Overall:
    """Test accuracy against one baseline over all data sets."""

    baseline: str
    datasets: tuple[str, ...]  # those with pairs
    pairs: int
    improvement: Aggregate  # probability that a run of the new neuron beats one of the baseline
    difference: Aggregate  # interquartile mean of the paired differences
    p: float  # that the pairs of all data sets together are equal
    p_holm: float  # corrected over the baselines
    method: Method
    verdict: ComparisonVerdict


@dataclass(frozen=True)
class CostRatio:
    """Time or memory of the new neuron and of a baseline, measured in one run on one device."""

    device: str
    baseline: str
    what: str  # one of COSTS
    new: float
    recorded: float
    times: float  # time or bytes, new over baseline


@dataclass(frozen=True)
class Provenance:
    """What a pair of records was trained with (hashes of their records)."""

    dataset: str
    seed: int
    baseline: str
    protocol: str
    data: str
    weights: str
    order: str
    neuron: str
    baseline_neuron: str


@dataclass(frozen=True)
class ComparisonReport:
    """All that a comparison found."""

    neuron: str
    neuron_class: str
    neuron_args: dict[str, Any]
    baselines: tuple[str, ...]
    datasets: tuple[str, ...]
    compared: tuple[Compared, ...]
    overall: tuple[Overall, ...]
    costs: tuple[CostRatio, ...]
    failed: tuple[str, ...]  # cells without a result, and why
    not_run: tuple[str, ...]  # cells without a record
    pairs: tuple[Provenance, ...]
    trained_on: tuple[str, ...]  # whose sums the new neuron's cells have
    recorded_on: tuple[str, ...]  # and the recorded ones
    analysis: str  # the declared one, and where this comparison stands in it
    seeds: int  # of the comparison with the fewest pairs, whether they count or not
    plan: str  # what is declared for what is open
    unconverged: str  # cells that were not trained until nothing more was gained
    rates: dict[str, float]  # <data set>/<neuron> -> its own best; empty where all have one rate

    def of(self, metric: Metric, baseline: str | None = None) -> list[Compared]:
        """The comparisons of a metric, of one baseline if one is named."""
        return [c for c in self.compared if c.metric == metric and baseline in (None, c.baseline)]

    def tested(self, metric: Metric) -> int:
        """How many comparisons the correction is over."""
        return len(self.once([c for c in self.of(metric) if c.verdict != "not tested"]))

    def once(self, comparisons: Sequence[Compared | Overall]) -> list[ComparisonVerdict]:
        """Their verdicts, copies of one baseline as one: open where the copies do not agree."""
        said: dict[tuple[str, str], set[ComparisonVerdict]] = {}
        for c in comparisons:
            dataset = c.dataset if isinstance(c, Compared) else ""
            said.setdefault((dataset, neuron_of(c.baseline)), set()).add(c.verdict)
        return [min(v) if len(v) == 1 else "not distinguishable" for v in said.values()]
