"""Tables of the selected records as CSV (raw numbers), Markdown and LaTeX (to read and print)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.evidence.claims.verdicts import ClaimVerdict, read_claims, verdicts
from benchmarks.evidence.ladder import ladder
from benchmarks.evidence.multiverse import ClaimInReadings, multiverse
from benchmarks.evidence.tuning import Tuned
from benchmarks.presenting.tables import rows
from benchmarks.presenting.tables.claims import checks_table, claims_table
from benchmarks.presenting.tables.ladder import ladder_table
from benchmarks.presenting.tables.multiverse import multiverse_table, readings_table
from benchmarks.presenting.tables.networks import networks
from benchmarks.presenting.tables.published import published
from benchmarks.presenting.tables.specificity import specificity
from benchmarks.presenting.tables.speed import backends, throughput
from benchmarks.presenting.tables.spikes import spikes, tuned_spikes
from benchmarks.presenting.tables.table import Table
from benchmarks.profile import Profile
from benchmarks.records.files import write_atomic
from benchmarks.records.selection import SUBJECT, Cells, Selection, load
from benchmarks.throughput.timings import Speeds, read_speeds

_LATEX = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": "$-$",
    "–": "--",
}
_BREAK = 60  # characters of a cell above which LaTeX may break its lines


def write_tables(profile: Profile, selection: Selection, tuned: Tuned | None) -> list[Path]:
    """Write every table of the profile; returns the paths.

    Raises InputError for records that are not valid or were not trained under matched conditions.
    """
    cells = load(profile.runs, selection)
    written = []
    for table in all_tables(cells, read_speeds(profile.throughput), tuned, judge(cells, tuned)):
        files = {
            "csv": table.raw.to_csv(index=False, lineterminator="\n"),
            "md": markdown(table),
            "tex": latex(table),
        }
        for suffix, text in files.items():
            path = profile.tables / f"{table.name}.{suffix}"
            write_atomic(path, text)
            written.append(path)
    return written


@dataclass(frozen=True)
class Judged:
    """The verdict on every claim, claim by claim in the same order."""

    shared: list[ClaimVerdict]  # at the shared learning rate
    tuned: list[ClaimVerdict] | None  # at each neuron's own best rate; None: no neuron was tuned
    readings: list[ClaimInReadings]  # those that rest on records, in every reading


def judge(cells: Cells, tuned: Tuned | None) -> Judged:
    """Put every claim to the records."""
    claims = read_claims()
    return Judged(
        verdicts(claims, cells, SUBJECT),
        verdicts(claims, tuned.cells, SUBJECT) if tuned else None,
        multiverse(claims, cells, tuned),
    )


def all_tables(cells: Cells, speeds: Speeds, tuned: Tuned | None, judged: Judged) -> list[Table]:
    """The tables in the order of the page."""
    return [
        claims_table(judged.shared, judged.tuned),
        checks_table(judged.shared, judged.tuned),
        multiverse_table(judged.readings, tuned is not None),
        readings_table(cells),
        ladder_table(ladder(cells, tuned)),
        rows.accuracy(cells),
        rows.difference(cells),
        rows.tuned_accuracy(tuned, cells),
        rows.tuned_difference(tuned),
        spikes(cells),
        tuned_spikes(tuned),
        specificity(cells),
        rows.association(cells),
        rows.parameters(cells),
        throughput(cells, speeds.main, speeds.costs),
        backends(speeds.every),
        networks(cells),
        published(cells),
        rows.cells_table(cells),
        rows.tuned_cells_table(tuned),
    ]


def markdown(table: Table) -> str:
    """A title, the table as GitHub reads it, and the caption."""
    head = [str(column) for column in table.shown.columns]
    body = [[str(value).replace("|", "\\|") for value in row] for row in _rows(table.shown)]
    lines = [head, ["---"] * len(head), *body]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {table.title}\n\n{text}\n\n{table.caption}\n"


def latex(table: Table) -> str:
    """A ``table`` environment for the package booktabs."""
    columns = "".join(map(_alignment, table.shown.to_dict("list").values()))
    head = " & ".join(escape(str(column)) for column in table.shown.columns)
    body, previous = [], None
    for row in _rows(table.shown):
        if previous is not None and row[0] != previous:
            body.append(r"\addlinespace")
        previous = row[0]
        body.append(" & ".join(escape(str(value)) for value in row) + r" \\")
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(table.caption)}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        head + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _alignment(texts: list[object]) -> str:
    """A column as wide as its texts, or one that breaks the lines of long ones."""
    return "l" if max(len(str(text)) for text in texts) <= _BREAK else r"p{0.3\linewidth}"


def escape(text: str) -> str:
    """Text as LaTeX takes it."""
    return "".join(_LATEX.get(sign, sign) for sign in text)


def _rows(frame: pd.DataFrame) -> list[list[object]]:
    return frame.to_numpy().tolist()
