"""What a comparison found, in a few sentences; its tables say the rest."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.evidence import estimates
from benchmarks.evidence.aggregates import Aggregate
from benchmarks.evidence.analysis import declared
from benchmarks.evidence.comparison.report import ComparisonReport, ComparisonVerdict, Metric
from benchmarks.evidence.metrics import same_words
from benchmarks.evidence.statistics import Estimate
from benchmarks.wording import plural

LEAST_P = 0.001  # smaller ones are not told apart in words
# in the order in which they are said, and the word that follows
VERDICTS: dict[ComparisonVerdict, str] = {
    "better": "than",
    "worse": "than",
    "the same": "as",
    "not distinguishable": "from",
    "not tested": "against",
}


def in_words(report: ComparisonReport) -> tuple[str, ...]:
    """Paragraphs: what was found, what would decide the rest, what is missing or unmatched."""
    parts = (overview(report), rates_said(report), stage(report), gaps(report))
    return tuple(part for part in parts if part)


def verdict_words(verdict: ComparisonVerdict, metric: Metric = "accuracy") -> str:
    """``the same within 1 point`` where it is the same."""
    return same_words(metric) if verdict == "the same" else verdict


def overview(report: ComparisonReport) -> str:
    baselines = plural(len(report.baselines), "recorded neuron")
    tested = [c for c in report.of("accuracy") if c.verdict != "not tested"]
    if not tested:
        return (
            f"Nothing is tested: {report.neuron} and {baselines} do not have two seeds in common "
            "on any data set."
        )
    once = report.once(tested)
    tally = _and([f"{verdict_words(v)} in {n}" for v, n in _counts(once)])
    text = (
        f"In test accuracy on {plural(len(report.datasets), 'data set')}, {report.neuron} is "
        f"{tally} of {plural(len(once), 'comparison')} with {baselines}"
    )
    text += "; copies of a neuron count once." if len(once) < len(tested) else "."
    if len(report.datasets) > 1:
        overall = report.once(report.overall)
        tally = _and([f"{verdict_words(v)} {VERDICTS[v]} {n}" for v, n in _counts(overall)])
        text += f" Over all data sets together, it is {tally} of {plural(len(overall), 'neuron')}."
    return text


def rates_said(report: ComparisonReport) -> str:
    """At which learning rates the neurons trained, where each has its own."""
    own = [
        f"{report.rates[key]:g} on {dataset}"
        for dataset in report.datasets
        if (key := f"{dataset}/{report.neuron}") in report.rates
    ]
    if not own:
        return ""
    return (
        "Each neuron trained at its own best learning rate, chosen by validation accuracy on other "
        f"seeds; that of {report.neuron} is {_and(own)}."
    )


def _counts(verdicts: Sequence[ComparisonVerdict]) -> list[tuple[ComparisonVerdict, int]]:
    return [(verdict, verdicts.count(verdict)) for verdict in VERDICTS if verdict in verdicts]


def stage(report: ComparisonReport) -> str:
    """Where the comparison stands in the declared analysis, and what would decide what is open."""
    undecided = [c for c in report.of("accuracy") if c.verdict == "not distinguishable"]
    if not undecided:
        return report.analysis
    text = f"{report.analysis} {report.plan}"
    widest = max(undecided, key=lambda c: c.estimate.sd)
    tested, sd = report.tested("accuracy"), widest.estimate.sd
    next_look = declared().next_finds(report.seeds, sd, tested)
    if next_look is None:
        return text
    look, least = next_look
    corrected = f", corrected for {tested} comparisons" if tested > 1 else ""
    return (
        f"{text} On {widest.dataset}, where the differences scatter most (by {100 * sd:.1f} "
        f"points), {look} seeds would find a difference of {100 * least:.1f} points "
        f"{10 * declared().power:g} times in 10{corrected}."
    )


def gaps(report: ComparisonReport) -> str:
    """What is missing, not converged or not matched; empty where nothing is."""
    parts = []
    if report.failed:
        parts.append(
            f"Failed: {'; '.join(report.failed)}. Failed seeds are left out, which flatters a "
            "neuron that fails."
        )
    if report.not_run:
        parts.append(f"Not run: {'; '.join(report.not_run)}.")
    if report.unconverged:
        parts.append(report.unconverged)
    if new := sorted({*report.trained_on} - {*report.recorded_on}):
        parts.append(
            f"Arithmetic: {report.neuron} {_and(new)}, the recorded neurons "
            f"{_and(list(report.recorded_on))}; they round differently, so the two sides of a pair "
            "differ in more than the neuron."
        )
    if not report.costs:
        parts.append("Time and memory were not measured.")
    return " ".join(parts)


def p_text(p: float) -> str:
    """Three digits, as a level has."""
    return f"< {LEAST_P}" if p < LEAST_P else f"{p:.3g}"


def between(aggregate: Aggregate, scale: float, form: str) -> str:
    return estimates.interval(
        Estimate(aggregate.value, 0, aggregate.low, aggregate.high, 0), scale, form
    )


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
