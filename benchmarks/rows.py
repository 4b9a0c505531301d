"""Records -> the rows of every table: raw numbers, and the same as text to read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks import wording
from benchmarks.evidence.analysis import Metric, declared
from benchmarks.evidence.convergence import converged, unconverged
from benchmarks.evidence.families import FAMILIES, Judged
from benchmarks.evidence.metrics import (
    MEASURES,
    counting,
    judged_leads,
    over_layers,
    same_words,
    sample,
)
from benchmarks.records import AssociationEffect, Record, Result
from benchmarks.selection import BASELINE, FROZEN, Cells, Pair
from benchmarks.statistics import (
    Estimate,
    adjusted_for,
    estimate,
    exponential,
    paired_difference,
    paired_ratio,
)
from benchmarks.timings import NETWORK, TITLES, Timing, in_figures, speed_writer
from benchmarks.timings import Cost as SpeedCost
from benchmarks.tuning import Tuned
from benchmarks.wording import NOTHING

NOT_RUN, NOT_MEASURED = "not run", "not measured"
GRADED = "graded outputs, not spikes"

_CONVERGED = (
    "Not converged are cells whose best validation accuracy of all epochs is half a point or more "
    "above the best of all but the last fifth: they would gain from more training, and what is "
    "read off them is a demonstration, not evidence."
)
_LEVELS = ", ".join(f"{declared().alpha(n):.3g} at {n} seeds" for n in declared().looks)
_JUDGED = (
    f"{FAMILIES['table'][1]} The level is that of the declared analysis: {_LEVELS}, "
    f"{declared().level:g} with fewer. p is the exact sign-flip test's where the seeds let it "
    "reach the corrected level, else Student's t's. “The same within 1 point” is shown by two "
    "one-sided tests; “not distinguishable” means that neither that nor a difference is shown."
)


CAPTIONS = {
    "claims": "Each claim put to the records at the shared learning rate and, where neurons were "
    f"tuned, at each neuron's own best rate. {FAMILIES['claim holds'][1]} "
    f"{FAMILIES['claim fails'][1]} Undecided means that the intervals allow both. A verdict is no "
    "evidence where cells behind it were not trained until nothing more was gained (not "
    "converged), or where the seeds are fewer than those of the first declared look (3 of 10 "
    "seeds). What rests on definition follows from the neuron's equations: a check of the code, "
    "no evidence for the paper.",
    "accuracy": "Mean ± standard deviation [95 % interval] (number of seeds), at the epoch that "
    "was best on the validation split; an interval of few seeds may pass 100 %. A train accuracy "
    "far above the test accuracy is overfitting. "
    f"{_CONVERGED}",
    "difference": "Test accuracy minus the baseline's, in percentage points: mean over seeds ± "
    "standard deviation [95 % interval] (number of pairs). A pair has the same data, initial "
    f"synapse weights and order of samples. {_JUDGED}",
    "tuned": "Each neuron at the learning rate of one grid, the same for all, that gave it the "
    "best mean validation accuracy; the test split played no part in the choice. (end) marks a "
    "rate at an end of the grid: a better one may lie beyond. What tuning gained is the test "
    f"accuracy minus that of the same seeds at the shared rate. {_CONVERGED}",
    "tuned_difference": "Test accuracy minus the baseline's, both at their own best learning "
    "rate, in percentage points: mean over seeds ± standard deviation [95 % interval] (number of "
    f"pairs). {_JUDGED}",
    "spikes": "A test sample's means over seeds. The firing rate is spikes per unit and time "
    "step; ratios are geometric means of the seeds' ratios [95 % interval], to the baseline and to "
    f"{FROZEN}, which has the same gain and does not learn it: what is left of a difference there "
    "is the association's. The intervals are those of single comparisons. "
    "ACs are accumulates caused by spikes, MACs multiply-accumulates caused by event counts at "
    "the first synapse, SynOps both together. A network with graded outputs has no spikes: its "
    "columns count outputs that are not zero, and it has no ratios.",
    "specificity": "How specific to the classes the spikes of a channel or unit are, means over "
    "layers: mean over seeds [95 % interval] (number of seeds). The class "
    "selectivity index (Morcos et al., ICLR 2018) is (m − r) / (m + r), m the mean spike count of "
    "the class that excites most and r that of the others; 0 is blind to the class, 1 fires for "
    "one alone. Mutual information is that of spike count and class, in bits, corrected for the "
    "bias of few samples. Silent channels are left out of both. Both depend on how much a neuron "
    "fires at all, so a difference is also given at like rates: of the pairs' differences in every "
    "layer y = d + b x + noise, x the difference in log firing rate, d is shown (least squares, "
    "one d and b for all seeds and layers; the interval is the jackknife's over seeds).",
    "association": "The trained networks with every association coefficient set to zero, weights "
    "left as they are. Lost is the test accuracy with minus without; spikes are with over without "
    "[95 % interval]. Potentiated (depressed) is the share of channels and units that fire more "
    "(less) with the association. The last two columns are the 2-norm of the gradient at the "
    "coefficients for frames without events and for test frames.",
    "parameters": "Trainable values while training and after folding the neuron into the synapses "
    "before it; the changes are summed over seeds and the whole test split.",
    "throughput": "Median [5 %, 95 % quantile] over rounds, or (quartiles) where a record kept no "
    "rounds. Neuron times are nanoseconds per element and "
    "time step at a size of T x batch x channels x height x width, lower is faster; samples per "
    "second are those of the profile's network, higher is faster. The bound is what moving each "
    "tensor once would take at the device's measured copy bandwidth, or for a network what its "
    "arithmetic would at the measured rate of matrix products, if longer. A network's inference is "
    "its folded one's, before commit bdbc25f the unfolded one's. Kept for backward is "
    "what the neuron's forward pass keeps for its backward pass, bytes per element and time step. "
    "AIA over LIF is the median ratio of their training steps, several networks of each taken in "
    "turn [95 % interval]. Commit is whose source was timed, with a plus if files had changed "
    "since.",
    "backends": "Everything that was timed, size by size. Neuron: ns per element and time step; "
    "network: samples/s; median [5 %, 95 % quantile] over rounds, or (quartiles) where a record "
    "kept no rounds. Size: T x batch x channels x height x width. Times "
    "the bound: how much longer than the device's memory or arithmetic would take. Peak memory "
    "beyond the inputs is per element and time step, or per sample; energy is that of the whole "
    "device by its own counter.",
    "published": "Test accuracies that others published, each beside a neuron of ours. Networks, "
    "splits, augmentation and budgets differ, so a difference is no comparison of neurons.",
    "networks": "All that is recorded of the data set, smallest network first. Mean ± standard "
    "deviation [95 % interval] over seeds, or over folds, which have other test recordings each. "
    "The lead is paired, its interval over seeds (folds); the one beside it draws runs of "
    "consecutive test recordings anew as well. Cells that ran on different devices are not paired.",
    "cells": "Epochs count from 1; the best one was chosen on the validation split.",
    "tuned_cells": "The cells behind the tuned table, each at its neuron's own best learning rate.",
}
_SPLITS = ("train", "validation", "test")


class Number(NamedTuple):
    """A number as a reader sees it, and itself to sort by."""

    text: str
    value: float


Shown = dict[str, str | Number]
Row = tuple[dict[str, object], Shown]  # raw numbers, what is read


@dataclass(frozen=True)
class Table:
    """``raw`` goes to CSV, ``shown`` (all text) to Markdown, LaTeX and the page.

    ``values`` has the shape of ``shown`` and holds the number to sort by, nan where there is none.
    """

    name: str  # stem of its files
    title: str
    caption: str
    raw: pd.DataFrame
    shown: pd.DataFrame
    values: pd.DataFrame


def make_table(name: str, title: str, made: Iterable[Row], empty: str = "") -> Table:
    """A table of its rows; ``empty`` is all there is to read where there are none."""
    both = list(made)
    shown = [row for _, row in both] or [Shown({"data set": empty or "nothing to compare"})]
    text = [{k: v.text if isinstance(v, Number) else v for k, v in row.items()} for row in shown]
    value = [
        {k: v.value if isinstance(v, Number) else math.nan for k, v in row.items()} for row in shown
    ]
    return Table(
        name,
        title,
        CAPTIONS[name],
        pd.DataFrame([raw for raw, _ in both]),
        pd.DataFrame(text).fillna(NOTHING),
        pd.DataFrame(value),
    )


def accuracy(cells: Cells) -> Table:
    """Test accuracy with train accuracy beside it, and how many cells stand behind them."""
    made = [_accuracy(cells, *group) for group in cells.selection.groups]
    return make_table("accuracy", "Accuracy", made)


def _accuracy(cells: Cells, dataset: str, neuron: str) -> Row:
    test, train, validation = (
        estimate([getattr(result.accuracy, part) for result in cells.results(dataset, neuron)])
        for part in ("test", "train", "validation")
    )
    failed = [record.seed for record in cells.failed(dataset, neuron)]
    missing, rising = cells.missing(dataset, neuron), unconverged(cells, dataset, neuron)
    raw = (
        {"dataset": dataset, "neuron": neuron}
        | _columns("test", test)
        | {"train_mean": train.mean, "validation_mean": validation.mean}
        | {"seeds": test.n, "failed": len(failed), "not_run": len(missing)}
        | {"not_converged": len(rising)}
    )
    without = _absence(cells, dataset, neuron)
    return raw, {
        "data set": dataset,
        "neuron": neuron,
        "test accuracy, %": Number(wording.percent(test), test.mean) if test.n else without,
        "train accuracy, %": Number(wording.brief(train, 100), train.mean) if train.n else NOTHING,
        "not converged": Number(wording.counted(rising), len(rising)),
        "failed": Number(wording.counted(failed), len(failed)),
        "not run": Number(wording.counted(missing), len(missing)),
    }


def difference(cells: Cells, baseline: str = BASELINE) -> Table:
    """Test accuracy minus that of the baseline, seed by seed.

    Raises InputError if two records of a pair were not trained under matched conditions.
    """
    made = _differences(cells, baseline)
    return make_table("difference", f"Difference to {baseline}", made)


def tuned_difference(tuned: Tuned | None, baseline: str = BASELINE) -> Table:
    """As :func:`difference`, both neurons at their own best learning rate."""
    made = _differences(tuned.cells, baseline) if tuned else []
    return make_table(
        "tuned_difference", f"Difference to {baseline}, each at its own best rate", made, NOT_TUNED
    )


NOT_TUNED = "no neuron was tuned"


def _differences(cells: Cells, baseline: str) -> list[Row]:
    """A row a neuron and data set, judged as one family: the seeds of the declared look."""
    cells = counting(cells)
    groups = [(d, n) for d, n in cells.selection.groups if n != baseline]
    judged = judged_leads("table", cells, [(d, n, baseline) for d, n in groups])
    return [
        _difference(cells, *group, baseline, j) for group, j in zip(groups, judged, strict=True)
    ]


def _difference(cells: Cells, dataset: str, neuron: str, baseline: str, judged: Judged) -> Row:
    found, rising = judged.found, unconverged(cells, dataset, neuron)
    rising += unconverged(cells, dataset, baseline)
    says = same_words("accuracy") if judged.side == "the same" else judged.side
    says = says if found.n else why_no_pair(cells, dataset, neuron, baseline)
    raw = (
        {"dataset": dataset, "neuron": neuron, "baseline": baseline}
        | _columns("difference", found)
        | {"pairs": found.n, "p": judged.p, "p_holm": judged.p_family, "p_same": judged.p_same}
        | {"test": judged.method, "verdict": says, "not_converged": len(rising)}
    )
    p = judged.p_family
    return raw, {
        "data set": dataset,
        "neuron": neuron,
        f"minus {baseline}, points": Number(wording.points(found), found.mean) if found.n else says,
        "p, Holm": NOTHING if math.isnan(p) else Number(f"{p:.3g}", p),
        "it is": says if found.n else NOTHING,
        "not converged": Number(f"{len(rising)} of {2 * found.n}", len(rising))
        if found.n
        else NOTHING,
    }


def tuned_accuracy(tuned: Tuned | None, shared: Cells, baseline: str = BASELINE) -> Table:
    """Test accuracy at each neuron's own best learning rate, and which rate that is."""
    groups = tuned.cells.selection.groups if tuned else ()
    made = [_tuned(tuned, shared, d, n, baseline) for d, n in groups] if tuned else []
    return make_table("tuned", "Each neuron at its own best learning rate", made, NOT_TUNED)


