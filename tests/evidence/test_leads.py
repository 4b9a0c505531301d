"""Leads over LIF by learning rate and by epoch, against what was put in and what is drawn."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest

from benchmarks.errors import InputError
from benchmarks.evidence.leads import lead_by_epoch, lead_by_rate
from benchmarks.evidence.tuning import Tuned
from benchmarks.presenting.figures.leads import by_epoch, by_rate
from benchmarks.presenting.figures.looks import colours
from benchmarks.records.schema import Record
from benchmarks.records.selection import Cells, Selection
from tests.made_records import made

LIF = "snntorch_lif"
NEURONS = (LIF, "aia", "gain_frozen")
BY_RATE = {
    LIF: {0.005: [0.5, 0.6, 0.7], 0.01: [0.8, 0.8, 0.8]},
    "aia": {0.005: [0.6, 0.8, 0.7], 0.01: [0.8, 0.81, 0.82], 0.02: [0.9, 0.9, 0.9]},
}


def tuned() -> Tuned:
    by_rate = {("dvs_digits", neuron): rates for neuron, rates in BY_RATE.items()}
    rates = {group: max(of, key=lambda r: sum(of[r])) for group, of in by_rate.items()}
    return Tuned(cells=cells(), rates=rates, by_rate=by_rate)


def curve(neuron: str, seed: int, *validation: float, **changes: str) -> Record:
    record = made(neuron=neuron, seed=seed, **changes)
    longer = record.curves.model_copy(update={"validation_accuracy": list(validation)})
    return record.model_copy(update={"curves": longer})


def cells(*more: Record) -> Cells:
    records = [
        curve(LIF, 0, 0.1, 0.4, 0.7, 0.7),
        curve(LIF, 1, 0.2, 0.5, 0.7, 0.7),
        curve("aia", 0, 0.3, 0.5, 0.7, 0.7),
        curve("aia", 1, 0.6, 0.6, 0.7, 0.7),
        *more,
    ]
    by_key = {(r.dataset, r.neuron, r.seed): r for r in records}
    return Cells("made", Selection(("dvs_digits",), NEURONS, (0, 1)), by_key)


def test_a_lead_is_taken_at_the_rates_of_both_and_paired_by_tuning_seed() -> None:
    found = lead_by_rate(tuned(), "dvs_digits", "aia")
    assert list(found) == [0.005, 0.01]  # LIF has no 0.02: grids are extended neuron by neuron
    assert found[0.005].mean == pytest.approx(fmean([0.1, 0.2, 0.0]))
    assert found[0.01].mean == pytest.approx(0.01)
    assert found[0.005].low < 0 < found[0.005].high
    assert lead_by_rate(tuned(), "dvs_digits", "gain_frozen") == {}


def test_a_lead_by_epoch_is_the_mean_difference_of_the_curves() -> None:
    found = lead_by_epoch(cells(), "dvs_digits", "aia")
    assert [e.mean for e in found] == pytest.approx([0.3, 0.1, 0.0, 0.0])
    assert [e.n for e in found] == [2] * 4


def test_only_seeds_of_both_count() -> None:
    found = lead_by_epoch(
        cells(curve("gain_frozen", 1, 0.9, 0.9, 0.9, 0.9)), "dvs_digits", "gain_frozen"
    )
    assert [e.n for e in found] == [1] * 4
    assert found[0].mean == pytest.approx(0.7)
    assert lead_by_epoch(cells(), "dvs_digits", "gain_frozen") == []


def test_curves_that_were_not_trained_alike_are_not_compared() -> None:
    with pytest.raises(InputError, match="initial weights"):
        lead_by_epoch(cells(curve("aia", 0, *[0.5] * 4, weights="others")), "dvs_digits", "aia")


def test_the_figures_hold_those_means() -> None:
    looks = colours(NEURONS)
    figure = by_rate(tuned(), looks)
    assert figure is not None
    (axes,) = figure.axes
    (bars,) = axes.containers
    assert bars[0].get_ydata() == pytest.approx([10, 1])
    assert bars[0].get_xdata() == pytest.approx([0.005, 0.01])
    figure = by_epoch(cells(), None, looks)
    assert figure is not None
    assert [axes.get_title() for axes in figure.axes] == ["dvs_digits, shared rate"]
    lines = [list(line.get_ydata()) for line in figure.axes[0].lines]
    assert any(line == pytest.approx([30, 10, 0, 0], abs=1e-9) for line in lines if len(line) == 4)
    one = by_epoch(cells(), tuned(), looks)
    assert one is not None
    assert [a.get_title() for a in one.axes] == ["dvs_digits, shared rate, the best of all"]
    other = replace(tuned(), cells=cells(curve("aia", 0, 0.4, 0.5, 0.7, 0.7)))
    both = by_epoch(cells(), other, looks)
    assert both is not None
    assert len(both.axes) == 2


def test_two_seeds_are_drawn_as_themselves_and_three_with_their_interval() -> None:
    two = {key: {r: values[:2] for r, values in of.items()} for key, of in tuned().by_rate.items()}
    for by, expected in ((two, 5.0), (tuned().by_rate, 24.84)):  # 4.303 * 10 / sqrt(3)
        figure = by_rate(replace(tuned(), by_rate=by), colours(NEURONS))
        assert figure is not None
        (bars,) = figure.axes[0].containers
        (segments,) = bars[2]
        low, high = segments.get_segments()[0][:, 1]
        assert (high - low) / 2 == pytest.approx(expected, abs=0.01)


def test_without_a_lead_there_is_no_figure() -> None:
    assert by_epoch(cells(), None, colours((LIF,))) is None
    assert by_rate(tuned(), colours((LIF,))) is None
