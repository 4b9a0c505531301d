"""The one error that means: what you asked for cannot be done, and here is what to change."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Bad input. The command line prints its message as one line and exits with status 2."""


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """An error for a name that is not known, with the nearest one that is."""
    names = sorted(known)
    nearest = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    return InputError(f"unknown {kind} {name!r}; {hint}known: {', '.join(names) or 'none'}")
