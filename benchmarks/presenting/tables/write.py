"""Tables of the selected records as CSV (raw numbers), Markdown (to read) and LaTeX (to print)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.evidence.claims.verdicts import ClaimVerdict, read_claims, verdicts
from benchmarks.evidence.ladder import ladder
from benchmarks.evidence.multiverse import ClaimInReadings, multiverse
from benchmarks.evidence.tuning import Tuned
from benchmarks.presenting.tables import rows
from benchmarks.presenting.tables.claims import checks_table, claims_table
from benchmarks.presenting.tables.ladder import ladder_table
from benchmarks.presenting.tables.latex import document, latex
from benchmarks.presenting.tables.multiverse import multiverse_table, readings_table
from benchmarks.presenting.tables.networks import networks
from benchmarks.presenting.tables.published import published
from benchmarks.presenting.tables.specificity import specificity
from benchmarks.presenting.tables.speed import backends, throughput
from benchmarks.presenting.tables.spikes import spikes, tuned_spikes
from benchmarks.presenting.tables.table import Table, markdown_rows
from benchmarks.profile import Profile
from benchmarks.records.files import write_atomic
from benchmarks.records.selection import SUBJECT, Cells, Selection, load
from benchmarks.throughput.summaries import speeds_of_profile
from benchmarks.throughput.timings import Speeds


def tables_of(profile: Profile, selection: Selection, tuned: Tuned | None) -> list[Table]:
    """Every table of the profile.

    Raises InputError for records that are not valid or were not trained under matched conditions.
    """
    cells = load(profile.runs, selection)
    return all_tables(cells, speeds_of_profile(profile), tuned, judge(cells, tuned))


def write_tables(tables: list[Table], folder: Path) -> list[Path]:
    """Write each table as CSV and as Markdown; returns the paths."""
    texts = {
        folder / f"{table.name}.{suffix}": text
        for table in tables
        for suffix, text in (
            ("csv", table.raw.to_csv(index=False, lineterminator="\n")),
            ("md", markdown(table)),
        )
    }
    return _written(texts)


def write_latex(tables: list[Table], folder: Path) -> list[Path]:
    """Write each table as LaTeX, and ``tables.tex``, which prints them all; returns the paths."""
    texts = {folder / f"{table.name}.tex": latex(table) for table in tables}
    return _written(texts | {folder / "tables.tex": document(path.stem for path in texts)})


def _written(texts: dict[Path, str]) -> list[Path]:
    for path, text in texts.items():
        write_atomic(path, text)
    return list(texts)


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
    return f"## {table.title}\n\n{markdown_rows(head, table.texts())}\n\n{table.caption}\n"
