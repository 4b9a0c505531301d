"""One self-contained page from records, tables' rows, figures and manifests."""

from __future__ import annotations

import base64
import json
import math
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import jinja2
from markupsafe import Markup, escape

from benchmarks import claims
from benchmarks.bars import Bar, bar, half_axis
from benchmarks.claims import Comparison, Verdict
from benchmarks.errors import InputError
from benchmarks.evidence.analysis import declared
from benchmarks.evidence.convergence import rising, share_unconverged
from benchmarks.evidence.families import FAMILIES, Side
from benchmarks.evidence.gaps import NOT_RUN
from benchmarks.figures import CAPTIONS, OVER_ALL, figure_path
from benchmarks.presenting.ladder_table import SHARED
from benchmarks.presenting.multiverse_table import SHARED_CONTROLS
from benchmarks.presenting.table import NOT_MEASURED, Table
from benchmarks.profile import Profile
from benchmarks.records import Host, record_path, write_atomic
from benchmarks.selection import SUBJECT, Cells, Selection, load
from benchmarks.statistics import method_of, smallest_sign_flip_p
from benchmarks.tables import Judged, all_tables, judge
from benchmarks.timings import files, read_speeds
from benchmarks.tuning import Tuned, at_rate
from benchmarks.wording import NOTHING, points, slug

# the figures of one data set in the order of the page
_ORDER = ("networks", "accuracy_spikes", "spikes_by_step", "curves", "association")
# which table of cells the rows of a table lead to; `cells` where it is not named
_BEHIND = dict.fromkeys(("tuned", "tuned_difference", "tuned_spikes"), "tuned_cells")
_BEHIND |= {"cells": "", "tuned_cells": ""}

_SIDES = {"ahead": "ahead", "behind": "behind", "not tested here": "absent"}
_SIDES |= {"reproduced": "ahead", "not reproduced": "behind"}

Cell = tuple[str, str, int]  # (data set, neuron, seed)


@dataclass(frozen=True)
class Link:
    """A file beside the page."""

    text: str  # path from the profile's folder
    href: str  # path from the page


@dataclass(frozen=True)
class GridCell:
    """One place of a table on the page."""

    column: str
    text: str
    value: float | None  # to sort by
    absent: bool  # says why there is nothing
    side: str  # how it is coloured: "ahead", "behind", "absent" or ""


@dataclass(frozen=True)
class GridRow:
    """A row of a table on the page; an empty name where the row is not about one."""

    dataset: str
    neuron: str
    seed: str
    cells: list[GridCell]
    record: Link | None
    behind: str  # the table of cells that it leads to


@dataclass(frozen=True)
class Grid:
    """A table on the page."""

    name: str
    title: str
    caption: str
    columns: list[tuple[str, str]]  # title, and its name in the address of a sorted view
    rows: list[GridRow]
    holds_cells: bool  # its rows are the cells themselves
    files: list[Link]


@dataclass(frozen=True)
class Row:
    """A claim with its verdict at the shared and at each neuron's own best learning rate."""

    shared: Verdict
    tuned: Verdict | None
    source: Markup
    command: str | None


