"""Commands called in this process, which has imported already what takes a new one seconds."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path
from subprocess import CompletedProcess
from unittest import mock

from benchmarks.cli import main as command_line
from tests.small import ROOT


def call_command(*words: str, at: Path = ROOT) -> CompletedProcess[str]:
    """``python -m benchmarks`` with these words and ``at`` as the working directory."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with (
        contextlib.chdir(at),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["benchmarks", *words]),
    ):
        try:
            command_line.main()
        except SystemExit as ended:
            status = int(ended.code or 0)
    return CompletedProcess(words, status, out.getvalue(), err.getvalue())
