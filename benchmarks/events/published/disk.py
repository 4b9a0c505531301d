"""Faults of the disk, said once and clearly."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.errors import InputError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
_ELSEWHERE = "set XDG_CACHE_HOME to a folder on a disk with room that can be written to"


@contextlib.contextmanager
def disk_faults(folder: Path) -> Iterator[None]:
    """A disk that is full or cannot be written to, as one InputError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise InputError(
                f"{folder}: the disk is full ({error.strerror}); make room and run the command "
                f"again, it goes on from what is there; or {_ELSEWHERE}"
            ) from error
        if error.errno in _CLOSED:
            raise InputError(
                f"{error.filename or folder}: cannot be written to ({error.strerror}); {_ELSEWHERE}"
            ) from error
        raise


def require_space(folder: Path, needed: int, purpose: str) -> None:
    """Raises InputError if the disk of ``folder``, which exists, has less than ``needed`` bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"{folder}: {in_units(needed)} are needed to {purpose}, {in_units(free)} are free; "
            f"make room and run the command again; or {_ELSEWHERE}"
        )


def in_units(count: int) -> str:
    """A number of bytes as a person reads it."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
