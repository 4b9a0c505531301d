"""One self-contained page from records, tables' rows, figures and manifests."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from markupsafe import Markup, escape

from benchmarks.events.real import is_real
from benchmarks.evidence.analysis import declared
from benchmarks.evidence.claims import verdicts as claims
from benchmarks.evidence.claims.verdicts import ClaimVerdict, Comparison
from benchmarks.evidence.estimates import points
from benchmarks.evidence.families import FAMILIES, Side
from benchmarks.evidence.tuning import Tuned
from benchmarks.presenting.figures.bars import Bar, bar, half_axis
from benchmarks.presenting.figures.write import CAPTIONS, OVER_ALL
from benchmarks.presenting.page.grid import grid_of, link, record_links
from benchmarks.presenting.page.notes import (
    chances,
    counts,
    demonstration,
    differing,
    hosts_in_words,
    manifests,
)
from benchmarks.presenting.page.pictures import pictures
from benchmarks.presenting.page.templating import environment
from benchmarks.presenting.tables.write import Judged, all_tables, judge
from benchmarks.profile import Profile
from benchmarks.records.files import write_atomic
from benchmarks.records.selection import SUBJECT, Cells, Selection, load
from benchmarks.throughput.summaries import speeds_of_profile
from benchmarks.throughput.timings import files

# the figures of one data set in the order of the page
_ORDER = ("networks", "accuracy_spikes", "spikes_by_step", "curves", "association")


@dataclass(frozen=True)
class Row:
    """A claim with its verdict at the shared and at each neuron's own best learning rate."""

    shared: ClaimVerdict
    tuned: ClaimVerdict | None
    source: Markup
    command: str | None


@dataclass(frozen=True)
class Line:
    """One comparison as the page shows it."""

    other: str
    kind: str
    text: str
    bar: Bar | None
    side: str
    says: str


def write_report(
    profile: Profile, selection: Selection, settings: dict[str, Any], tuned: Tuned | None
) -> Path:
    """Write the profile's page; ``settings`` is the training section of params.yaml.

    Figures are those that :mod:`benchmarks.presenting.figures` left; absent ones are left out.
    Raises InputError for records, manifests or throughput files that are not valid.
    """
    real_first = sorted(selection.datasets, key=lambda dataset: not is_real(dataset))
    selection = replace(selection, datasets=tuple(real_first))
    cells = load(profile.runs, selection)
    speeds = speeds_of_profile(profile)
    judged = judge(cells, tuned)
    links = record_links(profile, cells, tuned, settings)
    tables = all_tables(cells, speeds, tuned, judged)
    page = (
        environment()
        .get_template("report.html.j2")
        .render(
            subject=SUBJECT,
            selection=selection,
            settings=settings,
            differing=differing(cells, settings),
            counts=counts(cells),
            tuned=tuned,
            untuned=_untuned(selection, tuned),
            claims=_claims(judged),
            tallies=_tallies(judged),
            **_comparisons(cells, selection, tuned),
            **_statistics(cells, selection),
            sections=_sections(profile.compared),
            grids={t.name: grid_of(profile, t, links.get(t.name, {})) for t in tables},
            **_figures(profile.figures, selection, speeds.devices),
            timed=[link(profile, path) for path in files(profile.throughput)],
            order=_ORDER,
            captions=CAPTIONS,
            host=hosts_in_words(list(cells.hosts.values())),
            **_manifests(profile, selection),
        )
    )
    write_atomic(profile.page, page)
    return profile.page


def _comparisons(cells: Cells, selection: Selection, tuned: Tuned | None) -> dict[str, Any]:
    """The subject beside each other neuron: in a sentence, as intervals and in words."""
    compared = claims.comparisons(cells, SUBJECT)
    return {
        "summary": _summary(compared),
        "tuned_summary": _summary(claims.comparisons(tuned.cells, SUBJECT)) if tuned else [],
        "axes": {d: _axis(d, compared) for d in selection.datasets},
        "comparisons": {d: _lines(d, compared) for d in selection.datasets},
        "readings": {d: claims.reading(d, compared) for d in selection.datasets},
    }


def _statistics(cells: Cells, selection: Selection) -> dict[str, Any]:
    """How the records are judged, in words."""
    return {
        "chances": chances(selection),
        "family": FAMILIES["subject"][1],
        "rules": f"{FAMILIES['claim holds'][1]} {FAMILIES['claim fails'][1]}",
        "demonstration": demonstration(cells),
        "embedded": [dataset for dataset in selection.datasets if not is_real(dataset)],
        "analysis": declared().says(cells.most_seeds()),
    }


