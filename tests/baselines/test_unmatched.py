"""What is declared of neurons that are not matched, measured on them by what makes them spike."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.evidence.unmatched import DECAY, INPUT_GAIN, UNMATCHED, Unmatched, note_of, said
from benchmarks.params import Matched, read
from benchmarks.training.neurons import Build, builder

ZOO = read(Path(__file__).parents[2] / "zoo" / "params.yaml")
THRESHOLD = 1.0


def spikes_last(build: Build, *drive: float) -> bool:
    """Whether one unit spikes at the last of these time steps."""
    with torch.no_grad():
        return bool(build(1)(torch.tensor(drive).view(-1, 1, 1))[-1].item())


def least(build: Build, *before: float) -> float:
    """The smallest drive at which a unit spikes after these."""
    low, high = 0.0, 16.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if spikes_last(build, *before, middle) else (middle, high)
    return high


def measured(build: Build) -> tuple[float, float]:
    """Decay and input gain below the threshold."""
    gain = THRESHOLD / least(build)
    first = 0.5 * THRESHOLD / gain
    return (THRESHOLD - gain * least(build, first)) / (gain * first), gain


@pytest.mark.parametrize("alias", UNMATCHED)
def test_decay_and_input_gain_are_what_is_declared(alias: str) -> None:
    build = builder(ZOO.neuron[alias], ZOO.matched)
    declared = UNMATCHED[alias]
    assert measured(build) == pytest.approx((declared.decay, declared.input_gain), abs=0.001)


@pytest.mark.parametrize("alias", ["snntorch_lif", "spikingjelly_lif", "spikingjelly_plif"])
def test_the_matched_ones_have_what_the_notes_call_matched(alias: str) -> None:
    build = builder(ZOO.neuron[alias], ZOO.matched)
    assert measured(build) == pytest.approx((DECAY, INPUT_GAIN), abs=0.001)
    assert (Matched().decay, Matched().threshold) == (DECAY, THRESHOLD)
    assert note_of(alias) == ""


def test_lapicque_cannot_spike_in_the_step_after_a_spike() -> None:
    build = builder(ZOO.neuron["snntorch_lapicque"], ZOO.matched)
    assert spikes_last(build, 3.0)
    assert not spikes_last(build, 3.0, 100.0)
    assert spikes_last(build, 3.0, 100.0, 3.0)
    assert spikes_last(builder(ZOO.neuron["snntorch_lif"], ZOO.matched), 3.0, 100.0)


def test_snntorchs_default_reset_takes_the_threshold_off_a_step_late() -> None:
    """v = 1.6, then 0.9 * 1.6 - 1 = 0.44 is left, where an early one leaves 0.9 * 0.6 = 0.54."""
    build = builder(ZOO.neuron["snntorch_lif_defaults"], ZOO.matched)
    assert least(build, 1.6) == pytest.approx(1 - 0.44, abs=0.001)


def test_spikingjellys_defaults_let_the_gradient_through_the_reset() -> None:
    """Of a unit that spikes first, the second spike's surrogate hangs on the first drive alone
    through the reset."""
    for alias, through in (("spikingjelly_lif", False), ("spikingjelly_lif_defaults", True)):
        neuron = builder(ZOO.neuron[alias], ZOO.matched)(1)
        drive = torch.tensor([4.0, 0.5]).view(2, 1, 1).requires_grad_()
        neuron(drive)[1].sum().backward()
        assert drive.grad is not None
        assert bool((drive.grad[0] != 0).item()) == through, alias


def test_every_neuron_with_its_librarys_defaults_in_the_zoo_has_a_note() -> None:
    defaults = {alias for alias in ZOO.neuron if alias.endswith("_defaults")}
    assert defaults <= set(UNMATCHED) <= set(ZOO.neuron)
    assert all(note_of(alias) for alias in UNMATCHED)


def test_notes_are_said_in_one_sentence_each_neuron_once() -> None:
    both = ["aia", "snntorch_lif_defaults", "snntorch_lif_defaults"]
    note = "decay 0.9, not 0.5; soft reset, a step late"
    assert said(both) == f"Not matched: snntorch_lif_defaults ({note})."
    assert said(["aia"]) == ""
    assert Unmatched().says == ""
