"""Commands that turn records into tables, figures and the page."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.cli.app import LOOK, app, opened
from benchmarks.cli.progress import ProgressBar, say


@app.command(rich_help_panel=LOOK)
def tables(
    context: typer.Context,
    tex: Annotated[bool, typer.Option("--tex", help="also for LaTeX, into results/tex")] = False,
) -> None:
    """Write results/tables, from the records alone."""
    from benchmarks.evidence.tuning import tuned_cells
    from benchmarks.presenting.tables.write import tables_of, write_latex, write_tables
    from benchmarks.records.selection import selection_of

    profile, params = opened(context)
    made = tables_of(profile, selection_of(params), tuned_cells(profile, params))
    say(f"wrote {len(write_tables(made, profile.tables))} files to {profile.tables}")
    if tex:
        say(f"wrote {len(write_latex(made, profile.tex))} files to {profile.tex}")


@app.command(rich_help_panel=LOOK)
def report(context: typer.Context) -> None:
    """Write the page, reports/index.html, and its figures, from the records alone."""
    from benchmarks.evidence.tuning import tuned_cells
    from benchmarks.presenting.figures.write import write_figures
    from benchmarks.presenting.page.write import write_report
    from benchmarks.records.selection import selection_of

    profile, params = opened(context)
    chosen, tuned = selection_of(params), tuned_cells(profile, params)
    with ProgressBar("figures", "figures") as progress:
        write_figures(profile, chosen, tuned, progress)
    write_report(profile, chosen, params.training.settings(), tuned)
    say(f"wrote {profile.page}")
