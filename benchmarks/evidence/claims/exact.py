"""Claims that follow from a neuron's definition: a gradient of 0, a count of parameters.

They are exact, so every network must agree; they check the code and are no evidence.
"""

from __future__ import annotations

from benchmarks.evidence.claims.judging import Evidence, Verdict
from benchmarks.evidence.claims.predicates import gaps_of, sentence
from benchmarks.evidence.claims.specs import NoParameterMore, OnlyStimulated, Status
from benchmarks.records.selection import Cells
from benchmarks.wording import plural


def only_stimulated(claim: OnlyStimulated, cells: Cells, subject: str) -> Verdict:
    """No gradient at the coefficients for event-free frames, one for test frames."""
    evidence, agree, gaps = [], [], list[str]()
    for dataset in claim.datasets:
        norms = _gradients(cells, dataset, subject)
        missing = gaps_of(cells, dataset, subject)
        if not norms:
            gaps += missing or (f"{subject} on {dataset} has no trained coefficients",)
            continue
        gaps += missing
        agree += [without == 0 and moved > 0 for without, moved in norms]
        says = (
            f"{plural(len(norms), 'network')} on {dataset}: 2-norm of the gradient at most "
            f"{max(without for without, _ in norms):.2g} for event-free frames, "
            f"{min(moved for _, moved in norms):.2g} to {max(moved for _, moved in norms):.2g} "
            "for test frames"
        )
        evidence.append(Evidence(dataset, subject, None, says))
    says = (
        f"In {sum(agree)} of {plural(len(agree), 'network')} the loss has a gradient of exactly "
        "0 at the coefficients for event-free frames, and one above 0 for test frames."
    )
    return _exact(says, evidence, agree, gaps)


def _gradients(cells: Cells, dataset: str, subject: str) -> list[tuple[float, float]]:
    """2-norms at the subject's coefficients for event-free and for test frames."""
    effects = [result.association_effect for result in cells.results(dataset, subject)]
    norms = [(e.gradient_without_drive, e.gradient_with_drive) for e in effects if e is not None]
    return [(a, b) for a, b in norms if a is not None and b is not None]


def no_parameter_more(claim: NoParameterMore, cells: Cells, subject: str) -> Verdict:
    """As many parameters as a LIF at inference, and the same predictions once folded."""
    evidence, agree, gaps, extras = [], [], list[str](), list[int]()
    for dataset in claim.datasets:
        for other in claim.against:
            gaps += gaps_of(cells, dataset, subject, other)
            pairs = cells.pairs(dataset, subject, other)
            more = [p.left.parameters.inference - p.right.parameters.inference for p in pairs]
            if more:
                extras += more
                agree += [extra <= 0 for extra in more]
                says = f"{dataset}: {_parameters(max(more))} {other} once folded"
                evidence.append(Evidence(dataset, subject, other, says))
    results = [result for d in claim.datasets for result in cells.results(d, subject)]
    folds = [result.fold for result in results if result.fold is not None]
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


def _exact(says: str, evidence: list[Evidence], agree: list[bool], gaps: list[str]) -> Verdict:
    """Reproduced if every network agrees and none is missing; one that does not refutes."""
    missing = f"Missing: {'; '.join(dict.fromkeys(gaps))}."
    if not agree:
        return Verdict("not tested here", missing, ())
    status: Status = "undecided" if gaps else "reproduced"
    if not all(agree):
        status = "not reproduced"
    return Verdict(status, f"{says} {missing}" if gaps else says, tuple(evidence))
