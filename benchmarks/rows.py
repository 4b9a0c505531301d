"""Records -> the rows of every table: raw numbers, and the same as text to read."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from benchmarks import wording
from benchmarks.records import Result
from benchmarks.selection import BASELINE, Cells
from benchmarks.statistics import (
    Estimate,
    estimate,
    paired_difference,
    paired_ratio,
    sign_flip_p,
    verdict,
)
from benchmarks.timings import PER_ELEMENT, TITLES, Timing
from benchmarks.wording import NOTHING

NOT_RUN, NOT_MEASURED = "not run", "not measured"


CAPTIONS = {
    "accuracy": "Mean ± standard deviation [95 % interval] (number of seeds), at the epoch that "
    "was best on the validation split; an interval of few seeds may pass 100 %. A train accuracy "
    "far above the test accuracy is overfitting.",
    "difference": "Test accuracy minus the baseline's, in percentage points: mean over seeds ± "
    "standard deviation [95 % interval] (number of pairs). A pair has the same data, initial "
    "synapse weights and order of samples.",
    "spikes": "A test sample's means over seeds. The firing rate is spikes per unit and time "
    "step; the ratio to the baseline is the geometric mean of the seeds' ratios [95 % interval]. "
    "ACs are accumulates caused by spikes, MACs multiply-accumulates caused by event counts at "
    "the first synapse.",
    "parameters": "Trainable values while training and after folding the neuron into the synapses "
    "before it; the changes are summed over seeds and the whole test split.",
    "throughput": "Median [quartiles] over rounds. Neuron times are nanoseconds per element and "
    "time step, lower is faster; samples per second are those of the profile's network, higher is "
    "faster. The memory bound is what moving each tensor once would take.",
    "cells": "Epochs count from 1; the best one was chosen on the validation split.",
}
_SPLITS = ("train", "validation", "test")

Row = tuple[dict[str, object], dict[str, str]]  # raw numbers, text


@dataclass(frozen=True)
class Table:
    """``raw`` goes to CSV, ``shown`` (all text) to Markdown, LaTeX and the page."""

    name: str  # stem of its files
    title: str
    caption: str
    raw: pd.DataFrame
    shown: pd.DataFrame


def _table(name: str, title: str, made: list[Row]) -> Table:
    raw, shown = (pd.DataFrame([row[side] for row in made]) for side in (0, 1))
    if not made:
        shown = pd.DataFrame({"data set": ["nothing to compare"]})
    return Table(name, title, CAPTIONS[name], raw, shown.fillna(NOTHING))


def accuracy(cells: Cells) -> Table:
    """Test accuracy with train accuracy beside it, and how many cells stand behind them."""
    return _table("accuracy", "Accuracy", [_accuracy(cells, *g) for g in cells.selection.groups])


def _accuracy(cells: Cells, dataset: str, neuron: str) -> Row:
    test, train, validation = (
        estimate([getattr(result.accuracy, part) for result in cells.results(dataset, neuron)])
        for part in ("test", "train", "validation")
    )
    failed = [record.seed for record in cells.failed(dataset, neuron)]
    missing = cells.missing(dataset, neuron)
    raw = (
        {"dataset": dataset, "neuron": neuron}
        | _columns("test", test)
        | {"train_mean": train.mean, "validation_mean": validation.mean}
        | {"seeds": test.n, "failed": len(failed), "not_run": len(missing)}
    )
    without = _absence(cells, dataset, neuron)
    shown = {
        "data set": dataset,
        "neuron": neuron,
        "test accuracy, %": wording.percent(test) if test.n else without,
        "train accuracy, %": wording.brief(train, 100) if train.n else NOTHING,
        "failed": wording.counted(failed),
        "not run": wording.counted(missing),
    }
    return raw, shown


def difference(cells: Cells, baseline: str = BASELINE) -> Table:
    """Test accuracy minus that of the baseline, seed by seed.

    Raises InputError if two records of a pair were not trained under matched conditions.
    """
    groups = [(d, n) for d, n in cells.selection.groups if n != baseline]
    made = [_difference(cells, d, n, baseline) for d, n in groups]
    return _table("difference", f"Difference to {baseline}", made)


def _difference(cells: Cells, dataset: str, neuron: str, baseline: str) -> Row:
    pairs = cells.pairs(dataset, neuron, baseline)
    left = [pair.left.accuracy.test for pair in pairs]
    right = [pair.right.accuracy.test for pair in pairs]
    found = paired_difference(left, right)
    p = sign_flip_p([a - b for a, b in zip(left, right, strict=True)])
    says = verdict(found) if found.n else why_no_pair(cells, dataset, neuron, baseline)
    raw = (
        {"dataset": dataset, "neuron": neuron, "baseline": baseline}
        | _columns("difference", found)
        | {"pairs": found.n, "sign_flip_p": p, "verdict": says}
    )
    shown = {
        "data set": dataset,
        "neuron": neuron,
        f"minus {baseline}, points": wording.points(found) if found.n else says,
        "sign-flip p": f"{p:.2f}" if found.n else NOTHING,
        "it is": says if found.n else NOTHING,
    }
    return raw, shown


def spikes(cells: Cells, baseline: str = BASELINE) -> Table:
    """Spikes and synaptic operations of a test sample."""
    made = [_spikes(cells, d, n, baseline) for d, n in cells.selection.groups]
    return _table("spikes", "Spikes and synaptic operations", made)


def _spikes(cells: Cells, dataset: str, neuron: str, baseline: str) -> Row:
    results = cells.results(dataset, neuron)
    count = estimate([r.spikes.per_sample for r in results])
    sparsity = estimate([r.spikes.activation_sparsity for r in results]).mean
    acs, macs, dense = (
        estimate([getattr(r.synops, part) for r in results]).mean
        for part in ("effective_acs", "effective_macs", "dense")
    )
    pairs = cells.pairs(dataset, neuron, baseline)
    ratio = paired_ratio(
        [pair.left.spikes.per_sample for pair in pairs],
        [pair.right.spikes.per_sample for pair in pairs],
    )
    raw = (
        {"dataset": dataset, "neuron": neuron}
        | _columns("spikes", count)
        | _columns(f"ratio_to_{baseline}", ratio)
        | {"firing_rate": 1 - sparsity, "activation_sparsity": sparsity}
        | {"effective_acs": acs, "effective_macs": macs, "dense_macs": dense, "seeds": count.n}
    )
    row = {"data set": dataset, "neuron": neuron}
    if not results:
        return raw, row | {"spikes a sample": _absence(cells, dataset, neuron)}
    shown = {
        "spikes a sample": f"{count.mean:,.0f}{wording.spread(count.sd, ',.0f')}",
        f"ratio to {baseline}": wording.ratio(ratio) if neuron != baseline else "1",
        "firing rate, %": f"{100 * (1 - sparsity):.1f}",
        "by layer, %": _rates(results),
        "activation sparsity, %": f"{100 * sparsity:.1f}",
        "effective ACs": f"{acs:,.0f}",
        "effective MACs": f"{macs:,.0f}",
    }
    return raw, row | shown


def parameters(cells: Cells, baseline: str = BASELINE) -> Table:
    """Trainable values in training and at inference, and what folding changes."""
    made = [_parameters(cells, d, n, baseline) for d, n in cells.selection.groups]
    return _table("parameters", "Parameters", made)


def _parameters(cells: Cells, dataset: str, neuron: str, baseline: str) -> Row:
    raw: dict[str, object] = {"dataset": dataset, "neuron": neuron}
    row = {"data set": dataset, "neuron": neuron}
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
    shown = {
        "in training": f"{counts.training:,}",
        "at inference": f"{counts.inference:,}",
        f"more than {baseline}": NOTHING if extra is None else wording.signed(extra, "+,"),
        "spikes changed by folding": f"{differ:,} of {total:,}" if folds else "no fold",
        "predictions changed": f"{changed:,}" if folds else NOTHING,
    }
    return raw, row | shown


def throughput(cells: Cells, timings: list[Timing]) -> Table:
    """One row a neuron and device; ``not measured`` where there is no timing."""
    chosen = [t for t in timings if t.neuron in cells.selection.neurons]
    known = {(t.device, t.neuron, t.what): t for t in chosen}
    devices = list(dict.fromkeys(t.device for t in timings)) or [NOT_MEASURED]
    shown = []
    for device in devices:
        for neuron in cells.selection.neurons:
            here = {what: known.get((device, neuron, what)) for what in TITLES}
            backend = next((t.backend for t in here.values() if t), NOTHING)
            row = {"device": device, "neuron": neuron, "run by": backend}
            shown.append(row | {TITLES[what]: _timing(t) for what, t in here.items()})
        bounds = {t.what: t.bound for t in timings if t.device == device and t.bound is not None}
        if bounds:
            row = {"device": device, "neuron": "memory bound", "run by": NOTHING}
            texts = {w: f"{bounds[w]:.2f}" if w in bounds else NOTHING for w in TITLES}
            shown.append(row | {TITLES[what]: text for what, text in texts.items()})
    raw = pd.DataFrame(chosen, columns=list(Timing.__dataclass_fields__))
    return Table("throughput", "Throughput", CAPTIONS["throughput"], raw, pd.DataFrame(shown))


def cells_table(cells: Cells) -> Table:
    """Every selected cell on its own row, the failed and the missing ones too."""
    raw = []
    for dataset, neuron in cells.selection.groups:
        for seed in cells.selection.seeds:
            row: dict[str, object] = {"dataset": dataset, "neuron": neuron, "seed": seed}
            record = cells.records.get((dataset, neuron, seed))
            if record is None:
                row |= {"status": NOT_RUN}
            elif record.failure is not None:
                row |= {
                    "status": f"failed in epoch {record.failure.epoch + 1}: {record.failure.reason}"
                }
            elif record.result is not None:
                row |= {"status": "ok", "best_epoch": record.result.best_epoch + 1}
                row |= {k: getattr(record.result.accuracy, k) for k in _SPLITS}
                row |= {"spikes": record.result.spikes.per_sample}
            raw.append(row)
    frame = pd.DataFrame(
        raw, columns=["dataset", "neuron", "seed", "status", "best_epoch", *_SPLITS, "spikes"]
    )
    shown = pd.DataFrame(
        {
            "data set": frame["dataset"],
            "neuron": frame["neuron"],
            "seed": frame["seed"].astype(str),
            "status": frame["status"],
            "best epoch": wording.column(frame["best_epoch"], "{:.0f}"),
            **{f"{k}, %": wording.column(frame[k] * 100, "{:.1f}") for k in _SPLITS},
            "spikes a sample": wording.column(frame["spikes"], "{:,.0f}"),
        }
    )
    return Table("cells", "Every cell", CAPTIONS["cells"], frame, shown)


def _timing(timing: Timing | None) -> str:
    if timing is None:
        return NOT_MEASURED
    form = ".2f" if timing.what in PER_ELEMENT else ",.0f"
    return f"{timing.median:{form}} [{timing.q1:{form}}, {timing.q3:{form}}]"


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
