"""What a claim that compares rests on: one quantity a comparison, a value a seed, and its words."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from statistics import fmean

from benchmarks import wording
from benchmarks.evidence import estimates
from benchmarks.evidence.analysis import Metric
from benchmarks.evidence.claims.specs import BothWays, Differs, Reaches
from benchmarks.evidence.families import Side
from benchmarks.evidence.metrics import MEASURES, about, same_words, sample
from benchmarks.evidence.statistics import Estimate, estimate, exponential
from benchmarks.records.schema import Association, Result
from benchmarks.records.selection import Cells


@dataclass(frozen=True)
class ClaimTest:
    """One quantity of which a claim says that it is above 0, a value a seed."""

    dataset: str
    other: str | None  # what the subject is compared with
    values: tuple[float, ...]
    margin: float  # smallest value of interest
    grain: float  # smallest value that can be seen
    copies: Hashable  # those with the same are about copies of one neuron
    number: str  # mean and interval in the quantity's own unit
    amount: Callable[[float], str]  # a value in words
    words: dict[Side, str]  # on which side it lies -> what that is called
    seeds: int  # selected
    gaps: tuple[str, ...]  # cells that failed, and why there is no value at all

    @property
    def t(self) -> float:
        """The mean in standard errors: how clearly it is above 0."""
        quantity = estimate(self.values)
        if quantity.n > 1 and quantity.sd > 0:
            return quantity.mean / quantity.sd * math.sqrt(quantity.n)
        return math.copysign(math.inf, quantity.mean) if quantity.mean else 0.0


@dataclass(frozen=True)
class _Words:
    """What the sides of a metric are called."""

    ahead: str
    behind: str
    number: Callable[[Estimate], str]
    amount: Callable[[float], str]


def _signed(scale: float, form: str, unit: str) -> Callable[[Estimate], str]:
    def number(lead: Estimate) -> str:
        mean = wording.signed(scale * lead.mean, form)
        return f"{mean} {unit}{estimates.interval(lead, scale, form)}"

    return number


def _counts(noun: str) -> _Words:
    return _Words(
        ahead=f"fewer {noun} than",
        behind=f"more {noun} than",
        number=lambda log_ratio: f"{estimates.ratio(exponential(log_ratio))} times as many",
        amount=lambda value: f"{100 * (1 - math.exp(-value)):.2g} % fewer",
    )


WORDS: dict[Metric, _Words] = {
    "accuracy": _Words(
        ahead="ahead of",
        behind="behind",
        number=_signed(100, "+.1f", "points"),
        amount=lambda value: f"a lead of {100 * value:.1f} points",
    ),
    "spikes": _counts("spikes"),
    "synops": _counts("operations"),
    "selectivity": _Words(
        ahead="more selective than",
        behind="less selective than",
        number=_signed(1, "+.3f", "of selectivity"),
        amount=lambda value: f"{value:.2g} more",
    ),
    "information": _Words(
        ahead="more informative than",
        behind="less informative than",
        number=_signed(1, "+.3f", "bits"),
        amount=lambda value: f"{value:.2g} bits more",
    ),
}


def difference_tests(claim: Differs, cells: Cells, subject: str) -> list[ClaimTest]:
    return [
        _difference(metric, least, dataset, subject, other, cells)
        for dataset in claim.datasets
        for metric, least in claim.margin.items()
        for other in claim.against
    ]


def _difference(
    metric: Metric, least: float, dataset: str, subject: str, other: str, cells: Cells
) -> ClaimTest:
    """The subject's lead over another neuron, seed by seed; of spikes, minus the log ratio."""
    words, pairs = WORDS[metric], cells.pairs(dataset, subject, other)
    differences = sample(metric, pairs, least)
    gaps = gaps_of(cells, dataset, subject, other)
    if pairs and not differences.values:
        gaps += (f"{subject} or {other} has a cell without a spike on {dataset}: no ratio",)
    sides: dict[Side, str] = {
        "ahead": words.ahead,
        "behind": words.behind,
        "the same": f"{same_words(metric, least)} as",
        "not distinguishable": "not distinguishable from",
        "no interval": "against",
    }
    return ClaimTest(
        dataset=dataset,
        other=other,
        values=tuple(-v if MEASURES[metric].fewer else v for v in differences.values),
        margin=differences.margin,
        grain=differences.grain,
        copies=(metric, *about(dataset, other)),
        number=words.number(estimate(differences.values, least_sd=differences.grain)),
        amount=words.amount,
        words={side: f"{word} {other} on {dataset}" for side, word in sides.items()},
        seeds=len(cells.selection.seeds),
        gaps=gaps,
    )


