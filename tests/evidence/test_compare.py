from __future__ import annotations

import csv
import io
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from benchmarks.errors import InputError
from benchmarks.evidence.analysis import declared
from benchmarks.evidence.comparison.compare import compare
from benchmarks.evidence.comparison.report import ComparisonReport
from benchmarks.evidence.statistics import least_effect
from benchmarks.presenting.comparison.files import (
    Line,
    lines,
    overall_rows,
    terminal_tables,
    write_comparison,
)
from benchmarks.presenting.comparison.words import in_words
from benchmarks.records.schema import Record, SynOps
from benchmarks.records.selection import Cells, Selection
from benchmarks.throughput.timings import Timing
from tests.made_records import DATASETS, SETTINGS, failed, made

SAMPLES = 360
NEW = "mine"
LIFS = ("snntorch_lif", "spikingjelly_plif")

Accuracy = Callable[[str, str, int], float]  # (data set, neuron, seed) -> test accuracy


def cell(
    dataset: str,
    neuron: str,
    seed: int,
    test: float = 0.8,
    spikes: float = 1000.0,
    synops: float = 6000.0,
    **changes: Any,
) -> Record:
    """A finished cell whose test split has ``SAMPLES`` samples."""
    right = round(test * SAMPLES)
    record = made(dataset, neuron, seed, right / SAMPLES, spikes, **changes)
    assert record.result is not None
    measured = {
        "confusion": [[right, SAMPLES - right], [0, 0]],
        "synops": SynOps(effective_acs=synops - 700, effective_macs=700, dense=90000.0),
    }
    return record.model_copy(update={"result": record.result.model_copy(update=measured)})


def scattered(
    leads: dict[str, float], sd: float = 0.01, spikes: dict[str, float] | None = None
) -> Callable[[str, str, int], Record]:
    """Cells that scatter about a seed's accuracy, shifted by what ``leads`` says of a neuron."""

    def make(dataset: str, neuron: str, seed: int) -> Record:
        place = DATASETS.index(dataset)
        shared = np.random.default_rng([seed, place]).normal(0.7, 0.03)
        own = np.random.default_rng([seed, place, *neuron.encode()])
        test = shared + leads.get(neuron, 0.0) + own.normal(0, sd)
        count = (spikes or {}).get(neuron, 1000.0) * math.exp(own.normal(0, 0.01))
        return cell(dataset, neuron, seed, test, count, 6 * count)

    return make


def recorded(
    make: Callable[[str, str, int], Record],
    seeds: int,
    neurons: tuple[str, ...] = LIFS,
    datasets: tuple[str, ...] = DATASETS,
) -> Cells:
    chosen = Selection(datasets, neurons, tuple(range(seeds)))
    records = {(d, n, s): make(d, n, s) for d, n in chosen.groups for s in chosen.seeds}
    return Cells("made", chosen, records)


def report(
    make: Callable[[str, str, int], Record],
    seeds: int,
    against: tuple[str, ...] = LIFS,
    datasets: tuple[str, ...] = DATASETS,
    speeds: list[Timing] | None = None,
) -> ComparisonReport:
    new = [make(d, NEW, s) for d in datasets for s in range(seeds)]
    return compare(new, recorded(make, seeds, against, datasets), against, speeds or [])


def timing(neuron: str, what: str, median: float, device: str = "Made CPU", **more: Any) -> Timing:
    fields: dict[str, Any] = {"backend": "torch", "shape": "s", "low": median, "high": median}
    fields |= {"bound": None, "rounds": 3, "kept_bytes": None} | more
    return Timing(device=device, what=what, neuron=neuron, median=median, **fields)


def said(found: ComparisonReport, start: str) -> str:
    (paragraph,) = [words for words in in_words(found) if words.startswith(start)]
    return paragraph


def line(found: ComparisonReport, dataset: str, baseline: str = LIFS[0]) -> Line:
    (only,) = [row for row in lines(found) if (row.dataset, row.baseline) == (dataset, baseline)]
    return only


