"""How a neuron is drawn: one colour and one marker in every figure."""

from __future__ import annotations

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
FEW = 8  # neurons that a legend below the panels can name
_LINE = 0.17  # inches from one name of a legend to the next


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


def panels_of(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A row of axes; inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def name_lines(figure: Figure, ends: dict[str, float], looks: Looks) -> None:
    """Say which line is whose, from where each ends: few below the panels, many on the right in
    the order of their ends."""
    names = list(ends) if len(ends) <= FEW else sorted(ends, key=lambda n: -ends[n])
    handles = [Line2D([], [], **line_style(looks[n])) for n in names]
    if len(ends) <= FEW:
        legend(figure, handles, names)
        return
    figure.set_figheight(max(figure.get_figheight(), 0.5 + _LINE * len(names)))
    figure.legend(handles, names, loc="outside right upper")


def legend(figure: Figure, handles: list[Line2D], names: list[str]) -> None:
    """Below all panels, in as many columns as there is room for; the figure grows by its rows."""
    column = 0.5 + 0.064 * max(map(len, names))  # inches, at 8 points
    columns = max(1, min(len(names), int(figure.get_figwidth() / column)))
    figure.set_figheight(figure.get_figheight() + _LINE * -(-len(names) // columns))
    figure.legend(handles, names, loc="outside lower center", ncols=columns)
