"""What the tests of a claim show together, and in words.

The rules of benchmarks/evidence/families.py at the level of analysis.yaml beside it. A claim is

- reproduced: every comparison is shown to lie on the claimed side;
- not reproduced: at least one is shown to lie below the smallest difference of interest;
- undecided: otherwise, and wherever a compared cell failed or is missing;
- not tested here: there is nothing to compare.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from benchmarks.evidence.analysis import declared
from benchmarks.evidence.claims.predicates import SHARES, ClaimTest, sentence, shares_of_all
from benchmarks.evidence.claims.specs import BothWays, Status
from benchmarks.evidence.families import ALPHA, Judged, Sample, judge
from benchmarks.evidence.statistics import estimate
from benchmarks.records.selection import COPIES, Cells
from benchmarks.wording import plural

SAID_IN_FULL = 3  # comparisons; more are counted, and the weakest is said
Outcome = Literal["shown", "refuted", "open"]


@dataclass(frozen=True)
class Evidence:
    """One line that a verdict rests on, and the cells that it comes from."""

    dataset: str
    neuron: str
    other: str | None
    says: str


@dataclass(frozen=True)
class Verdict:
    """A verdict without its claim."""

    status: Status
    says: str
    evidence: tuple[Evidence, ...]
    seeds: int = 0  # that the comparison with the fewest has; 0 for what is exact
    whole: bool = True  # whether all that it compares is there


@dataclass(frozen=True)
class _Outcome:
    """A test, what it shows, and the same in words."""

    test: ClaimTest
    outcome: Outcome
    says: str


def judge_claim(tests: list[ClaimTest], seeds: int, subject: str) -> Verdict:
    """The rule in this module's docstring over the tests of one claim about ``subject``.

    ``seeds``: how many are selected; the level is that of the fewest that a comparison has.
    """
    seeds = min((len(t.values) for t in tests if t.values), default=seeds)
    alpha = declared().alpha(seeds)
    samples = [Sample(t.values, t.margin or math.nan, t.grain, t.copies) for t in tests]
    above = judge("claim holds", samples, alpha)
    below = [
        Sample([v - t.margin for v in t.values], grain=t.grain, copies=t.copies) for t in tests
    ]
    short = judge("claim fails", below, alpha)
    judged = [_outcome(t, a, s, alpha) for t, a, s in zip(tests, above, short, strict=True)]
    status = _status(judged)
    gaps = dict.fromkeys(gap for test in tests for gap in test.gaps)
    sentences = [*_in_words(judged, status), *_copies_once(judged), *_by_dataset(judged)]
    if gaps:
        sentences.append(f"Missing: {'; '.join(gaps)}.")
    if status == "undecided":
        sentences += _plan(judged, seeds)
    evidence = tuple(Evidence(j.test.dataset, subject, j.test.other, j.says) for j in judged)
    return Verdict(status, " ".join(sentences), evidence, seeds, not gaps)


def _outcome(test: ClaimTest, above: Judged, short: Judged, alpha: float) -> _Outcome:
    """``above``: where the values lie; ``short``: where they lie beside the margin."""
    if above.side == "no interval":
        says = "; ".join(test.gaps)
        if test.values:
            says = (
                f"{test.words['no interval']}: {test.number} over 1 seed, which gives no interval"
            )
        return _Outcome(test, "open", says)
    text = f"{test.words[above.side]}: {test.number} over {_seeds(above.estimate.n, test.seeds)}"
    if short.side == "behind":
        if above.side in ("ahead", "not distinguishable"):
            text += f", so {test.amount(test.margin)} is ruled out"
        return _Outcome(test, "refuted", text)
    if above.side == "ahead":
        return _Outcome(test, "shown", text)
    if above.side in ("behind", "the same"):
        corrected = short.p_family > short.p
        level = "after Holm's correction" if corrected else f"at this look's level, {alpha:.3g}"
        text += f", not so {level} (p = {short.p_family:.3g})"
    elif above.side == "not distinguishable" and above.p <= ALPHA:
        text += f", as this look asks p of {alpha:.3g} (p = {above.p:.3g})"
    return _Outcome(test, "open", text)


def _plan(judged: Sequence[_Outcome], seeds: int) -> list[str]:
    """What is declared for what is open, and what the next look would find."""
    here = [j.test for j in judged if j.outcome == "open" and len(j.test.values) > 1]
    if not here:
        return []
    analysis = declared()
    sentences = [analysis.plan(seeds)]
    test = max(here, key=lambda t: estimate(t.values).sd / (t.margin or 1.0))
    if next_look := analysis.next_finds(seeds, estimate(test.values).sd):
        times = f"{10 * analysis.power:g} times in 10"
        sentences.append(f"At this scatter it would find {test.amount(next_look[1])} {times}.")
    return sentences


def _status(judged: list[_Outcome]) -> Status:
    if not any(j.test.values for j in judged):
        return "not tested here"
    if any(j.outcome == "refuted" for j in judged):
        return "not reproduced"
    whole = all(j.outcome == "shown" and not j.test.gaps for j in judged)
    return "reproduced" if whole else "undecided"


def _in_words(judged: list[_Outcome], status: Status) -> list[str]:
    """All of a few tests; of many their counts, and the least clear of those that decide."""
    here = [j for j in judged if j.test.values]
    if len(here) <= SAID_IN_FULL:
        return [sentence("; ".join(j.says for j in here))] if here else []
    names: dict[Outcome, str] = {"shown": "as claimed", "refuted": "against it", "open": "open"}
    counts = Counter(j.outcome for j in here)
    parts = [f"{counts[outcome]} {name}" for outcome, name in names.items() if counts[outcome]]
    decides = {"reproduced": "shown", "not reproduced": "refuted"}.get(status, "open")
    weakest = min([j for j in here if j.outcome == decides] or here, key=lambda j: j.test.t)
    return [f"{len(here)} comparisons: {', '.join(parts)}; the weakest: {weakest.says}."]


def _copies_once(judged: list[_Outcome]) -> list[str]:
    """``As claimed: 1 of 2 comparisons, LIF (two libraries) as one.`` where there are copies."""
    by_what: dict[Hashable, list[Outcome]] = {}
    for j in judged:
        if j.test.values:
            by_what.setdefault(j.test.copies, []).append(j.outcome)
    merged = {j.test.copies for j in judged if len(by_what.get(j.test.copies, [])) > 1}
    if not merged:
        return []
    others = {j.test.other for j in judged if j.test.copies in merged}
    names = [f"{n} (two libraries)" for n, copies in COPIES.items() if others & {*copies}]
    shown = sum(all(o == "shown" for o in outcomes) for outcomes in by_what.values())
    noun = "comparison" if len(by_what) == 1 else "comparisons"
    return [f"As claimed: {shown} of {len(by_what)} {noun}, {' and '.join(names)} as one."]


def _by_dataset(judged: list[_Outcome]) -> list[str]:
    """A sentence if the data sets do not all say the same."""
    by_status: dict[Status, list[str]] = {}
    for dataset in dict.fromkeys(j.test.dataset for j in judged):
        status = _status([j for j in judged if j.test.dataset == dataset])
        by_status.setdefault(status, []).append(dataset)
    if len(by_status) < 2:
        return []
    return [sentence("; ".join(f"{s} on {', '.join(names)}" for s, names in by_status.items()))]


def add_beside(verdict: Verdict, claim: BothWays, cells: Cells) -> Verdict:
    """Adds what neurons show that stand beside, on which the verdict does not rest."""
    says, evidence = verdict.says, list(verdict.evidence)
    for neuron in claim.beside if verdict.status != "not tested here" else ():
        by_dataset = {d: shares_of_all(cells, d, neuron) for d in claim.datasets}
        evidence += [Evidence(d, neuron, None, _said(s)) for d, s in by_dataset.items() if s]
        if everywhere := [share for shares in by_dataset.values() for share in shares]:
            says += f" For comparison, {neuron}: {_said(everywhere)}."
    return replace(verdict, says=says, evidence=tuple(evidence))


def _said(shares: list[dict[str, float]]) -> str:
    means = {what: 100 * fmean(share[name] for share in shares) for name, what in SHARES.items()}
    parts = [f"{what} {mean:.1f} %" for what, mean in means.items()]
    return f"{', '.join(parts)}, means over {plural(len(shares), 'network')}"


def _seeds(count: int, selected: int) -> str:
    """``3 seeds``, ``3 of 10 seeds``."""
    return f"{count} of {selected} seeds" if count < selected else plural(count, "seed")
