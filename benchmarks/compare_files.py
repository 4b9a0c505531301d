"""A comparison as tables for the terminal and for files, as a section of the page, as a figure."""

from __future__ import annotations

import io
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2
import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich import box
from rich.table import Table

from benchmarks import wording
from benchmarks.bars import Bar, bar, half_axis
from benchmarks.compare import COSTS, SIDES, Colour, Compared, Report
from benchmarks.compare_words import (
    between,
    gaps,
    in_words,
    methods,
    outlook,
    overview,
    p_text,
    paragraph,
    stage,
    verdict_words,
)
from benchmarks.drawing import WIDE, Look, colours
from benchmarks.evidence.families import FAMILIES
from benchmarks.figures import DPI, STYLE
from benchmarks.records import as_json, write_atomic, write_atomic_bytes


@dataclass(frozen=True)
class Line:
    """One baseline on one data set as tables show it."""

    dataset: str
    baseline: str
    verdict: str
    side: Colour
    points: str
    brief: str  # points without their standard deviation and number
    p: str
    effect: str
    spikes: str
    synops: str
    bar: Bar | None


TITLES = {
    "dataset": "data set",
    "baseline": "against",
    "verdict": "it is",
    "points": "test accuracy, points",
    "p": "p, Holm",
    "effect": "effect size",
    "spikes": "spikes, ratio",
    "synops": "SynOps, ratio",
}
COST_TITLES = {
    "training_step": "training step",
    "neuron_forward_backward": "neuron alone",
    "kept_bytes": "bytes kept",
}
CAPTION = (
    "Test accuracy: mean of the paired differences ± standard deviation [95 % interval] (number "
    "of pairs); spikes and SynOps: geometric mean of the paired ratios [95 % interval]. The "
    f"intervals are those of single comparisons. {FAMILIES['compare'][1]} The verdict follows p; "
    "the same within the margin is shown by two one-sided tests, corrected likewise. The effect "
    "size is the mean difference in standard deviations of the differences, corrected for few "
    "seeds."
)
OVERALL_CAPTION = (
    "The pairs of all data sets together: interquartile mean of the differences; p of their "
    "being equal everywhere, corrected over the baselines; probability that a run of the new "
    "neuron beats one of the baseline. Intervals are those of a bootstrap of seeds within data "
    "sets. Time and memory are times those of the baseline, medians of one run on one device."
)


def lines(report: Report) -> list[Line]:
    """The comparisons of test accuracy as text, data set by data set."""
    ratios = {(c.metric, c.dataset, c.baseline): c for c in report.compared}
    found = sorted(report.of("accuracy"), key=lambda c: report.datasets.index(c.dataset))
    return [
        Line(
            dataset=c.dataset,
            baseline=c.baseline,
            verdict=c.absent or verdict_words(c.verdict),
            side=SIDES.get(c.verdict, "even"),
            points=wording.NOTHING if c.absent else wording.points(c.found),
            brief=wording.NOTHING if c.absent else _points(c),
            p=wording.NOTHING if math.isnan(c.p_holm) else p_text(c.p_holm),
            effect=wording.NOTHING if math.isnan(c.effect) else wording.signed(c.effect),
            spikes=_ratio_text(ratios["spikes", c.dataset, c.baseline]),
            synops=_ratio_text(ratios["synops", c.dataset, c.baseline]),
            bar=bar(c.found, half_of(report, c.dataset)),
        )
        for c in found
    ]


def half_of(report: Report, dataset: str) -> float:
    """Half the width of a data set's axis in tables, in percentage points."""
    reach = max(map(abs, _limits([c for c in report.of("accuracy") if c.dataset == dataset])))
    return half_axis(reach)


