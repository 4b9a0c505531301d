"""How the lead over LIF hangs on the learning rate and on how long was trained."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from benchmarks.evidence.analysis import declared
from benchmarks.evidence.leads import lead_by_epoch, lead_by_rate
from benchmarks.evidence.statistics import Estimate
from benchmarks.evidence.tuning import Tuned
from benchmarks.presenting.figures.looks import WIDE, Look, Looks, legend, line_style
from benchmarks.records.selection import BASELINE, CONTROLS, SUBJECT, Cells

LEADING = (SUBJECT, *CONTROLS)
_HEIGHT = 2.6  # inches of a row of panels
_APART = 0.05  # of a learning rate, from one neuron's mark to the next
_BESIDE = 0.03  # of all epochs, likewise
_ROOM = 5.0  # points that a panel goes on beyond the means, at least
_UNIT = f"minus {BASELINE},\npoints of validation accuracy"


def by_rate(tuned: Tuned, looks: Looks) -> Figure | None:
    """The lead at each learning rate, both neurons at that rate; a panel a data set."""
    datasets = list(dict.fromkeys(dataset for dataset, _ in tuned.by_rate))
    leads = {
        (dataset, neuron): lead
        for dataset in datasets
        for neuron in LEADING
        if neuron in looks and (lead := lead_by_rate(tuned, dataset, neuron))
    }
    if not leads:
        return None
    neurons = [n for n in LEADING if n in {neuron for _, neuron in leads}]
    figure, (panels,) = _panels(1, len(datasets))
    for axes, dataset in zip(panels, datasets, strict=True):
        _ground(axes)
        if (dataset, BASELINE) in tuned.rates:
            axes.axvline(tuned.rates[dataset, BASELINE], color="#999999", lw=1, ls=":")
        for place, neuron in enumerate(neurons):
            if (dataset, neuron) not in leads:
                continue
            lead = leads[dataset, neuron]
            apart = (1 + _APART) ** (place - (len(neurons) - 1) / 2)
            _bars(axes, [rate * apart for rate in lead], list(lead.values()), looks[neuron])
        here = [lead for (d, _), lead in leads.items() if d == dataset]
        rates = sorted({rate for lead in here for rate in lead})
        _keep_means_readable(axes, [e for lead in here for e in lead.values()])
        axes.set(title=dataset, xlabel="learning rate", xscale="log")
        axes.set_xticks(rates, [f"{rate:g}" for rate in rates], fontsize=7.5)
        axes.xaxis.set_minor_locator(NullLocator())
    panels[0].set_ylabel(_UNIT)
    _legend(figure, neurons, looks)
    return figure


def by_epoch(shared: Cells, tuned: Tuned | None, looks: Looks) -> Figure | None:
    """The lead after each epoch, a panel a data set; a row each for the shared rate and own best
    ones, one for both where they are the same cells."""
    rows = {"shared rate": shared} | ({"own best rates": tuned.cells} if tuned else {})
    if tuned and tuned.cells.records.items() <= shared.records.items():
        rows = {"shared rate, the best of all": shared}
    leads = {
        (row, dataset, neuron): lead
        for row, cells in rows.items()
        for dataset in shared.selection.datasets
        for neuron in LEADING
        if neuron in looks and (lead := lead_by_epoch(cells, dataset, neuron))
    }
    shown = [row for row in rows if row in {key[0] for key in leads}]
    if not shown:
        return None
    datasets = shared.selection.datasets
    figure, grid = _panels(len(shown), len(datasets))
    for row, panels in zip(shown, grid, strict=True):
        for axes, dataset in zip(panels, datasets, strict=True):
            _ground(axes)
            here = [n for n in LEADING if (row, dataset, n) in leads]
            for place, neuron in enumerate(here):
                lead, look = leads[row, dataset, neuron], looks[neuron]
                axes.plot(
                    range(1, len(lead) + 1), _points(lead)[0], color=look.colour, lw=look.width
                )
                # of several bands none could be read, so the others' are shown where they end
                if neuron == SUBJECT:
                    _band(axes, lead, look)
                _bars(axes, [len(lead) * (1 + _BESIDE * (place + 1))], lead[-1:], look)
            axes.set_title(f"{dataset}, {row}")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        panels[0].set_ylabel(_UNIT)
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    _legend(figure, [n for n in LEADING if n in {key[2] for key in leads}], looks)
    return figure


def _panels(rows: int, count: int) -> tuple[Figure, list[list[Axes]]]:
    figure = Figure(figsize=(WIDE, 0.2 + _HEIGHT * rows), layout="constrained")
    return figure, figure.subplots(rows, count, squeeze=False).tolist()


def _ground(axes: Axes) -> None:
    """No lead, and what is smaller than the smallest of interest."""
    margin = 100 * declared().margin["accuracy"]
    axes.axhspan(-margin, margin, color="#e9e9e9", lw=0)
    axes.axhline(0, color="#000000", lw=0.9)


def _keep_means_readable(axes: Axes, leads: list[Estimate]) -> None:
    """Intervals of three seeds are many times as long as the means are apart: cut them off."""
    means = [0.0, *(100 * e.mean for e in leads)]
    room = max(_ROOM, max(means) - min(means))
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, min(means) - room), min(high, max(means) + room))


def _bars(axes: Axes, x: list[float], leads: list[Estimate], look: Look) -> None:
    """Means with their intervals, joined by a line."""
    mean, low, high = _points(leads)
    axes.errorbar(
        x,
        mean,
        [np.nan_to_num(mean - low), np.nan_to_num(high - mean)],
        color=look.colour,
        marker=look.marker,
        ms=4.5,
        lw=look.width,
        elinewidth=1,
        capsize=2,
    )


def _band(axes: Axes, leads: list[Estimate], look: Look) -> None:
    """The interval after each epoch."""
    _, low, high = _points(leads)
    epochs = np.arange(1, len(leads) + 1)
    axes.fill_between(epochs, low, high, color=look.colour, alpha=0.18, lw=0)


def _points(leads: Iterable[Estimate]) -> NDArray[np.float64]:
    """Mean, low and high end in percentage points, ``[3, n]``."""
    return 100 * np.array([(e.mean, *_ends(e)) for e in leads]).T


def _ends(lead: Estimate) -> tuple[float, float]:
    """Of the interval; of two values, whose interval is 13 times as long, the values themselves."""
    if lead.n != 2:
        return lead.low, lead.high
    half = lead.sd / math.sqrt(2)
    return lead.mean - half, lead.mean + half


def _legend(figure: Figure, neurons: list[str], looks: Looks) -> None:
    legend(figure, [Line2D([], [], **line_style(looks[n])) for n in neurons], neurons)