# ---- verdicts ----


def test_a_better_neuron_is_said_to_be_better_by_how_much_and_how_sure() -> None:
    found = report(scattered({NEW: 0.08}), seeds=10, against=LIFS[:1])
    assert {c.verdict for c in found.of("accuracy")} == {"better"}
    for c in found.of("accuracy"):
        assert c.estimate.low < 0.08 < c.estimate.high
        assert c.p_holm < 0.05
    number = r"\+\d+\.\d"
    for row in lines(found):
        assert row.verdict == "better"
        assert re.fullmatch(rf"{number} ± \d\.\d \[{number}, {number}\] \(10\)", row.points)
        assert 0 < float(row.p) < 0.05


def test_a_planted_handicap_is_found_on_every_data_set() -> None:
    found = report(scattered({NEW: -0.1}), seeds=10)
    assert {c.verdict for c in found.of("accuracy")} == {"worse"}
    assert {o.verdict for o in found.overall} == {"worse"}
    assert in_words(found)[0] == (
        "In test accuracy on 3 data sets, mine is worse in 6 of 6 comparisons with 2 recorded "
        "neurons. Over all data sets together, it is worse than 2 of 2 neurons."
    )
    copies = report(scattered({NEW: -0.1}), seeds=10, against=("snntorch_lif", "spikingjelly_lif"))
    assert in_words(copies)[0] == (
        "In test accuracy on 3 data sets, mine is worse in 3 of 3 comparisons with 2 recorded "
        "neurons; copies of a neuron count once. Over all data sets together, it is worse than 1 "
        "of 1 neuron."
    )


def test_a_lif_under_another_name_is_the_same() -> None:
    make = scattered({})
    found = report(lambda d, n, s: make(d, LIFS[0], s).model_copy(update={"neuron": n}), seeds=10)
    assert {c.verdict for c in found.compared} == {"the same"}
    assert {c.p for c in found.compared} == {c.p_holm for c in found.compared} == {1.0}
    assert max(c.p_same for c in found.compared) < 0.01
    for overall in found.overall:
        assert (overall.improvement.value, overall.difference.value, overall.p) == (0.5, 0, 1)
    for row in lines(found):
        assert row.verdict == "the same within 1 point"
        assert row.spikes == "1.00 [1.00, 1.00], the same within 5 %"
    assert in_words(found)[0].endswith(
        "mine is the same within 1 point in 6 of 6 comparisons with 2 recorded neurons. Over all "
        "data sets together, it is the same within 1 point as 2 of 2 neurons."
    )
    assert "next declared look" not in " ".join(in_words(found))


def test_neurons_that_scatter_little_are_the_same_and_that_scatter_much_are_open() -> None:
    calm = report(scattered({}, sd=0.003), seeds=10, against=LIFS[:1])
    assert {c.verdict for c in calm.of("accuracy")} == {"the same"}
    wild = report(scattered({}, sd=0.03), seeds=10, against=LIFS[:1])
    assert {c.verdict for c in wild.of("accuracy")} == {"not distinguishable"}


def test_a_lead_of_one_point_is_left_to_the_next_declared_look() -> None:
    found = report(scattered({NEW: 0.01}, sd=0.012), seeds=10, against=LIFS[:1])
    assert "not distinguishable" in {c.verdict for c in found.of("accuracy")}
    assert (
        "this is the look at 10, tested at 0.031. The next declared look is at 20 seeds, at level "
        "0.019; looking in between would raise the false positives. On dvs_"
    ) in said(found, "Declared analysis")


def test_a_handicap_of_three_points_is_found_where_neurons_scatter_as_when_converged() -> None:
    found = report(scattered({NEW: -0.03}, sd=0.008), seeds=10, against=LIFS[:1])
    assert {c.verdict for c in found.of("accuracy")} == {"worse"}


