"""How a neuron is drawn: one colour and one marker in every figure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.records.selection import SUBJECT

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


def line_style(look: Look) -> dict[str, Any]:
    """How a neuron's line is drawn."""
    style = {"color": look.colour, "lw": look.width, "ls": "--" if look.hollow else "-"}
    return style | mark_style(look) | {"ms": 3.5, "mew": 0.8 if look.hollow else 0, "zorder": 3}


def mark_style(look: Look) -> dict[str, Any]:
    """How a neuron's mark is drawn."""
    face, edge = ("white", look.colour) if look.hollow else (look.colour, "white")
    return {"marker": look.marker, "mfc": face, "mec": edge, "mew": 1.2 if look.hollow else 0.9}


def wide_panels(count: int, height: float, neurons: Collection[str]) -> tuple[Figure, list[Axes]]:
    """Panels over the whole width, with room for the names that :func:`name_lines` writes."""
    if len(neurons) <= FEW:
        return panels_of(count, WIDE, height, -(-len(neurons) // _legend_columns(neurons)))
    tall = max(height, 1.0 + _LABEL * len(neurons))
    return panels_of(count, WIDE, tall, 0, right=0.75 + longest(neurons))


def panels_of(
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


def name_lines(
    figure: Figure, axes: Axes, ends: dict[str, tuple[float, float]], looks: Looks
) -> None:
    """Say which line is whose: few in a legend, many right of the panel where their lines end."""
    if len(ends) <= FEW:
        handles = [Line2D([], [], **line_style(looks[n])) for n in ends]
        legend(figure, handles, list(ends), _legend_columns(ends))
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
            [start, start + key / 2, start + key],
            [y] * 3,
            markevery=[1],
            **line_style(look),
            **place,
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


def longest(neurons: Iterable[str]) -> float:
    """Inches that the longest name takes at 8 points."""
    return 0.068 * max(map(len, neurons), default=0)


def _legend_columns(neurons: Collection[str]) -> int:
    return max(1, min(len(neurons), int(WIDE / (longest(neurons) + 0.5))))


def legend(figure: Figure, handles: list[Line2D], names: list[str], columns: int) -> None:
    figure.legend(
        handles,
        names,
        loc="lower center",
        ncols=columns,
        handletextpad=0.5,
        columnspacing=1.3,
        borderaxespad=0.1,
    )
