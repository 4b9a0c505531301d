"""Functions that only draw: records in, a matplotlib figure out, None if there is nothing to show.

One neuron has one colour and one marker in every figure. The colours are those of Okabe and Ito
(2008), which people with colour vision deficiencies can tell apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from benchmarks.records import Record, Result
from benchmarks.selection import Cells
from benchmarks.timings import PER_ELEMENT, TITLES, Timing

_KNOWN = {
    "aia": ("#D55E00", "o"),
    "snntorch_lif": ("#000000", "s"),
    "spikingjelly_lif": ("#0072B2", "D"),
    "spikingjelly_plif": ("#56B4E9", "^"),
    "gain_frozen": ("#009E73", "v"),
    "gain_plain": ("#E69F00", "P"),
    "lif_init_scaled": ("#CC79A7", "X"),
}
_SPARE_COLOURS = ("#F0E442", "#888888", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000")
_SPARE_MARKERS = ("<", ">", "*", "p", "h", "d", "8")
WIDE, NARROW = 9.2, 3.9  # inches


@dataclass(frozen=True)
class Look:
    """How a neuron is drawn everywhere."""

    colour: str
    marker: str


Looks = dict[str, Look]


def colours(neurons: tuple[str, ...]) -> Looks:
    """The look of each neuron; the suite's own never change, others take spare ones in order."""
    spare = [n for n in neurons if n not in _KNOWN]
    looks = {n: Look(*_KNOWN[n]) for n in neurons if n in _KNOWN}
    for i, neuron in enumerate(spare):
        k = i % len(_SPARE_COLOURS)
        looks[neuron] = Look(_SPARE_COLOURS[k], _SPARE_MARKERS[k])
    return {neuron: looks[neuron] for neuron in neurons}


def accuracy_spikes(cells: Cells, dataset: str, looks: Looks) -> Figure | None:
    """Test accuracy against spikes a sample: small points are seeds, large ones their mean."""
    groups = {n: cells.results(dataset, n) for n in looks}
    shown = {n: results for n, results in groups.items() if results}
    if not shown:
        return None
    figure, (axes,) = _panels(1, NARROW, 3.4, _rows_of_legend(shown, 2))
    for neuron, results in shown.items():
        x = np.array([r.spikes.per_sample for r in results])
        y = np.array([100 * r.accuracy.test for r in results])
        look = looks[neuron]
        axes.plot(x, y, look.marker, color=look.colour, ms=4.5, alpha=0.5, mew=0)
        axes.plot(
            x.mean(), y.mean(), look.marker, color=look.colour, ms=9, mec="white", mew=0.9, zorder=3
        )
    axes.set(title=dataset, xlabel="spikes a test sample", ylabel="test accuracy, %")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(0.08)
    _legend(figure, shown, looks, 2, lines=False)
    return figure


def curves(cells: Cells, dataset: str, looks: Looks) -> Figure | None:
    """Train loss and validation accuracy by epoch: mean over seeds, band from least to greatest."""
    groups = {n: [r for r in cells.of(dataset, n) if r.result is not None] for n in looks}
    shown = {n: records for n, records in groups.items() if records}
    if not shown:
        return None
    figure, (loss, accuracy) = _panels(2, WIDE, 3.7, _rows_of_legend(shown, 7))
    for neuron, records in shown.items():
        _curve(loss, _stack([r.curves.train_loss for r in records]), looks[neuron])
        _curve(
            accuracy,
            100 * _stack([r.curves.validation_accuracy for r in records]),
            looks[neuron],
        )
    loss.set(title=f"{dataset}: train loss", xlabel="epoch", ylabel="cross-entropy")
    accuracy.set(title=f"{dataset}: validation accuracy", xlabel="epoch", ylabel="%")
    loss.set_ylim(bottom=0)
    _legend(figure, shown, looks, 7)
    return figure


def spikes_by_step(cells: Cells, dataset: str, looks: Looks) -> Figure | None:
    """Spikes a sample by time step, one panel a layer: mean over seeds."""
    groups = {n: cells.results(dataset, n) for n in looks}
    shown = {n: results for n, results in groups.items() if results}
    if not shown:
        return None
    layers = list(next(iter(shown.values()))[0].spikes.by_layer_and_step)
    figure, panels = _panels(len(layers), WIDE, 3.3, _rows_of_legend(shown, 7))
    for axes, layer in zip(panels, layers, strict=True):
        for neuron, results in shown.items():
            steps = _stack([r.spikes.by_layer_and_step[layer] for r in results])
            _curve(axes, steps, looks[neuron], band=False)
        axes.set(title=f"{dataset}: {layer}", xlabel="time step")
        axes.set_ylim(bottom=0)
    panels[0].set_ylabel("spikes a sample")
    _legend(figure, shown, looks, 7)
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
    height = 0.9 + 1.5 * len(shown)
    figure = Figure(figsize=(WIDE, height))
    grid = figure.subplots(len(shown), len(layers), squeeze=False)
    figure.subplots_adjust(
        left=0.45 / WIDE, right=0.99, top=1 - 0.3 / height, bottom=0.72 / height, hspace=0.45
    )
    values = np.concatenate([v for by in shown.values() for pair in by.values() for v in pair])
    bins = np.linspace(min(values.min(), 0.0), max(values.max(), 0.1), 33)
    for row, (neuron, by_layer) in zip(grid, shown.items(), strict=True):
        for axes, layer in zip(row, layers, strict=True):
            before, after = (np.histogram(v, bins)[0] for v in by_layer[layer])
            axes.stairs(before, bins, fill=True, color="#c4c4c4")
            axes.stairs(after, bins, color=looks[neuron].colour, lw=1.6)
            axes.axvline(0, color="#333333", lw=0.8, ls=":")
            axes.set_title(f"{dataset}, {neuron}: {layer}")
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        row[0].set_ylabel("number")
    for axes in grid[-1]:
        axes.set_xlabel("association coefficient a")
    handles = [Patch(color="#c4c4c4"), Patch(fill=False, ec="#333333", lw=1.4)]
    figure.legend(handles, ["before training", "after training"], loc="lower center", ncols=2)
    return figure