def reach_test(claim: Reaches, cells: Cells, subject: str) -> ClaimTest:
    """Test accuracy above the one claimed less the margin."""
    accuracies = [result.accuracy.test for result in cells.results(claim.dataset, subject)]
    wanted = claim.accuracy - claim.margin
    what = f"test accuracy on {claim.dataset}"
    return _fraction(claim.dataset, subject, what, accuracies, wanted, cells)


SHARES = {
    "potentiated": "units potentiated",
    "depressed": "units depressed",
    "raised": "coefficients raised",
    "lowered": "coefficients lowered",
}


def share_tests(claim: BothWays, cells: Cells, subject: str) -> list[ClaimTest]:
    """The four shares of units or coefficients on each data set."""
    made = []
    for dataset in claim.datasets:
        shares = shares_of_all(cells, dataset, subject)
        for name, what in SHARES.items():
            values = [share[name] for share in shares]
            about = f"{what} on {dataset}"
            made.append(_fraction(dataset, subject, about, values, claim.least, cells))
    return made


def shares_of_all(cells: Cells, dataset: str, neuron: str) -> list[dict[str, float]]:
    shares = [_shares_of(result) for result in cells.results(dataset, neuron)]
    return [share for share in shares if share is not None]


def _shares_of(result: Result) -> dict[str, float] | None:
    """Means over the layers that associate, weighted equally; None without an association.

    A layer that the neuron leaves without association (aia_hidden those before the last) holds
    zeros in the place of coefficients.
    """
    effect = result.association_effect
    layers = {
        name: layer
        for name, layer in (result.association or {}).items()
        if any(layer.before) or any(layer.after)
    }
    if effect is None or not layers:
        return None
    return {
        "potentiated": fmean(effect.potentiated[name] for name in layers),
        "depressed": fmean(effect.depressed[name] for name in layers),
        "raised": fmean(_moved(layer, 1) for layer in layers.values()),
        "lowered": fmean(_moved(layer, -1) for layer in layers.values()),
    }


def _moved(layer: Association, way: int) -> float:
    """Share of a layer's coefficients that training moved up (1) or down (-1)."""
    pairs = zip(layer.before, layer.after, strict=True)
    return fmean(way * (after - before) > 0 for before, after in pairs)


def _fraction(
    dataset: str, subject: str, what: str, values: list[float], least: float, cells: Cells
) -> ClaimTest:
    """A fraction of which a claim says that it is above ``least``, a value a seed."""
    fraction, bound = estimate(values), f"{100 * least:.4g} %"
    gaps = gaps_of(cells, dataset, subject)
    return ClaimTest(
        dataset=dataset,
        other=None,
        values=tuple(value - least for value in values),
        margin=0.0,
        grain=0.0,
        copies=what,
        number=f"{100 * fraction.mean:.1f} %{estimates.interval(fraction, 100, '.1f')}",
        amount=lambda value: f"{100 * value:.1f} points more",
        words={
            "ahead": f"{what} above {bound}",
            "behind": f"{what} below {bound}",
            "the same": f"{what} at {bound}",
            "not distinguishable": f"{what} not distinguishable from {bound}",
            "no interval": what,
        },
        seeds=len(cells.selection.seeds),
        gaps=gaps if gaps or values else (f"{subject} on {dataset} has no coefficients",),
    )


def gaps_of(cells: Cells, dataset: str, *neurons: str) -> tuple[str, ...]:
    """What is not there to compare: the unselected, the unrun, the failed."""
    if dataset not in cells.selection.datasets:
        return (f"{dataset} is not in this profile",)
    gaps = []
    for neuron in neurons:
        if neuron not in cells.selection.neurons:
            gaps.append(f"{neuron} is not among these cells")
        elif failed := cells.failed(dataset, neuron):
            gaps.append(f"{neuron} on {dataset} failed in {wording.plural(len(failed), 'seed')}")
        elif not cells.results(dataset, neuron):
            gaps.append(f"{neuron} on {dataset} was not run")
    if gaps:
        return tuple(gaps)
    if len(neurons) == 2 and not cells.pairs(dataset, *neurons):
        return (f"{' and '.join(neurons)} on {dataset} have no seed in common",)
    missing = {neuron: len(cells.missing(dataset, neuron)) for neuron in neurons}
    return tuple(
        f"{neuron} on {dataset} was not run with {wording.plural(count, 'seed')}"
        for neuron, count in missing.items()
        if count
    )


def sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
