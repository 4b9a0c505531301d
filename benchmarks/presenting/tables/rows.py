"""Records -> the rows of the tables about accuracy, association, parameters and single cells."""

from __future__ import annotations

import math

import numpy as np

from benchmarks import wording
from benchmarks.evidence import estimates
from benchmarks.evidence.convergence import converged, unconverged
from benchmarks.evidence.families import Judged
from benchmarks.evidence.gaps import NOT_RUN, absence, why_no_pair
from benchmarks.evidence.metrics import counting, judged_leads, lead_of, same_words
from benchmarks.evidence.statistics import Estimate, estimate, paired_difference, paired_ratio
from benchmarks.evidence.tuning import Tuned
from benchmarks.evidence.unmatched import note_of
from benchmarks.presenting.tables.table import (
    NOT_TUNED,
    Number,
    Row,
    Shown,
    Table,
    columns,
    make_table,
    points_of,
)
from benchmarks.records.schema import AssociationEffect, Record, Result
from benchmarks.records.selection import BASELINE, Cells
from benchmarks.wording import NOTHING

_SPLITS = ("train", "validation", "test")


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
        | columns("test", test)
        | {"train_mean": train.mean, "validation_mean": validation.mean}
        | {"seeds": test.n, "failed": len(failed), "not_run": len(missing)}
        | {"not_converged": len(rising)}
    )
    without, notes = absence(cells, dataset, neuron), Shown()
    if any(map(note_of, cells.selection.neurons)):
        notes = {"not matched": note_of(neuron) or NOTHING}
    return raw, {
        "data set": dataset,
        "neuron": neuron,
        "test accuracy, %": Number(estimates.percent(test), test.mean) if test.n else without,
        "train accuracy, %": Number(estimates.brief(train, 100), train.mean)
        if train.n
        else NOTHING,
        **notes,
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


def _differences(cells: Cells, baseline: str) -> list[Row]:
    """A row a neuron and data set, judged as one family: the seeds of the declared look."""
    cells = counting(cells)
    groups = [(d, n) for d, n in cells.selection.groups if n != baseline]
    judged = judged_leads("table", cells, [(d, n, baseline) for d, n in groups])
    return [
        _difference(cells, *group, baseline, j) for group, j in zip(groups, judged, strict=True)
    ]


def _difference(cells: Cells, dataset: str, neuron: str, baseline: str, judged: Judged) -> Row:
    lead, seeds = judged.estimate, len(cells.selection.seeds)
    paired = {pair.seed for pair in cells.pairs(dataset, neuron, baseline)}
    rising = [s for n in (neuron, baseline) for s in unconverged(cells, dataset, n) if s in paired]
    says = same_words("accuracy") if judged.side == "the same" else judged.side
    says += f" ({lead.n} of {seeds} seeds)" if lead.n < seeds else ""
    says = says if lead.n else why_no_pair(cells, dataset, neuron, baseline)
    raw = (
        {"dataset": dataset, "neuron": neuron, "baseline": baseline}
        | columns("difference", lead)
        | {"pairs": lead.n, "p": judged.p, "p_holm": judged.p_family, "p_same": judged.p_same}
        | {"test": judged.method, "verdict": says, "not_converged": len(rising)}
    )
    p = judged.p_family
    return raw, {
        "data set": dataset,
        "neuron": neuron,
        f"minus {baseline}, points": Number(estimates.points(lead), lead.mean) if lead.n else says,
        "p, Holm": NOTHING if math.isnan(p) else Number(f"{p:.3g}", p),
        "it is": says if lead.n else NOTHING,
        "not converged": Number(f"{len(rising)} of {2 * lead.n}", len(rising))
        if lead.n
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
    at_end = tuned.at_end(dataset, neuron)
    pairs = tuned.cells.pairs(dataset, neuron, baseline)
    lead = lead_of("accuracy", pairs)
    rising = unconverged(tuned.cells, dataset, neuron)
    before = {r.seed: r.result.accuracy.test for r in shared.of(dataset, neuron) if r.result}
    after = {r.seed: r.result.accuracy.test for r in tuned.cells.of(dataset, neuron) if r.result}
    both = [seed for seed in after if seed in before]
    gained = paired_difference([after[s] for s in both], [before[s] for s in both])
    unchanged = bool(both) and all(after[s] == before[s] for s in both)
    raw = (
        {"dataset": dataset, "neuron": neuron, "rate": rate, "at_end_of_grid": at_end}
        | columns("test", test)
        | {"seeds": test.n, "baseline": baseline}
        | columns("difference", lead)
        | columns("gained", gained)
        | {"not_converged": len(rising)}
    )
    return raw, {
        "data set": dataset,
        "neuron": neuron,
        "test accuracy, %": Number(estimates.percent(test), test.mean) if test.n else "failed",
        "learning rate": Number(f"{rate:g} (end)" if at_end else f"{rate:g}", rate),
        f"minus {baseline}, points": points_of(lead) if neuron != baseline else NOTHING,
        "gained by tuning, points": Number("0", 0.0) if unchanged else points_of(gained),
        "not converged": Number(wording.counted(rising), len(rising)),
    }


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


def _association(
    dataset: str, neuron: str, with_effect: list[tuple[Result, AssociationEffect]]
) -> Row:
    test = [r.accuracy.test for r, _ in with_effect]
    without = [e.accuracy_without for _, e in with_effect]
    lost = paired_difference(test, without)
    ratio = paired_ratio(
        [r.spikes.per_sample for r, _ in with_effect],
        [e.spikes_per_sample_without for _, e in with_effect],
    )
    more, less = (
        estimate([np.mean(list(getattr(e, side).values())) for _, e in with_effect]).mean
        for side in ("potentiated", "depressed")
    )
    idle, driven = (
        estimate([v for _, e in with_effect if (v := getattr(e, name)) is not None])
        for name in ("gradient_without_drive", "gradient_with_drive")
    )
    raw: dict[str, object] = {"dataset": dataset, "neuron": neuron, "seeds": len(with_effect)}
    raw |= {"test_mean": estimate(test).mean, "without_mean": estimate(without).mean}
    raw |= columns("lost", lost) | columns("spike_ratio", ratio)
    raw |= {"potentiated": more, "depressed": less}
    raw |= {"gradient_without_drive": idle.mean, "gradient_with_drive": driven.mean}
    return raw, {
        "data set": dataset,
        "neuron": neuron,
        "with it, %": Number(estimates.brief(estimate(test), 100), estimate(test).mean),
        "without, %": Number(estimates.brief(estimate(without), 100), estimate(without).mean),
        "lost, points": Number(
            wording.signed(100 * lost.mean) + estimates.interval(lost, 100, "+.1f"), lost.mean
        ),
        "spikes, with / without": Number(estimates.ratio(ratio), ratio.mean),
        "potentiated, %": Number(f"{100 * more:.1f}", more),
        "depressed, %": Number(f"{100 * less:.1f}", less),
        "gradient, no events": _gradient(idle),
        "gradient, events": _gradient(driven),
    }


def _gradient(norm: Estimate) -> str | Number:
    return Number(f"{norm.mean:.2g}", norm.mean) if norm.n else "not trained"


def parameters(cells: Cells, baseline: str = BASELINE) -> Table:
    """Trainable values in training and at inference, and what folding changes."""
    made = [_parameters(cells, d, n, baseline) for d, n in cells.selection.groups]
    return make_table("parameters", "Parameters", made)


def _parameters(cells: Cells, dataset: str, neuron: str, baseline: str) -> Row:
    raw: dict[str, object] = {"dataset": dataset, "neuron": neuron}
    row: Shown = {"data set": dataset, "neuron": neuron}
    results, base = cells.results(dataset, neuron), cells.results(dataset, baseline)
    if not results:
        return raw | {"seeds": 0}, row | {"in training": absence(cells, dataset, neuron)}
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
