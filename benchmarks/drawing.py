"""Functions that only draw: records in, a matplotlib figure out, None if there is nothing to show.

One neuron has one colour and one marker in every figure. The colours are those of Okabe and Ito
(2008) and, for neurons beyond the suite's own, of Tol's muted scheme (2021); people with colour
vision deficiencies can tell either apart. A neuron with its library's defaults is drawn as its
matched twin, hollow and dashed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from benchmarks.records import Result
from benchmarks.selection import SUBJECT, Cells
from benchmarks.timings import PER_ELEMENT, TITLES, Timing, speed_writer
from benchmarks.tuning import Tuned

_KNOWN = {
    "aia": ("#D55E00", "o"),
    "snntorch_lif": ("#000000", "s"),
    "spikingjelly_lif": ("#0072B2", "D"),
    "spikingjelly_plif": ("#56B4E9", "^"),
    "gain_frozen": ("#009E73", "v"),
    "gain_plain": ("#E69F00", "P"),
    "lif_init_scaled": ("#CC79A7", "X"),
}
# nine colours and seven markers: 63 looks before one comes again
_SPARE_COLOURS = (
    *("#332288", "#999933", "#882255", "#44AA99", "#888888"),
    *("#CC6677", "#117733", "#AA4499", "#DDCC77"),
)
_SPARE_MARKERS = ("<", ">", "*", "p", "h", "d", "8")
_DEFAULTS = "_defaults"
WIDE, NARROW = 9.2, 3.9  # inches
FEW = 8  # neurons that a legend can name; more are named at the ends of their lines
_LABEL = 0.15  # inches from one such name to the next
_FAR = 3  # times the longest bar: a bound beyond would leave nothing of the bars


@dataclass(frozen=True)
class Look:
    """How a neuron is drawn everywhere."""

    colour: str
    marker: str
    hollow: bool = False
    width: float = 1.2  # of its lines, points


Looks = dict[str, Look]


def colours(neurons: tuple[str, ...]) -> Looks:
    """The look of each neuron; the suite's own never change, others take spare ones in order."""
    twins = {
        n: stem for n in neurons if (stem := n.removesuffix(_DEFAULTS)) != n and stem in neurons
    }
    spare = (n for n in neurons if n not in _KNOWN and n not in twins)
    looks = {n: Look(*_KNOWN[n]) for n in neurons if n in _KNOWN}
    looks |= {n: Look(c, m) for n, c, m in zip(spare, cycle(_SPARE_COLOURS), cycle(_SPARE_MARKERS))}
    looks |= {n: replace(looks[stem], hollow=True) for n, stem in twins.items()}
    if SUBJECT in looks:
        looks[SUBJECT] = replace(looks[SUBJECT], width=2.2)
    return {neuron: looks[neuron] for neuron in neurons}