def throughput(timings: list[Timing], neurons: tuple[str, ...], looks: Looks) -> Figure | None:
    """Bars of medians with quartiles, one panel for each thing that was timed on one device."""
    kinds = [what for what in TITLES if any(t.what == what for t in timings)]
    if not kinds:
        return None
    rows = (len(kinds) + 1) // 2
    tall = 0.95 + 0.27 * len(neurons)
    height = rows * tall + 0.3
    figure = Figure(figsize=(WIDE, height))
    panels = figure.subplots(rows, 2, squeeze=False, sharey=True).flatten()
    figure.subplots_adjust(
        left=1.35 / WIDE,
        right=0.98,
        top=1 - 0.75 / height,
        bottom=0.3 / height,
        hspace=0.8 / (tall - 0.8),
        wspace=0.06,
    )
    for axes, what in zip(panels, kinds, strict=False):
        here = [t for t in timings if t.what == what]
        _bars(axes, here, neurons, looks)
        note = "lower is faster" if what in PER_ELEMENT else "higher is faster"
        bound = here[0].bound
        if bound is not None:
            axes.axvline(bound, color="#000000", lw=1.2, ls="--")
            note += f"; dashed: memory bound, {bound:.2f}"
        axes.set_title(f"{TITLES[what]}\n{note}", loc="left")
    for axes in panels[len(kinds) :]:
        axes.set_visible(False)
    figure.suptitle(timings[0].device, x=0.01, y=1 - 0.06 / height, ha="left", va="top", fontsize=9)
    return figure


def _bars(axes: Axes, timings: list[Timing], neurons: tuple[str, ...], looks: Looks) -> None:
    known = {t.neuron: t for t in timings}
    form = ".2f" if timings[0].what in PER_ELEMENT else ",.0f"
    end = 1.3 * max(t.median for t in timings)  # a stray round must not flatten all bars
    for y, neuron in enumerate(neurons):
        if neuron not in known:
            axes.text(0, y, " not measured", va="center", fontsize=8, color="#555555")
            continue
        t = known[neuron]
        axes.barh(y, t.median, 0.68, color=looks[neuron].colour, alpha=0.85)
        axes.plot([t.q1, min(t.q3, end)], [y, y], color="#555555", lw=1.2)
        if t.q3 > end:
            axes.plot(end, y, ">", color="#555555", ms=5, clip_on=False)
        start = t.median if t.q3 > end else max(t.q3, t.median)
        box = {"fc": "white", "ec": "none", "pad": 0.6}
        text = f"{t.median:{form}}"
        axes.text(start + 0.015 * end, y, text, va="center", fontsize=8, bbox=box)
    axes.set_xlim(0, end)
    axes.set_yticks(range(len(neurons)), neurons)
    axes.set_ylim(len(neurons) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_formatter("{x:,g}")


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


def _curve(axes: Axes, values: NDArray[np.float64], look: Look, band: bool = True) -> None:
    x = np.arange(1, values.shape[1] + 1)
    axes.plot(
        x, values.mean(0), look.marker + "-", color=look.colour, lw=1.4, ms=3.5, mew=0, zorder=3
    )
    if band and len(values) > 1:
        axes.fill_between(x, values.min(0), values.max(0), color=look.colour, alpha=0.1, lw=0)


def _panels(count: int, width: float, height: float, legend_rows: int) -> tuple[Figure, list[Axes]]:
    """A row of axes with room below for the legend; inches."""
    total = height + 0.2 * legend_rows
    figure = Figure(figsize=(width, total))
    grid = figure.subplots(1, count, squeeze=False)
    figure.subplots_adjust(
        left=0.6 / width,
        right=1 - 0.2 / width,
        top=1 - 0.3 / total,
        bottom=(0.55 + 0.2 * legend_rows) / total,
        wspace=0.24,
    )
    return figure, list(grid[0])


def _rows_of_legend(shown: dict[str, list[Result]] | dict[str, list[Record]], columns: int) -> int:
    return -(-len(shown) // columns)


def _legend(
    figure: Figure,
    shown: dict[str, list[Result]] | dict[str, list[Record]],
    looks: Looks,
    columns: int,
    lines: bool = True,
) -> None:
    style = "-" if lines else "none"
    handles = [
        Line2D([], [], color=looks[n].colour, marker=looks[n].marker, ls=style, ms=5.5, mew=0)
        for n in shown
    ]
    figure.legend(
        handles,
        list(shown),
        loc="lower center",
        ncols=columns,
        handletextpad=0.5,
        columnspacing=1.3,
        borderaxespad=0.1,
    )
