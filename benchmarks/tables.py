"""Tables of the selected records as CSV (raw numbers), Markdown and LaTeX (to read and print)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks import rows
from benchmarks.records import write_atomic
from benchmarks.rows import Table
from benchmarks.selection import Cells, Selection, load
from benchmarks.timings import Timing, read_timings

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


def write_tables(runs: Path, throughput: Path, selection: Selection, out: Path) -> list[Path]:
    """Write every table to ``out``; returns the paths.

    Raises InputError for records that are not valid or were not trained under matched conditions.
    """
    written = []
    for table in all_tables(load(runs, selection), read_timings(throughput)):
        files = {
            "csv": table.raw.to_csv(index=False, lineterminator="\n"),
            "md": markdown(table),
            "tex": latex(table),
        }
        for suffix, text in files.items():
            path = out / f"{table.name}.{suffix}"
            write_atomic(path, text)
            written.append(path)
    return written


def all_tables(cells: Cells, timings: list[Timing]) -> list[Table]:
    """The tables in the order of the page."""
    return [
        rows.accuracy(cells),
        rows.difference(cells),
        rows.spikes(cells),
        rows.parameters(cells),
        rows.throughput(cells, timings),
        rows.cells_table(cells),
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
    columns = "l" * len(table.shown.columns)
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


def escape(text: str) -> str:
    """Text as LaTeX takes it."""
    return "".join(_LATEX.get(sign, sign) for sign in text)


def _rows(frame: pd.DataFrame) -> list[list[object]]:
    return frame.to_numpy().tolist()
