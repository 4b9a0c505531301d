"""Claims that compare, as families of paired t-tests, and in words.

Each test is at 5 % after Holm's correction within the claim. A claim is

- reproduced: every comparison is shown to lie on the claimed side;
- not reproduced: at least one is shown to lie below the smallest difference of interest;
- undecided: otherwise, and wherever a compared cell failed or has no partner;
- not tested here: there is nothing to compare.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from benchmarks import wording
from benchmarks.claim_specs import BothWays, Differs, Metric, Reaches, Status
from benchmarks.records import Association, Result
from benchmarks.selection import SUBJECT, Cells
from benchmarks.statistics import (
    LEVEL,
    Estimate,
    estimate,
    holm,
    paired_difference,
    paired_ratio,
    paired_t_p,
    seeds_needed,
    verdict,
)
from benchmarks.statistics import Verdict as Side

SAID_IN_FULL = 3  # comparisons; more are counted, and the weakest is said


@dataclass(frozen=True)
class Evidence:
    """One line that a verdict rests on, and the cells that it comes from."""

    dataset: str
    neuron: str
    other: str | None
    says: str


@dataclass(frozen=True)
class Found:
    """A verdict without its claim."""

    status: Status
    says: str
    evidence: tuple[Evidence, ...]
    seeds_needed: int | None = None


Outcome = Literal["shown", "refuted", "open"]


@dataclass(frozen=True)
class _Test:
    """One quantity of which a claim says that it is above 0, a value a seed."""

    dataset: str
    other: str | None  # what the subject is compared with
    gains: tuple[float, ...]
    margin: float  # smallest gain of interest
    number: str  # mean and interval in the quantity's own unit
    words: dict[Side, str]  # on which side it lies -> what that is called
    ruled_out: str  # what is, where the interval lies below the margin
    seeds: int  # selected
    gaps: tuple[str, ...]  # cells that failed, and why there is no gain at all

    @property
    def t(self) -> float:
        """The mean in standard errors: how clearly it is above 0."""
        found = estimate(self.gains)
        if found.n > 1 and found.sd > 0:
            return found.mean / found.sd * math.sqrt(found.n)
        return math.copysign(math.inf, found.mean) if found.mean else 0.0


@dataclass(frozen=True)
class _Judged:
    """A test, what it shows, the same in words, and how many seeds more would show something."""

    test: _Test
    outcome: Outcome
    says: str
    more_seeds: int | None


@dataclass(frozen=True)
class _Measure:
    """How two neurons are compared in a metric, and in which words."""

    of: Callable[[Result], float]
    ahead: str
    behind: str
    number: Callable[[Estimate], str]
    margin: str  # with a place for the number
    scale: float = 1.0  # of the margin in words
    fewer: bool = False  # less is better, and what counts is the ratio


def _signed(scale: float, form: str, unit: str) -> Callable[[Estimate], str]:
    def number(found: Estimate) -> str:
        mean = wording.signed(scale * found.mean, form)
        return f"{mean} {unit}{wording.interval(found, scale, form)}"

    return number


def _over_layers(measure: Literal["selectivity", "information"]) -> Callable[[Result], float]:
    """The mean over layers, weighted equally."""
    return lambda result: fmean(getattr(layer, measure) for layer in result.specificity.values())


MEASURES: dict[Metric, _Measure] = {
    "accuracy": _Measure(
        of=lambda result: result.accuracy.test,
        ahead="ahead of",
        behind="behind",
        number=_signed(100, "+.1f", "points"),
        margin="a lead of {:.1f} points",
        scale=100,
    ),
    "spikes": _Measure(
        of=lambda result: result.spikes.per_sample,
        ahead="fewer spikes than",
        behind="more spikes than",
        number=lambda found: f"{wording.ratio(found)} times as many",
        margin="{:g} % fewer",
        scale=100,
        fewer=True,
    ),
    "selectivity": _Measure(
        of=_over_layers("selectivity"),
        ahead="more selective than",
        behind="less selective than",
        number=_signed(1, "+.3f", "of selectivity"),
        margin="{:g} more",
    ),
    "information": _Measure(
        of=_over_layers("information"),
        ahead="more informative than",
        behind="less informative than",
        number=_signed(1, "+.3f", "bits"),
        margin="{:g} bits more",
    ),
}


def difference_tests(claim: Differs, cells: Cells) -> list[_Test]:
    return [
        _difference(metric, least, dataset, other, cells)
        for dataset in claim.datasets
        for metric, least in claim.margin.items()
        for other in claim.against
    ]


def _difference(metric: Metric, least: float, dataset: str, other: str, cells: Cells) -> _Test:
    """The subject's lead over another neuron, seed by seed; of spikes, minus the log ratio."""
    measure = MEASURES[metric]
    pairs = cells.pairs(dataset, SUBJECT, other)
    values = [(measure.of(pair.left), measure.of(pair.right)) for pair in pairs]
    gaps = gaps_of(cells, dataset, SUBJECT, other)
    if measure.fewer and any(min(pair) <= 0 for pair in values):
        gaps += (f"{SUBJECT} or {other} has a cell without a spike on {dataset}: no ratio",)
        values = []
    left, right = [a for a, _ in values], [b for _, b in values]
    found = paired_ratio(left, right) if measure.fewer else paired_difference(left, right)
    gains = (math.log(b / a) if measure.fewer else a - b for a, b in values)
    sides: dict[Side, str] = {
        "ahead": measure.ahead,
        "behind": measure.behind,
        "not distinguishable": "not distinguishable from",
        "no interval": "against",
    }
    return _Test(
        dataset=dataset,
        other=other,
        gains=tuple(gains),
        margin=-math.log(1 - least) if measure.fewer else least,
        number=measure.number(found),
        words={side: f"{word} {other} on {dataset}" for side, word in sides.items()},
        ruled_out=measure.margin.format(measure.scale * least),
        seeds=len(cells.selection.seeds),
        gaps=gaps,
    )