def _tuned(tuned: Tuned, shared: Cells, dataset: str, neuron: str, baseline: str) -> Row:
    test = estimate([r.accuracy.test for r in tuned.cells.results(dataset, neuron)])
    rate = tuned.rates[dataset, neuron]
    at_end = rate in (tuned.grid[0], tuned.grid[-1])
    pairs = tuned.cells.pairs(dataset, neuron, baseline)
    lead = _lead("accuracy", pairs)
    rising = unconverged(tuned.cells, dataset, neuron)
    before = {r.seed: r.result.accuracy.test for r in shared.of(dataset, neuron) if r.result}
    after = {r.seed: r.result.accuracy.test for r in tuned.cells.of(dataset, neuron) if r.result}
    both = [seed for seed in after if seed in before]
    gained = paired_difference([after[s] for s in both], [before[s] for s in both])
    unchanged = bool(both) and all(after[s] == before[s] for s in both)
    raw = (
        {"dataset": dataset, "neuron": neuron, "rate": rate, "at_end_of_grid": at_end}
        | _columns("test", test)
        | {"seeds": test.n, "baseline": baseline}
        | _columns("difference", lead)
        | _columns("gained", gained)
        | {"not_converged": len(rising)}
    )
    return raw, {
        "data set": dataset,
        "neuron": neuron,
        "test accuracy, %": Number(wording.percent(test), test.mean) if test.n else "failed",
        "learning rate": Number(f"{rate:g} (end)" if at_end else f"{rate:g}", rate),
        f"minus {baseline}, points": _points(lead) if neuron != baseline else NOTHING,
        "gained by tuning, points": Number("0", 0.0) if unchanged else _points(gained),
        "not converged": Number(wording.counted(rising), len(rising)),
    }


