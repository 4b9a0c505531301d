"""``doctor``: what this machine has, and what follows."""

from __future__ import annotations

from pathlib import Path

import typer

from benchmarks.cli.app import LOOK, app
from benchmarks.cli.progress import say


@app.command(rich_help_panel=LOOK)
def doctor() -> None:
    """Say what this machine has, and what keeps `make repro` from working; status 1 if anything."""
    from benchmarks.running.doctor import findings

    remedies = []
    for finding in findings(Path.cwd()):
        say(f"{finding.what:<11}{finding.says}")
        remedies += [finding.remedy] if finding.remedy else []
    for remedy in remedies:
        say(f"to do: {remedy}")
    if remedies:
        raise typer.Exit(1)
