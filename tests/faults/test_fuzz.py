"""Odd parameters and command lines: a line that helps and status 2, never a traceback."""

from __future__ import annotations

import contextlib
import io
import itertools
import random
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.cli import main as command_line
from benchmarks.errors import InputError
from benchmarks.params import read
from tests.small import small_profile

ODD: list[Any] = [
    *(None, True, -1, 0, 1.5, 10**30, float("nan"), float("inf"), "", "x" * 5000, "\0", "ä", "1e5"),
    *([], [[]], {}, {"a": 1}, [None], "../../x", "a.b", "a:b", [0, 0], ["a", "a"]),
]
TEXTS = [
    *("", "a", "[", "{", "}", "- a\n- b", "a: b: c", "&a [*a]", "? [a]\n: b", "? {a: b}\n: c"),
    *("2024-99-99", "a: 2024-13-01", "!!python/object:os.system x", "!x y", "\t", "a: *b", "%TAG"),
    *("<<: 3", "a: !!int x", "1" * 5000, "[" * 3000, "seeds: [0]\nseeds: [1]", "\ufeffseeds: [0]"),
    *("a: 1\x00", "a: \x07", "---\na: 1\n---\nb: 2", "2024-01-01: a", "datasets: 2024-01-01"),
]
BYTES = [b"\xff\xfe", "seeds: [0]".encode("utf-16"), "# caf\u00e9".encode("latin-1"), b"\x80" * 9]


def variants(good: dict[str, Any]) -> list[bytes]:
    """Files of parameters: a value replaced, a key renamed or gone, no YAML, no text."""
    places = [(key,) for key in good] + [("training", key) for key in good["training"]]
    places += [("neuron", "aia"), ("neuron", "aia", "class"), ("neuron", "aia", "args")]
    draw = random.Random(0)
    changed = []
    for place, value in draw.sample(list(itertools.product(places, ODD)), 120):
        made: Any = yaml.safe_load(yaml.safe_dump(good))
        holder = made
        for key in place[:-1]:
            holder = holder[key]
        if draw.random() < 0.2:
            holder.pop(place[-1], None)
            holder[str(value)] = value
        else:
            holder[place[-1]] = value
        changed.append(yaml.safe_dump(made, allow_unicode=True).encode())
    return [*changed, *(text.encode() for text in TEXTS), *BYTES]


def test_odd_parameters_are_one_line(tmp_path: Path) -> None:
    _, profile = small_profile(tmp_path)
    files = variants(yaml.safe_load(profile.params.read_text()))
    assert len(files) >= 150
    said = []
    for content in files:
        profile.params.write_bytes(content)
        with contextlib.suppress(InputError):
            try:
                read(profile.params)
            except InputError as error:
                said.append(str(error))
                raise
    assert len(said) > 100
    assert [line for line in said if "\n" in line] == []


WORDS = [
    *("", " ", "-", "--", "--jobs", "-1", "nope", "aia", "dvs_digits", "../../x", "a:b:c", "m.py:"),
    *("my-pkg.x:Y", "m:A.B", ":", "\0", "x" * 5000, "ä", "dvs_digits/aia", "dvs_digits/aia/x"),
    *("--help", "1e9", "--args", "a=[", "=", "\u0130", "a/b/c/d", "dvs_digits/aia/²"),
]
COMMANDS = ["cell", "cells", "tune", "verify", "export", "record", "data", "tables", "report"]


@pytest.mark.filterwarnings("ignore")
def test_odd_command_lines_are_no_traceback(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    small_profile(tmp_path)
    draw = random.Random(0)
    lines = [[command, *draw.choices(WORDS, k=draw.randint(0, 3))] for command in COMMANDS * 12]
    lines += [["--profile", word, "specs"] for word in WORDS if word != "--help"]
    lines += [["compare", word] for word in WORDS]
    statuses = []
    for words in lines:
        monkeypatch.setattr(sys, "argv", ["benchmarks", *words])
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            pytest.raises(SystemExit) as ended,
        ):
            command_line.main()
        statuses.append(ended.value.code)
    assert len(lines) > 100
    assert set(statuses) <= {0, 2}