def accuracy_spikes(cells: Cells, dataset: str, looks: Looks) -> Figure | None:
    """Test accuracy against spikes a sample: small points are seeds, large ones their mean.

    A network with graded outputs has no spikes: a line marks its mean accuracy.
    """
    shown = {n: results for n in looks if (results := cells.results(dataset, n))}
    if not shown:
        return None
    figure, (axes,) = _panels(1, NARROW, 3.4, -(-len(shown) // 2))
    for neuron, results in shown.items():
        x = np.array([r.spikes.per_sample for r in results])
        y = np.array([100 * r.accuracy.test for r in results])
        look = looks[neuron]
        if not all(r.spiking for r in results):
            axes.axhline(y.mean(), color=look.colour, lw=1.2, ls=":")
            continue
        axes.plot(x, y, look.marker, color=look.colour, ms=4.5, alpha=0.4, mew=0)
        axes.plot(x.mean(), y.mean(), ls="none", ms=9, zorder=3, **_mark(look))
    axes.set(title=dataset, xlabel="spikes a test sample", ylabel="test accuracy, %")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(0.08)
    graded = {n for n, results in shown.items() if not all(r.spiking for r in results)}
    handles = [
        Line2D([], [], color=looks[n].colour, lw=1.2, ls=":")
        if n in graded
        else Line2D([], [], ls="none", ms=6, **_mark(looks[n]))
        for n in shown
    ]
    names = [f"{n} (graded)" if n in graded else n for n in shown]
    _legend(figure, handles, names, 2)
    return figure


def curves(cells: Cells, dataset: str, looks: Looks) -> Figure | None:
    """Train loss and validation accuracy by epoch: means over seeds.

    For few neurons a band reaches from the least to the greatest seed.
    """
    groups = {n: [r for r in cells.of(dataset, n) if r.result is not None] for n in looks}
    shown = {n: records for n, records in groups.items() if records}
    if not shown:
        return None
    figure, (loss, accuracy) = _wide(2, 3.7, shown)
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
    _names(figure, accuracy, ends, looks)
    return figure


def spikes_by_step(cells: Cells, dataset: str, looks: Looks) -> Figure | None:
    """Spikes a sample by time step, one panel a layer: means over seeds, spiking neurons only."""
    groups = {n: [r for r in cells.results(dataset, n) if r.spiking] for n in looks}
    shown = {n: results for n, results in groups.items() if results}
    if not shown:
        return None
    layers = list(next(iter(shown.values()))[0].spikes.by_layer_and_step)
    figure, panels = _wide(len(layers), 3.3, shown)
    ends: dict[str, tuple[float, float]] = {}
    for axes, layer in zip(panels, layers, strict=True):
        for neuron, results in shown.items():
            steps = _stack([r.spikes.by_layer_and_step[layer] for r in results])
            ends[neuron] = _curve(axes, steps, looks[neuron], len(shown), band=False)
        axes.set(title=f"{dataset}: {layer}", xlabel="time step")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_ylim(bottom=0)
    panels[0].set_ylabel("spikes a sample")
    _names(figure, panels[-1], ends, looks)
    return figure


def tuned(found: Tuned, looks: Looks) -> Figure | None:
    """Validation accuracy by learning rate, one panel a data set: means over seeds.

    A ring marks the rate that was chosen.
    """
    datasets = list(dict.fromkeys(dataset for dataset, _ in found.by_rate))
    neurons = {neuron for _, neuron in found.by_rate}
    shown = [n for n in looks if n in neurons]
    if not shown:
        return None
    figure, panels = _wide(len(datasets), 3.5, shown)
    ends: dict[str, tuple[float, float]] = {}
    for axes, dataset in zip(panels, datasets, strict=True):
        for neuron in (n for n in shown if (dataset, n) in found.by_rate):
            by_rate = found.by_rate[dataset, neuron]
            means = {rate: 100 * float(np.mean(by_rate[rate])) for rate in sorted(by_rate)}
            look, chosen = looks[neuron], found.rates[dataset, neuron]
            axes.plot(list(means), list(means.values()), **_line(look))
            axes.plot(chosen, means[chosen], "o", ms=9, mfc="none", mec=look.colour, mew=1.1)
            ends[neuron] = (max(means), means[max(means)])
        axes.set(title=dataset, xlabel="learning rate", xscale="log")
        rates = sorted(
            {rate for (d, _), tried in found.by_rate.items() if d == dataset for rate in tried}
        )
        axes.set_xticks(rates, [f"{rate:g}" for rate in rates], fontsize=7.5)
        axes.xaxis.set_minor_locator(NullLocator())
    panels[0].set_ylabel("validation accuracy, %")
    _names(figure, panels[-1], ends, looks)
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
    """Bars of medians with quantiles, one panel for each thing that was timed on one device."""
    kinds = [what for what in TITLES if any(t.what == what for t in timings)]
    if not kinds:
        return None
    rows = (len(kinds) + 1) // 2
    tall = 0.95 + 0.27 * len(neurons)
    height = rows * tall + 0.3
    figure = Figure(figsize=(WIDE, height))
    panels = figure.subplots(rows, 2, squeeze=False, sharey=True).flatten()
    figure.subplots_adjust(
        left=(0.3 + _longest(neurons)) / WIDE,
        right=0.98,
        top=1 - 0.75 / height,
        bottom=0.3 / height,
        hspace=0.8 / (tall - 0.8),
        wspace=0.06,
    )
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
    figure.suptitle(timings[0].device, x=0.01, y=1 - 0.06 / height, ha="left", va="top", fontsize=9)
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
) -> tuple[float, float]:
    """Draw the mean over seeds of ``values`` ``[seeds, length]``; returns where its line ends."""
    x, mean = np.arange(1, values.shape[1] + 1), values.mean(0)
    axes.plot(x, mean, **_line(look))
    if band and lines <= FEW and len(values) > 1:
        axes.fill_between(x, values.min(0), values.max(0), color=look.colour, alpha=0.1, lw=0)
    return float(x[-1]), float(mean[-1])


def _line(look: Look) -> dict[str, Any]:
    """How a neuron's line is drawn."""
    style = {"color": look.colour, "lw": look.width, "ls": "--" if look.hollow else "-"}
    return style | _mark(look) | {"ms": 3.5, "mew": 0.8 if look.hollow else 0, "zorder": 3}


def _mark(look: Look) -> dict[str, Any]:
    """How a neuron's mark is drawn."""
    face, edge = ("white", look.colour) if look.hollow else (look.colour, "white")
    return {"marker": look.marker, "mfc": face, "mec": edge, "mew": 1.2 if look.hollow else 0.9}


def _wide(count: int, height: float, neurons: Collection[str]) -> tuple[Figure, list[Axes]]:
    """Panels over the whole width, with room for the names that :func:`_names` writes."""
    if len(neurons) <= FEW:
        return _panels(count, WIDE, height, -(-len(neurons) // _legend_columns(neurons)))
    tall = max(height, 1.0 + _LABEL * len(neurons))
    return _panels(count, WIDE, tall, 0, right=0.75 + _longest(neurons))


def _panels(
    count: int, width: float, height: float, legend_rows: int, right: float = 0.2
) -> tuple[Figure, list[Axes]]:
    """A row of axes with room below for the legend and on the right for names; inches."""
    legend = 0.08 + 0.17 * legend_rows
    total = height + legend
    figure = Figure(figsize=(width, total))
    grid = figure.subplots(1, count, squeeze=False)
    figure.subplots_adjust(
        left=0.6 / width,
        right=1 - right / width,
        top=1 - 0.3 / total,
        bottom=(0.5 + legend) / total,
        wspace=0.24,
    )
    return figure, list(grid[0])


def _names(figure: Figure, axes: Axes, ends: dict[str, tuple[float, float]], looks: Looks) -> None:
    """Say which line is whose: few in a legend, many right of the panel where their lines end."""
    if len(ends) <= FEW:
        handles = [Line2D([], [], **_line(looks[n])) for n in ends]
        _legend(figure, handles, list(ends), _legend_columns(ends))
        return
    low, high = axes.get_ylim()
    height, width = (getattr(axes.get_position(), side) for side in ("height", "width"))
    key = 0.26 / (width * figure.get_figwidth())  # of the panel's width
    order = sorted(ends, key=lambda n: ends[n][1])
    wanted = [(ends[n][1] - low) / (high - low) for n in order]
    places = _apart(wanted, _LABEL / (height * figure.get_figheight()))
    for neuron, y in zip(order, places, strict=True):
        start, look = 1.0 + key, looks[neuron]
        axes.annotate(
            "",
            xy=ends[neuron],
            xytext=(start, y),
            textcoords="axes fraction",
            arrowprops={"arrowstyle": "-", "color": "#aaaaaa", "lw": 0.5, "shrinkA": 0},
        )
        place: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
        axes.plot(
            [start, start + key / 2, start + key], [y] * 3, markevery=[1], **_line(look), **place
        )
        axes.text(start + 1.25 * key, y, neuron, fontsize=8, va="center_baseline", **place)


def _apart(wanted: list[float], gap: float) -> list[float]:
    """Rising places in 0..1 near the ``wanted`` (rising) ones, at least ``gap`` from each other."""
    places = list(wanted)
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    limit = 1.0
    for i in reversed(range(len(places))):
        places[i] = min(places[i], limit)
        limit = places[i] - gap
    return places


def _longest(neurons: Iterable[str]) -> float:
    """Inches that the longest name takes at 8 points."""
    return 0.068 * max(map(len, neurons), default=0)


def _legend_columns(neurons: Collection[str]) -> int:
    return max(1, min(len(neurons), int(WIDE / (_longest(neurons) + 0.5))))


def _legend(figure: Figure, handles: list[Line2D], names: list[str], columns: int) -> None:
    figure.legend(
        handles,
        names,
        loc="lower center",
        ncols=columns,
        handletextpad=0.5,
        columnspacing=1.3,
        borderaxespad=0.1,
    )
