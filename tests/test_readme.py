"""README and docs say what the records say: every table between two comments, every decimal."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from benchmarks.evidence import estimates
from benchmarks.evidence.claims.verdicts import ClaimVerdict, read_claims, verdicts
from benchmarks.evidence.metrics import sample
from benchmarks.evidence.recordings import over_seeds_and_recordings, right_of
from benchmarks.evidence.statistics import Estimate, estimate, exponential
from benchmarks.evidence.tuning import tuned_cells
from benchmarks.presenting.tables.write import all_tables, judge, markdown
from benchmarks.records.recorded import Recorded, open_recorded
from benchmarks.records.selection import SUBJECT, Cells, Pair
from benchmarks.throughput.summaries import read_summaries

ROOT = Path(__file__).parents[1]
README, CLAIMS, REPRODUCING = "README.md", "docs/claims.md", "docs/reproducing.md"
COLUMNS = ("ncars", "ncars-blocks", "ncars-random")  # of the table of N-CARS
WIDE = ("aia", "spikingjelly_lif", "spikingjelly_plif")  # that are alike on the wider network
NO_DATA = {"dvs-cifar10"}  # claims that no records are of
PUBLISHED = {"95.64"}  # the number that is put to the test
EMBEDDED = "core"

recorded = cache(open_recorded)


def block(file: str, name: str) -> str:
    """What stands between ``<!-- name -->`` and ``<!-- /name -->``."""
    inside = (ROOT / file).read_text(encoding="utf-8").partition(f"<!-- {name} -->")[2]
    text, end, _ = inside.partition(f"<!-- /{name} -->")
    assert end, f"{file} has no block {name}"
    return text


def rows(text: str) -> list[list[str]]:
    """The table of a block, without its head."""
    lines = [line.strip().strip("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")] for line in lines[2:]]


def numbers(text: str) -> set[str]:
    """Decimals and grouped numbers, without a plus."""
    return set(re.findall(r"−?\d+\.\d+|\d{1,3}(?:,\d{3})+", text))


def judged(cells: Cells) -> dict[str, ClaimVerdict]:
    return {v.id: v for v in verdicts(read_claims(), cells, SUBJECT)}


def own_rates(of: Recorded) -> Cells:
    tuned = tuned_cells(of, of.params)
    assert tuned is not None
    return tuned.cells


def own_verdicts(of: Recorded) -> dict[str, ClaimVerdict]:
    """At each neuron's own best learning rate, as the declared analysis asks."""
    return judged(own_rates(of))


def said(verdict: ClaimVerdict) -> str:
    return " ".join([verdict.says, *(each.says for each in verdict.evidence)])


def ids_of(row: list[str]) -> list[str]:
    return re.findall(r"`([a-z0-9-]+)`", row[0])


def test_verdicts_of_n_cars_and_their_numbers_are_those_of_the_records(ncars: Recorded) -> None:
    shared, own = judged(ncars.cells), own_verdicts(ncars)
    at_random = "n-cars-at-random"
    dealt, wide = (judged(recorded(name).cells) for name in ("ncars_random", "ncars_wide"))
    for row in rows(block(CLAIMS, "verdicts")):
        (claim,) = ids_of(row)
        if claim == at_random:
            verdict = (wide if "32-64-128" in row[0] else dealt)[claim]
            assert row[1:3] == [verdict.short, "not tuned"]
            known = said(verdict)
        else:
            assert row[1:3] == [shared[claim].short, own[claim].short], claim
            known = said(shared[claim]) + " " + said(own[claim])
        assert numbers(row[3]) <= numbers(known), claim


@pytest.fixture
def ncars() -> Recorded:
    return recorded("ncars")


@pytest.fixture
def embedded() -> Recorded:
    return recorded(EMBEDDED)


def test_embedded_verdicts_and_their_numbers_are_those_of_the_records(embedded: Recorded) -> None:
    shared, own = judged(embedded.cells), own_verdicts(embedded)
    for row in rows(block(CLAIMS, "core")):
        (claim,) = ids_of(row)
        assert row[1:3] == [shared[claim].short, own[claim].short], claim
        assert numbers(row[3]) <= numbers(said(shared[claim]) + " " + said(own[claim])), claim