@dataclass(frozen=True)
class Picture:
    """A figure to embed."""

    about: str  # data set, device, or the learning rates
    uri: str


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

    Figures are those that :func:`benchmarks.figures.write_figures` left; absent ones are left out.
    Raises InputError for records, manifests or throughput files that are not valid.
    """
    cells = load(profile.runs, selection)
    speeds = read_speeds(profile.throughput)
    compared = claims.comparisons(cells, SUBJECT)
    devices = speeds.devices
    judged = judge(cells, tuned)
    links = _records(profile, cells, tuned, settings)
    grids = [
        _grid(profile, table, links.get(table.name, {}))
        for table in all_tables(cells, speeds, tuned, judged)
    ]
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            subject=SUBJECT,
            selection=selection,
            settings=settings,
            differing=_differing(cells, settings),
            counts=_counts(cells),
            tuned=tuned,
            untuned=_untuned(selection, tuned),
            claims=_claims(judged),
            tallies=_tallies(judged),
            summary=_summary(compared),
            tuned_summary=_summary(claims.comparisons(tuned.cells, SUBJECT)) if tuned else [],
            axes={d: _axis(d, compared) for d in selection.datasets},
            comparisons={d: _lines(d, compared) for d in selection.datasets},
            readings={d: claims.reading(d, compared) for d in selection.datasets},
            chances=_chances(selection),
            family=FAMILIES["subject"][1],
            rules=f"{FAMILIES['claim holds'][1]} {FAMILIES['claim fails'][1]}",
            demonstration=_demonstration(cells),
            analysis=declared().says(len(selection.seeds)),
            sections=_sections(profile.compared),
            grids={grid.name: grid for grid in grids},
            figures={
                kind: _pictures(profile.figures, kind, selection.datasets)
                for kind in (*_ORDER, "samples")
            },
            over_all={k: _pictures(profile.figures, k, (a,)) for k, a in OVER_ALL.items()},
            speed_figures={
                kind: _pictures(profile.figures, kind, devices)
                for kind in ("throughput", "scaling", "roofline")
            },
            timed=[_link(profile, path) for path in files(profile.throughput)],
            order=_ORDER,
            captions=CAPTIONS,
            host=_host(cells.hosts),
            manifests=_manifests(profile.data, selection),
            manifest_links={
                d: _link(profile, profile.data / f"{d}.json") for d in selection.datasets
            },
        )
    )
    write_atomic(profile.page, page)
    return profile.page


def _link(profile: Profile, path: Path) -> Link:
    text = Path(os.path.relpath(path, profile.folder)).as_posix()
    return Link(text, Path(os.path.relpath(path, profile.page.parent)).as_posix())


def _records(
    profile: Profile, cells: Cells, tuned: Tuned | None, settings: Mapping[str, Any]
) -> dict[str, dict[Cell, Link]]:
    """Table of cells -> where the record of each of its rows lies."""
    found = {
        "cells": {key: _link(profile, record_path(profile.runs, *key)) for key in cells.records}
    }
    if tuned is not None:
        found["tuned_cells"] = {}
        for dataset, neuron, seed in tuned.cells.records:
            rate = tuned.rates[dataset, neuron]
            where = profile if rate == settings["learning_rate"] else at_rate(profile, rate)
            path = record_path(where.runs, dataset, neuron, seed)
            found["tuned_cells"][dataset, neuron, seed] = _link(profile, path)
    return found


def _grid(profile: Profile, table: Table, records: Mapping[Cell, Link]) -> Grid:
    columns = [str(column) for column in table.shown.columns]
    numeric = table.values.notna().any().tolist()
    rows = []
    for texts, values in zip(
        table.shown.to_numpy().tolist(), table.values.to_numpy().tolist(), strict=True
    ):
        about = dict(zip(columns, texts, strict=True))
        dataset, neuron, seed = (about.get(k, "") for k in ("data set", "neuron", "seed"))
        shown = [_cell(*of) for of in zip(columns, texts, values, numeric, strict=True)]
        record = records.get((dataset, neuron, int(seed))) if seed else None
        neuron = "" if neuron == NOTHING else neuron
        rows.append(GridRow(dataset, neuron, seed, shown, record, _behind(table.name, about)))
    return Grid(
        name=table.name,
        title=table.title,
        caption=table.caption,
        columns=[(column, slug(column)) for column in columns],
        rows=[] if table.raw.empty and table.name != "throughput" else rows,
        holds_cells=not _BEHIND.get(table.name, "cells"),
        files=[_link(profile, profile.tables / f"{table.name}.{x}") for x in ("csv", "md", "tex")],
    )


def _behind(table: str, about: Mapping[str, str]) -> str:
    """Which table of cells a row leads to; the ladder's rows are at either kind of rate."""
    if table == "ladder" and not about.get("learning rate", SHARED).endswith(SHARED):
        return "tuned_cells"
    return _BEHIND.get(table, "cells")


