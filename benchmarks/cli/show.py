"""Commands that turn records into tables, figures and the page."""

from __future__ import annotations

import typer

from benchmarks.cli.app import app, opened
from benchmarks.cli.progress import say
from benchmarks.params import Params
from benchmarks.profile import Profile


@app.command()
def tables(context: typer.Context) -> None:
    """Write results/tables from the records alone."""
    from benchmarks.evidence.tuning import tuned_cells
    from benchmarks.presenting.tables.write import write_tables
    from benchmarks.records.selection import selection_of

    profile, params = opened(context)
    paths = write_tables(profile, selection_of(params), tuned_cells(profile, params))
    say(f"wrote {len(paths)} files to {profile.tables}")


@app.command()
def report(context: typer.Context) -> None:
    """Write reports/index.html and its figures from the records alone."""
    _report(*opened(context))


def _report(profile: Profile, params: Params) -> None:
    from benchmarks.evidence.tuning import tuned_cells
    from benchmarks.presenting.figures.write import write_figures
    from benchmarks.presenting.page.write import write_report
    from benchmarks.records.selection import selection_of

    chosen, tuned = selection_of(params), tuned_cells(profile, params)
    write_figures(profile, chosen, tuned)
    write_report(profile, chosen, params.training.settings(), tuned)
    say(f"wrote {profile.page}")