# Of training that has converged, points: leads over LIF scatter by 1.2 on dvs_digits, 2.8 on
# dvs_motion, and a LIF differs from its copy in the other library by rounding alone.
CONVERGED, ROUNDING = 0.012, 0.003


def planted(lead: float, sd: float) -> ComparisonReport:
    """A converged neuron whose paired lead over LIF has this mean and scatter, 10 seeds."""
    steps = np.resize([0.6, -1.5, 1.2, -0.6, 0.3, 1.5, -1.2, -0.3, 0.9, -0.9], 10)
    steps *= sd / np.std(steps, ddof=1)

    def make(dataset: str, neuron: str, seed: int) -> Record:
        of = lead + steps[(seed + DATASETS.index(dataset)) % 10] if neuron == NEW else 0.0
        shared = np.random.default_rng(seed).normal(0.8, 0.02)
        return fine(dataset, neuron, seed, shared + of)

    return report(make, seeds=10, against=LIFS[:1])


def fine(dataset: str, neuron: str, seed: int, test: float) -> Record:
    """A cell with a test split so large that no lead is rounded off."""
    record, right = cell(dataset, neuron, seed), round(test * 100_000)
    accuracy = record.result.accuracy.model_copy(update={"test": right / 100_000})
    measured = {"accuracy": accuracy, "confusion": [[right, 100_000 - right], [0, 0]]}
    result = record.result.model_copy(update=measured)
    return record.model_copy(update={"result": result})


def test_a_lif_of_the_other_library_is_the_same_within_a_point_once_converged() -> None:
    found = planted(0.0, ROUNDING)
    assert {c.verdict for c in found.of("accuracy")} == {"the same"}
    assert max(c.p_same for c in found.of("accuracy")) < 0.03
    assert "would find" not in said(found, "Declared analysis")


def test_a_neuron_that_scatters_as_others_do_is_not_called_the_same() -> None:
    """10 seeds of that scatter cannot show it: undecided is another word than the same."""
    found = planted(0.0, CONVERGED)
    assert {c.verdict for c in found.of("accuracy")} == {"not distinguishable"}


@pytest.mark.parametrize("sd", [CONVERGED, 0.02])
def test_a_planted_handicap_of_three_points_is_worse_once_converged(sd: float) -> None:
    found = planted(-0.03, sd)
    assert {c.verdict for c in found.of("accuracy")} == {"worse"}
    assert {row.brief.partition(" ")[0] for row in lines(found)} == {"−3.0"}


def test_a_planted_lead_of_a_point_is_open_and_the_plan_says_what_the_next_look_finds() -> None:
    found = planted(0.01, CONVERGED)
    assert {c.verdict for c in found.of("accuracy")} == {"not distinguishable"}
    plan = said(found, "Declared analysis")
    look, least = declared().looks[1], least_effect(20, 1 - declared().alpha(20) / 3)
    assert plan.endswith(
        f"where the differences scatter most (by 1.2 points), {look} seeds would find a difference "
        f"of {1.2 * least:.1f} points 8 times in 10, corrected for 3 comparisons."
    )
    # that is more than the planted point: the plan does not promise to find it
    assert 1.2 * least > 1
    assert 1.2 * least_effect(20, 1 - declared().alpha(20)) < 1  # as it could alone


def test_after_the_last_look_no_plan_is_made() -> None:
    found = report(scattered({NEW: 0.01}, sd=0.03), seeds=20, against=LIFS[:1])
    assert "not distinguishable" in {c.verdict for c in found.of("accuracy")}
    assert said(found, "Declared analysis").endswith(
        "No more seeds are declared, so it stays open."
    )


def test_fewer_seeds_than_declared_are_a_demonstration() -> None:
    few = said(report(scattered({NEW: -0.1}), seeds=5), "Declared analysis")
    assert "5 seeds, before the first look: a demonstration at level 0.05" in few


