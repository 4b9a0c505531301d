"""Which code paths numerical libraries take on a CPU: the same on every x86-64 processor with AVX2.

Libraries choose by the processor's vendor and instruction sets, and each path rounds otherwise. The
environment variables here make them choose alike. They are read when a library is loaded, so
``benchmarks/__init__.py`` sets them before anything imports NumPy or torch; child processes inherit
them. ``AIA_FAST=1`` in the environment, or ``--fast`` on the command line, leaves every library its
own choice: faster on some processors, and recorded as what it is.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from benchmarks.errors import InputError

FAST = "AIA_FAST"
# "portable": the same bits on every x86-64 processor with AVX2; "fast": whatever is fastest here;
# "native": a processor or a machine without what portable needs; "cuda": a GPU's own
Arithmetic = Literal["portable", "fast", "native", "cuda"]


def _numpy_names() -> str:
    """What NumPy calls its code paths beyond AVX2."""
    try:
        old = tuple(map(int, version("numpy").split(".")[:2])) < (2, 4)
    except PackageNotFoundError:
        old = False
    return (
        "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"
        if old
        else "X86_V4 AVX512_ICL AVX512_SPR"
    )


PATHS = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",  # the only mode that Intel and AMD share, says MKL's documentation
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": _numpy_names(),
}
_too_late: list[str] = []
_ours: list[str] = []


def fix() -> None:
    """Set the code paths, unless fast ones are asked for; what the user has set stays."""
    if fast():
        return
    unset = [name for name in PATHS if name not in os.environ]
    if unset:
        _too_late.extend(library for library in ("torch", "numpy") if library in sys.modules)
    os.environ.update({name: PATHS[name] for name in unset})
    _ours.extend(unset)


def lift() -> None:
    """Give the libraries their choice back, here and in child processes; before they are loaded."""
    os.environ[FAST] = "1"
    for name in _ours:
        os.environ.pop(name, None)


def fast() -> bool:
    return os.environ.get(FAST, "") not in ("", "0")


def require_in_time() -> None:
    """Raise InputError if a library chose its code paths before they were set."""
    if _too_late and not fast():
        raise InputError(
            f"{_too_late[0]} was imported before benchmarks, so it has chosen its code paths and "
            f"results would differ between processors; import benchmarks first, or set {FAST}=1"
        )


def fixed() -> bool:
    """Whether every variable says what it shall say."""
    return all(os.environ.get(name) == value for name, value in PATHS.items())
