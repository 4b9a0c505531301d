"""C++ sources -> shared libraries, built when they are first needed.

A library lies in ``TORCHINDUCTOR_CACHE_DIR``, where torch keeps its own, or else in the user's
cache folder, under a name that changes with the sources, the compiler and the processor it is built
for, with its SHA-256 beside it. On x86 it is built for any with AVX2 and FMA, so that all of them
run the same instructions.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

import torch

# no operation may be contracted or reordered: sums have the order that the source gives them
_FLAGS = (
    "-std=c++17",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-Wno-psabi",
    "-shared",
    "-fPIC",
)


@functools.cache
def library(source: Path, optimisation: str = "-O2") -> ctypes.CDLL | None:
    """The library of ``source`` and of the headers beside it; None without a compiler.

    Warns once, and gives None, where a compiler is there and fails.
    """
    command = compiler()
    if command is None:
        return None
    try:
        return ctypes.CDLL(str(_built(command, source, optimisation)))
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace") or str(error)
        line = next((line for line in said.splitlines() if "error" in line), said[:200])
        warnings.warn(f"{source.name} does not build, going without: {line}", stacklevel=5)
        return None


def compiler() -> list[str] | None:
    """The command of the C++ compiler: ``CXX``, or ``c++`` or ``g++``; None where it is absent."""
    asked = shlex.split(os.environ.get("CXX", "")) or ["c++"]
    program = shutil.which(asked[0]) or (shutil.which("g++") if "CXX" not in os.environ else None)
    return None if program is None else [program, *asked[1:]]


def portable() -> bool:
    """Whether this processor runs what is built for every x86-64 processor with AVX2 and FMA."""
    known = torch.backends.cpu.get_cpu_capability()
    return platform.machine() in ("x86_64", "AMD64") and known in ("AVX2", "AVX512")


def _built(compiler: list[str], source: Path, optimisation: str) -> Path:
    """The shared library. Raises OSError or CalledProcessError if it cannot be built."""
    flags = [*_FLAGS, optimisation, "-march=x86-64-v3" if portable() else "-march=native"]

    def said(*words: str) -> bytes:
        done = subprocess.run([*compiler, *flags, *words], capture_output=True, check=True)
        return done.stdout

    # what the compiler defines tells its version and the instruction set
    known = said("-E", "-dM", "-x", "c++", os.devnull)
    texts = [path.read_bytes() for path in (source, *sorted(source.parent.glob("*.h")))]
    key = hashlib.sha256(b"\0".join([*texts, known, *map(str.encode, flags)]))
    path = _folder() / f"{source.stem}-{key.hexdigest()[:16]}.so"
    beside = path.with_suffix(".sha256")
    if not _is_whole(path, beside):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            made, digest = Path(folder, path.name), Path(folder, beside.name)
            said(str(source), "-o", str(made))
            digest.write_text(_digest(made))
            for new, at in ((made, path), (digest, beside)):
                with new.open("rb") as file:
                    os.fsync(file.fileno())
                new.replace(at)  # whole or not at all, also where several processes build
    return path


def _is_whole(path: Path, beside: Path) -> bool:
    """Whether a library is what was built: of one cut short, loading ends the process."""
    try:
        return beside.read_text() == _digest(path)
    except (OSError, UnicodeDecodeError):
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _folder() -> Path:
    asked = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    if asked:
        return Path(asked)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aia"