def spikes(cells: Cells, baseline: str = BASELINE) -> Table:
    """Spikes and synaptic operations of a test sample."""
    made = [_spikes(cells, d, n, baseline) for d, n in cells.selection.groups]
    return make_table("spikes", "Spikes and synaptic operations", made)


def _spikes(cells: Cells, dataset: str, neuron: str, baseline: str) -> Row:
    results = cells.results(dataset, neuron)
    graded = any(not result.spiking for result in results)
    count = estimate([r.spikes.per_sample for r in results])
    sparsity = estimate([r.spikes.activation_sparsity for r in results]).mean
    acs, macs, dense = (
        estimate([getattr(r.synops, part) for r in results]).mean
        for part in ("effective_acs", "effective_macs", "dense")
    )
    others = (baseline, FROZEN)
    ratio, operations = (
        {other: _ratio(cells, dataset, neuron, other, metric) for other in others}
        for metric in ("spikes", "synops")
    )
    raw = {"dataset": dataset, "neuron": neuron, "spiking": not graded} | _columns("spikes", count)
    for other in others:
        raw |= _columns(f"ratio_to_{other}", ratio[other])
        raw |= _columns(f"synops_ratio_to_{other}", operations[other])
    raw |= {"firing_rate": 1 - sparsity, "activation_sparsity": sparsity}
    raw |= {"effective_acs": acs, "effective_macs": macs, "dense_macs": dense, "seeds": count.n}
    row: Shown = {"data set": dataset, "neuron": neuron}
    if not results:
        return raw, row | {"spikes a sample": _absence(cells, dataset, neuron)}
    return raw, row | {
        "spikes a sample": Number(
            f"{count.mean:,.0f}{wording.spread(count.sd, ',.0f')}", count.mean
        ),
        f"ratio to {baseline}": GRADED if graded else _share(ratio[baseline], neuron == baseline),
        f"ratio to {FROZEN}": NOTHING if graded else _share(ratio[FROZEN], neuron == FROZEN),
        "firing rate, %": Number(f"{100 * (1 - sparsity):.1f}", 1 - sparsity),
        "by layer, %": _rates(results),
        "effective ACs": Number(f"{acs:,.0f}", acs),
        "effective MACs": Number(f"{macs:,.0f}", macs),
        **{
            f"SynOps to {other}": NOTHING if graded else _share(operations[other], neuron == other)
            for other in others
        },
    }


