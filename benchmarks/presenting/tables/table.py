"""A table: its raw numbers, and the same as text to read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from benchmarks.evidence import estimates
from benchmarks.evidence.statistics import Estimate
from benchmarks.evidence.unmatched import said as unmatched_said
from benchmarks.presenting.tables.captions import CAPTIONS
from benchmarks.wording import NOTHING

NOT_MEASURED = "not measured"
NOT_TUNED = "no neuron was tuned"


class Number(NamedTuple):
    """A number as a reader sees it, and itself to sort by."""

    text: str
    value: float


Shown = dict[str, str | Number]
Row = tuple[dict[str, object], Shown]  # raw numbers, what is read


@dataclass(frozen=True)
class Table:
    """``raw`` goes to CSV, ``shown`` (all text) to Markdown, LaTeX and the page.

    ``values`` has the shape of ``shown`` and holds the number to sort by, nan where there is none.
    """

    name: str  # stem of its files
    title: str
    caption: str
    raw: pd.DataFrame
    shown: pd.DataFrame
    values: pd.DataFrame

    def texts(self) -> list[list[str]]:
        """The rows of ``shown``."""
        return [list(map(str, row)) for row in self.shown.to_numpy().tolist()]


def make_table(name: str, title: str, made: Iterable[Row], empty: str = "") -> Table:
    """A table of its rows; ``empty`` is all there is to read where there are none.

    The caption names the neurons among the rows that are not matched, and in what.
    """
    both = list(made)
    shown = [row for _, row in both] or [Shown({"data set": empty or "nothing to compare"})]
    text = [{k: v.text if isinstance(v, Number) else v for k, v in row.items()} for row in shown]
    value = [
        {k: v.value if isinstance(v, Number) else math.nan for k, v in row.items()} for row in shown
    ]
    unmatched = unmatched_said(str(row["neuron"]) for row in text if "neuron" in row)
    return Table(
        name,
        title,
        f"{CAPTIONS[name]} {unmatched}".strip(),
        pd.DataFrame([raw for raw, _ in both]),
        pd.DataFrame(text).fillna(NOTHING),
        pd.DataFrame(value),
    )


def points_of(estimate: Estimate) -> str | Number:
    """``+1.2 ± 0.4 [0.3, 2.1] (10)``, to be sorted by its mean."""
    return Number(estimates.points(estimate), estimate.mean) if estimate.n else NOTHING


def columns(stem: str, estimate: Estimate) -> dict[str, object]:
    """An estimate as columns of raw numbers: ``stem_mean``, ``stem_sd``..."""
    parts = {"mean": estimate.mean, "sd": estimate.sd, "low": estimate.low, "high": estimate.high}
    return {f"{stem}_{part}": value for part, value in parts.items()}


def markdown_rows(head: list[str], rows: Iterable[Iterable[str]]) -> str:
    """A table as GitHub reads it."""
    body = [[value.replace("|", "\\|") for value in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body])
