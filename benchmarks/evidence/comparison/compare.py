"""A new neuron against recorded ones: records and timings in; numbers out.

What is compared seed by seed: test accuracy (difference), spikes a sample and SynOps, which are
effective ACs and MACs together (ratios; tests are of their logarithms). Every comparison of one
metric in a report belongs to one family, over which p is corrected by Holm; a verdict asks that p
to be no more than the declared analysis allows at so many seeds, and "the same" asks as much of
two one-sided tests against the declared margin. The 95 % intervals are those of single
comparisons, not corrected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.errors import InputError, unknown
from benchmarks.evidence.aggregates import (
    iqm_difference,
    probability_of_improvement,
    stratified_bootstrap,
)
from benchmarks.evidence.analysis import declared
from benchmarks.evidence.comparison.matching import Matched, match, pairs_of, verdict_of
from benchmarks.evidence.comparison.report import (
    METRICS,
    Compared,
    ComparisonReport,
    CostRatio,
    Metric,
    Overall,
    Provenance,
)
from benchmarks.evidence.convergence import said as unconverged_said
from benchmarks.evidence.families import Judged, Sample, judge
from benchmarks.evidence.metrics import MEASURES, counting
from benchmarks.evidence.statistics import effect_size, exponential, smallest_sign_flip_p
from benchmarks.evidence.tuning import Rates
from benchmarks.records.schema import Record
from benchmarks.records.selection import Cells, Selection, neuron_of
from benchmarks.throughput.timings import Timing


def compare(
    new: list[Record],
    baselines: Cells,
    against: tuple[str, ...],
    speeds: list[Timing],
    trained_on: Sequence[str] = (),
    recorded_on: Sequence[str] = (),
    rates: Rates | None = None,
) -> ComparisonReport:
    """Compare the records of a new neuron with those of the baselines named in ``against``.

    ``rates``: each neuron's own best; without them all train at one. Raises InputError if there is
    nothing to compare, if the new records are not of one neuron, if a record is not at its rate,
    or if two records of a pair were not trained alike.
    """
    against = tuple(dict.fromkeys(against))
    together, rates = _together(new, baselines, against), rates or {}
    _refuse_other_rate(together, rates)
    neuron, analysis, cells = new[0].neuron, declared(), counting(together)
    seeds = _seeds(together, neuron, against)
    alpha = analysis.alpha(seeds)
    return ComparisonReport(
        neuron=neuron,
        neuron_class=new[0].neuron_class,
        neuron_args=new[0].neuron_args,
        baselines=against,
        datasets=cells.selection.datasets,
        compared=tuple(c for metric in METRICS for c in _family(metric, cells, alpha)),
        overall=tuple(_overall(cells, alpha)),
        costs=tuple(_costs(neuron, against, speeds)),
        failed=tuple(_failed(cells)),
        not_run=tuple(_not_run(cells)),
        pairs=tuple(_provenance(cells)),
        trained_on=tuple(trained_on),
        recorded_on=tuple(recorded_on),
        analysis=analysis.says(seeds),
        seeds=seeds,
        plan=analysis.plan(seeds),
        unconverged=unconverged_said(cells, (neuron, *against)),
        rates={f"{d}/{n}": rates[d, n] for d, n in cells.selection.groups if (d, n) in rates},
    )


def sums_of(cells: Cells) -> tuple[str, ...]:
    """Whose sums the cells have: the portable ones, or those of a device."""
    sums = set()
    for key, record in cells.records.items():
        if record.arithmetic == "portable":
            sums.add("portable")
            continue
        host = cells.hosts.get(key)
        sums.add(f"{record.arithmetic} on {host.device if host else 'an unknown device'}")
    return tuple(sorted(sums))


# ---- what is paired ----


def _together(new: list[Record], baselines: Cells, against: tuple[str, ...]) -> Cells:
    """The new records and those of the chosen baselines, the new neuron first."""
    names = {record.neuron for record in new}
    if len(names) != 1:
        raise InputError(f"a comparison needs records of one new neuron, not of {len(names)}")
    neuron = names.pop()
    if not against:
        raise InputError(f"{neuron}: no recorded neuron to compare with; name one")
    for name in against:
        if name not in baselines.selection.neurons:
            raise unknown("recorded neuron", name, baselines.selection.neurons)
    if neuron in against:
        raise InputError(f"{neuron} is compared with a record of the same name; rename one")
    records = {k: r for k, r in baselines.records.items() if k[1] in against}
    records |= {(r.dataset, r.neuron, r.seed): r for r in new}
    recorded = baselines.selection
    seeds = tuple(sorted({*recorded.seeds, *(r.seed for r in new)}))
    chosen = Selection(recorded.datasets, (neuron, *against), seeds)
    return Cells(baselines.profile, chosen, records)


def _seeds(cells: Cells, neuron: str, against: tuple[str, ...]) -> int:
    """That every comparison has a pair of, those without any left out."""
    pairs = [
        len(_finished(cells, d, neuron) & _finished(cells, d, other))
        for d in cells.selection.datasets
        for other in against
    ]
    return min(filter(None, pairs), default=len(cells.selection.seeds))


def _finished(cells: Cells, dataset: str, neuron: str) -> set[int]:
    return {record.seed for record in cells.of(dataset, neuron) if record.result is not None}


def _refuse_other_rate(cells: Cells, rates: Rates) -> None:
    """The hashes of a record leave its learning rate out."""
    shared: dict[float, str] = {}
    for (dataset, neuron, _), record in cells.records.items():
        rate = record.settings["learning_rate"]
        if (own := rates.get((dataset, neuron))) is None:
            shared.setdefault(rate, neuron)
        elif rate != own:
            raise InputError(f"{neuron} on {dataset} was trained at {rate}, its own rate is {own}")
    if len(shared) > 1:
        said = " and ".join(f"{neuron} at {rate}" for rate, neuron in shared.items())
        raise InputError(f"not trained at one learning rate: {said}; train all at one, or tune all")


def _failed(cells: Cells) -> Iterable[str]:
    for record in cells.records.values():
        if record.failure is not None and record.dataset in cells.selection.datasets:
            yield (
                f"{record.neuron} on {record.dataset}, seed {record.seed} "
                f"(epoch {record.failure.epoch + 1}: {record.failure.reason})"
            )


def _not_run(cells: Cells) -> Iterable[str]:
    for dataset, neuron in cells.selection.groups:
        seeds = cells.missing(dataset, neuron)
        if seeds:
            noun = "seed" if len(seeds) == 1 else "seeds"
            yield f"{neuron} on {dataset}, {noun} {', '.join(map(str, seeds))}"


def _provenance(cells: Cells) -> Iterable[Provenance]:
    neuron, *against = cells.selection.neurons
    for baseline in against:
        for dataset in cells.selection.datasets:
            for pair in pairs_of(cells, dataset, baseline):
                new = cells.records[dataset, neuron, pair.seed].hashes
                yield Provenance(
                    dataset=dataset,
                    seed=pair.seed,
                    baseline=baseline,
                    protocol=new.protocol,
                    data=new.data,
                    weights=new.weights,
                    order=new.order,
                    neuron=new.neuron,
                    baseline_neuron=cells.records[dataset, baseline, pair.seed].hashes.neuron,
                )


# ---- what is tested ----


def _family(metric: Metric, cells: Cells, alpha: float) -> list[Compared]:
    """All comparisons of a metric, corrected for one another."""
    matched = [
        match(metric, cells, dataset, baseline)
        for baseline in cells.selection.neurons[1:]
        for dataset in cells.selection.datasets
    ]
    judged = judge("compare", [m.sample for m in matched], alpha)
    return [_compared(metric, m, j) for m, j in zip(matched, judged, strict=True)]


def _compared(metric: Metric, m: Matched, judged: Judged) -> Compared:
    measure = MEASURES[metric]
    return Compared(
        metric=metric,
        dataset=m.dataset,
        baseline=m.baseline,
        seeds=tuple(pair.seed for pair in m.pairs),
        new=tuple(measure.of(pair.left) for pair in m.pairs),
        recorded=tuple(measure.of(pair.right) for pair in m.pairs),
        estimate=exponential(judged.estimate) if measure.is_ratio else judged.estimate,
        p=judged.p,
        p_holm=judged.p_family,
        method=judged.method,
        least_exact_p=smallest_sign_flip_p(judged.estimate.n),
        p_same=judged.p_same,
        margin=m.sample.margin,
        effect=effect_size(m.sample.values, m.sample.grain),
        verdict=verdict_of(metric, judged.side),
        absent=m.absent,
    )


def _overall(cells: Cells, alpha: float) -> list[Overall]:
    """One a baseline, corrected for one another."""
    matched = {
        baseline: [
            m
            for dataset in cells.selection.datasets
            if (m := match("accuracy", cells, dataset, baseline)).pairs
        ]
        for baseline in cells.selection.neurons[1:]
    }
    pooled = [
        Sample(
            [x for m in matches for x in m.sample.values],
            declared().margin["accuracy"],
            max((m.sample.grain for m in matches), default=0.0),
            neuron_of(baseline),
        )
        for baseline, matches in matched.items()
    ]
    judged = judge("over data sets", pooled, alpha)
    return [
        _over_datasets(baseline, matches, j)
        for (baseline, matches), j in zip(matched.items(), judged, strict=True)
    ]


def _over_datasets(baseline: str, matched: list[Matched], judged: Judged) -> Overall:
    of = MEASURES["accuracy"].of
    strata = [np.array([[of(pair.left), of(pair.right)] for pair in m.pairs]) for m in matched]
    return Overall(
        baseline=baseline,
        datasets=tuple(m.dataset for m in matched),
        pairs=judged.estimate.n,
        improvement=stratified_bootstrap(strata, probability_of_improvement),
        difference=stratified_bootstrap(strata, iqm_difference),
        p=judged.p,
        p_holm=judged.p_family,
        method=judged.method,
        verdict=verdict_of("accuracy", judged.side),
    )


# ---- what it costs ----

COSTS = ("training_step", "neuron_forward_backward", "kept_bytes")


def _costs(neuron: str, against: tuple[str, ...], speeds: list[Timing]) -> Iterable[CostRatio]:
    known = {(t.device, t.neuron, t.what): t.median for t in speeds}
    known |= {
        (t.device, t.neuron, "kept_bytes"): t.kept_bytes for t in speeds if t.kept_bytes is not None
    }
    for device in dict.fromkeys(t.device for t in speeds):
        for baseline in against:
            for what in COSTS:
                new, old = (known.get((device, name, what), 0.0) for name in (neuron, baseline))
                if new > 0 and old > 0:
                    times = old / new if what == "training_step" else new / old  # samples/s
                    yield CostRatio(device, baseline, what, new, old, times)