def _ratio(cells: Cells, dataset: str, neuron: str, baseline: str, metric: Metric) -> Estimate:
    """Paired ratio to the baseline; nan throughout where one of the two has graded outputs."""
    pairs = cells.pairs(dataset, neuron, baseline)
    return exponential(_lead(metric, [p for p in pairs if p.left.spiking and p.right.spiking]))


def _lead(metric: Metric, pairs: list[Pair]) -> Estimate:
    """Of the pairs' differences in a metric, of logarithms for a ratio."""
    found = sample(metric, pairs)
    return estimate(found.values, least_sd=found.grain)


def _share(ratio: Estimate, is_baseline: bool) -> Number:
    return Number("1" if is_baseline else wording.ratio(ratio), ratio.mean)


def specificity(cells: Cells, baseline: str = BASELINE) -> Table:
    """Class selectivity and mutual information of spike counts, means over layers."""
    made = [_specificity(cells, d, n, baseline) for d, n in cells.selection.groups]
    return make_table("specificity", "Specificity of the spikes", made)


def _specificity(cells: Cells, dataset: str, neuron: str, baseline: str) -> Row:
    results = cells.results(dataset, neuron)
    pairs = cells.pairs(dataset, neuron, baseline)
    raw: dict[str, object] = {"dataset": dataset, "neuron": neuron}
    row: Shown = {"data set": dataset, "neuron": neuron}
    titles: dict[Metric, str] = {
        "selectivity": "selectivity index",
        "information": "information, bits",
    }
    for measure, title in titles.items():
        found = estimate([MEASURES[measure].of(result) for result in results])
        lead, alike = _lead(measure, pairs), estimate(at_like_rates(measure, pairs))
        raw |= _columns(measure, found) | _columns(f"{measure}_minus_{baseline}", lead)
        raw |= _columns(f"{measure}_minus_{baseline}_at_like_rates", alike)
        text = f"{found.mean:.3f}{wording.interval(found, 1, '.3f')} ({found.n})"
        row[title] = Number(text, found.mean) if found.n else NOTHING
        for name, of in ((f"{measure} minus {baseline}", lead), (f"{measure}, like rates", alike)):
            shown = bool(lead.n) and neuron != baseline and not math.isnan(of.mean)
            row[name] = Number(_more(of), of.mean) if shown else NOTHING
    silent = estimate([over_layers("silent")(result) for result in results]).mean
    raw |= {"silent": silent, "seeds": len(results)}
    if not results:
        return raw, row | {"selectivity index": _absence(cells, dataset, neuron)}
    return raw, row | {"silent, %": Number(f"{100 * silent:.1f}", silent)}


