from __future__ import annotations

import re
from itertools import count
from types import SimpleNamespace

import pytest

from benchmarks.cli import progress
from benchmarks.cli.progress import ProgressBar, say, waiting


def test_a_plain_line_has_the_rate_and_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar("3 cells", "cells") as report:
        for done in (1, 2, 3):
            report(done, 3, "dvs_digits/aia")
    first, _, last = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"1/3 \S+ cells/s, \d+ s left dvs_digits/aia", first)
    assert re.fullmatch(r"3/3 \S+ cells/s dvs_digits/aia", last)


def test_what_is_made_ready_before_the_first_update_is_no_part_of_the_rate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_APART_S", -1)
    with ProgressBar("dvs_digits/aia/0", "updates") as report:
        for done in (1, 2):
            report(done, 3, "")
    first, second = capsys.readouterr().out.splitlines()
    assert first == "1/3"
    assert re.fullmatch(r"2/3 \S+ updates/s, \d+ s left", second)


def test_the_rate_of_a_cell_counts_none_of_the_cell_before(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_APART_S", -1)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=count().__next__))
    with ProgressBar("dvs_digits/aia", "updates") as report:
        for done in (1, 2, 3, 1, 2):
            report(done, 3, "")
    _, second, _, anew, last = capsys.readouterr().out.splitlines()
    assert (anew, last) == ("1/3", second)


def test_a_long_wait_is_said_once_and_a_short_one_never(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with waiting("asking DVC"):
        say("at once")
    assert capsys.readouterr().out == "at once\n"
    monkeypatch.setattr(progress, "_LONG_S", 0)
    with waiting("asking DVC"):
        (timer,) = [end.__self__ for end in progress._waits]  # type: ignore[attr-defined]
        timer.join()
    assert capsys.readouterr().out == "asking DVC ...\n"
