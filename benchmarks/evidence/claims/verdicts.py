"""What the records say: the neuron under test against every other, and the paper's claims.

The claims stand in claims.yaml. Those that compare are judged in evidence/claims/judging.py, those
that follow from a definition in evidence/claims/exact.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from benchmarks.evidence.analysis import declared
from benchmarks.evidence.claims.exact import no_parameter_more, only_stimulated
from benchmarks.evidence.claims.judging import Evidence, Verdict, add_beside, judge_claim
from benchmarks.evidence.claims.predicates import difference_tests, reach_test, share_tests
from benchmarks.evidence.claims.specs import (
    BothWays,
    ClaimSpec,
    Differs,
    NoParameterMore,
    OnlyStimulated,
    Reaches,
    Status,
    read_claims,
)
from benchmarks.evidence.convergence import rising, share_unconverged
from benchmarks.evidence.families import Side
from benchmarks.evidence.gaps import why_no_pair
from benchmarks.evidence.metrics import counting, judged_leads, same_words
from benchmarks.evidence.statistics import Estimate
from benchmarks.records.selection import CONTROLS, LIBRARY_BASELINES, Cells, neuron_of
from benchmarks.wording import plural

__all__ = [
    "ClaimSpec",
    "ClaimVerdict",
    "Comparison",
    "Evidence",
    "Status",
    "comparisons",
    "kind_of",
    "read_claims",
    "reading",
    "tally",
    "verdicts",
]

Kind = Literal["baseline", "control", "other"]


@dataclass(frozen=True)
class Comparison:
    """The subject's test accuracy minus another neuron's on one data set, paired by seed."""

    dataset: str
    other: str
    kind: Kind
    estimate: Estimate
    side: Side
    says: str  # the side in words; why there is none where ``estimate.n`` is 0


def kind_of(neuron: str) -> Kind:
    if neuron in LIBRARY_BASELINES:
        return "baseline"
    return "control" if neuron in CONTROLS else "other"


def comparisons(cells: Cells, subject: str) -> list[Comparison]:
    """``subject`` against every other selected neuron; none if it is not selected itself.

    Raises InputError if two records of a pair were not trained under matched conditions.
    """
    if subject not in cells.selection.neurons:
        return []
    cells = counting(cells)
    groups = [(d, other) for d, other in cells.selection.groups if other != subject]
    judged = judged_leads("subject", cells, [(d, subject, other) for d, other in groups])
    return [
        Comparison(
            dataset,
            other,
            kind_of(other),
            j.estimate,
            j.side,
            side_words(j.side) if j.estimate.n else why_no_pair(cells, dataset, subject, other),
        )
        for (dataset, other), j in zip(groups, judged, strict=True)
    ]


def side_words(side: Side) -> str:
    """A side of a difference in test accuracy."""
    return same_words("accuracy") if side == "the same" else side


def once(compared: list[Comparison]) -> list[Side]:
    """Their sides, the copies of a neuron as one: open where they do not agree."""
    by_neuron: dict[tuple[str, ...], set[Side]] = {}
    for c in compared:
        by_neuron.setdefault((c.dataset, neuron_of(c.other)), set()).add(c.side)
    return [
        min(sides) if len(sides) == 1 else "not distinguishable" for sides in by_neuron.values()
    ]


def reading(dataset: str, compared: list[Comparison]) -> str:
    """One data set in words."""
    here = [c for c in compared if c.dataset == dataset and c.estimate.n]
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
class ClaimVerdict:
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


def verdicts(specs: Iterable[ClaimSpec], cells: Cells, subject: str) -> list[ClaimVerdict]:
    """Every claim, of ``subject``, held against the records that count at the declared look.

    Raises InputError if two records of a pair were not trained under matched conditions.
    """
    seeds = len(cells.selection.seeds)
    return [_verdict(spec, counting(cells), seeds, subject) for spec in specs]


def _verdict(spec: ClaimSpec, cells: Cells, seeds: int, subject: str) -> ClaimVerdict:
    match spec.predicate:
        case Differs() as differs:
            verdict = judge_claim(difference_tests(differs, cells, subject), seeds, subject)
        case Reaches() as reaches:
            verdict = judge_claim([reach_test(reaches, cells, subject)], seeds, subject)
        case BothWays() as both:
            verdict = judge_claim(share_tests(both, cells, subject), seeds, subject)
            verdict = add_beside(verdict, both, cells)
        case OnlyStimulated() as only:
            verdict = only_stimulated(only, cells, subject)
        case NoParameterMore() as none:
            verdict = no_parameter_more(none, cells, subject)
    behind = _behind(spec, verdict)
    unconverged, of = share_unconverged(r for k, r in cells.records.items() if k[:2] in behind)
    parts = [verdict.says, spec.follows.get(verdict.status)]
    if unconverged:
        parts.append(f"Not converged: {unconverged} of {plural(of, 'cell')} behind this.")
    return ClaimVerdict(
        id=spec.id,
        claim=spec.claim,
        source=spec.source,
        status=verdict.status,
        says=" ".join(part for part in parts if part),
        evidence=verdict.evidence,
        command=spec.command if _would_test(verdict) else None,
        rests_on=spec.rests_on,
        flags=_flags(behind, cells, verdict.seeds),
    )


def _would_test(verdict: Verdict) -> bool:
    """Whether what is declared has not been trained; from the first look on it has."""
    trained = verdict.whole and declared().decides(verdict.seeds)
    return verdict.status == "not tested here" or (verdict.status == "undecided" and not trained)


def _behind(spec: ClaimSpec, verdict: Verdict) -> set[tuple[str, str]]:
    """The neurons on a data set that a verdict rests on; none of a definition."""
    if spec.rests_on == "definition" or verdict.status == "not tested here":
        return set()
    return {(e.dataset, n) for e in verdict.evidence for n in (e.neuron, e.other) if n is not None}


def _flags(behind: set[tuple[str, str]], cells: Cells, seeds: int) -> tuple[str, ...]:
    """Why a verdict is no evidence: a neuron that still gains, fewer seeds than declared."""
    if not behind:
        return ()
    few = () if declared().decides(seeds) else (f"{seeds} of {declared().looks[0]} seeds",)
    return ("not converged", *few) if any(rising(cells, *of) for of in behind) else few
