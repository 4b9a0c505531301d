"""Progress that a person reads: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

console = Console(highlight=False)


def say(text: str) -> None:
    """One line, as it is."""
    console.print(text, markup=False)


class ProgressBar:
    """A progress bar on a terminal, plain lines a few seconds apart elsewhere."""

    def __init__(self, title: str, unit: str) -> None:
        self.title, self.unit = title, unit
        self.progress = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[say]}"),
            console=console,
        )

    def __enter__(self) -> Callable[[int, int, str], None]:
        self.start = self.last = time.monotonic()
        if not console.is_terminal:
            return self._line
        self.progress.start()
        self.task = self.progress.add_task(self.title, total=None, rate="", say="")
        return self._draw

    def __exit__(self, *_: object) -> None:
        if console.is_terminal:
            self.progress.stop()

    def _rate(self, done: int) -> str:
        return f"{done / max(time.monotonic() - self.start, 1e-9):.3g} {self.unit}/s"

    def _draw(self, done: int, total: int, text: str) -> None:
        self.progress.update(
            self.task, completed=done, total=total, rate=self._rate(done), say=text
        )

    def _line(self, done: int, total: int, text: str) -> None:
        if self.unit == "cells" or done == total or time.monotonic() - self.last > 5:
            self.last = time.monotonic()
            say(f"{done}/{total} {self._rate(done)} {text}")