@pytest.mark.parametrize("name", ["tuned", "ladder", "multiverse"])
def test_embedded_tables_are_those_of_the_records(name: str, embedded: Recorded) -> None:
    tuned = tuned_cells(embedded, embedded.params)
    speeds = read_summaries(embedded.throughput)
    made = all_tables(embedded.cells, speeds, tuned, judge(embedded.cells, tuned))
    (table,) = (table for table in made if table.name == name)
    assert rows(block(CLAIMS, name)) == rows(markdown(table))


def test_every_claim_has_its_verdict() -> None:
    tables = rows(block(CLAIMS, "verdicts")) + rows(block(CLAIMS, "core"))
    assert {claim for row in tables for claim in ids_of(row)} == (
        {spec.id for spec in read_claims()} - NO_DATA
    )


def test_the_table_of_n_cars_is_that_of_the_records() -> None:
    shown = {(row[0], row[1]): row[2:] for row in rows(block(CLAIMS, "ncars"))}
    assert shown == ncars_table()


def ncars_table() -> dict[tuple[str, str], list[str]]:
    """(network and weights, neuron) -> test accuracy by column."""
    found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    weights: dict[str, int] = {}
    for profile in ("ncars", "ncars_blocks", "ncars_random", "ncars_wide", "ncars_vgg11"):
        for record in recorded(profile).cells.records.values():
            assert record.result is not None
            channels = "-".join(map(str, record.settings["channels"]))
            small = f"conv {channels}, fc {record.settings['hidden']}"
            network = record.settings.get("network", small)
            column = record.dataset.rstrip("01234")
            found[network, record.neuron][column].append(record.result.accuracy.test)
            count = record.result.parameters.training
            weights[network] = min(count, weights.get(network, count))
    return {
        (f"{network}, {weights[network]:,}", neuron): [
            accuracy(by_column[column]) for column in COLUMNS
        ]
        for (network, neuron), by_column in found.items()
    }


def test_the_table_of_poker_is_that_of_the_records() -> None:
    cells = recorded("poker").cells
    shown = {row[0]: row[1:] for row in rows(block(CLAIMS, "poker"))}
    assert list(shown) == list(cells.selection.neurons)
    for neuron, (percent, minus, ratio) in shown.items():
        assert percent == accuracy(over_folds(cells, neuron))
        pairs = [pair for d in cells.selection.datasets for pair in cells.pairs(d, "aia", neuron)]
        assert (minus, ratio) == (("", "") if neuron == "aia" else (lead(pairs), spikes(pairs)))


def over_folds(cells: Cells, neuron: str) -> list[float]:
    of = [result for d in cells.selection.datasets for result in cells.results(d, neuron)]
    return [result.accuracy.test for result in of]


def accuracy(values: list[float]) -> str:
    if not values:
        return ""
    found = estimate(values)
    spread = estimates.interval(found, 100, ".1f") if len(values) > 2 else ""
    return f"{100 * found.mean:.1f}{spread} ({len(values)})"


def test_the_table_of_quick_is_that_of_the_records() -> None:
    cells = recorded("quick").cells
    assert {row[0]: row[1:] for row in rows(block(REPRODUCING, "quick"))} == {
        neuron: [
            estimates.percent(estimate([r.accuracy.test for r in cells.results(dataset, neuron)]))
            for dataset in cells.selection.datasets
        ]
        for neuron in cells.selection.neurons
    }


def test_folding_changes_no_spike_in_the_cells_of_quick() -> None:
    cells = recorded("quick").cells
    folds = [r.result.fold for r in cells.records.values() if r.result and r.neuron == "aia"]
    assert [fold and fold.spikes_differ for fold in folds] == [0] * 9


def test_what_is_said_of_the_published_rule_is_in_its_records(embedded: Recorded) -> None:
    cells = recorded("asf").cells
    results = {n: cells.results("dvs_digits", n) for n in cells.selection.neurons}
    known = [accuracy([r.accuracy.test for r in of]) for of in results.values()]
    lif = own_rates(embedded).results("dvs_digits", "snntorch_lif")
    known.append(accuracy([r.accuracy.test for r in lif]))
    assert numbers(block(CLAIMS, "asf")) <= numbers(" ".join(known))
    assert max(r.best_epoch for of in results.values() for r in of) < 30


def test_what_lies_behind_the_verdicts_is_in_the_records() -> None:
    assert numbers(block(CLAIMS, "behind")) <= numbers(behind())