def test_seeds_between_two_looks_do_not_count() -> None:
    found = report(scattered({NEW: 0.08}), seeds=13)
    assert {c.seeds for c in found.of("accuracy")} == {tuple(range(10))}
    assert "of 13 the first 10 count" in said(found, "Declared analysis")


def test_cells_that_are_not_converged_are_named() -> None:
    plain = scattered({})

    def make(dataset: str, neuron: str, seed: int) -> Record:
        record = plain(dataset, neuron, seed)
        if (dataset, neuron) != ("dvs_motion", NEW) or seed > 1:
            return record
        rising = {"validation_accuracy": [0.2, 0.4, 0.6, 0.8]}
        return record.model_copy(update={"curves": record.curves.model_copy(update=rising)})

    words = said(report(make, seeds=10), "Not converged")
    assert words.startswith(
        "Not converged: mine in 2 of 30 cells. Longer training would still gain"
    )
    assert "demonstration, not evidence" in words
    assert not any("onverged" in text for text in in_words(report(plain, seeds=10)))


def test_three_seeds_alike_are_not_certain() -> None:
    """Two test samples more in each of three seeds: a spread of 0 is no evidence."""
    found = report(lambda d, n, s: cell(d, n, s, 0.8 + (n == NEW) * 2 / SAMPLES), seeds=3)
    for c in found.of("accuracy"):
        assert c.estimate.mean == pytest.approx(2 / SAMPLES)
        assert c.p > 0.05
        assert c.estimate.low < 0 < c.estimate.high
    assert {c.verdict for c in found.of("accuracy")} == {"not distinguishable"}


def test_few_seeds_take_the_t_test_since_the_exact_one_cannot_reach_the_level() -> None:
    few = report(scattered({NEW: 0.02}), seeds=3)
    assert {c.method for c in few.compared} == {"t test"}
    assert {c.least_exact_p for c in few.compared} == {0.25}
    many = report(scattered({NEW: 0.02}), seeds=10)
    assert {c.method for c in many.of("accuracy")} == {"sign-flip test"}
    assert {c.least_exact_p for c in many.compared} == {2 / 2**10}


def test_more_comparisons_ask_for_more() -> None:
    others = tuple(f"other_{i}" for i in range(7))
    make = scattered({NEW: 0.04})
    alone = report(make, seeds=5, against=others[:1], datasets=DATASETS[:1])
    among = report(make, seeds=5, against=others)
    (c,) = alone.of("accuracy")
    same = next(d for d in among.of("accuracy", others[0]) if d.dataset == c.dataset)
    assert c.p == same.p == c.p_holm
    assert same.p_holm > 3 * same.p


def test_the_exact_test_is_taken_where_it_can_still_tell_after_holm() -> None:
    others = tuple(f"other_{i}" for i in range(7))
    make = scattered({NEW: 0.04})
    alone = report(make, seeds=7, against=others[:1])  # 2 / 2**7 < 0.05 / 3
    assert {c.method for c in alone.of("accuracy")} == {"sign-flip test"}
    among = report(make, seeds=7, against=others)  # but not < 0.05 / 21
    assert {c.method for c in among.of("accuracy")} == {"t test"}


def test_data_sets_together_can_decide_what_none_decides_alone() -> None:
    found = report(scattered({NEW: 0.025}), seeds=3)
    assert {c.verdict for c in found.of("accuracy")} == {"not distinguishable"}
    (overall,) = [o for o in found.overall if o.baseline == LIFS[0]]
    assert overall.verdict == "better"
    assert overall.pairs == 9
    assert overall.difference.low < 0.025 < overall.difference.high
    assert overall.improvement.value > 0.5
    assert in_words(found)[0].endswith(
        "Over all data sets together, it is better than 2 of 2 neurons."
    )


