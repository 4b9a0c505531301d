"""The paired differences as a forest plot."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.evidence.comparison.report import SIDES, Compared, ComparisonReport
from benchmarks.presenting.figures.bars import half_axis
from benchmarks.presenting.figures.looks import WIDE, Look, colours, mark_style


def half_of(report: ComparisonReport, dataset: str) -> float:
    """Half the width of a data set's axis in tables, in percentage points."""
    reach = max(map(abs, _limits([c for c in report.of("accuracy") if c.dataset == dataset])))
    return half_axis(reach)


def _limits(compared: list[Compared]) -> tuple[float, float]:
    """Least and greatest point of 0, the seeds and the intervals of a data set, with a margin.

    An interval of two pairs can be ten times as wide as the others: those are cut off.
    """
    ends = [v for c in compared if c.estimate.n > 2 for v in (c.estimate.low, c.estimate.high)]
    seeds = [a - b for c in compared for a, b in zip(c.new, c.recorded, strict=True)]
    low, high = (100 * extreme([0.0, *ends, *seeds]) for extreme in (min, max))
    margin = max(0.06 * (high - low), 0.5)
    return low - margin, high + margin


def draw(report: ComparisonReport) -> Figure | None:
    """Forest plot of the paired differences: a panel a data set, a row a baseline, a dot a seed.

    None where nothing could be paired.
    """
    compared = [c for c in report.of("accuracy") if not c.absent]
    datasets = [d for d in report.datasets if any(c.dataset == d for c in compared)]
    if not datasets:
        return None
    looks, rows = colours(report.baselines), len(report.baselines)
    width = min(WIDE, 1.5 + 3.6 * len(datasets))
    figure = Figure(figsize=(width, 1.2 + 0.34 * rows), layout="constrained")
    panels = figure.subplots(1, len(datasets), squeeze=False, sharey=True)[0]
    for axes, dataset in zip(panels, datasets, strict=True):
        axes.axvline(0, color="#333333", lw=0.9, ls=":")
        for c in compared:
            if c.dataset == dataset:
                _draw_row(axes, report.baselines.index(c.baseline), c, looks[c.baseline])
        axes.set_title(dataset)
        axes.set_xlim(_limits([c for c in compared if c.dataset == dataset]))
        axes.xaxis.set_major_locator(MaxNLocator(5, prune="both"))
        axes.set_yticks(range(rows), report.baselines)
        axes.set_ylim(rows - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
    note = f"test accuracy of {report.neuron} minus the baseline's, points"
    more = "small: a seed, large: their mean with its 95 % interval"
    figure.supxlabel(f"{note}\n{more}", fontsize=9)
    return figure


def _draw_row(axes: Axes, y: int, c: Compared, look: Look) -> None:
    seeds = [100 * (new - old) for new, old in zip(c.new, c.recorded, strict=True)]
    axes.plot(seeds, [y + 0.26] * len(seeds), "o", color=look.colour, ms=3, alpha=0.55, mew=0)
    if c.estimate.n > 1:
        axes.plot([100 * c.estimate.low, 100 * c.estimate.high], [y, y], color=look.colour, lw=1.5)
    middle = 100 * c.estimate.mean
    axes.plot(middle, y, **mark_style(look) | {"mew": 0.9, "ms": 7.5, "zorder": 3})
    if c.verdict in SIDES:
        axes.annotate(
            c.verdict,
            (middle, y),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )
