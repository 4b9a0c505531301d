"""Which cells were trained until nothing more was gained."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.evidence.convergence import (
    LEAST_GAIN,
    converged,
    late_gain,
    rising,
    said,
    share_unconverged,
    unconverged,
)
from benchmarks.records.schema import Record
from benchmarks.records.selection import Cells, Selection
from tests.made_records import failed, made


def _trained(curve: list[float], neuron: str = "aia", seed: int = 0) -> Record:
    record = made(neuron=neuron, seed=seed)
    curves = record.curves.model_copy(update={"validation_accuracy": curve})
    return record.model_copy(update={"curves": curves})


@pytest.mark.parametrize(
    ("curve", "gain"),
    [
        ([0.5, 0.6, 0.7, 0.8, 0.9], 0.1),  # the last of five
        ([0.9, 0.6, 0.7, 0.8, 0.85], 0.0),  # the best came first
        ([0.1] * 8 + [0.3, 0.2], 0.2),  # the last two of ten
        ([0.1] * 7 + [0.3, 0.2, 0.31], 0.01),
        ([0.1] * 32 + [0.1, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], 0.1),  # the last eight of forty
        ([0.7, 0.9], 0.2),
    ],
)
def test_a_gain_is_what_the_last_fifth_adds_to_the_best(curve: list[float], gain: float) -> None:
    assert late_gain(curve) == pytest.approx(gain)


def test_half_a_point_is_the_least_that_is_not_converged() -> None:
    flat = [0.5, 0.8, 0.8, 0.8]
    assert converged(_trained([*flat, 0.8 + 0.9 * LEAST_GAIN]))
    assert not converged(_trained([*flat, 0.8 + LEAST_GAIN]))  # whatever the rounding
    assert not converged(_trained([*flat, 0.9]))
    assert not converged(_trained([0.9]))  # one epoch says nothing


@pytest.mark.parametrize(
    ("rise", "least", "most"),
    [(0.0, 0.0, 0.06), (0.01, 0.7, 0.95), (0.02, 0.95, 1.0)],
)
def test_noise_is_seldom_taken_for_a_gain_and_a_gain_seldom_missed(
    rise: float, least: float, most: float
) -> None:
    """Curves of 40 epochs that rise so much a fifth, and scatter by 0.6 points about that."""
    generator = np.random.default_rng(0)
    epochs = 0.6 + rise * np.arange(40) / 8
    curves = epochs + generator.normal(0, 0.006, (2000, 40))
    marked = np.mean([late_gain(curve.tolist()) >= LEAST_GAIN for curve in curves])
    assert least <= marked <= most


def test_neurons_with_such_cells_are_counted_and_named() -> None:
    climbing, flat = [0.1, 0.2, 0.3, 0.4, 0.5], [0.5] * 5
    records = [_trained(climbing, seed=0), _trained(flat, seed=1), failed("dvs_digits", "aia", 2)]
    records += [_trained(flat, "snntorch_lif", seed) for seed in range(3)]
    chosen = Selection(("dvs_digits",), ("snntorch_lif", "aia"), (0, 1, 2))
    cells = Cells("made", chosen, {(r.dataset, r.neuron, r.seed): r for r in records})
    assert unconverged(cells, "dvs_digits", "aia") == [0]
    assert share_unconverged(cells.records.values()) == (1, 5)
    assert said(cells, chosen.neurons).startswith("Not converged: aia in 1 of 2 cells. Longer")
    assert said(cells, ("snntorch_lif",)) == ""


def test_a_neuron_is_rising_where_its_cells_gain_late_on_average() -> None:
    flat, late = [0.5] * 5, [0.5, 0.5, 0.5, 0.5, 0.506]
    chosen = Selection(("dvs_digits",), ("aia",), (0, 1, 2))

    def cells(*curves: list[float]) -> Cells:
        records = [_trained(curve, seed=seed) for seed, curve in enumerate(curves)]
        return Cells("made", chosen, {(r.dataset, r.neuron, r.seed): r for r in records})

    one = cells(flat, flat, late)
    assert not rising(one, "dvs_digits", "aia")  # 0.2 points on average
    assert said(one, ("aia",)).endswith("cells. On average no neuron gains half a point late.")
    assert rising(cells(late, late, late), "dvs_digits", "aia")
    assert not rising(cells(), "dvs_digits", "aia")
