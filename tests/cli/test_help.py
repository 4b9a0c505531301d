"""What a person meets first: the help, and the shell that completes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from benchmarks.cli import app as names
from benchmarks.cli.main import app

CONSOLE_SCRIPT = "import sys; sys.argv[0] = 'aia-bench'; import benchmarks.cli.main as m; m.main()"


def test_help_groups_every_command_by_what_one_wants_to_do() -> None:
    said = CliRunner(env={"COLUMNS": "120"}).invoke(app, ["--help"]).stdout
    panels = (names.COMPARE, names.LOOK, names.RUN, names.STAGE, names.DATA)
    places = [said.index(f" {panel} ") for panel in panels]
    assert places == sorted(places)
    assert " Commands " not in said  # where those without a group would stand


def test_a_command_is_said_in_one_short_active_sentence() -> None:
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        first = (command.help or "").splitlines()[0]
        assert 10 < len(first) <= 100, name
        assert first.endswith("."), name


@pytest.mark.parametrize(("typed", "completed"), [("comp", "compare"), ("doc", "doctor")])
def test_the_shell_completes_the_name_of_a_command(typed: str, completed: str) -> None:
    asked = {"_AIA_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": f"aia-bench {typed}"}
    done = subprocess.run(
        [sys.executable, "-c", CONSOLE_SCRIPT],
        env={**os.environ, **asked, "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [completed]