def _more(found: Estimate) -> str:
    return wording.signed(found.mean, "+.3f") + wording.interval(found, 1, "+.3f")


def at_like_rates(measure: Metric, pairs: list[Pair]) -> list[float]:
    """Differences in specificity that would be left did both neurons fire alike, a value a pair.

    See :func:`benchmarks.statistics.adjusted_for`; the covariate is the difference of the layers'
    log firing rates. nan throughout where a layer is silent.
    """
    if not pairs:
        return []
    layers = list(pairs[0].left.specificity)
    lead = [
        [getattr(p.left.specificity[x], measure) - getattr(p.right.specificity[x], measure)]
        for p in pairs
        for x in layers
    ]
    rates = [
        [p.left.spikes.firing_rate[x], p.right.spikes.firing_rate[x]] for p in pairs for x in layers
    ]
    shape = (len(pairs), len(layers))
    with np.errstate(divide="ignore", invalid="ignore"):
        covariate = np.log(np.array(rates)) @ (1, -1)
    adjusted = adjusted_for(np.reshape(lead, shape), np.reshape(covariate, shape))
    return [float(value) for value in adjusted]


def association(cells: Cells) -> Table:
    """What the trained networks do without their association; neurons that have none left out."""
    made = [
        _association(dataset, neuron, with_effect)
        for dataset, neuron in cells.selection.groups
        if (with_effect := _with_effect(cells.results(dataset, neuron)))
    ]
    title = "What the association does"
    return make_table("association", title, made, "no neuron has an association")


