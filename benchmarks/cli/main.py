"""The command line's door: what must stand before torch is imported, then the commands."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import NoReturn

from benchmarks.profile import kernels_folder

# before torch is imported anywhere: compiled kernels outlive the process and a reboot
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(kernels_folder()))
# and so do their graphs, those of the surrogate gradient's own function among them
os.environ.setdefault("TORCHINDUCTOR_AUTOGRAD_CACHE_ALLOW_CUSTOM_AUTOGRAD", "1")
# figures look alike whatever a notebook or a user's matplotlibrc asks for
os.environ["MPLBACKEND"] = "agg"
os.environ["MATPLOTLIBRC"] = os.devnull
# large tensors in pages of 2 MB: a page is faulted in 512 times less often
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

from benchmarks.cli import baselines, data, doctor, show, times, train
from benchmarks.cli.app import DATA, app
from benchmarks.errors import InputError

__all__ = ["app", "main"]
# importing them is what adds their commands, in the order of --help
COMMANDS = (baselines, doctor, show, times, train)
app.add_typer(data.app, name="data", rich_help_panel=DATA)


def main() -> None:
    """Run the command line; bad input is one line on stderr and exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that has no ± shows a question mark
            stream.reconfigure(errors="replace")
    try:
        app()
    except InputError as error:
        _refuse(str(error))
    except OSError as error:  # a disk that is full or cannot be written to, in any command
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        at = error.filename2 or error.filename  # where a file was to be put, not its working name
        if at is None and not full and error.errno != errno.EROFS:
            raise
        what_to_do = "make room" if full else "name another, or see to it that it can be used"
        _refuse(f"{at or 'a file'}: {error.strerror}; {what_to_do}")


def _refuse(reason: str) -> NoReturn:
    sys.stderr.write(f"error: {reason}\n")
    raise SystemExit(2) from None
