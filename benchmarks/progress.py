"""How long work says how far it is: to whoever asked for it, who may not listen."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], None]  # done, of how many, what to say


def silent(done: int, total: int, say: str) -> None: ...