def reach_test(claim: Reaches, cells: Cells) -> _Test:
    """Test accuracy above the one claimed less the margin."""
    accuracies = [result.accuracy.test for result in cells.results(claim.dataset, SUBJECT)]
    wanted = claim.accuracy - claim.margin
    what = f"test accuracy on {claim.dataset}"
    return _fraction(claim.dataset, what, accuracies, wanted, cells)


SHARES = {
    "potentiated": "units potentiated",
    "depressed": "units depressed",
    "raised": "coefficients raised",
    "lowered": "coefficients lowered",
}


def share_tests(claim: BothWays, cells: Cells) -> list[_Test]:
    """The four shares of units or coefficients on each data set."""
    made = []
    for dataset in claim.datasets:
        found = _all_shares(cells, dataset, SUBJECT)
        for name, what in SHARES.items():
            values = [share[name] for share in found]
            about = f"{what} on {dataset}"
            made.append(_fraction(dataset, about, values, claim.least, cells))
    return made


def _all_shares(cells: Cells, dataset: str, neuron: str) -> list[dict[str, float]]:
    found = [_shares_of(result) for result in cells.results(dataset, neuron)]
    return [share for share in found if share is not None]


def _shares_of(result: Result) -> dict[str, float] | None:
    """Means over layers, weighted equally; None without an association."""
    effect, layers = result.association_effect, result.association
    if effect is None or not layers:
        return None
    return {
        "potentiated": fmean(effect.potentiated.values()),
        "depressed": fmean(effect.depressed.values()),
        "raised": fmean(_moved(layer, 1) for layer in layers.values()),
        "lowered": fmean(_moved(layer, -1) for layer in layers.values()),
    }


def _moved(layer: Association, way: int) -> float:
    """Share of a layer's coefficients that training moved up (1) or down (-1)."""
    pairs = zip(layer.before, layer.after, strict=True)
    return fmean(way * (after - before) > 0 for before, after in pairs)


