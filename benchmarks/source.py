"""Hashes of source text that change when the meaning may, and not when a comment does."""

from __future__ import annotations

import functools
import hashlib
import io
import tokenize
from collections.abc import Iterable
from pathlib import Path


@functools.cache  # every neuron's hash asks for the same files
def without_comments(text: str) -> str:
    """Python source without comments, blank lines and trailing blanks.

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
    texts = ((path.name, without_comments(path.read_text("utf-8"))) for path in sorted(paths))
    return digest(*(part for text in texts for part in text))