def test_equal_neurons_are_rarely_told_apart_in_any_comparison_of_a_report() -> None:
    names = tuple(f"equal_{i}" for i in range(200))
    make = scattered({}, sd=0.015)
    alarms = 0
    for i in range(60):
        against = names[3 * i : 3 * i + 3]
        new = [make(d, NEW + str(i), s) for d in DATASETS for s in range(3)]
        found = compare(new, recorded(make, 3, against), against, [])
        alarms += any(c.verdict in ("better", "worse") for c in found.of("accuracy"))
    assert alarms <= 7  # 5 in 100 are 3; 8 or more come by chance once in 60 times


# ---- spikes and SynOps ----


def test_spikes_and_synops_are_ratios_with_a_verdict() -> None:
    counts = {NEW: 900.0, LIFS[0]: 1000.0, LIFS[1]: 300.0}
    found = report(scattered({}, spikes=counts), seeds=10)
    for c in found.of("spikes", LIFS[0]):
        assert c.estimate.low < 0.9 < c.estimate.high
    for dataset in DATASETS:
        assert re.fullmatch(r"0\.\d\d \[0\.\d\d, 0\.\d\d\], fewer", line(found, dataset).spikes)
        assert re.fullmatch(
            r"\d\.\d\d \[2\.\d\d, 3\.\d\d\], more", line(found, dataset, LIFS[1]).synops
        )


def test_open_ratios_are_said_without_a_verdict() -> None:
    found = report(scattered({}, spikes={NEW: 1010.0}), seeds=2)
    for dataset in DATASETS:
        assert re.fullmatch(r"\d\.\d\d \[\d\.\d\d, \d\.\d\d\]", line(found, dataset).spikes)


@pytest.mark.parametrize("graded", ["relu", NEW])
def test_graded_outputs_are_not_counted_as_spikes(graded: str) -> None:
    plain = scattered({})

    def make(dataset: str, neuron: str, seed: int) -> Record:
        record = plain(dataset, neuron, seed)
        result = record.result.model_copy(update={"spiking": neuron != graded})
        return record.model_copy(update={"result": result})

    found = report(make, seeds=3, against=("relu",))
    assert all(math.isnan(c.p) for c in found.of("spikes") + found.of("synops"))
    assert not any(c.absent for c in found.of("accuracy"))
    assert all(len(c.new) == 3 for c in found.of("spikes"))
    row = line(found, "dvs_digits", "relu")
    assert row.spikes == row.synops == f"{graded}: graded outputs, not spikes"


def test_a_silent_neuron_has_no_ratio() -> None:
    plain = scattered({})

    def make(dataset: str, neuron: str, seed: int) -> Record:
        silent = neuron == NEW and (dataset, seed) == ("dvs_digits", 1)
        return cell(dataset, neuron, seed, 0.1, 0.0) if silent else plain(dataset, neuron, seed)

    found = report(make, seeds=3)
    assert line(found, "dvs_digits").spikes == "mine: a silent seed"
    for dataset in ("dvs_vehicles", "dvs_motion"):
        assert line(found, dataset).spikes.endswith("the same within 5 %")


# ---- what is missing ----


def test_a_failed_seed_of_the_new_neuron_is_said_and_left_out() -> None:
    make = scattered({})

    def broken(dataset: str, neuron: str, seed: int) -> Record:
        fails = (dataset, neuron, seed) == ("dvs_digits", NEW, 1)
        return failed(dataset, neuron, seed) if fails else make(dataset, neuron, seed)

    found = report(broken, seeds=3)
    assert found.failed == ("mine on dvs_digits, seed 1 (epoch 2: loss is not finite)",)
    assert "flatters a neuron that fails" in said(found, "Failed: mine on dvs_digits, seed 1")
    digits = next(c for c in found.of("accuracy") if c.dataset == "dvs_digits")
    assert digits.seeds == (0, 2)


