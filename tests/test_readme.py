"""The README says what the records say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import fmean

from benchmarks.claims import read_claims, verdicts
from benchmarks.recorded import open_recorded
from benchmarks.selection import SUBJECT
from benchmarks.tuning import tuned_cells

ROOT = Path(__file__).parents[1]


def test_its_verdicts_are_those_of_the_records() -> None:
    specs = read_claims()
    zoo, ncars = open_recorded("zoo"), open_recorded("ncars")
    own = tuned_cells(zoo.profile, zoo.params)
    assert own is not None
    columns = [
        {v.id: v.short for v in verdicts(specs, cells, SUBJECT)}
        for cells in (zoo.cells, own.cells, ncars.cells)
    ]
    section = (ROOT / "README.md").read_text().partition("## Where the paper's claims stand")[2]
    rows = [line.split("|") for line in section.partition("\n## ")[0].splitlines() if "|" in line]
    seen = []
    for row in rows[2:]:
        names = re.findall(r"`([a-z0-9-]+)`", row[1])
        in_readme = [cell.strip() for cell in row[2:5]]
        embedded = [n for n in names if "n-cars" not in n]
        real = [n for n in names if "n-cars" in n]
        expected = [column[n] for column in columns[:2] for n in embedded] or ["–", "–"]
        expected += [columns[2][n] for n in real] or ["–"]
        assert in_readme == expected, names
        seen += names
    assert set(seen) == {spec.id for spec in specs} - {"n-cars-at-random"}


def test_its_numbers_of_n_cars_are_those_of_the_records() -> None:
    table = (ROOT / "README.md").read_text().partition("<!-- ncars -->")[2]
    lines = table.partition("<!-- /ncars -->")[0].strip().splitlines()
    columns = ("ncars", "ncars-blocks", "ncars-random")
    checked = 0
    for line in lines[2:]:
        network, neuron, *cells = (part.strip() for part in line.strip("|").split("|"))
        for column, cell in zip(columns, cells, strict=True):
            found = _accuracies(network, neuron, column)
            assert cell.startswith(f"{100 * fmean(found):.1f}" if found else ""), line
            assert not found or cell.endswith(f"({len(found)})"), line
            checked += bool(found)
    assert checked >= 20


def _accuracies(network: str, neuron: str, column: str) -> list[float]:
    """Test accuracies of all recorded cells of a network and neuron, read as plain JSON."""
    found = []
    for path in ROOT.glob(f"recorded/ncars*/results/runs/{column}*/{neuron}/*.json"):
        if path.parts[-3].rstrip("01234") != column:
            continue
        record = json.loads(path.read_text())
        channels = "-".join(map(str, record["settings"]["channels"]))
        name = record["settings"].get("network", f"conv {channels}")
        if network.startswith(name + ","):
            found.append(record["result"]["accuracy"]["test"])
    return found
