"""Which comparisons are judged together, by which rule, and what each then shows.

The only place where a verdict is made of a test. Two rules:

- ``all``: a statement that needs every comparison to hold. Each is tested at the whole level, since
  the statement errs only where all err together (intersection-union test, Berger 1982).
- ``any``: comparisons of which any one may be picked. Their p are corrected by Holm.

A copy of a neuron in a second library counts as no further comparison: the copies count once, by
the larger of their p.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.evidence.statistics import (
    LEVEL,
    Estimate,
    Method,
    equivalence_p,
    estimate,
    holm,
    method_of,
    tails,
)

Rule = Literal["all", "any"]
Side = Literal["ahead", "behind", "the same", "not distinguishable", "no interval"]

ALPHA = 1 - LEVEL
HOLM = (
    "Any one of these comparisons may be picked, so their p are corrected for one another (Holm); "
    "the intervals are those of single comparisons."
)
# what is judged together -> by which rule, and how a caption says so
FAMILIES: dict[str, tuple[Rule, str]] = {
    "claim holds": (
        "all",
        "Reproduced needs every comparison of a claim to hold, so each is tested at the whole "
        "level (intersection-union).",
    ),
    "claim fails": (
        "any",
        "Not reproduced takes one comparison that is shown to fall short of the smallest "
        "difference of interest, after Holm's correction over those of the claim.",
    ),
    "table": ("any", HOLM),
    "subject": ("any", HOLM),  # the neuron under test against each other one, on the page
    "compare": ("any", HOLM),  # one metric of a new neuron against every baseline
    "over data sets": ("any", HOLM),  # its accuracy over all data sets, one a baseline
}


@dataclass(frozen=True)
class Sample:
    """What one comparison rests on: differences, a value a seed."""

    values: Sequence[float]
    margin: float = math.nan  # smallest difference of interest; nan: none was declared
    grain: float = 0.0  # smallest difference that can be seen
    copies: Hashable = None  # those with the same are about copies of one neuron; None: no copy


@dataclass(frozen=True)
class Judged:
    """What a comparison shows within its family."""

    estimate: Estimate  # with the interval of a single comparison
    p: float  # two-sided, that the mean is 0; nan for fewer than two values
    p_family: float  # the same after the correction that its family asks for
    p_same: float  # that the mean is not within the margin, after that correction
    method: Method  # of p
    side: Side


def judge(family: str, samples: Sequence[Sample], alpha: float = ALPHA) -> list[Judged]:
    """Every comparison of a family at level ``alpha``, in the order given.

    "The same" is shown within the margin by two one-sided tests, and goes before "ahead" and
    "behind": a difference that is shown to be smaller than any of interest is none.
    """
    rule, _ = FAMILIES[family]
    copies = [i if sample.copies is None else sample.copies for i, sample in enumerate(samples)]
    tested = {c for c, sample in zip(copies, samples, strict=True) if len(sample.values) > 1}
    level = 1 - alpha / max(len(tested), 1) if rule == "any" else 1 - alpha
    ps = [tails(s.values, 0.0, level, s.grain).p for s in samples]
    same = [equivalence_p(s.values, s.margin, level, s.grain) for s in samples]
    corrected = (holm(ps, copies), holm(same, copies)) if rule == "any" else (ps, same)
    return [
        Judged(
            lead := estimate(sample.values, LEVEL, sample.grain),
            p,
            p_family,
            p_same,
            method_of(lead.n, level),
            _side(lead, p_family, p_same, alpha),
        )
        for sample, p, p_family, p_same in zip(samples, ps, *corrected, strict=True)
    ]


def _side(lead: Estimate, p: float, p_same: float, alpha: float) -> Side:
    if math.isnan(p):
        return "no interval"
    if p_same <= alpha:
        return "the same"
    if p > alpha:
        return "not distinguishable"
    return "ahead" if lead.mean > 0 else "behind"
