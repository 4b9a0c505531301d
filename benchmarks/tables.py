"""Tables of the selected records as CSV (raw numbers), Markdown and LaTeX (to read and print)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks import rows
from benchmarks.claims import Verdict, read_claims, verdict_table, verdicts
from benchmarks.presenting.networks_table import networks
from benchmarks.profile import Profile
from benchmarks.published import published
from benchmarks.records import write_atomic
from benchmarks.rows import Table
from benchmarks.selection import Cells, Selection, load
from benchmarks.timings import Speeds, read_speeds
from benchmarks.tuning import Tuned

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

    shared: list[Verdict]  # at the shared learning rate
    tuned: list[Verdict] | None  # at each neuron's own best rate; None: no neuron was tuned


def judge(cells: Cells, tuned: Tuned | None) -> Judged:
    """Put every claim to the records."""
    claims = read_claims()
    return Judged(verdicts(claims, cells), verdicts(claims, tuned.cells) if tuned else None)


def all_tables(cells: Cells, speeds: Speeds, tuned: Tuned | None, judged: Judged) -> list[Table]:
    """The tables in the order of the page."""
    return [
        _claims(judged),
        rows.accuracy(cells),
        rows.difference(cells),
        rows.tuned_accuracy(tuned, cells),
        rows.tuned_difference(tuned),
        rows.spikes(cells),
        rows.specificity(cells),
        rows.association(cells),
        rows.parameters(cells),
        rows.throughput(cells, speeds.main, speeds.costs),
        rows.backends(speeds.every),
        networks(cells),
        published(cells),
        rows.cells_table(cells),
        rows.tuned_cells_table(tuned),
    ]


def _claims(judged: Judged) -> Table:
    frame = verdict_table(judged.shared, judged.tuned)
    no_number = pd.DataFrame(math.nan, frame.index, frame.columns)
    return Table("claims", "The paper's claims", rows.CAPTIONS["claims"], frame, frame, no_number)


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