def _with_effect(results: list[Result]) -> list[tuple[Result, AssociationEffect]]:
    return [(r, r.association_effect) for r in results if r.association_effect is not None]


def _association(dataset: str, neuron: str, found: list[tuple[Result, AssociationEffect]]) -> Row:
    test, without = [r.accuracy.test for r, _ in found], [e.accuracy_without for _, e in found]
    lost = paired_difference(test, without)
    ratio = paired_ratio(
        [r.spikes.per_sample for r, _ in found], [e.spikes_per_sample_without for _, e in found]
    )
    more, less = (
        estimate([np.mean(list(getattr(e, side).values())) for _, e in found]).mean
        for side in ("potentiated", "depressed")
    )
    idle, driven = (
        estimate([v for _, e in found if (v := getattr(e, name)) is not None])
        for name in ("gradient_without_drive", "gradient_with_drive")
    )
    raw: dict[str, object] = {"dataset": dataset, "neuron": neuron, "seeds": len(found)}
    raw |= {"test_mean": estimate(test).mean, "without_mean": estimate(without).mean}
    raw |= _columns("lost", lost) | _columns("spike_ratio", ratio)
    raw |= {"potentiated": more, "depressed": less}
    raw |= {"gradient_without_drive": idle.mean, "gradient_with_drive": driven.mean}
    return raw, {
        "data set": dataset,
        "neuron": neuron,
        "with it, %": Number(wording.brief(estimate(test), 100), estimate(test).mean),
        "without, %": Number(wording.brief(estimate(without), 100), estimate(without).mean),
        "lost, points": Number(
            wording.signed(100 * lost.mean) + wording.interval(lost, 100, "+.1f"), lost.mean
        ),
        "spikes, with / without": Number(wording.ratio(ratio), ratio.mean),
        "potentiated, %": Number(f"{100 * more:.1f}", more),
        "depressed, %": Number(f"{100 * less:.1f}", less),
        "gradient, no events": _gradient(idle),
        "gradient, events": _gradient(driven),
    }


def _gradient(found: Estimate) -> str | Number:
    return Number(f"{found.mean:.2g}", found.mean) if found.n else "not trained"


def parameters(cells: Cells, baseline: str = BASELINE) -> Table:
    """Trainable values in training and at inference, and what folding changes."""
    made = [_parameters(cells, d, n, baseline) for d, n in cells.selection.groups]
    return make_table("parameters", "Parameters", made)


def _parameters(cells: Cells, dataset: str, neuron: str, baseline: str) -> Row:
    raw: dict[str, object] = {"dataset": dataset, "neuron": neuron}
    row: Shown = {"data set": dataset, "neuron": neuron}
    results, base = cells.results(dataset, neuron), cells.results(dataset, baseline)
    if not results:
        return raw | {"seeds": 0}, row | {"in training": _absence(cells, dataset, neuron)}
    counts = results[0].parameters
    extra = counts.inference - base[0].parameters.inference if base else None
    folds = [r.fold for r in results if r.fold is not None]
    differ = sum(fold.spikes_differ for fold in folds)
    total = sum(fold.spikes_before for fold in folds)
    changed = sum(fold.predictions_differ for fold in folds)
    raw |= {"seeds": len(results), "training": counts.training, "inference": counts.inference}
    raw |= {"extra": extra, "folds": len(folds), "fold_spikes": total}
    raw |= {"fold_spikes_differ": differ, "fold_predictions_differ": changed}
    more = NOTHING if extra is None else Number(wording.signed(extra, "+,"), extra)
    return raw, row | {
        "in training": Number(f"{counts.training:,}", counts.training),
        "at inference": Number(f"{counts.inference:,}", counts.inference),
        f"more than {baseline}": more,
        "spikes changed by folding": Number(f"{differ:,} of {total:,}", differ)
        if folds
        else "no fold",
        "predictions changed": Number(f"{changed:,}", changed) if folds else NOTHING,
    }


