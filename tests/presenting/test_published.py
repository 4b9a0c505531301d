"""Published numbers beside ours."""

from __future__ import annotations

import math

import pytest

from benchmarks.events.published.catalogue import SETS
from benchmarks.evidence.published import read_published
from benchmarks.presenting.tables.published import published
from benchmarks.records.selection import Cells, Selection
from tests.made_records import made


def _cells(dataset: str, accuracies: list[float]) -> Cells:
    records = [made(dataset, "aia", seed, test=a) for seed, a in enumerate(accuracies)]
    chosen = Selection((dataset,), ("aia",), tuple(range(len(accuracies))))
    return Cells("made", chosen, {(r.dataset, r.neuron, r.seed): r for r in records})


def test_every_number_is_of_a_set_in_the_catalogue_and_says_where_it_was_read() -> None:
    for one in read_published():
        assert one.dataset in SETS
        assert one.source.startswith("https://")


def test_the_difference_is_ours_minus_theirs() -> None:
    raw = published(_cells("ncars", [0.94, 0.96])).raw
    claim = raw[raw["neuron"] == "aia"].iloc[0]
    assert claim["published"] == 0.9564
    assert math.isclose(claim["difference"], 0.95 - 0.9564)
    assert claim["seeds"] == 2


def test_what_was_not_run_says_so() -> None:
    shown = published(_cells("ncars", [])).shown
    assert set(shown["here, %"]) == {"not run"}
    assert set(shown["difference, points"]) == {"not run"}


def test_a_named_split_of_a_set_counts_as_the_set() -> None:
    assert "cifar10dvs-first100" in set(published(_cells("cifar10dvs-first100", [])).raw["dataset"])


@pytest.mark.parametrize("dataset", ["ncars-rehearsal", "ncars-part", "ncars-part-count"])
def test_nothing_was_published_of_what_is_not_the_whole_set(dataset: str) -> None:
    assert published(_cells(dataset, [0.9])).raw.empty


def test_embedded_sets_have_no_published_numbers() -> None:
    assert published(_cells("dvs_digits", [0.9])).raw.empty
