"""Functions that only draw: records in, a matplotlib figure out, None if there is nothing to show.

One neuron has one colour and one marker in every figure. The colours are those of Okabe and Ito
(2008) and, for neurons beyond the suite's own, of Tol's muted scheme (2021); people with colour
vision deficiencies can tell either apart. A neuron with its library's defaults is drawn as its
matched twin, hollow and dashed.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from benchmarks.evidence.tuning import Tuned
from benchmarks.presenting.figures.looks import (
    FEW,
    NARROW,
    WIDE,
    Look,
    Looks,
    legend,
    line_style,
    mark_style,
    name_lines,
    panels_of,
)
from benchmarks.records.schema import Result
from benchmarks.records.selection import SUBJECT, Cells
from benchmarks.throughput.timings import PER_ELEMENT, TITLES, Timing, speed_writer

_FAR = 3  # times the longest bar: a bound beyond would leave nothing of the bars


def accuracy_spikes(cells: Cells, dataset: str, looks: Looks) -> Figure | None:
    """Test accuracy against spikes a sample: small points are seeds, large ones their mean.

    A network with graded outputs has no spikes: a line marks its mean accuracy.
    """
    shown = {n: results for n in looks if (results := cells.results(dataset, n))}
    if not shown:
        return None
    figure, (axes,) = panels_of(1, NARROW, 3.4)
    for neuron, results in shown.items():
        x = np.array([r.spikes.per_sample for r in results])
        y = np.array([100 * r.accuracy.test for r in results])
        look = looks[neuron]
        if not all(r.spiking for r in results):
            axes.axhline(y.mean(), color=look.colour, lw=1.2, ls=":")
            continue
        axes.plot(x, y, look.marker, color=look.colour, ms=4.5, alpha=0.4, mew=0)
        # in front and smaller, so that where two means meet both are seen
        size, place = (6, 4) if neuron == SUBJECT else (9, 3)
        axes.plot(x.mean(), y.mean(), ls="none", ms=size, zorder=place, **mark_style(look))
    axes.set(title=dataset, xlabel="spikes a test sample", ylabel="test accuracy, %")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(0.08)
    graded = {n for n, results in shown.items() if not all(r.spiking for r in results)}
    handles = [
        Line2D([], [], color=looks[n].colour, lw=1.2, ls=":")
        if n in graded
        else Line2D([], [], ls="none", ms=6, **mark_style(looks[n]))
        for n in shown
    ]
    names = [f"{n} (graded)" if n in graded else n for n in shown]
    legend(figure, handles, names)
    return figure


def curves(cells: Cells, dataset: str, looks: Looks) -> Figure | None:
    """Train loss and validation accuracy by epoch: means over seeds.

    For few neurons a band reaches from the least to the greatest seed.
    """
    groups = {n: [r for r in cells.of(dataset, n) if r.result is not None] for n in looks}
    shown = {n: records for n, records in groups.items() if records}
    if not shown:
        return None
    figure, (loss, accuracy) = panels_of(2, WIDE, 3.6)
    ends = {}
    for neuron, records in shown.items():
        _curve(loss, _stack([r.curves.train_loss for r in records]), looks[neuron], len(shown))
        rising = 100 * _stack([r.curves.validation_accuracy for r in records])
        ends[neuron] = _curve(accuracy, rising, looks[neuron], len(shown))
    loss.set(title=f"{dataset}: train loss", xlabel="epoch", ylabel="cross-entropy")
    accuracy.set(title=f"{dataset}: validation accuracy", xlabel="epoch", ylabel="%")
    loss.set_ylim(bottom=0)
    for axes in (loss, accuracy):
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    name_lines(figure, ends, looks)
    return figure


def spikes_by_step(cells: Cells, dataset: str, looks: Looks) -> Figure | None:
    """Spikes a sample by time step, one panel a layer: means over seeds, spiking neurons only."""
    groups = {n: [r for r in cells.results(dataset, n) if r.spiking] for n in looks}
    shown = {n: results for n, results in groups.items() if results}
    if not shown:
        return None
    layers = list(next(iter(shown.values()))[0].spikes.by_layer_and_step)
    figure, panels = panels_of(len(layers), WIDE, 3.3)
    ends: dict[str, float] = {}
    for axes, layer in zip(panels, layers, strict=True):
        for neuron, results in shown.items():
            steps = _stack([r.spikes.by_layer_and_step[layer] for r in results])
            ends[neuron] = _curve(axes, steps, looks[neuron], len(shown), band=False)
        axes.set(title=f"{dataset}: {layer}", xlabel="time step")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_ylim(bottom=0)
    panels[0].set_ylabel("spikes a sample")
    name_lines(figure, ends, looks)
    return figure


def tuned(tuning: Tuned, looks: Looks) -> Figure | None:
    """Validation accuracy by learning rate, one panel a data set: means over seeds.

    A ring marks the rate that was chosen.
    """
    datasets = list(dict.fromkeys(dataset for dataset, _ in tuning.by_rate))
    neurons = {neuron for _, neuron in tuning.by_rate}
    shown = [n for n in looks if n in neurons]
    if not shown:
        return None
    figure, panels = panels_of(len(datasets), WIDE, 3.5)
    ends: dict[str, float] = {}
    for axes, dataset in zip(panels, datasets, strict=True):
        for neuron in (n for n in shown if (dataset, n) in tuning.by_rate):
            by_rate = tuning.by_rate[dataset, neuron]
            means = {rate: 100 * float(np.mean(by_rate[rate])) for rate in sorted(by_rate)}
            look, chosen = looks[neuron], tuning.rates[dataset, neuron]
            axes.plot(list(means), list(means.values()), **line_style(look))
            axes.plot(chosen, means[chosen], "o", ms=9, mfc="none", mec=look.colour, mew=1.1)
            ends[neuron] = means[max(means)]
        axes.set(title=dataset, xlabel="learning rate", xscale="log")
        rates = sorted(
            {rate for (d, _), tried in tuning.by_rate.items() if d == dataset for rate in tried}
        )
        axes.set_xticks(rates, [f"{rate:g}" for rate in rates], fontsize=7.5)
        axes.xaxis.set_minor_locator(NullLocator())
    panels[0].set_ylabel("validation accuracy, %")
    name_lines(figure, ends, looks)
    return figure


def association(cells: Cells, dataset: str, looks: Looks) -> Figure | None:
    """Association coefficients before (grey) and after training, pooled over seeds.

    Neurons whose coefficients training does not touch are left out.
    """
    groups = {n: _coefficients(cells.results(dataset, n)) for n in looks}
    shown = {n: layers for n, layers in groups.items() if _moved(layers)}
    if not shown:
        return None
    layers = list(next(iter(shown.values())))
    figure = Figure(figsize=(WIDE, 0.9 + 1.2 * len(shown)), layout="constrained")
    grid = figure.subplots(len(shown), len(layers), squeeze=False, sharex=True)
    values = np.concatenate([v for by in shown.values() for pair in by.values() for v in pair])
    bins = np.linspace(min(values.min(), 0.0), max(values.max(), 0.1), 33)
    for row, (neuron, by_layer) in zip(grid, shown.items(), strict=True):
        for axes, layer in zip(row, layers, strict=True):
            before, after = (np.histogram(v, bins)[0] for v in by_layer[layer])
            axes.stairs(before, bins, fill=True, color="#c4c4c4")
            axes.stairs(after, bins, color=looks[neuron].colour, lw=1.6)
            axes.axvline(0, color="#333333", lw=0.8, ls=":")
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        row[0].set_ylabel(f"{neuron},\nnumber")
    for top, bottom, layer in zip(grid[0], grid[-1], layers, strict=True):
        top.set_title(f"{dataset}: {layer}")
        bottom.set_xlabel("association coefficient a")
    handles = [Patch(color="#c4c4c4"), Patch(fill=False, ec="#333333", lw=1.4)]
    names = ["before training", "after training"]
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure


def throughput(timings: list[Timing], neurons: tuple[str, ...], looks: Looks) -> Figure | None:
    """Bars of medians with quantiles, one panel for each thing that was timed on one device."""
    kinds = [what for what in TITLES if any(t.what == what for t in timings)]
    if not kinds:
        return None
    rows = (len(kinds) + 1) // 2
    height = 0.3 + rows * (0.85 + 0.27 * len(neurons))
    figure = Figure(figsize=(WIDE, height), layout="constrained")
    panels = figure.subplots(rows, 2, squeeze=False, sharey=True).flatten()
    for axes, what in zip(panels, kinds, strict=False):
        here = [t for t in timings if t.what == what]
        end = _bars(axes, here, neurons, looks)
        note = "lower is faster" if what in PER_ELEMENT else "higher is faster"
        bound = here[0].bound
        if bound is not None:
            axes.axvline(bound, color="#000000", lw=1.2, ls="--")
            where = "dashed: the device's bound" if bound <= end else "the bound is far off"
            note += f"; {where}, {speed_writer(what)(bound)}"
        axes.set_title(f"{TITLES[what]}\n{note}", loc="left")
    for axes in panels[len(kinds) :]:
        axes.set_visible(False)
    figure.suptitle(timings[0].device, x=0.01, ha="left", fontsize=9)
    return figure


def _bars(axes: Axes, timings: list[Timing], neurons: tuple[str, ...], looks: Looks) -> float:
    """Returns where the axis ends: behind the longest bar, and the bound if it is not far off."""
    known = {t.neuron: t for t in timings}
    form = speed_writer(timings[0].what)
    end = 1.3 * max(t.median for t in timings)  # a stray round must not flatten all bars
    bounds = [1.05 * t.bound for t in timings if t.bound is not None]
    end = max([end, *(bound for bound in bounds if bound < _FAR * end)])
    for y, neuron in enumerate(neurons):
        if neuron not in known:
            axes.text(0, y, " not measured", va="center", fontsize=8, color="#555555")
            continue
        t = known[neuron]
        look = looks[neuron]
        face = "white" if look.hollow else look.colour
        axes.barh(y, t.median, 0.68, color=face, ec=look.colour, lw=1.2, alpha=0.85)
        axes.plot([t.low, min(t.high, end)], [y, y], color="#555555", lw=1.2)
        if t.high > end:
            axes.plot(end, y, ">", color="#555555", ms=5, clip_on=False)
        start = t.median if t.high > end else max(t.high, t.median)
        box = {"fc": "white", "ec": "none", "pad": 0.6}
        text = form(t.median)
        axes.text(start + 0.015 * end, y, text, va="center", fontsize=8, bbox=box)
    axes.set_xlim(0, end)
    axes.xaxis.set_major_locator(MaxNLocator(6))  # more run into each other from 10,000 on
    axes.set_yticks(range(len(neurons)), neurons)
    axes.set_ylim(len(neurons) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_formatter("{x:,g}" if end < 1000 else "{x:,.0f}")
    return end


def _coefficients(
    results: list[Result],
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Layer -> coefficients before and after training, of all seeds."""
    known = [r.association for r in results if r.association is not None]
    if not known:
        return {}
    return {
        layer: (
            np.concatenate([np.asarray(a[layer].before) for a in known]),
            np.concatenate([np.asarray(a[layer].after) for a in known]),
        )
        for layer in known[0]
    }


def _moved(layers: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> bool:
    return any(not np.array_equal(before, after) for before, after in layers.values())


def _stack(series: list[list[float]]) -> NDArray[np.float64]:
    """``[seeds, length]``; all cut to the shortest."""
    length = min(len(values) for values in series)
    return np.array([values[:length] for values in series], dtype=np.float64)


def _curve(
    axes: Axes, values: NDArray[np.float64], look: Look, lines: int, band: bool = True
) -> float:
    """Draw the mean over seeds of ``values`` ``[seeds, length]``; returns where its line ends."""
    x, mean = np.arange(1, values.shape[1] + 1), values.mean(0)
    axes.plot(x, mean, **line_style(look))
    if band and lines <= FEW and len(values) > 1:
        axes.fill_between(x, values.min(0), values.max(0), color=look.colour, alpha=0.1, lw=0)
    return float(mean[-1])