def _limits(found: list[Compared]) -> tuple[float, float]:
    """Least and greatest point of 0, the seeds and the intervals of a data set, with a margin.

    An interval of two pairs can be ten times as wide as the others: those are cut off.
    """
    ends = [v for c in found if c.found.n > 2 for v in (c.found.low, c.found.high)]
    seeds = [a - b for c in found for a, b in zip(c.new, c.recorded, strict=True)]
    low, high = (100 * extreme([0.0, *ends, *seeds]) for extreme in (min, max))
    margin = max(0.06 * (high - low), 0.5)
    return low - margin, high + margin


def _points(c: Compared) -> str:
    return f"{wording.signed(100 * c.found.mean)}{wording.interval(c.found, 100, '+.1f')}"


def _ratio_text(c: Compared) -> str:
    if c.absent:
        return c.absent
    decided = c.verdict in SIDES or c.verdict == "the same"
    decided_words = f", {verdict_words(c.verdict, c.metric)}" if decided else ""
    return f"{wording.ratio(c.found)}{decided_words}"


def overall_rows(report: Report) -> tuple[list[str], list[list[str]]]:
    """Titles and one row a baseline, and device where there are several."""
    devices = list(dict.fromkeys(c.device for c in report.costs)) or [""]
    several = len(devices) > 1
    whats = [what for what in COSTS if any(c.what == what for c in report.costs)]
    times = {(c.device, c.baseline, c.what): f"{c.times:.2g} ×" for c in report.costs}
    head = ["against", "it is", "interquartile mean, points", "p, Holm", "beats"]
    head += ["device"] if several else []
    rows = [
        [
            o.baseline,
            verdict_words(o.verdict),
            f"{wording.signed(100 * o.difference.value)}{between(o.difference, 100, '+.1f')}",
            wording.NOTHING if math.isnan(o.p_holm) else p_text(o.p_holm),
            f"{o.improvement.value:.2f}{between(o.improvement, 1, '.2f')}",
            *([device] if several else []),
            *(times.get((device, o.baseline, what), wording.NOTHING) for what in whats),
        ]
        for o in report.overall
        for device in devices
        if o.datasets
    ]
    return [*head, *(COST_TITLES[what] for what in whats)], rows


def terminal_table(report: Report) -> Table:
    """The verdicts on test accuracy for the terminal."""
    shown = {name: TITLES[name] for name in ("dataset", "baseline", "verdict")}
    shown |= {"brief": "points", "p": TITLES["p"]}
    title = f"{report.neuron}: test accuracy against recorded neurons"
    # 80 columns: nothing may be cut off, names least of all
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name, heading in shown.items():
        whole = name in ("dataset", "baseline", "verdict")
        table.add_column(heading, overflow="fold", no_wrap=whole)
    styles = {"ahead": "green", "behind": "red", "even": ""}
    before = None
    for line in lines(report):
        if before not in (None, line.dataset):
            table.add_section()
        before = line.dataset
        table.add_row(*(str(getattr(line, name)) for name in shown), style=styles[line.side])
    return table


def write_comparison(report: Report, folder: Path) -> list[Path]:
    """Write ``comparison.{json,csv,md}``, ``section.html`` and ``figure.png``; returns the paths.

    The section is a fragment for a page with the style sheet of the report. No figure is written
    where nothing could be paired, and an old one is removed.
    """
    text = {
        "comparison.json": as_json({**_plain(asdict(report)), "words": list(in_words(report))}),
        "comparison.csv": _csv(report),
        "comparison.md": _markdown(report),
        "section.html": _section(report),
    }
    for name, content in text.items():
        write_atomic(folder / name, content)
    written = [folder / name for name in text]
    picture = folder / "figure.png"
    with matplotlib.rc_context(STYLE):
        figure = draw(report)
        if figure is None:
            picture.unlink(missing_ok=True)
            return written
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
    write_atomic_bytes(picture, file.getvalue())
    return [*written, picture]


