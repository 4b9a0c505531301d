"""Progress that a person reads: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from benchmarks.wording import digits, duration

console = Console(highlight=False)
_LONG_S = 2  # a wait of so long is said
_APART_S = 5  # from one plain line to the next
_waits: list[Callable[[], object]] = []  # how to end each that is shown or may come to be


def say(text: str) -> None:
    """One line, as it is."""
    if not console.is_terminal:  # where there is one the wait goes on below the line
        _end_waits()
    _print(text)


def _print(text: str) -> None:
    console.print(text, markup=False, emoji=False, soft_wrap=True)  # a path is not cut in two


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A wait of which nobody knows how long it takes; it ends with the first thing that is said,
    on a terminal with the first bar."""
    if console.is_terminal:
        shown = console.status(what)
        shown.start()
        _waits.append(shown.stop)
    else:
        timer = threading.Timer(_LONG_S, _print, [f"{what} ..."])
        timer.daemon = True
        timer.start()
        _waits.append(timer.cancel)
    try:
        yield
    finally:
        _end_waits()


def _end_waits() -> None:
    while _waits:
        _waits.pop()()


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
        _end_waits()
        self.start = self.last = time.monotonic()
        self.before = 0  # done at the start
        self.done = 0  # done at the last report
        if not console.is_terminal:
            self.wait = waiting(self.title)
            self.wait.__enter__()
            return self._line
        self.progress.start()
        self.task = self.progress.add_task(self.title, total=None, rate="", say="")
        return self._draw

    def __exit__(self, *_: object) -> None:
        if console.is_terminal:
            self.progress.stop()
        else:
            self.wait.__exit__(None, None, None)

    def _seconds_each(self, done: int) -> float | None:
        """Since the first report, before which things are made ready; a cell's own is its end.

        None at a first report, also of work that begins anew.
        """
        now = time.monotonic()
        anew, self.done = done < self.done, done
        if anew or not (self.before or self.unit == "cells"):
            self.before, self.start = done, now
        new = done - self.before
        return max(now - self.start, 1e-9) / new if new else None

    def _rate(self, each: float | None) -> str:
        return f"{digits(1 / each)} {self.unit}/s" if each else ""

    def _draw(self, done: int, total: int, text: str) -> None:
        rate = self._rate(self._seconds_each(done))
        self.progress.update(self.task, completed=done, total=total, rate=rate, say=text)

    def _line(self, done: int, total: int, text: str) -> None:
        now, each = time.monotonic(), self._seconds_each(done)
        if self.unit == "cells" or done == total or now - self.last > _APART_S:
            self.last = now
            rate = self._rate(each)
            if each and done < total:
                rate += f", {duration(each * (total - done))} left"
            say(" ".join(part for part in (f"{done}/{total}", rate, text) if part))
