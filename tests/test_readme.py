"""The README says what the records say."""

from __future__ import annotations

import csv
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_its_verdicts_are_those_of_the_zoo() -> None:
    table = ROOT / "zoo" / "results" / "tables" / "claims.csv"
    with table.open(encoding="utf-8", newline="") as file:
        of_zoo = [tuple(row.values())[1:3] for row in csv.DictReader(file)]
    section = (ROOT / "README.md").read_text().partition("## Where the paper's claims stand")[2]
    rows = [line.split("|") for line in section.partition("\n## ")[0].splitlines() if "|" in line]
    in_readme = [(row[2].strip(), row[3].strip()) for row in rows[2:]]
    assert in_readme == of_zoo