def test_a_neuron_that_always_fails_is_not_tested_there() -> None:
    make = scattered({})

    def broken(dataset: str, neuron: str, seed: int) -> Record:
        fails = dataset == "dvs_digits" and neuron == NEW
        return failed(dataset, neuron, seed) if fails else make(dataset, neuron, seed)

    found = report(broken, seeds=3)
    assert "failed" in line(found, "dvs_digits").verdict
    assert {c.dataset for c in found.of("accuracy") if not c.absent} == {
        "dvs_vehicles",
        "dvs_motion",
    }
    assert found.tested("accuracy") == 4


def test_missing_seeds_are_said_and_one_pair_is_not_tested() -> None:
    make = scattered({})
    cells = recorded(make, 3)
    for seed in (1, 2):
        del cells.records["dvs_motion", LIFS[0], seed]
    new = [make(d, NEW, s) for d in DATASETS for s in range(3)]
    found = compare(new, cells, LIFS, [])
    assert found.not_run == ("snntorch_lif on dvs_motion, seeds 1, 2",)
    assert said(found, "Not run: snntorch_lif on dvs_motion, seeds 1, 2.")
    row = line(found, "dvs_motion")
    assert row.verdict == "not tested"
    assert row.points.endswith("(1)")


def test_nothing_to_pair_gives_a_report_that_says_so(tmp_path: Path) -> None:
    make = scattered({})
    found = compare([make("dvs_digits", NEW, 7)], recorded(make, 3), LIFS, [])
    assert in_words(found)[0].startswith("Nothing is tested: mine and 2 recorded neurons do not")
    assert line(found, "dvs_digits").verdict == "no seed in common"
    (tmp_path / "figure.svg").write_text("of an earlier comparison")
    names = {path.name for path in write_comparison(found, tmp_path)}
    assert names == {path.name for path in tmp_path.iterdir()}
    assert "figure.svg" not in names
    assert "<img" not in (tmp_path / "index.html").read_text()


# ---- what is refused ----


@pytest.mark.parametrize(
    ("part", "word"),
    [
        ("protocol", "training protocol"),
        ("data", "data"),
        ("weights", "initial weights"),
        ("order", "order of samples"),
    ],
)
def test_records_that_were_not_trained_alike_are_refused_by_name(part: str, word: str) -> None:
    make = scattered({})
    new = [cell("dvs_digits", NEW, s, **({part: "other"} if s == 1 else {})) for s in range(3)]
    with pytest.raises(
        InputError, match=rf"mine/1 .*snntorch_lif/1 .*differ in {word} \("
    ) as found:
        compare(new, recorded(make, 3), LIFS, [])
    assert "if mine is the stale one, delete its record and compare again" in str(found.value)
    assert "\n" not in str(found.value)


def test_another_learning_rate_is_refused() -> None:
    make = scattered({})
    new = [cell("dvs_digits", NEW, 0, settings=SETTINGS | {"learning_rate": 0.1})]
    with pytest.raises(InputError, match=r"not trained at one .*: \w+ at 0\.005 and mine at 0\.1"):
        compare(new, recorded(make, 3), LIFS, [])


def test_each_neuron_at_its_own_best_rate_is_said_and_another_one_refused() -> None:
    make = scattered({NEW: 0.1})
    at = SETTINGS | {"learning_rate": 0.1}
    new = [make("dvs_digits", NEW, seed).model_copy(update={"settings": at}) for seed in range(10)]
    known, rates = recorded(make, 10, datasets=("dvs_digits",)), {("dvs_digits", NEW): 0.1}
    found = compare(new, known, LIFS, [], rates=rates)
    assert {c.verdict for c in found.of("accuracy")} == {"better"}
    assert "that of mine is 0.1 on dvs_digits." in " ".join(in_words(found))
    with pytest.raises(InputError, match=r"mine on dvs_digits was trained at 0\.1, .* is 0\.2"):
        compare(new, known, LIFS, [], rates={("dvs_digits", NEW): 0.2})


