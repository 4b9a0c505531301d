"""What the records say: the neuron under test against every other, and the paper's claims.

The claims stand in claims.yaml. Those that compare are judged in claim_judging.py; two are exact
(a gradient of 0, a count of parameters) and hold by definition, so every network must agree.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from benchmarks.claim_specs import (
    BothWays,
    ClaimSpec,
    Differs,
    NoParameterMore,
    OnlyStimulated,
    Reaches,
    Status,
    read_claims,
)
from benchmarks.claim_tests import (
    difference_tests,
    gaps_of,
    reach_test,
    sentence,
    share_tests,
)
from benchmarks.evidence.analysis import declared
from benchmarks.evidence.claim_judging import Evidence, Found, add_beside, judge_claim
from benchmarks.evidence.convergence import share_unconverged
from benchmarks.evidence.families import Side
from benchmarks.evidence.metrics import counting, judged_leads, same_words
from benchmarks.rows import why_no_pair
from benchmarks.selection import CONTROLS, LIBRARY_BASELINES, SUBJECT, Cells, neuron_of
from benchmarks.statistics import Estimate
from benchmarks.wording import plural

__all__ = [
    "ClaimSpec",
    "Comparison",
    "Evidence",
    "Status",
    "Verdict",
    "comparisons",
    "kind_of",
    "read_claims",
    "reading",
    "tally",
    "verdict_table",
    "verdicts",
]

Kind = Literal["baseline", "control", "other"]


@dataclass(frozen=True)
class Comparison:
    """The subject's test accuracy minus another neuron's on one data set, paired by seed."""

    dataset: str
    other: str
    kind: Kind
    found: Estimate
    side: Side
    says: str  # the side in words; why there is none where ``found.n`` is 0


def kind_of(neuron: str) -> Kind:
    if neuron in LIBRARY_BASELINES:
        return "baseline"
    return "control" if neuron in CONTROLS else "other"


def comparisons(cells: Cells) -> list[Comparison]:
    """The subject against every other selected neuron; none if it is not selected itself.

    Raises InputError if two records of a pair were not trained under matched conditions.
    """
    if SUBJECT not in cells.selection.neurons:
        return []
    cells = counting(cells)
    groups = [(d, other) for d, other in cells.selection.groups if other != SUBJECT]
    judged = judged_leads("subject", cells, [(d, SUBJECT, other) for d, other in groups])
    return [
        Comparison(
            dataset,
            other,
            kind_of(other),
            j.found,
            j.side,
            side_words(j.side) if j.found.n else why_no_pair(cells, dataset, SUBJECT, other),
        )
        for (dataset, other), j in zip(groups, judged, strict=True)
    ]


def side_words(side: Side) -> str:
    """A side of a difference in test accuracy."""
    return same_words("accuracy") if side == "the same" else side


def once(compared: list[Comparison]) -> list[Side]:
    """Their sides, the copies of a neuron as one: open where they do not agree."""
    found: dict[tuple[str, ...], set[Side]] = {}
    for c in compared:
        found.setdefault((c.dataset, neuron_of(c.other)), set()).add(c.side)
    return [min(sides) if len(sides) == 1 else "not distinguishable" for sides in found.values()]


def reading(dataset: str, compared: list[Comparison]) -> str:
    """One data set in words."""
    here = [c for c in compared if c.dataset == dataset and c.found.n]
    baselines = once([c for c in here if c.kind == "baseline"])
    controls = once([c for c in here if c.kind == "control"])
    if not baselines:
        return "No pair of finished cells with a LIF or PLIF baseline: nothing can be said."
    text = f"Against LIF and PLIF: {tally(baselines)}."
    if not controls:
        return f"{text} Without a control, a lead cannot be credited to the association."
    text += f" Against the controls: {tally(controls)}."
    if "ahead" not in baselines:
        return f"{text} No lead over a baseline shows here."
    if all(side == "ahead" for side in controls):
        return f"{text} The lead over a baseline is one over every control too."
    return (
        f"{text} The lead cannot be credited to learning the association: "
        "at least one control, which lacks a part of it, is not shown to do worse."
    )


def tally(sides: list[Side]) -> str:
    """``ahead of 2, not distinguishable from 1``."""
    counts = Counter(sides)
    words: dict[Side, str] = {
        "ahead": "ahead of",
        "behind": "behind",
        "the same": f"{same_words('accuracy')} as",
        "not distinguishable": "not distinguishable from",
        "no interval": "no interval for",
    }
    return ", ".join(f"{word} {counts[side]}" for side, word in words.items() if counts[side])


@dataclass(frozen=True)
class Verdict:
    """A claim and what the records say of it."""

    id: str
    claim: str
    source: str
    status: Status
    says: str
    evidence: tuple[Evidence, ...]
    command: str | None  # would test it, where it is open
    rests_on: str = "records"  # or "definition": a check of the code, no evidence
    flags: tuple[str, ...] = ()  # why it is no evidence

    @property
    def short(self) -> str:
        """The status, and why it is no evidence: ``undecided (not converged, 3 of 10 seeds)``."""
        return f"{self.status} ({', '.join(self.flags)})" if self.flags else self.status


def verdicts(specs: list[ClaimSpec], cells: Cells) -> list[Verdict]:
    """Every claim held against the selected records: those that count at the declared look.

    Raises InputError if two records of a pair were not trained under matched conditions.
    """
    seeds = len(cells.selection.seeds)
    return [_verdict(spec, counting(cells), seeds) for spec in specs]


def _verdict(spec: ClaimSpec, cells: Cells, seeds: int) -> Verdict:
    match spec.predicate:
        case Differs() as differs:
            found = judge_claim(difference_tests(differs, cells), seeds)
        case Reaches() as reaches:
            found = judge_claim([reach_test(reaches, cells)], seeds)
        case BothWays() as both:
            found = add_beside(judge_claim(share_tests(both, cells), seeds), both, cells)
        case OnlyStimulated() as only:
            found = _only_stimulated(only, cells)
        case NoParameterMore() as none:
            found = _no_parameter_more(none, cells)
    unconverged, of = _unconverged(spec, found, cells)
    parts = [found.says, spec.follows.get(found.status)]
    if unconverged:
        parts.append(f"Not converged: {unconverged} of {plural(of, 'cell')} behind this.")
    return Verdict(
        id=spec.id,
        claim=spec.claim,
        source=spec.source,
        status=found.status,
        says=" ".join(part for part in parts if part),
        evidence=found.evidence,
        command=spec.command if found.status in ("undecided", "not tested here") else None,
        rests_on=spec.rests_on,
        flags=_flags(spec, found, unconverged, seeds),
    )


def _flags(spec: ClaimSpec, found: Found, unconverged: int, seeds: int) -> tuple[str, ...]:
    if spec.rests_on == "definition" or found.status == "not tested here":
        return ()
    few = () if declared().decides(seeds) else (f"{seeds} of {declared().looks[0]} seeds",)
    return ("not converged", *few) if unconverged else few


def _unconverged(spec: ClaimSpec, found: Found, cells: Cells) -> tuple[int, int]:
    """How many cells behind a verdict are not converged, of how many; none of a definition."""
    if spec.rests_on == "definition" or found.status == "not tested here":
        return 0, 0
    groups = {(e.dataset, n) for e in found.evidence for n in (e.neuron, e.other)}
    behind = {key: r for key, r in cells.records.items() if key[:2] in groups}
    return share_unconverged(behind.values())


def verdict_table(shared: list[Verdict], tuned: list[Verdict] | None) -> pd.DataFrame:
    """Columns claim, at the shared learning rate, at each neuron's own best rate, rests on, says.

    ``says`` is about the shared rate; what the own rates say is added where the status differs.
    """
    own = {v.id: v for v in tuned or []}
    rows = []
    for v in shared:
        other = own.get(v.id)
        differs = other is not None and other.status not in (v.status, "not tested here")
        says = f"{v.says} At own rates: {other.says}" if other and differs else v.says
        rows.append((v.claim, v.short, other.short if other else "not tuned", v.rests_on, says))
    at = ["at the shared learning rate", "at each neuron's own best rate"]
    return pd.DataFrame(rows, columns=["claim", *at, "rests on", "says"])


def _only_stimulated(claim: OnlyStimulated, cells: Cells) -> Found:
    evidence, agree, gaps = [], [], list[str]()
    for dataset in claim.datasets:
        norms = _gradients(cells, dataset)
        missing = gaps_of(cells, dataset, SUBJECT)
        if not norms:
            gaps += missing or (f"{SUBJECT} on {dataset} has no trained coefficients",)
            continue
        gaps += missing
        agree += [without == 0 and moved > 0 for without, moved in norms]
        says = (
            f"{plural(len(norms), 'network')} on {dataset}: 2-norm of the gradient at most "
            f"{max(without for without, _ in norms):.2g} for event-free frames, "
            f"{min(moved for _, moved in norms):.2g} to {max(moved for _, moved in norms):.2g} "
            "for test frames"
        )
        evidence.append(Evidence(dataset, SUBJECT, None, says))
    says = (
        f"In {sum(agree)} of {plural(len(agree), 'network')} the loss has a gradient of exactly "
        "0 at the coefficients for event-free frames, and one above 0 for test frames."
    )
    return _exact(says, evidence, agree, gaps)


def _gradients(cells: Cells, dataset: str) -> list[tuple[float, float]]:
    """2-norms at the subject's coefficients for event-free and for test frames."""
    effects = [result.association_effect for result in cells.results(dataset, SUBJECT)]
    norms = [(e.gradient_without_drive, e.gradient_with_drive) for e in effects if e is not None]
    return [(a, b) for a, b in norms if a is not None and b is not None]


