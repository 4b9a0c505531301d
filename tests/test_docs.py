"""What README and docs show exists and runs: commands, paths, links and every example."""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import numpy as np
import pytest
import typer.main
import yaml
from pydantic import TypeAdapter

from benchmarks.cli.main import app
from benchmarks.events import ensure, registry
from benchmarks.events.embedded.simulate import EVENT
from benchmarks.events.formats.write import write_dat
from benchmarks.events.published import catalogue
from benchmarks.events.recording import Recording
from benchmarks.evidence.claims.verdicts import ClaimSpec, Status, verdicts
from benchmarks.evidence.comparison.report import ComparisonVerdict
from benchmarks.params import Matched, NeuronParams
from benchmarks.records.recorded import open_recorded
from benchmarks.records.selection import SUBJECT
from benchmarks.training.contract import check_neuron

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / n for n in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
EXTENDING = ROOT / "docs/extending.md"
MADE_UP = {"benchmarks/events/bars.py"}  # by a reader who follows the docs


def blocks(page: Path, language: str) -> Iterator[tuple[str, str]]:
    """(title, text) of every code block of a language."""
    text = page.read_text(encoding="utf-8")
    yield from re.findall(rf'^```{language}(?: title="(.*?)")?\n(.*?)^```', text, re.M | re.S)


def example(language: str, title: str) -> str:
    return dict(blocks(EXTENDING, language))[title]


def commands() -> list[str]:
    lines = [line for page in PAGES for _, text in blocks(page, "sh") for line in text.split("\n")]
    return sorted({line.split(" #")[0].strip() for line in lines if line.strip()})


def ours(command: str) -> bool:
    return "-m benchmarks" in command


@pytest.mark.parametrize("command", list(filter(ours, commands())))
def test_a_command_takes_what_the_docs_give_it(command: str) -> None:
    words = shlex.split(command.partition("-m benchmarks")[2])
    at: click.Command = typer.main.get_command(app)
    context = click.Context(at)
    while True:
        _, rest, _ = at.make_parser(context).parse_args(list(words))  # raises on another option
        if not hasattr(at, "commands") or "--help" in words:
            return
        if not rest:
            assert at.invoke_without_command
            return
        at, words = at.commands[rest[0]], words[words.index(rest[0]) + 1 :]
        context = click.Context(at)


def test_other_commands_name_what_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for words in map(str.split, commands()):
        if words[0] == "make":
            assert words[1] in targets
        if words[:2] == ["dvc", "repro"] and len(words) > 2:
            assert (ROOT / words[2]).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_what_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        target = page.parent / link
        assert target.exists(), link
        assert target.suffix != ".png" or target.stat().st_size < 100_000, link
    folders = "aia|baselines|benchmarks|core|docs|ncars|paper|recorded|tests|zoo"
    for path in re.findall(rf"`((?:{folders})/[\w./-]*)`", text):
        assert path in MADE_UP or (ROOT / path).exists(), path


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", ["README.md", "docs/extending.md"])
def test_the_neuron_keeps_the_contract(page: str, tmp_path: Path) -> None:
    shown = next(text for _, text in blocks(ROOT / page, "python") if "class MyNeuron" in text)
    file = tmp_path / "my_neuron.py"
    file.write_text(shown, encoding="utf-8")
    spec = {"class": f"{file}:MyNeuron", "args": {"decay": 0.9}, "match": True}
    check_neuron(NeuronParams.model_validate(spec), Matched(), "mine", steps=10)


def test_the_data_set_is_filmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "bars.py"
    file.write_text(example("python", "benchmarks/events/bars.py"), encoding="utf-8")
    bars = type("bars", (), runpy.run_path(str(file)))
    line = example("python", "registry")
    for name, build in eval(f"{{{line}}}", {**vars(registry), "bars": bars}).items():
        monkeypatch.setitem(registry.SETS, name, build)
        made = ensure(name, 2, tmp_path)
    assert made.classes == ("upright", "lying")
    assert made.train.frames.sum() > 0


def test_the_recorded_set_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = eval(f"[{example('python', 'catalogue')}]", vars(catalogue))
    monkeypatch.setitem(catalogue.SETS, entry.name, entry)
    monkeypatch.setenv("AIA_DATA_LAB_TURNS", str(tmp_path / "disk"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    events = np.zeros(3, EVENT)
    for part, counts in entry.counts.items():
        for of, count in zip(entry.classes, counts, strict=True):
            for number in range(count):
                path = tmp_path / "disk" / part / of / f"{number:04}.dat"
                write_dat(path, Recording(events, entry.width, entry.height))
    made = ensure(entry.name, 2, tmp_path / "frames")
    assert len(made.test.labels) == 20


def test_the_metric_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "balanced.py"
    file.write_text(example("python", "balanced.py"), encoding="utf-8")
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(file), run_name="__main__")
    assert re.search(r"^snntorch_lif +\+\d\.\d points \[", capsys.readouterr().out, re.M)


def test_the_claim_is_judged() -> None:
    shown = yaml.safe_load(example("yaml", "claim"))
    specs = TypeAdapter(list[ClaimSpec]).validate_python(shown)
    (found,) = verdicts(specs, open_recorded("ncars").cells, SUBJECT)
    text = " ".join(EXTENDING.read_text(encoding="utf-8").split())
    assert f"*{found.short}*" in text
    number = re.search(r"[\d.]+ \[[^]]*\] times as many(?= as snnTorch)", text)
    assert number
    assert number[0] in found.says


def test_the_glossary_has_every_verdict() -> None:
    (line,) = re.findall(r"^\| verdict \| (.*) \|$", (ROOT / "docs/glossary.md").read_text(), re.M)
    of_claims, of_comparisons = (words.partition(": ")[2] for words in line.split("; of "))
    assert tuple(of_claims.split(", ")) == get_args(Status)
    missing = {word for word in get_args(ComparisonVerdict) if word not in of_comparisons}
    assert missing == {"fewer", "more", "not tested"}  # of counts, and no verdict