def _cell(column: str, text: str, value: float, in_numbers: bool) -> GridCell:
    nothing = text in (NOTHING, NOT_RUN, NOT_MEASURED)
    # a verdict that is no evidence, as "reproduced (not converged)", has no colour
    side = _SIDES.get(text.partition(SHARED_CONTROLS)[0], "")
    if math.isnan(value):
        return GridCell(column, text, None, nothing or in_numbers, side)
    return GridCell(column, text, value, nothing, side)


def _claims(judged: Judged) -> list[Row]:
    own = {verdict.id: verdict for verdict in judged.tuned or []}
    rows = []
    for shared in judged.shared:
        tuned = own.get(shared.id)
        command = shared.command or (tuned.command if tuned else None)
        rows.append(Row(shared, tuned, _with_links(shared.source), command))
    return sorted(rows, key=lambda row: row.shared.status == "not tested here")


def _with_links(text: str) -> Markup:
    return Markup(re.sub(r"https://[\w./-]*\w", r'<a href="\g<0>">\g<0></a>', str(escape(text))))


def _tallies(judged: Judged) -> dict[str, dict[str, int]]:
    """At which learning rate -> how many claims on records have which status."""
    sides = {"at the shared learning rate": judged.shared}
    if judged.tuned is not None:
        sides["at each neuron's own best rate"] = judged.tuned
    return {
        name: dict(Counter(v.short for v in found if v.rests_on == "records"))
        for name, found in sides.items()
    }


def _demonstration(cells: Cells) -> str:
    """Why the records are no evidence; empty where nothing speaks against them."""
    unconverged, finished = share_unconverged(cells.records.values())
    analysis, seeds = declared(), len(cells.selection.seeds)
    reasons = []
    if any(rising(cells, *group) for group in cells.selection.groups):
        reasons.append(
            f"{unconverged} of {finished} cells are not converged: their validation accuracy still "
            "gained half a point or more in the last fifth of the epochs"
        )
    if not analysis.decides(seeds):
        reasons.append(
            f"there are {seeds} seeds where the declared analysis asks for {analysis.looks[0]}"
        )
    return "; ".join(reasons) if finished else ""


def _untuned(selection: Selection, tuned: Tuned | None) -> list[str]:
    return [n for n in selection.neurons if tuned and n not in tuned.cells.selection.neurons]


def _sections(compared: Path) -> list[Markup]:
    """What `compare` wrote about each neuron; our own HTML."""
    paths = sorted(compared.glob("*/section.html"))
    return [Markup(path.read_text(encoding="utf-8")) for path in paths]


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _counts(cells: Cells) -> dict[str, int]:
    chosen = cells.selection
    wanted = len(chosen.datasets) * len(chosen.neurons) * len(chosen.seeds)
    failed = sum(record.failure is not None for record in cells.records.values())
    return {
        "wanted": wanted,
        "finished": len(cells.records) - failed,
        "failed": failed,
        "missing": wanted - len(cells.records),
    }


def _differing(cells: Cells, settings: dict[str, Any]) -> list[str]:
    """Settings under which records were made that are not those of params.yaml now."""
    found = {
        f"{key} = {record.settings.get(key)} (now {settings.get(key)})"
        for record in cells.records.values()
        for key in {*record.settings, *settings}
        if record.settings.get(key) != settings.get(key)
    }
    return sorted(found)