def _plain(value: Any) -> Any:
    """JSON has no nan: null."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _csv(report: Report) -> str:
    rows = []
    for c in report.compared:
        row = asdict(c)
        found = row.pop("found")
        for name in ("seeds", "new", "recorded"):
            row[name] = " ".join(map(str, row[name]))
        rows.append({"neuron": report.neuron} | row | found)
    return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")


def _markdown(report: Report) -> str:
    found = [[str(getattr(line, name)) for name in TITLES] for line in lines(report)]
    head, overall = overall_rows(report)
    parts = [
        f"# {report.neuron} against recorded neurons",
        *in_words(report),
        _grid(list(TITLES.values()), found),
        CAPTION,
        *([_grid(head, overall), OVERALL_CAPTION] if overall else []),
    ]
    return "\n\n".join(parts) + "\n"


def _grid(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def _section(report: Report) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    head, overall = overall_rows(report)
    found = lines(report)
    return environment.get_template("compare.html.j2").render(
        neuron=report.neuron,
        neuron_class=report.neuron_class,
        overview=overview(report),
        stage=f"{stage(report)} {outlook(report)}".strip(),
        gaps=gaps(report),
        methods=methods(report),
        paragraphs=[paragraph(report, baseline) for baseline in report.baselines],
        titles=TITLES,
        lines={d: [line for line in found if line.dataset == d] for d in report.datasets},
        axes={d: half_of(report, d) for d in report.datasets},
        caption=CAPTION,
        sides=SIDES,
        head=head,
        overall=overall,
        overall_caption=OVERALL_CAPTION,
    )


def draw(report: Report) -> Figure | None:
    """Forest plot of the paired differences: a panel a data set, a row a baseline, a dot a seed.

    None where nothing could be paired.
    """
    found = [c for c in report.of("accuracy") if not c.absent]
    datasets = [d for d in report.datasets if any(c.dataset == d for c in found)]
    if not datasets:
        return None
    looks, rows = colours(report.baselines), len(report.baselines)
    left = 0.25 + 0.066 * max(map(len, report.baselines))
    width = min(WIDE, left + 3.6 * len(datasets))
    height = 1.15 + 0.34 * rows
    figure = Figure(figsize=(width, height))
    panels = figure.subplots(1, len(datasets), squeeze=False, sharey=True)[0]
    figure.subplots_adjust(
        left=left / width,
        right=1 - 0.15 / width,
        top=1 - 0.3 / height,
        bottom=0.68 / height,
        wspace=0.08,
    )
    for axes, dataset in zip(panels, datasets, strict=True):
        axes.axvline(0, color="#333333", lw=0.9, ls=":")
        for c in found:
            if c.dataset == dataset:
                _draw_row(axes, report.baselines.index(c.baseline), c, looks[c.baseline])
        axes.set_title(dataset)
        axes.set_xlim(_limits([c for c in found if c.dataset == dataset]))
        axes.xaxis.set_major_locator(MaxNLocator(5, prune="both"))
        axes.set_yticks(range(rows), report.baselines)
        axes.set_ylim(rows - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
    note = f"test accuracy of {report.neuron} minus the baseline's, points"
    more = "small: a seed, large: their mean with its 95 % interval"
    figure.text(0.5, 0.05 / height, f"{note}\n{more}", ha="center", va="bottom", fontsize=9)
    return figure


def _draw_row(axes: Axes, y: int, c: Compared, look: Look) -> None:
    seeds = [100 * (new - old) for new, old in zip(c.new, c.recorded, strict=True)]
    axes.plot(seeds, [y + 0.26] * len(seeds), "o", color=look.colour, ms=3, alpha=0.55, mew=0)
    if c.found.n > 1:
        axes.plot([100 * c.found.low, 100 * c.found.high], [y, y], color=look.colour, lw=1.5)
    face, edge = ("white", look.colour) if look.hollow else (look.colour, "white")
    middle = 100 * c.found.mean
    axes.plot(middle, y, look.marker, mfc=face, mec=edge, mew=0.9, ms=7.5, zorder=3)
    if c.verdict in SIDES:
        axes.annotate(
            c.verdict,
            (middle, y),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )
