"""What a data set can tell: which rungs there are, and what stands on them."""

from __future__ import annotations

import pytest

from benchmarks.evidence.ladder import Rung, ladder
from benchmarks.evidence.tuning import Tuned
from benchmarks.presenting.tables.ladder import ladder_table
from benchmarks.records.schema import Record
from benchmarks.records.selection import Cells, Selection
from tests.made_records import failed, made

LIF = "snntorch_lif"
SEEDS = (0, 1, 2)


def graded(record: Record) -> Record:
    assert record.result is not None
    return record.model_copy(update={"result": record.result.model_copy(update={"spiking": False})})


def validated(record: Record, validation: float) -> Record:
    assert record.result is not None
    accuracy = record.result.accuracy.model_copy(update={"validation": validation})
    result = record.result.model_copy(update={"accuracy": accuracy})
    return record.model_copy(update={"result": result})


def cells(*records: Record) -> Cells:
    neurons = tuple(dict.fromkeys(r.neuron for r in records))
    seeds = tuple(sorted({r.seed for r in records}))
    by_key = {(r.dataset, r.neuron, r.seed): r for r in records}
    return Cells("made", Selection(("dvs_digits",), neurons, seeds), by_key)


def of(neuron: str, *tests: float) -> list[Record]:
    return [made(neuron=neuron, seed=seed, test=test) for seed, test in enumerate(tests)]


def every() -> list[Record]:
    return [
        *of(LIF, 0.70, 0.72, 0.74),
        *of("aia", 0.76, 0.77, 0.78),
        *(graded(r) for r in of("linear", 0.60, 0.61, 0.62)),
        *(graded(r) for r in of("relu", 0.90, 0.91, 0.92)),
        *(graded(r) for r in of("temporal_conv", 0.95, 0.96, 0.97)),
    ]


def rung(found: list[Rung], kind: str) -> Rung:
    return next(r for r in found if r.kind == kind)


def test_the_rungs_stand_in_their_order_with_what_they_are() -> None:
    found = ladder(cells(*every()), None)
    assert [(r.kind, r.neuron) for r in found] == [
        ("floor", ""),
        ("linear map", "linear"),
        ("LIF", LIF),
        ("best spiking", "aia"),
        ("reference", "relu"),
        ("reference", "temporal_conv"),
    ]
    assert rung(found, "LIF").test.mean == pytest.approx(0.72)
    assert rung(found, "reference").over_lif.mean == pytest.approx(0.19)
    assert rung(found, "best spiking").says == "of 2"


def test_the_floor_is_the_most_frequent_class_of_the_test_split_or_one_over_classes() -> None:
    floor = rung(ladder(cells(*every()), None), "floor")
    assert floor.test.mean == pytest.approx(200 / 360)  # the rows of the confusion matrix
    assert floor.says == "most frequent class"
    broken = [failed("dvs_digits", LIF, seed) for seed in SEEDS]
    (floor,) = ladder(cells(*broken), None)
    assert (floor.test.mean, floor.says) == (0.5, "1 / 2 classes")
    assert ladder(cells(), None) == []


def test_splits_that_differ_by_seed_have_a_floor_each() -> None:
    records = of(LIF, 0.7, 0.7)
    assert records[1].result is not None
    even = records[1].result.model_copy(update={"confusion": [[100, 0], [0, 100]]})
    records[1] = records[1].model_copy(update={"result": even})
    floor = rung(ladder(cells(*records), None), "floor")
    assert floor.test.mean == pytest.approx((200 / 360 + 0.5) / 2)
    assert floor.test.n == 2


def test_the_best_spiking_neuron_is_chosen_on_validation() -> None:
    records = [
        *(validated(r, 0.8) for r in of(LIF, 0.70, 0.72, 0.74)),
        *(validated(r, 0.9) for r in of("clif", 0.60, 0.61, 0.62)),
        *(graded(r) for r in of("relu", 0.90, 0.91, 0.92)),
    ]
    assert rung(ladder(cells(*records), None), "best spiking").neuron == "clif"


def test_a_neuron_of_fewer_seeds_is_not_the_best_spiking_one() -> None:
    records = [*of(LIF, 0.70, 0.72, 0.74), *(validated(r, 0.99) for r in of("clif", 0.9, 0.9))]
    best = rung(ladder(cells(*records), None), "best spiking")
    assert (best.neuron, best.says) == (LIF, "of 1")


def test_tuned_neurons_stand_at_their_own_rate_and_others_say_that_they_do_not() -> None:
    own = cells(*of(LIF, 0.80, 0.82, 0.84))
    group = ("dvs_digits", LIF)
    tuned = Tuned(cells=own, rates={group: 0.02}, by_rate={group: {0.02: [0.8]}})
    found = ladder(cells(*every()), tuned)
    assert rung(found, "LIF").test.mean == pytest.approx(0.82)
    assert rung(found, "reference").over_lif.mean == pytest.approx(0.09)
    shown = ladder_table(found).shown.set_index("neuron")
    assert shown.loc[[LIF], "learning rate"].iloc[0] == "0.02"
    assert shown.loc["relu", "learning rate"] == "0.005, shared"


def test_the_table_says_what_is_not_converged() -> None:
    records = every()
    rising = records[0].curves.model_copy(update={"validation_accuracy": [0.1, 0.2, 0.3, 0.4]})
    records[0] = records[0].model_copy(update={"curves": rising})
    table = ladder_table(ladder(cells(*records), None))
    by_rung = table.shown.set_index("rung")
    assert by_rung.loc["LIF", "not converged"] == "1 of 3"
    assert by_rung.loc["linear map", "not converged"] == "0 of 3"
    assert by_rung.loc["floor, most frequent class", "test accuracy, %"] == "55.6"
    assert by_rung.loc["floor, most frequent class", "not converged"] == "–"
    assert by_rung.loc["LIF", "test accuracy, %"] == "72.0 ± 2.0 [67.0, 77.0] (3)"