@pytest.mark.parametrize(
    ("names", "against", "says"),
    [
        ([NEW], (), "no recorded neuron to compare with"),
        ([NEW], ("snntorch_lief",), "did you mean 'snntorch_lif'"),
        ([LIFS[0]], LIFS, "compared with a record of the same name"),
        ([NEW, "other"], LIFS, "one new neuron, not of 2"),
        ([], LIFS, "one new neuron, not of 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    names: list[str], against: tuple[str, ...], says: str
) -> None:
    make = scattered({})
    new = [make("dvs_digits", name, 0) for name in names]
    with pytest.raises(InputError, match=says):
        compare(new, recorded(make, 1), against, [])


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        (["portable"], ["portable"], False),
        (["fast on Made CPU"], ["portable"], True),
        (["cuda on a GPU", "portable"], ["portable"], True),
        ([], ["portable"], False),
    ],
)
def test_pairs_whose_sums_round_otherwise_are_said(
    here: list[str], there: list[str], said: bool
) -> None:
    make = scattered({})
    new = [make(d, NEW, s) for d in DATASETS for s in range(3)]
    found = compare(new, recorded(make, 3), LIFS, [], here, there)
    words = " ".join(in_words(found))
    assert ("they round differently" in words) == said
    if said:
        assert f"Arithmetic: mine {here[0]}, the recorded neurons portable; they round" in words


# ---- costs ----


def test_time_and_memory_are_said_in_times_of_the_baseline() -> None:
    speeds = [
        timing(NEW, "training_step", 400.0),  # samples/s
        timing(LIFS[0], "training_step", 520.0),
        timing(NEW, "neuron_forward_backward", 6.0, kept_bytes=4.0),  # ns
        timing(LIFS[0], "neuron_forward_backward", 3.0, kept_bytes=8.0),
        timing(LIFS[1], "training_step", 401.0),
    ]
    found = report(scattered({}), seeds=3, speeds=speeds)
    assert {c.what: c.times for c in found.costs if c.baseline == LIFS[0]} == pytest.approx(
        {"training_step": 1.3, "neuron_forward_backward": 2.0, "kept_bytes": 0.5}
    )
    head, rows = overall_rows(found)
    times = {row[0]: row[5:] for row in rows}
    assert head[5:] == ["training step", "neuron alone", "bytes kept"]
    assert times == {LIFS[0]: ["1.3 ×", "2 ×", "0.5 ×"], LIFS[1]: ["1 ×", "–", "–"]}
    assert "not measured" not in " ".join(in_words(found))


def test_each_device_is_compared_with_itself() -> None:
    speeds = [
        timing(name, "training_step", speed, device)
        for device, name, speed in [
            ("CPU", NEW, 100.0),
            ("CPU", LIFS[0], 200.0),
            ("GPU", NEW, 3000.0),
            ("GPU", LIFS[0], 1000.0),
        ]
    ]
    head, rows = overall_rows(report(scattered({}), seeds=3, speeds=speeds))
    assert head[5:] == ["device", "training step"]
    assert [row[5:] for row in rows if row[0] == LIFS[0]] == [["CPU", "2 ×"], ["GPU", "0.33 ×"]]


def test_a_comparison_without_timings_says_so() -> None:
    assert "Time and memory were not measured." in in_words(report(scattered({}), seeds=3))[-1]


# ---- what is written ----


@pytest.fixture(scope="module")
def whole() -> ComparisonReport:
    """Two baselines, one of them graded, ten seeds, a failed and a missing cell, timings."""
    make = scattered({NEW: 0.05}, spikes={NEW: 800.0})

    def some(dataset: str, neuron: str, seed: int) -> Record:
        if (dataset, neuron, seed) == ("dvs_motion", NEW, 3):
            return failed(dataset, neuron, seed)
        record = make(dataset, neuron, seed)
        result = record.result.model_copy(update={"spiking": neuron != "relu"})
        return record.model_copy(update={"result": result})

    speeds = [timing(n, "training_step", 100.0) for n in (NEW, LIFS[0], "relu")]
    return report(some, 10, (LIFS[0], "relu"), speeds=speeds)