def _summary(compared: list[Comparison]) -> list[str]:
    """The answer in one sentence a group of neurons."""
    names = {
        "baseline": "the LIF and PLIF baselines",
        "control": "the controls",
        "other": "other neurons",
    }
    sentences = []
    for kind, name in names.items():
        found = claims.once([c for c in compared if c.kind == kind and c.found.n])
        if found:
            noun = "comparison" if len(found) == 1 else "comparisons"
            counts = {side: found.count(side) for side in get_args(Side)}
            shown = ", ".join(f"{claims.side_words(s)} in {n}" for s, n in counts.items() if n)
            sentences.append(f"Against {name}, {len(found)} {noun}: {shown}.")
    return sentences


def _axis(dataset: str, compared: list[Comparison]) -> float:
    """Half the width of the axis that the intervals of a data set share, in percentage points."""
    found = [c.found for c in compared if c.dataset == dataset and c.found.n > 1]
    return half_axis(100 * max((abs(v) for e in found for v in (e.low, e.high)), default=0.0))


def _lines(dataset: str, compared: list[Comparison]) -> list[Line]:
    half = _axis(dataset, compared)
    lines = []
    for c in compared:
        if c.dataset == dataset:
            text = points(c.found) if c.found.n else c.says
            says = c.says if c.found.n else ""
            side = c.side if c.side in ("ahead", "behind") else "even"
            lines.append(Line(c.other, c.kind, text, bar(c.found, half), side, says))
    return sorted(lines, key=lambda line: ("baseline", "control", "other").index(line.kind))


def _chances(selection: Selection) -> dict[str, Any]:
    """What the number of seeds allows."""
    return {
        "seeds": len(selection.seeds),
        "by_t": method_of(len(selection.seeds)) != "sign-flip test",
        "least_p": f"{smallest_sign_flip_p(len(selection.seeds)):.2g}",
    }


def _pictures(folder: Path, kind: str, about: tuple[str, ...]) -> list[Picture]:
    paths = {name: figure_path(folder, kind, name) for name in about}
    return [Picture(name, _data_uri(path)) for name, path in paths.items() if path.exists()]


def _data_uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _host(hosts: list[Host]) -> list[tuple[str, str]]:
    """What the selected cells ran on; more than one value where they did not agree."""
    if not hosts:
        return []
    versions = sorted({f"{k} {v}" for host in hosts for k, v in host.versions.items()})
    dirty = sum(host.dirty is not False for host in hosts)
    hours = sum(host.train_seconds for host in hosts) / 3600
    started = sorted(host.started[:10] for host in hosts)
    rows = {
        "device": _distinct([host.device for host in hosts]),
        "processor": _distinct([host.cpu for host in hosts]),
        "driver": _distinct([host.driver or "none" for host in hosts]),
        "system": _distinct([f"{host.platform}, Python {host.python}" for host in hosts]),
        "packages": ", ".join(versions),
        "threads a cell": _distinct([str(host.threads) for host in hosts]),
        "deterministic algorithms": _distinct([_yes(host.deterministic) for host in hosts]),
        "order of sums": _distinct([host.paths.get("products", "not said") for host in hosts]),
        "compiled neurons": _distinct([_yes(host.compiled) for host in hosts]),
        "commit": _distinct([host.commit[:12] for host in hosts]),
        "uncommitted changes": f"in {dirty} of {len(hosts)} cells, or unknown" if dirty else "none",
        "trained": f"{hours:.2f} hours in all, begun {' to '.join(dict.fromkeys(started))}"
        if len(set(started)) < 3
        else f"{hours:.2f} hours in all, begun {started[0]} to {started[-1]}",
    }
    return list(rows.items())


def _distinct(values: list[str]) -> str:
    return "; ".join(dict.fromkeys(values))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _manifests(data: Path, selection: Selection) -> dict[str, dict[str, Any] | None]:
    """The manifests of the selected data sets, None for one that is not there."""
    found: dict[str, dict[str, Any] | None] = {}
    for dataset in selection.datasets:
        path = data / f"{dataset}.json"
        try:
            found[dataset] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        except ValueError as error:
            raise InputError(
                f"{path}: not JSON ({error}); delete it and write the manifest again"
            ) from error
    return found
