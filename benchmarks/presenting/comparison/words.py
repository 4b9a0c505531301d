"""What a comparison found, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks import wording
from benchmarks.evidence import estimates
from benchmarks.evidence.aggregates import Aggregate
from benchmarks.evidence.analysis import declared
from benchmarks.evidence.comparison.compare import COSTS
from benchmarks.evidence.comparison.report import SIDES, Compared, Cost, Metric, Report, Verdict
from benchmarks.evidence.metrics import same_words
from benchmarks.evidence.statistics import Estimate
from benchmarks.wording import plural

LEAST_P = 0.001  # smaller ones are not told apart in words
ORDER: tuple[Verdict, ...] = ("better", "worse", "the same", "not distinguishable", "not tested")


def in_words(report: Report) -> tuple[str, ...]:
    """A paragraph each: all, the declared analysis, what is missing, each baseline, the test."""
    each = (paragraph(report, baseline) for baseline in report.baselines)
    said = (overview(report), stage(report), outlook(report), gaps(report), *each, methods(report))
    return tuple(p for p in said if p)


def verdict_words(verdict: Verdict, metric: Metric = "accuracy") -> str:
    """``the same within 1 point`` where it is the same."""
    return same_words(metric) if verdict == "the same" else verdict


def stage(report: Report) -> str:
    """Where the comparison stands in the declared analysis; what to do about what is open."""
    is_open = any(c.verdict == "not distinguishable" for c in report.of("accuracy"))
    return f"{report.analysis} {report.plan}" if is_open else report.analysis


def outlook(report: Report) -> str:
    """What the next declared look would find of what is open; empty where none is left or open."""
    found = [c for c in report.of("accuracy") if c.verdict == "not distinguishable"]
    if not found:
        return ""
    widest = max(found, key=lambda c: c.found.sd)
    tested, sd = report.tested("accuracy"), widest.found.sd
    next_look = declared().next_finds(report.seeds, sd, tested)
    if next_look is None:
        return ""
    look, least = next_look
    over = f", after Holm over {tested} comparisons" if tested > 1 else ""
    return (
        f"Open: on {widest.dataset}, where the differences scatter most, by {100 * sd:.1f} points, "
        f"{look} seeds find one of {100 * least:.1f} points {10 * declared().power:g} times in "
        f"10{over}."
    )


def overview(report: Report) -> str:
    tested = [c for c in report.of("accuracy") if c.verdict != "not tested"]
    baselines = plural(len(report.baselines), "recorded neuron")
    start = f"{report.neuron} against {baselines} on {plural(len(report.datasets), 'data set')}"
    if not tested:
        return f"{start}: no comparison has two pairs of seeds, so nothing is tested."
    once = report.once(tested)
    copies = " (copies of a neuron count once)" if len(once) < len(tested) else ""
    text = f"{start}, test accuracy: of {plural(len(once), 'comparison')}{copies} {_tally(once)}."
    if len(report.datasets) > 1:
        together = report.once(report.overall)
        text += f" Over all data sets together, of {plural(len(together), 'recorded neuron')} "
        text += f"{_tally(together)}."
    return text


def _tally(found: Sequence[Verdict]) -> str:
    """``better in 4, not distinguishable in 2``."""
    counts = {verdict: found.count(verdict) for verdict in ORDER}
    return ", ".join(f"{verdict_words(v)} in {count}" for v, count in counts.items() if count)


def gaps(report: Report) -> str:
    parts = []
    if report.failed:
        parts.append(
            f"Failed: {'; '.join(report.failed)}. A failed seed is left out of what follows, "
            "which flatters a neuron that fails."
        )
    if report.not_run:
        parts.append(f"Not run: {'; '.join(report.not_run)}.")
    if report.unconverged:
        parts.append(
            f"{report.unconverged} Trained longer these would gain more, so what follows is a "
            "demonstration, not evidence."
        )
    return " ".join(parts)


def paragraph(report: Report, baseline: str) -> str:
    """One baseline: accuracy, spikes and SynOps, all data sets together, costs."""
    sentences = [_accuracy_words(report, baseline), *_count_words(report, baseline)]
    sentences += _overall_words(report, baseline)
    sentences += _cost_words([c for c in report.costs if c.baseline == baseline])
    return " ".join(sentences)


def _accuracy_words(report: Report, baseline: str) -> str:
    found = sorted(report.of("accuracy", baseline), key=lambda c: ORDER.index(c.verdict))
    tested = report.tested("accuracy")
    over = f" after Holm over {tested} comparisons" if tested > 1 else ""
    said = [(c.verdict, _difference_words(c, over if c is found[0] else "")) for c in found]
    clauses = [
        f"{verdict_words(verdict)} {_and([text for says, text in said if says == verdict])}"
        for verdict in dict.fromkeys(says for says, _ in said)
    ]
    return f"Against {baseline}, {report.neuron} is {'; '.join(clauses)}."


def _difference_words(c: Compared, over: str) -> str:
    """``on dvs_motion by 7.3 points [4.1, 10.2] (p = 0.004)``."""
    if c.absent:
        return f"on {c.dataset} ({c.absent})"
    signed = f"{wording.signed(100 * c.found.mean)} points"
    if c.verdict == "not tested":
        return f"on {c.dataset} ({signed} in one seed)"
    p = f"{_p_words(c.p_same if c.verdict == 'the same' else c.p_holm)}{over}"
    if c.verdict not in SIDES:
        if c.new == c.recorded:
            signed = f"the same in all {c.found.n} seeds"
        else:
            signed += estimates.interval(c.found, 100, "+.1f")
        return f"on {c.dataset} ({signed}, {p})"
    low, high = sorted(_side(c) * 100 * end for end in (c.found.low, c.found.high))
    interval = f"[{wording.signed(low, '.1f')}, {wording.signed(high, '.1f')}]"
    return f"on {c.dataset} by {100 * abs(c.found.mean):.1f} points {interval} ({p})"


def _side(c: Compared) -> int:
    return 1 if c.found.mean > 0 else -1


def _count_words(report: Report, baseline: str) -> Iterable[str]:
    """Spikes and SynOps; why not, where they are not compared though accuracies are."""
    no_pair = {c.dataset for c in report.of("accuracy", baseline) if c.absent}
    metrics: dict[Metric, str] = {"spikes": "Spikes", "synops": "SynOps"}
    reasons: dict[str, list[str]] = {}
    for metric, name in metrics.items():
        found = [c for c in report.of(metric, baseline) if c.dataset not in no_pair]
        for reason in dict.fromkeys(c.absent for c in found if c.absent):
            reasons.setdefault(reason, []).append(name)
        decided = [_ratio_words(c) for c in found if c.verdict in SIDES]
        clauses = [", ".join(decided)] if decided else []
        for says in ORDER[2:]:
            here = [c for c in found if c.verdict == says and not c.absent]
            if here:
                ratios = _and([f"{c.found.mean:.2f}" for c in here])
                noun = "ratio" if len(here) == 1 else "ratios"
                where = _and([c.dataset for c in here])
                clauses.append(f"{verdict_words(says, metric)} on {where} ({noun} {ratios})")
        if clauses:
            yield f"{name}: {'; '.join(clauses)}."
    for reason, names in reasons.items():
        yield f"{_and(names)} are not compared ({reason})."


def _ratio_words(c: Compared) -> str:
    """``8.3 % fewer on dvs_motion [3.1, 13]``, ``2.5 times as many on dvs_motion [2.1, 3.0]``."""
    if c.found.mean >= 2:
        interval = estimates.interval(c.found, 1, ".1f")
        return f"{c.found.mean:.1f} times as many on {c.dataset}{interval}"
    low, high = sorted(_percent(end, c.found.mean) for end in (c.found.low, c.found.high))
    share = _percent(c.found.mean, c.found.mean)
    return f"{_short(share)} % {c.verdict} on {c.dataset} [{_short(low)}, {_short(high)}]"


def _percent(ratio: float, mean: float) -> float:
    """How far a ratio is from 1, counted in the direction of the mean."""
    return 100 * (ratio - 1 if mean > 1 else 1 - ratio)


def _overall_words(report: Report, baseline: str) -> Iterable[str]:
    found = next(o for o in report.overall if o.baseline == baseline)
    if len(found.datasets) < 2:
        return
    tested = len(report.once([o for o in report.overall if o.verdict != "not tested"]))
    over = f" after Holm over {tested} baselines" if tested > 1 else ""
    says = verdict_words(found.verdict)
    yield (
        f"Over {len(found.datasets)} data sets together it is {says}: interquartile mean "
        f"{wording.signed(100 * found.difference.value)} points"
        f"{between(found.difference, 100, '+.1f')} ({_p_words(found.p_holm)}{over}); a run of "
        f"{report.neuron} beats one of {baseline} with probability "
        f"{found.improvement.value:.2f}{between(found.improvement, 1, '.2f')}."
    )


def _cost_words(costs: list[Cost]) -> Iterable[str]:
    """A sentence a device; the device is named if there are several."""
    devices = list(dict.fromkeys(c.device for c in costs))
    for device in devices:
        parts = [COSTS[c.what].format(_times(c.times)) for c in costs if c.device == device]
        text = "; ".join(parts)
        yield f"On {device}, {text}." if len(devices) > 1 else f"{text[0].upper()}{text[1:]}."


def _times(ratio: float) -> str:
    text = f"{ratio:.1f}" if ratio >= 0.1 else f"{ratio:.1g}"
    return "about" if text == "1.0" else f"{text} times"


def methods(report: Report) -> str:
    """Which test p is from, by the number of seeds, and what the exact one can reach."""
    found = [c for c in report.of("accuracy") if c.verdict != "not tested"]
    kinds = sorted({(c.found.n, c.method, c.least_exact_p) for c in found}, reverse=True)
    flips = [f"{n} seeds: p is the {m}'s, {p:.2g} at least" for n, m, p in kinds if m != "t test"]
    of_t = [
        f"{n} seeds: the exact sign-flip test cannot go below {p:.2g}"
        for n, m, p in kinds
        if m == "t test"
    ]
    sentences = [f"{'; '.join(flips)}."] if flips else []
    if of_t:
        sentences.append(
            f"{'; '.join(of_t)}; the corrected level is below that, so p is Student's t's, which "
            "takes the differences to scatter normally."
        )
    if new := sorted({*report.trained_on} - {*report.recorded_on}):
        sentences.append(
            f"{report.neuron} was trained with sums that are {_and(new)}, the recorded neurons "
            f"with sums that are {_and(list(report.recorded_on))}: they round otherwise, which "
            "sends training another way, so a pair differs by that too."
        )
    if not report.costs:
        sentences.append("Speed and memory were not measured.")
    return " ".join(sentences)


def p_text(p: float) -> str:
    """Three digits, as a level has."""
    return f"< {LEAST_P}" if p < LEAST_P else f"{p:.3g}"


def _p_words(p: float) -> str:
    return f"p {p_text(p)}" if p < LEAST_P else f"p = {p_text(p)}"


def between(found: Aggregate, scale: float, form: str) -> str:
    return estimates.interval(Estimate(found.value, 0, found.low, found.high, 0), scale, form)


def _short(value: float) -> str:
    return wording.signed(value, ".0f" if abs(value) >= 10 else ".1f")


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