def test_the_readme_has_the_verdicts_and_numbers_of_the_claims(
    ncars: Recorded, embedded: Recorded
) -> None:
    text = block(README, "found")
    shared, own = judged(ncars.cells), own_verdicts(ncars)
    names = ("n-cars", "accuracy-n-cars", "association-or-gain-n-cars", "fewer-spikes-n-cars")
    assert re.findall(r": (\w[\w ]+)\.\*\*", text) == [own[name].status for name in names]
    known = [behind(), block(CLAIMS, "ncars")]
    known += [said(verdicts[name]) for verdicts in (shared, own) for name in names]
    known += [said(verdict) for verdict in own_verdicts(embedded).values()]
    assert numbers(text) - PUBLISHED <= numbers(" ".join(known))


def test_the_readme_counts_the_embedded_verdicts(embedded: Recorded) -> None:
    line = " ".join(block(README, "core").split())
    known = own_verdicts(embedded).values()
    found = [v for v in known if v.rests_on == "records" and v.status != "not tested here"]
    counts = [sum(v.status == s for v in found) for s in ("reproduced", "not reproduced")]
    said_counts = re.search(r"of (\d+) claims\D* (\d+) \w+ reproduced, (\d+) \w+ not", line)
    assert said_counts
    assert list(map(int, said_counts.groups())) == [len(found), *counts]
    assert ("not converged" in line) == any("not converged" in v.flags for v in found)


def behind() -> str:
    """What else is said of N-CARS, as it would be written."""
    profiles = ("ncars", "ncars_blocks", "ncars_wide", "ncars_vgg11", "ncars_random")
    small, blocks, wide, vgg, dealt = (recorded(name).cells for name in profiles)
    tuned = tuned_cells(recorded("ncars"), recorded("ncars").params)
    assert tuned is not None
    own, tuned_names = tuned.cells, tuned.cells.selection.neurons
    lif = small.pairs("ncars", "aia", "snntorch_lif")
    anew = over_seeds_and_recordings(*zip(*map(right_sides, lif), strict=True))
    frozen = small.pairs("ncars", "aia", "gain_frozen")
    folds = {
        other: [pair for d in blocks.selection.datasets for pair in blocks.pairs(d, "aia", other)]
        for other in ("gain_frozen", "spikingjelly_lif", "spikingjelly_plif")
    }
    return " ".join(
        [
            lead(lif),
            *(f"{rate:g}" for rate in tuned.rates.values()),
            *(accuracy([r.accuracy.test for r in own.results("ncars", n)]) for n in tuned_names),
            *(lead(own.pairs("ncars", "aia", n)) for n in tuned_names if n != "aia"),
            *(spikes(own.pairs("ncars", "aia", n)) for n in tuned_names if n != "aia"),
            estimates.interval(Estimate(0, 0, anew.low, anew.high, 5), 100, ".1f").replace(
                "-", "−"
            ),
            lead(frozen),
            *(lead(pairs) for pairs in folds.values()),
            spikes(frozen),
            *(accuracy([r.accuracy.test for r in wide.results("ncars", n)]) for n in WIDE),
            lead(wide.pairs("ncars", "aia", "spikingjelly_lif")),
            *(
                lead(wide.pairs("ncars-random", "aia", n))
                for n in ("spikingjelly_lif", "gain_frozen")
            ),
            *(lead(dealt.pairs("ncars-random", "aia", n)) for n in ("snntorch_lif", "gain_frozen")),
            spikes(vgg.pairs("ncars", "aia", "snntorch_lif")),
            spikes(vgg.pairs("ncars", "gain_frozen", "snntorch_lif")),
            lead(vgg.pairs("ncars", "snntorch_lif", "aia")),
            lead(small.pairs("ncars", "aia_cached", "aia")),
            lead(small.pairs("ncars", "snntorch_lif", "aia_coincidence")),
            spikes(small.pairs("ncars", "aia_coincidence", "snntorch_lif")),
            lead(small.pairs("ncars", "klif", "snntorch_lif")),
            *(lead(small.pairs("ncars", "aia", n)) for n in ("klif", "clif", "relu")),
        ]
    )


def right_sides(pair: Pair) -> tuple[object, object]:
    return right_of(pair.left), right_of(pair.right)


def lead(pairs: list[Pair]) -> str:
    return estimates.points(estimate(sample("accuracy", pairs).values)).replace("+", "")


def spikes(pairs: list[Pair]) -> str:
    return estimates.ratio(exponential(estimate(sample("spikes", pairs).values)))


def test_its_numbers_come_out_again_without_any_code_of_the_suite() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "recompute.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert numbers(block(README, "found")) - PUBLISHED <= numbers(done.stdout)