class Tags(HTMLParser):
    """Fails on a tag that is not closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_all_files_are_written_and_can_be_read(tmp_path: Path, whole: ComparisonReport) -> None:
    paths = {path.name: path for path in write_comparison(whole, tmp_path)}
    stems = {"comparison.json", "comparison.csv", "comparison.md"}
    stems |= {"figure.svg", "section.html", "index.html"}
    assert set(paths) == stems == {path.name for path in tmp_path.iterdir()}
    content = json.loads(paths["comparison.json"].read_text())
    assert content["words"] == list(in_words(whole))
    first = content["compared"][0]
    assert first["new"] == list(whole.compared[0].new)
    assert first["found"] == asdict(whole.compared[0].estimate)
    assert len(content["pairs"]) == 2 * (10 + 10 + 9)
    assert content["pairs"][0] == {
        "dataset": "dvs_digits",
        "seed": 0,
        "baseline": "snntorch_lif",
        "protocol": "p",
        "data": "d-dvs_digits",
        "weights": "w-dvs_digits-0",
        "order": "o-dvs_digits-0",
        "neuron": "n-mine",
        "baseline_neuron": "n-snntorch_lif",
    }
    rows = list(csv.DictReader(io.StringIO(paths["comparison.csv"].read_text())))
    assert len(rows) == 3 * 2 * 3  # metrics x baselines x data sets
    assert float(rows[0]["mean"]) == whole.compared[0].estimate.mean
    assert ElementTree.fromstring(paths["figure.svg"].read_text()).tag.endswith("svg")
    page = paths["index.html"].read_text()
    assert paths["section.html"].read_text() in page
    assert "<img src='data:image/svg+xml,<svg" in page


def test_the_text_has_the_words_on_top_and_whole_tables(
    tmp_path: Path, whole: ComparisonReport
) -> None:
    write_comparison(whole, tmp_path)
    text = (tmp_path / "comparison.md").read_text()
    places = [text.index(paragraph) for paragraph in in_words(whole)]
    table = text.index("| data set |")
    assert places == sorted(places)
    assert places[-1] < table
    tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    assert [len({line.count("|") for line in t.splitlines()}) for t in tables] == [1, 1]
    assert "relu: graded outputs, not spikes" in text


def test_the_section_is_a_whole_fragment_with_bars(tmp_path: Path, whole: ComparisonReport) -> None:
    write_comparison(whole, tmp_path)
    section = (tmp_path / "section.html").read_text()
    tags = Tags()
    tags.feed(section)
    assert tags.open == []
    assert section.count('class="bar"') == 6
    assert section.count('class="ahead">better') >= 6
    text = " ".join("".join(tags.text).split())
    for paragraph in in_words(whole):
        assert " ".join(paragraph.split()) in text
    places = [float(v) for v in re.findall(r"left:([\d.]+)%", section)]
    assert all(0 <= v <= 100 for v in places)


def test_the_same_records_give_the_same_bytes(tmp_path: Path, whole: ComparisonReport) -> None:
    first, second = (
        {path.name: path.read_bytes() for path in write_comparison(whole, tmp_path / name)}
        for name in ("first", "second")
    )
    assert first == second


def test_the_terminal_shows_every_verdict(whole: ComparisonReport) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(terminal_tables(whole))
    text = console.export_text()
    assert text.count("better") == 6 + 2  # by data set, and over all
    assert text.count("fewer") == 3 * 2  # spikes and SynOps against the one that spikes
    assert text.count("relu") >= 6 + 2
    assert "training step" in " ".join(text.split())
    assert "…" not in text


def test_comparing_does_without_torch() -> None:
    script = "import sys, benchmarks.presenting.comparison.files; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