def _fraction(dataset: str, what: str, values: list[float], least: float, cells: Cells) -> _Test:
    """A fraction of which a claim says that it is above ``least``, a value a seed."""
    found, bound = estimate(values), f"{100 * least:.4g} %"
    gaps = gaps_of(cells, dataset, SUBJECT)
    return _Test(
        dataset=dataset,
        other=None,
        gains=tuple(value - least for value in values),
        margin=0.0,
        number=f"{100 * found.mean:.1f} %{wording.interval(found, 100, '.1f')}",
        words={
            "ahead": f"{what} above {bound}",
            "behind": f"{what} below {bound}",
            "not distinguishable": f"{what} not distinguishable from {bound}",
            "no interval": what,
        },
        ruled_out="",  # below the margin, here 0, is behind
        seeds=len(cells.selection.seeds),
        gaps=gaps if gaps or values else (f"{SUBJECT} on {dataset} has no coefficients",),
    )


def gaps_of(cells: Cells, dataset: str, *neurons: str) -> tuple[str, ...]:
    """What is not there to compare: the unselected, the unrun, the failed."""
    if dataset not in cells.selection.datasets:
        return (f"{dataset} is not selected",)
    found = []
    for neuron in neurons:
        if neuron not in cells.selection.neurons:
            found.append(f"{neuron} is not selected")
        elif failed := cells.failed(dataset, neuron):
            found.append(f"{neuron} on {dataset} failed in {counted(len(failed), 'seed')}")
        elif not cells.results(dataset, neuron):
            found.append(f"{neuron} on {dataset} was not run")
    if not found and len(neurons) == 2 and not cells.pairs(dataset, *neurons):
        found.append(f"{' and '.join(neurons)} on {dataset} have no seed in common")
    return tuple(found)


def judge_family(tests: list[_Test]) -> Found:
    """The rule in this module's docstring over the tests of one claim."""
    told = [test for test in tests if len(test.gains) > 1]
    above = holm([paired_t_p(t.gains) for t in told])
    below = holm([paired_t_p([g - t.margin for g in t.gains]) for t in told])
    adjusted = zip(above, below, strict=True)
    judged = [
        _judge(test, *next(adjusted), len(told)) if len(test.gains) > 1 else _untold(test)
        for test in tests
    ]
    status = _status(judged)
    needed = _more_seeds(judged) if status == "undecided" else None
    gaps = dict.fromkeys(gap for test in tests for gap in test.gaps)
    sentences = [*_in_words(judged, status), *_by_dataset(judged)]
    if gaps:
        sentences.append(f"Not there: {'; '.join(gaps)}.")
    if needed:
        more = counted(needed, "more seed")
        sentences.append(f"About {more} would decide all, were these means the true ones.")
    evidence = tuple(Evidence(j.test.dataset, SUBJECT, j.test.other, j.says) for j in judged)
    return Found(status, " ".join(sentences), evidence, needed)


def _judge(test: _Test, above: float, below: float, family: int) -> _Judged:
    """``above``, ``below``: adjusted p that the mean is 0, and that it is the margin."""
    found, level = estimate(test.gains), 1 - LEVEL
    side = verdict(found)
    text = f"{test.words[side]}: {test.number} over {_seeds(found.n, test.seeds)}"
    if side == "behind" and above <= level:
        return _Judged(test, "refuted", text, None)
    if found.high < test.margin and below <= level:
        return _Judged(test, "refuted", f"{text}, so {test.ruled_out} is ruled out", None)
    if side == "ahead" and above <= level:
        return _Judged(test, "shown", text, None)
    if side != "not distinguishable":
        text += f", not so after Holm's correction (p = {above:.2g})"
    return _Judged(test, "open", text, _more(test, family))


