"""The grid of neurons and data sets at the page's head, with links to their records."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.evidence.gaps import NOT_RUN
from benchmarks.evidence.tuning import Tuned, at_rate
from benchmarks.presenting.tables.ladder import SHARED
from benchmarks.presenting.tables.multiverse import SHARED_CONTROLS
from benchmarks.presenting.tables.table import NOT_MEASURED, Table
from benchmarks.profile import Profile
from benchmarks.records.files import record_path
from benchmarks.records.selection import Cells
from benchmarks.wording import NOTHING, slug

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


def link(profile: Profile, path: Path) -> Link:
    text = Path(os.path.relpath(path, profile.folder)).as_posix()
    return Link(text, Path(os.path.relpath(path, profile.page.parent)).as_posix())


def record_links(
    profile: Profile, cells: Cells, tuned: Tuned | None, settings: Mapping[str, Any]
) -> dict[str, dict[Cell, Link]]:
    """Table of cells -> where the record of each of its rows lies."""
    links = {
        "cells": {key: link(profile, record_path(profile.runs, *key)) for key in cells.records}
    }
    if tuned is not None:
        links["tuned_cells"] = {}
        for dataset, neuron, seed in tuned.cells.records:
            rate = tuned.rates[dataset, neuron]
            where = profile if rate == settings["learning_rate"] else at_rate(profile, rate)
            path = record_path(where.runs, dataset, neuron, seed)
            links["tuned_cells"][dataset, neuron, seed] = link(profile, path)
    return links


def grid_of(profile: Profile, table: Table, records: Mapping[Cell, Link]) -> Grid:
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
        files=[link(profile, profile.tables / f"{table.name}.{x}") for x in ("csv", "md")],
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
