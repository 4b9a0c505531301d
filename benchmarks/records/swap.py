"""Replace a folder whole: fill a new one beside it, then let the two change places in one step.

Linux exchanges two names atomically (renameat2 with RENAME_EXCHANGE), so whoever looks, also after
a kill or a power cut at any moment, finds the old folder or the new one. Two renames, the old
folder aside and the new one in, would leave a moment with neither, to be mended by whoever comes
next. Where the file system cannot exchange names nothing is replaced, and the error says so.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.errors import InputError

BEGUN = ".begun"  # the new folder until it is whole; no profile's name has a dot in front
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of linux/fcntl.h and linux/fs.h


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield an empty folder; where the block ends well, it takes the place of ``target``.

    ``target`` need not exist; its parent is made if need be. Blocks that replace folders of one
    parent wait for each other. A killed block leaves ``.begun`` in the parent, which the next one
    removes. Raises InputError, with ``target`` as it was, if the disk is full or refuses.
    """
    new = target.parent / BEGUN
    try:
        target.parent.mkdir(exist_ok=True)
        with _alone_in(target.parent):
            if new.exists():
                shutil.rmtree(new)
            new.mkdir()
            try:
                yield new
                for folder, _, _ in os.walk(new):
                    _sync(Path(folder))
                _change_places(new, target)
                _sync(target.parent)
            finally:
                shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise InputError(f"{target}: not replaced: {error}") from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system takes back from a killed process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _change_places(new: Path, target: Path) -> None:
    if not target.exists():
        new.rename(target)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        failed = libc.renameat2(_HERE, os.fsencode(new), _HERE, os.fsencode(target), _EXCHANGE)
        number = ctypes.get_errno()
    except AttributeError:  # a C library without it
        failed, number = -1, errno.ENOSYS
    if failed:
        raise InputError(
            f"{target}: not replaced: two folders cannot change places here "
            f"({os.strerror(number)}); move {target} away and try again"
        )
