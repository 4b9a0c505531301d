"""The README says what the records say."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from statistics import fmean

ROOT = Path(__file__).parents[1]


def test_its_verdicts_are_those_of_the_zoo() -> None:
    table = ROOT / "zoo" / "results" / "tables" / "claims.csv"
    with table.open(encoding="utf-8", newline="") as file:
        of_zoo = [tuple(row.values())[1:3] for row in csv.DictReader(file)]
    section = (ROOT / "README.md").read_text().partition("## Where the paper's claims stand")[2]
    rows = [line.split("|") for line in section.partition("\n## ")[0].splitlines() if "|" in line]
    in_readme = [(row[2].strip(), row[3].strip()) for row in rows[2:]]
    assert in_readme == of_zoo


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
