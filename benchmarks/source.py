"""Hashes of source text that change when the meaning may, and not when a comment does."""

from __future__ import annotations

import functools
import hashlib
import io
import tokenize
from collections.abc import Iterable
from pathlib import Path

from pygments.lexers import CppLexer
from pygments.token import Comment


@functools.cache  # every neuron's hash asks for the same files
def without_comments(text: str) -> str:
    """Python source without comments, blank lines and trailing blanks.

    Works on the text rather than on ``ast.dump``, which differs between Python versions.
    """
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return _without_blanks(lines)


@functools.cache
def without_cpp_comments(text: str) -> str:
    """C++ source likewise."""
    said = (Comment.Single, Comment.Multiline)  # to Pygments a preprocessor's line is one as well
    kept = (value for kind, value in CppLexer().get_tokens(text) if kind not in said)
    return _without_blanks("".join(kept).splitlines())


def _without_blanks(lines: Iterable[str]) -> str:
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
    """Digest of Python and C++ files, named by their file name, comments left out."""
    parts: list[str] = []
    for path in sorted(paths):
        code = without_cpp_comments if path.suffix == ".cpp" else without_comments
        parts += [path.name, code(path.read_text(encoding="utf-8"))]
    return digest(*parts)