def _raw(timings: list[Timing]) -> pd.DataFrame:
    """Every field a column."""
    return pd.DataFrame(timings, columns=list(Timing.__dataclass_fields__))


def throughput(cells: Cells, timings: list[Timing], costs: Iterable[SpeedCost] = ()) -> Table:
    """One row a neuron and device; ``not measured`` where there is no timing."""
    known = {(t.device, t.neuron, t.what): t for t in timings}
    devices = list(dict.fromkeys(t.device for t in timings)) or [NOT_MEASURED]
    latest = {(cost.device, cost.at): cost for cost in costs}
    shown: list[Shown] = []
    for device in devices:
        timed = [t.neuron for t in timings if t.device == device]
        for neuron in dict.fromkeys([*cells.selection.neurons, *timed]):
            here = {what: known.get((device, neuron, what)) for what in TITLES}
            backend = next((t.backend for t in here.values() if t), NOTHING)
            size = next((t.size for w, t in here.items() if t and w not in NETWORK), NOTHING)
            row: Shown = {"device": device, "neuron": neuron, "run by": backend, "size": size}
            row |= {TITLES[what]: _timing(t) for what, t in here.items()}
            commits = dict.fromkeys(t.commit for t in here.values() if t)
            row |= {"kept for backward, bytes": _kept(here.values())}
            shown.append(row | {"commit": ", ".join(filter(None, commits)) or NOTHING})
        # of a quick and a full run the first, as in the rows
        of_device = [t for t in reversed(timings) if t.device == device]
        bounds = {t.what: t.bound for t in of_device if t.bound is not None}
        if bounds:
            row = {"device": device, "neuron": "the device's bound"}
            shown.append(
                row | {TITLES[w]: Number(speed_writer(w)(b), b) for w, b in bounds.items()}
            )
        for cost in latest.values():
            if cost.device == device:
                text = f"{cost.ratio:.3f} times as long [{cost.low:.3f}, {cost.high:.3f}]"
                row = {"device": device, "neuron": f"AIA over LIF{cost.at}"}
                shown.append(row | {TITLES["training_step"]: Number(text, cost.ratio)})
    if not any(t.gpu for t in timings) and timings:
        row = {"device": "a GPU", "neuron": "every neuron", "run by": NOTHING}
        shown.append(row | dict.fromkeys(TITLES.values(), NOT_MEASURED))
    table = make_table("throughput", "Throughput", [({}, row) for row in shown])
    return replace(table, raw=_raw(timings))


def backends(timings: list[Timing]) -> Table:
    """One row for everything that was timed."""
    shown: list[Shown] = []
    for t in timings:
        unit = "samples/s" if t.what in NETWORK else "ns"
        times = None if t.bound is None else t.bound / t.median
        times = times if times is None or t.what in NETWORK else 1 / times
        row: Shown = {
            "device": t.device,
            "what": t.work,
            "neuron": t.neuron,
            "run by": t.backend,
            "varied": t.series,
            "size": t.size,
            "precision": t.dtype,
            "speed": f"{in_figures(t)} {unit}",
            "times the bound": NOTHING if times is None else Number(f"{times:.2f}", times),
            "peak memory": _memory(t),
            "energy, mJ": _amount(None if t.joules is None else 1000 * t.joules, ",.3g"),
        }
        shown.append(row)
    table = make_table(
        "backends",
        "Throughput by backend, size and precision",
        [({}, row) for row in shown],
        NOT_MEASURED,
    )
    return replace(table, raw=_raw(timings))


def _memory(t: Timing) -> str | Number:
    if t.peak_bytes is None:
        return NOTHING
    text = f"{t.peak_bytes / 1e6:,.2f} MB" if t.what in NETWORK else f"{t.peak_bytes:.1f} B"
    return Number(text, t.peak_bytes)


