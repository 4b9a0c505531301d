"""A comparison as tables for the terminal and for files, as a section of the page, as a figure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from markupsafe import Markup
from rich import box
from rich.console import Group
from rich.table import Table

from benchmarks import wording
from benchmarks.evidence import estimates
from benchmarks.evidence.comparison.compare import COSTS
from benchmarks.evidence.comparison.report import SIDES, Colour, Compared, ComparisonReport
from benchmarks.evidence.families import FAMILIES
from benchmarks.presenting.comparison.forest import draw, half_of
from benchmarks.presenting.comparison.words import (
    between,
    gaps,
    in_words,
    overview,
    p_text,
    stage,
    verdict_words,
)
from benchmarks.presenting.figures.bars import Bar, bar
from benchmarks.presenting.figures.svg import svg
from benchmarks.presenting.figures.write import STYLE
from benchmarks.presenting.page.pictures import svg_uri
from benchmarks.presenting.page.templating import environment
from benchmarks.presenting.tables.table import markdown_rows
from benchmarks.records.files import as_json, write_atomic


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
OVERALL_TITLES = ("interquartile mean, points", "p, Holm", "beats")
COST_TITLES = {
    "training_step": "training step",
    "neuron_forward_backward": "neuron alone",
    "kept_bytes": "bytes kept",
}
CAPTION = (
    "Test accuracy: mean of the paired differences ± standard deviation [95 % interval] (number "
    "of pairs); spikes and SynOps: geometric mean of the paired ratios [95 % interval]. The "
    f"intervals are those of single comparisons. {FAMILIES['compare'][1]} Each p is that of the "
    "exact sign-flip test where the number of pairs lets it reach the corrected level, otherwise "
    "that of Student's t test, which assumes that the differences are normally distributed. The "
    "verdict follows p; the same within the margin is shown by two one-sided tests, corrected "
    "likewise. The effect "
    "size is the mean difference in standard deviations of the differences, corrected for few "
    "seeds."
)
OVERALL_CAPTION = (
    "The pairs of all data sets together: interquartile mean of the differences; p of their "
    "being equal everywhere, corrected over the baselines; probability that a run of the new "
    "neuron beats one of the baseline. Intervals are those of a bootstrap of seeds within data "
    "sets. Time and memory are times those of the baseline, medians of one run on one device."
)


def lines(report: ComparisonReport) -> list[Line]:
    """The comparisons of test accuracy as text, data set by data set."""
    ratios = {(c.metric, c.dataset, c.baseline): c for c in report.compared}
    compared = sorted(report.of("accuracy"), key=lambda c: report.datasets.index(c.dataset))
    return [
        Line(
            dataset=c.dataset,
            baseline=c.baseline,
            verdict=c.absent or verdict_words(c.verdict),
            side=SIDES.get(c.verdict, "even"),
            points=wording.NOTHING if c.absent else estimates.points(c.estimate),
            brief=wording.NOTHING if c.absent else _points(c),
            p=wording.NOTHING if math.isnan(c.p_holm) else p_text(c.p_holm),
            effect=wording.NOTHING if math.isnan(c.effect) else wording.signed(c.effect),
            spikes=_ratio_text(ratios["spikes", c.dataset, c.baseline]),
            synops=_ratio_text(ratios["synops", c.dataset, c.baseline]),
            bar=bar(c.estimate, half_of(report, c.dataset)),
        )
        for c in compared
    ]


def _points(c: Compared) -> str:
    return f"{wording.signed(100 * c.estimate.mean)}{estimates.interval(c.estimate, 100, '+.1f')}"


def _ratio_text(c: Compared) -> str:
    if c.absent:
        return c.absent
    decided = c.verdict in SIDES or c.verdict == "the same"
    decided_words = f", {verdict_words(c.verdict, c.metric)}" if decided else ""
    return f"{estimates.ratio(c.estimate)}{decided_words}"


def overall_rows(report: ComparisonReport) -> tuple[list[str], list[list[str]]]:
    """Titles and one row a baseline, and device where there are several."""
    devices = list(dict.fromkeys(c.device for c in report.costs)) or [""]
    several = len(devices) > 1
    whats = [what for what in COSTS if any(c.what == what for c in report.costs)]
    times = {(c.device, c.baseline, c.what): f"{c.times:.2g} ×" for c in report.costs}
    head = ["against", "it is", *OVERALL_TITLES, *(["device"] if several else [])]
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


def terminal_tables(report: ComparisonReport) -> Group:
    """For the terminal: test accuracy, spikes and SynOps, all data sets with time and memory."""
    accuracy = {"brief": "points", "p": TITLES["p"]}
    counts = {name: TITLES[name] for name in ("spikes", "synops")}
    head, rows = overall_rows(report)
    fit = [place for place, title in enumerate(head) if title not in OVERALL_TITLES]
    title = f"{report.neuron}: all data sets, time and memory"
    overall = _terminal_table(title, (head[place] for place in fit))
    for row in rows:
        overall.add_row(*(row[place] for place in fit))
    return Group(
        _by_dataset(report, "test accuracy", {"verdict": TITLES["verdict"]} | accuracy),
        _by_dataset(report, "spikes and SynOps", counts),
        *([overall] if rows else []),
    )


def _by_dataset(report: ComparisonReport, what: str, columns: dict[str, str]) -> Table:
    shown = {name: TITLES[name] for name in ("dataset", "baseline")} | columns
    table = _terminal_table(f"{report.neuron}: {what} against recorded neurons", shown.values())
    styles = {"ahead": "green", "behind": "red", "even": ""}
    before = None
    for line in lines(report):
        if before not in (None, line.dataset):
            table.add_section()
        before = line.dataset
        style = styles[line.side] if "verdict" in columns else ""
        table.add_row(*(str(getattr(line, name)) for name in shown), style=style)
    return table


def _terminal_table(title: str, head: Iterable[str]) -> Table:
    """Of 80 columns: nothing may be cut off, names least of all."""
    whole = [TITLES[name] for name in ("dataset", "baseline", "verdict")]
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in head:
        table.add_column(heading, overflow="fold", no_wrap=heading in whole)
    return table


def write_comparison(report: ComparisonReport, folder: Path) -> list[Path]:
    """Write ``comparison.{json,csv,md}``, ``figure.svg``, ``section.html`` and ``index.html``, in
    this order; returns the paths.

    The section is a fragment for the profile's page, ``index.html`` a page of its own. No figure is
    written where nothing could be paired, and an old one is removed.
    """
    texts = {
        "comparison.json": as_json(_content(report)),
        "comparison.csv": _csv(report),
        "comparison.md": _markdown(report),
    }
    picture = folder / "figure.svg"
    with matplotlib.rc_context(STYLE):
        figure = draw(report)
        if figure is None:
            picture.unlink(missing_ok=True)
        else:
            texts[picture.name] = svg(figure)
    section = _section(report, texts.get(picture.name))
    whole = environment().get_template("comparison.html.j2")
    page = whole.render(section=section, neuron=report.neuron)
    texts |= {"section.html": section, "index.html": page}
    for name, content in texts.items():
        write_atomic(folder / name, content)
    return [folder / name for name in texts]


def _content(report: ComparisonReport) -> dict[str, Any]:
    """What ``comparison.json`` holds: the report, its estimates under ``found``, and its words."""
    content = asdict(report)
    for row in content["compared"]:
        row["found"] = row.pop("estimate")
    return {**_plain(content), "words": list(in_words(report))}


def _plain(value: Any) -> Any:
    """JSON has no nan: null."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _csv(report: ComparisonReport) -> str:
    rows = []
    for c in report.compared:
        row = asdict(c)
        estimate = row.pop("estimate")
        for name in ("seeds", "new", "recorded"):
            row[name] = " ".join(map(str, row[name]))
        rows.append({"neuron": report.neuron} | row | estimate)
    return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")


def _markdown(report: ComparisonReport) -> str:
    rows = [[str(getattr(line, name)) for name in TITLES] for line in lines(report)]
    head, overall = overall_rows(report)
    parts = [
        f"# {report.neuron} against recorded neurons",
        *in_words(report),
        markdown_rows(list(TITLES.values()), rows),
        CAPTION,
        *([markdown_rows(head, overall), OVERALL_CAPTION] if overall else []),
    ]
    return "\n\n".join(parts) + "\n"


def _section(report: ComparisonReport, picture: str | None) -> Markup:
    head, overall = overall_rows(report)
    all_lines = lines(report)
    return Markup(
        environment()
        .get_template("compare.html.j2")
        .render(
            picture=picture and svg_uri(picture),
            neuron=report.neuron,
            neuron_class=report.neuron_class,
            overview=overview(report),
            stage=stage(report),
            gaps=gaps(report),
            titles=TITLES,
            lines={d: [line for line in all_lines if line.dataset == d] for d in report.datasets},
            axes={d: half_of(report, d) for d in report.datasets},
            caption=CAPTION,
            sides=SIDES,
            head=head,
            overall=overall,
            overall_caption=OVERALL_CAPTION,
        )
    )