def _no_parameter_more(claim: NoParameterMore, cells: Cells) -> Found:
    evidence, agree, gaps, extras = [], [], list[str](), list[int]()
    for dataset in claim.datasets:
        for other in claim.against:
            gaps += gaps_of(cells, dataset, SUBJECT, other)
            pairs = cells.pairs(dataset, SUBJECT, other)
            more = [p.left.parameters.inference - p.right.parameters.inference for p in pairs]
            if more:
                extras += more
                agree += [extra <= 0 for extra in more]
                says = f"{dataset}: {_parameters(max(more))} {other} once folded"
                evidence.append(Evidence(dataset, SUBJECT, other, says))
    found = [result.fold for d in claim.datasets for result in cells.results(d, SUBJECT)]
    folds = [fold for fold in found if fold is not None]
    agree += [fold.predictions_differ == 0 for fold in folds] if extras else []
    says = (
        f"{sentence(f'{_parameters(max(extras, default=0))} LIF')} Folding "
        f"{plural(len(folds), 'network')} changed {sum(f.spikes_differ for f in folds):,} of "
        f"{sum(f.spikes_before for f in folds):,} spikes and "
        f"{sum(f.predictions_differ for f in folds):,} predictions."
    )
    return _exact(says, evidence, agree, gaps)


def _parameters(extra: int) -> str:
    return f"{plural(extra, 'parameter') if extra > 0 else 'no parameter'} more than"


def _exact(says: str, evidence: list[Evidence], agree: list[bool], gaps: list[str]) -> Found:
    """Reproduced if every network agrees and none is missing; one that does not refutes."""
    missing = f"Not there: {'; '.join(dict.fromkeys(gaps))}."
    if not agree:
        return Found("not tested here", missing, ())
    status: Status = "undecided" if gaps else "reproduced"
    if not all(agree):
        status = "not reproduced"
    return Found(status, f"{says} {missing}" if gaps else says, tuple(evidence))