def _manifests(profile: Profile, selection: Selection) -> dict[str, Any]:
    """What the data sets were, and where that is written."""
    written = {d: profile.data / f"{d}.json" for d in selection.datasets}
    return {
        "manifests": manifests(profile.data, selection),
        "manifest_links": {dataset: link(profile, path) for dataset, path in written.items()},
    }


def _figures(folder: Path, selection: Selection, devices: tuple[str, ...]) -> dict[str, Any]:
    """The figures that are there, by kind: of each data set, over all, and of speed."""
    kinds, speeds = (*_ORDER, "samples"), ("throughput", "scaling", "roofline")
    return {
        "figures": {kind: pictures(folder, kind, selection.datasets) for kind in kinds},
        "over_all": {k: pictures(folder, k, (a,)) for k, a in OVER_ALL.items()},
        "speed_figures": {kind: pictures(folder, kind, devices) for kind in speeds},
    }


def _claims(judged: Judged) -> list[Row]:
    own = {verdict.id: verdict for verdict in judged.tuned or []}
    rows = []
    for shared in judged.shared:
        tuned = own.get(shared.id)
        command = shared.command or (tuned.command if tuned else None)
        rows.append(Row(shared, tuned, _with_links(shared.source), command))
    return sorted(rows, key=_place)


def _place(row: Row) -> tuple[bool, bool]:
    """Tested claims come first, among them those on recorded data."""
    on_real = any(is_real(line.dataset) for line in row.shared.evidence)
    return row.shared.status == "not tested here", not on_real


def _with_links(text: str) -> Markup:
    return Markup(re.sub(r"https://[\w./-]*\w", r'<a href="\g<0>">\g<0></a>', str(escape(text))))


def _tallies(judged: Judged) -> dict[str, dict[str, int]]:
    """At which learning rate -> how many claims on records have which status."""
    sides = {"at the shared learning rate": judged.shared}
    if judged.tuned is not None:
        sides["at each neuron's own best rate"] = judged.tuned
    return {
        name: dict(Counter(v.short for v in verdicts if v.rests_on == "records"))
        for name, verdicts in sides.items()
    }


def _untuned(selection: Selection, tuned: Tuned | None) -> list[str]:
    return [n for n in selection.neurons if tuned and n not in tuned.cells.selection.neurons]


def _sections(compared: Path) -> list[Markup]:
    """What `compare` wrote about each neuron; our own HTML."""
    paths = sorted(compared.glob("*/section.html"))
    return [Markup(path.read_text(encoding="utf-8")) for path in paths]


def _summary(compared: list[Comparison]) -> list[str]:
    """The answer in one sentence a group of neurons."""
    names = {
        "baseline": "the LIF and PLIF baselines",
        "control": "the controls",
        "other": "other neurons",
    }
    sentences = []
    for kind, name in names.items():
        sides = claims.once([c for c in compared if c.kind == kind and c.estimate.n])
        if sides:
            noun = "comparison" if len(sides) == 1 else "comparisons"
            counts = {side: sides.count(side) for side in get_args(Side)}
            shown = ", ".join(f"{claims.side_words(s)} in {n}" for s, n in counts.items() if n)
            sentences.append(f"Against {name}, {len(sides)} {noun}: {shown}.")
    return sentences


def _axis(dataset: str, compared: list[Comparison]) -> float:
    """Half the width of the axis that the intervals of a data set share, in percentage points."""
    leads = [c.estimate for c in compared if c.dataset == dataset and c.estimate.n > 1]
    return half_axis(100 * max((abs(v) for e in leads for v in (e.low, e.high)), default=0.0))


def _lines(dataset: str, compared: list[Comparison]) -> list[Line]:
    half = _axis(dataset, compared)
    lines = []
    for c in compared:
        if c.dataset == dataset:
            text = points(c.estimate) if c.estimate.n else c.says
            says = c.says if c.estimate.n else ""
            side = c.side if c.side in ("ahead", "behind") else "even"
            lines.append(Line(c.other, c.kind, text, bar(c.estimate, half), side, says))
    return sorted(lines, key=lambda line: ("baseline", "control", "other").index(line.kind))
