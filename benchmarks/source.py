"""Hashes of source text that change when the meaning may, and not when a comment does."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import io
import sys
import sysconfig
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

_HERE = Path(__file__).resolve().parents[1]
# whose code is known by a version: Python's, installed packages' and the suite's own
_VERSIONED = (
    *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")),
    *(_HERE / name for name in ("aia", "baselines", "benchmarks")),
)


@functools.cache  # every neuron's hash asks for the same files
def without_comments(text: str) -> str:
    """Python source without comments, blank lines and trailing blanks, also within strings.

    Works on the text rather than on ``ast.dump``, which differs between Python versions.
    """
    lines = text.replace("\r\n", "\n").split("\n")  # a form feed ends no line of Python's
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def digest(*parts: str | bytes) -> str:
    """First 16 hex digits of the SHA-256 of the parts, each preceded by its length."""
    state = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        state.update(len(raw).to_bytes(8, "little"))
        state.update(raw)
    return state.hexdigest()[:16]


def digest_of_files(paths: Iterable[Path]) -> str:
    """Digest of Python files, named by their file name, comments left out."""
    texts = ((path.name, without_comments(_text(path))) for path in sorted(paths))
    return digest(*(part for text in texts for part in text))


def _text(path: Path) -> str:
    with tokenize.open(path) as file:  # in the encoding that its first lines name
        return file.read()


def written_for(cls: type) -> list[Path]:
    """Files of a class, of its bases and of all that these import, where a user wrote them.

    What is installed, Python's own or the suite's is left out. Imports are followed as they stand
    in the source, as far as they have been imported.
    """
    files: dict[str, Path] = {}
    names = [base.__module__ for base in cls.__mro__]
    while names:
        name = names.pop()
        path = Path(getattr(sys.modules.get(name), "__file__", None) or "")
        if name in files or path.suffix != ".py" or is_versioned(path):
            continue
        files[name] = path
        names += _imports(name, path)
    return sorted(set(files.values()))


def is_versioned(path: Path) -> bool:
    """Whether code in ``path`` is Python's own, an installed package's or the suite's."""
    return any(path.resolve().is_relative_to(folder) for folder in _VERSIONED)


def _imports(name: str, path: Path) -> Iterator[str]:
    """Names of modules that a module may have imported; some are names of what is in them."""
    package = getattr(sys.modules[name], "__package__", None) or ""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                yield from (".".join(parts[: k + 1]) for k in range(len(parts)))
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            whole = importlib.util.resolve_name(base, package) if node.level else base
            yield whole
            yield from (f"{whole}.{alias.name}" for alias in node.names)