def _amount(value: float | None, form: str) -> str | Number:
    return NOTHING if value is None else Number(f"{value:{form}}", value)


def cells_table(cells: Cells) -> Table:
    """Every selected cell on its own row, the failed and the missing ones too."""
    keys = [(*group, seed) for group in cells.selection.groups for seed in cells.selection.seeds]
    return make_table(
        "cells", "Every cell", [_cell(*k, cells.records.get(k), cells.killed.get(k)) for k in keys]
    )


def tuned_cells_table(tuned: Tuned | None) -> Table:
    """The cells at their neuron's own best learning rate."""
    made = []
    if tuned is not None:
        for (dataset, neuron, seed), record in tuned.cells.records.items():
            rate = tuned.rates[dataset, neuron]
            raw, shown = _cell(dataset, neuron, seed, record)
            shown |= {"learning rate": Number(f"{rate:g}", rate)}
            made.append((raw | {"rate": rate}, shown))
    title = "Every cell at its neuron's own best learning rate"
    return make_table("tuned_cells", title, made, NOT_TUNED)


def _cell(
    dataset: str, neuron: str, seed: int, record: Record | None, killed: str | None = None
) -> Row:
    raw: dict[str, object] = {"dataset": dataset, "neuron": neuron, "seed": seed}
    row: Shown = {"data set": dataset, "neuron": neuron, "seed": Number(str(seed), seed)}
    if record is None:
        says = f"failed: {killed}" if killed else NOT_RUN
        return raw | {"status": says}, row | {"status": says}
    if record.result is None:
        says = "failed"
        if record.failure is not None:
            says = f"failed in epoch {record.failure.epoch + 1}: {record.failure.reason}"
        return raw | {"status": says}, row | {"status": says}
    epoch, count = record.result.best_epoch + 1, record.result.spikes.per_sample
    parts = {part: getattr(record.result.accuracy, part) for part in _SPLITS}
    raw |= {"status": "ok", "best_epoch": epoch} | parts | {"spikes": count}
    raw |= {"converged": converged(record)}
    row |= {"status": "ok", "best epoch": Number(str(epoch), epoch)}
    row |= {"converged": "yes" if converged(record) else "no"}
    row |= {f"{part}, %": Number(f"{100 * v:.1f}", v) for part, v in parts.items()}
    return raw, row | {"spikes a sample": Number(f"{count:,.0f}", count)}


def _timing(timing: Timing | None) -> str | Number:
    if timing is None:
        return NOT_MEASURED
    return Number(in_figures(timing), timing.median)


def _kept(timings: Iterable[Timing | None]) -> str | Number:
    for timing in timings:
        if timing is not None and timing.kept_bytes is not None:
            return Number(f"{timing.kept_bytes:.1f}", timing.kept_bytes)
    return NOT_MEASURED


def _points(found: Estimate) -> str | Number:
    return Number(wording.points(found), found.mean) if found.n else NOTHING


def _columns(stem: str, found: Estimate) -> dict[str, object]:
    parts = {"mean": found.mean, "sd": found.sd, "low": found.low, "high": found.high}
    return {f"{stem}_{part}": value for part, value in parts.items()}


def why_no_pair(cells: Cells, dataset: str, neuron: str, baseline: str) -> str:
    """What to print where two neurons have no seed in common."""
    if baseline not in cells.selection.neurons:
        return f"{baseline} is not selected"
    whole = cells.results(dataset, neuron), cells.results(dataset, baseline)
    if all(whole):
        return "no seed in common"
    return _absence(cells, dataset, baseline if whole[0] else neuron)


def _absence(cells: Cells, dataset: str, neuron: str) -> str:
    return NOT_RUN if cells.missing(dataset, neuron) else "failed"


def _rates(results: list[Result]) -> str:
    layers = results[0].spikes.firing_rate
    means = [estimate([r.spikes.firing_rate[layer] for r in results]).mean for layer in layers]
    return " / ".join(f"{100 * mean:.1f}" for mean in means)