def _untold(test: _Test) -> _Judged:
    says = "; ".join(test.gaps)
    if test.gains:
        says = f"{test.words['no interval']}: {test.number} over 1 seed, which gives no interval"
    return _Judged(test, "open", says, None)


def _more(test: _Test, family: int) -> int | None:
    """Seeds still needed to show a gain above 0, or one below the margin, whichever is nearer.

    None if one cannot say: for a mean of exactly 0, and where all seeds give the same.
    """
    level, mean = 1 - (1 - LEVEL) / family, fmean(test.gains)
    wanted = [test.gains]
    if mean < test.margin:
        wanted.append(tuple(gain - test.margin for gain in test.gains))
    found = [seeds_needed(gains, level=level) for gains in wanted]
    counts = [count for count in found if count is not None]
    more = min(counts, default=0) - len(test.gains)
    return more if more > 0 else None


def _more_seeds(judged: list[_Judged]) -> int | None:
    """The most that an open test needs; None if one cannot say."""
    needed = [j.more_seeds for j in judged if j.outcome == "open"]
    known = [count for count in needed if count is not None]
    return max(known) if known and len(known) == len(needed) else None


def _status(judged: list[_Judged]) -> Status:
    if not any(j.test.gains for j in judged):
        return "not tested here"
    if any(j.outcome == "refuted" for j in judged):
        return "not reproduced"
    whole = all(j.outcome == "shown" and not j.test.gaps for j in judged)
    return "reproduced" if whole else "undecided"


def _in_words(judged: list[_Judged], status: Status) -> list[str]:
    """All of a few tests; of many their counts, and the least clear of those that decide."""
    here = [j for j in judged if j.test.gains]
    if len(here) <= SAID_IN_FULL:
        return [sentence("; ".join(j.says for j in here))] if here else []
    names: dict[Outcome, str] = {"shown": "as claimed", "refuted": "against it", "open": "open"}
    counts = Counter(j.outcome for j in here)
    parts = [f"{counts[outcome]} {name}" for outcome, name in names.items() if counts[outcome]]
    decides = {"reproduced": "shown", "not reproduced": "refuted"}.get(status, "open")
    weakest = min([j for j in here if j.outcome == decides] or here, key=lambda j: j.test.t)
    return [f"{len(here)} comparisons: {', '.join(parts)}; the weakest: {weakest.says}."]


def _by_dataset(judged: list[_Judged]) -> list[str]:
    """A sentence if the data sets do not all say the same."""
    found: dict[Status, list[str]] = {}
    for dataset in dict.fromkeys(j.test.dataset for j in judged):
        status = _status([j for j in judged if j.test.dataset == dataset])
        found.setdefault(status, []).append(dataset)
    if len(found) < 2:
        return []
    return [sentence("; ".join(f"{s} on {', '.join(names)}" for s, names in found.items()))]


def add_beside(found: Found, claim: BothWays, cells: Cells) -> Found:
    """Adds what neurons show that stand beside, on which the verdict does not rest."""
    says, evidence = found.says, list(found.evidence)
    for neuron in claim.beside if found.status != "not tested here" else ():
        by_dataset = {d: _all_shares(cells, d, neuron) for d in claim.datasets}
        evidence += [Evidence(d, neuron, None, _said(s)) for d, s in by_dataset.items() if s]
        if everywhere := [share for shares in by_dataset.values() for share in shares]:
            says += f" For comparison, {neuron}: {_said(everywhere)}."
    return Found(found.status, says, tuple(evidence), found.seeds_needed)


def _said(shares: list[dict[str, float]]) -> str:
    means = {what: 100 * fmean(share[name] for share in shares) for name, what in SHARES.items()}
    parts = [f"{what} {mean:.1f} %" for what, mean in means.items()]
    return f"{', '.join(parts)}, means over {counted(len(shares), 'network')}"


def _seeds(count: int, selected: int) -> str:
    """``3 seeds``, ``3 of 10 seeds``."""
    return f"{count} of {selected} seeds" if count < selected else counted(count, "seed")


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
