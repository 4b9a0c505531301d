"""What a command meets around it: a notebook's settings, a narrow terminal, a closed disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cli import main as command_line
from benchmarks.errors import InputError
from benchmarks.records.recorded import open_recorded
from benchmarks.running import newcomer
from tests.small import ROOT, small_profile


def run_in(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """``python -m benchmarks`` with a folder as the working directory, and first on the path."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_a_command_within_benchmarks_says_where_to_run_it() -> None:
    done = run_in(ROOT / "benchmarks", "tables")
    assert done.returncode == 2
    (line,) = done.stderr.decode().strip().splitlines()
    assert "params.yaml: no such file; run from the project's root" in line


def test_figures_are_drawn_whatever_a_notebook_and_a_matplotlibrc_ask_for(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n")
    code = (
        "import benchmarks.cli.main, benchmarks.presenting.figures.write, matplotlib as m; "
        "print(m.rcParams['text.usetex'], m.get_backend())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "MPLBACKEND": "module://nosuch.backend_inline",
            "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", "agg"]


def test_a_terminal_without_utf8_gets_the_text_that_it_can_show(tmp_path: Path) -> None:
    folder = tmp_path / "größe"
    folder.mkdir()
    done = run_in(tmp_path, "--profile", "größe", "tables", PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    done = run_in(tmp_path, "data", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_nothing_is_one_line_in_any_command(
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small_profile(tmp_path)

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--profile", str(tmp_path), "specs"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert os.strerror(number) in line


@pytest.mark.parametrize("spec", ["my-pkg.x:Y", "m:A.B", "m.py:", "a:b:c"])
def test_a_spec_that_names_no_neuron_is_one_line(spec: str, tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path)
    with pytest.raises(InputError, match=r"expected an alias, package.module:Class or file.py:"):
        newcomer.newcomer(spec, {}, params, open_recorded("quick"), profile)
