"""Cells trained by the source of another commit, on this machine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.errors import InputError
from benchmarks.profile import Profile
from benchmarks.records import Record, read_record, record_path
from benchmarks.train import Cell


def resolved(commit: str) -> str:
    """The whole id of a commit. Raises InputError if this is no git checkout or has no such."""
    return _run(["git", "rev-parse", "--verify", f"{commit}^{{commit}}"], Path()).strip()


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A folder with the files of ``commit``, gone afterwards. Raises InputError."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "checkout")
        _run(["git", "worktree", "add", "--quiet", "--detach", str(folder), commit], Path())
        try:
            yield folder
        finally:
            _run(["git", "worktree", "remove", "--force", str(folder)], Path())


def train_in(folder: Path, profile: Path, cell: Cell) -> Record:
    """Train a cell of the ``profile`` below this folder by the source, and as the profile, there.

    Raises InputError with the last line it said if it fails.
    """
    if not profile.resolve().is_relative_to(Path.cwd()):
        raise InputError(f"{profile}: a profile of this checkout is needed, to find it in another")
    inside = profile.resolve().relative_to(Path.cwd())
    command = [sys.executable, "-m", "benchmarks", "--profile", str(inside), "cell"]
    _run([*command, cell.dataset, cell.neuron, str(cell.seed)], folder)
    runs = Profile(folder / inside).runs
    return read_record(record_path(runs, cell.dataset, cell.neuron, cell.seed))


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise InputError(f"{command[0]} does not run: {error.strerror}") from error
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise InputError(f"{' '.join(command[:4])} ...: {said[-1] if said else 'failed'}")
    return done.stdout
