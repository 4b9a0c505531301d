"""Test accuracy against the number of weights, one panel a split."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.evidence.published import read_published
from benchmarks.presenting.figures.looks import WIDE, Looks, colours, legend
from benchmarks.presenting.tables.networks import networks
from benchmarks.records.selection import SUBJECT, Cells

_APART = 0.06  # of its weights, from one neuron of a network to the next


def accuracy_by_network(cells: Cells, dataset: str, looks: Looks) -> Figure | None:
    """None where nothing is published of the data set, or it stands for one of several splits."""
    raw = networks(cells).raw
    if raw.empty or dataset not in set(raw["split"]):
        return None
    neurons = tuple(dict.fromkeys([*looks, *raw["neuron"]]))
    shown = {n: look for n, look in colours(neurons).items() if n in set(raw["neuron"])}
    figure = Figure(figsize=(WIDE, 3.3), layout="constrained")
    splits = sorted(set(raw["split"]), key=lambda split: (split != dataset, split))
    panels = figure.subplots(1, len(splits), sharey=True, sharex=True, squeeze=False)[0]
    claimed = [p.accuracy for p in read_published() if (p.dataset, p.neuron) == (dataset, SUBJECT)]
    for axes, split in zip(panels, splits, strict=True):
        for neuron, rows in raw[raw["split"] == split].groupby("neuron"):
            look, place = shown[neuron], list(shown).index(neuron) - len(shown) / 2
            mean = 100 * rows["test_mean"]
            low, high = mean - 100 * rows["test_low"], 100 * rows["test_high"] - mean
            few = rows["n"] < 3  # whose interval says little beside its length
            axes.errorbar(
                rows["weights"] * (1 + _APART) ** place,
                mean,
                [low.mask(few, 0).fillna(0), high.mask(few, 0).fillna(0)],
                color=look.colour,
                fmt=look.marker,
                ms=5,
                lw=1,
                capsize=2,
            )
        for accuracy in claimed:
            axes.axhline(100 * accuracy, color="#666666", lw=1, ls=":")
        axes.set(title="official split" if split == dataset else split, xscale="log")
        axes.set_xlabel("weights")
    panels[0].set_ylabel("test accuracy, %")
    handles = [Line2D([], [], ls="none", color=k.colour, marker=k.marker) for k in shown.values()]
    names = list(shown)
    if claimed:
        handles.append(Line2D([], [], color="#666666", lw=1, ls=":"))
        names.append(f"{SUBJECT} as published")
    legend(figure, handles, names)
    return figure
