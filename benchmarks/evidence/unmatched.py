"""Neurons whose options are not the matched ones, and in what they differ.

Declared here alone; tests/baselines/test_unmatched.py measures the numbers on the neurons.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

DECAY, INPUT_GAIN = 0.5, 1.0  # the matched ones


@dataclass(frozen=True)
class Unmatched:
    """What a neuron has where the others have the matched options."""

    decay: float = DECAY  # part of the membrane potential that is kept per time step
    input_gain: float = INPUT_GAIN  # what the drive is multiplied by
    besides: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """``decay 0.9, not 0.5; soft reset, a step late``."""
        parts = []
        if self.decay != DECAY:
            parts.append(f"decay {self.decay:g}, not {DECAY:g}")
        if self.input_gain != INPUT_GAIN:
            parts.append(f"input gain {self.input_gain:g}, not {INPUT_GAIN:g}")
        return "; ".join([*parts, *self.besides])


_SPIKINGJELLY = Unmatched(
    input_gain=0.5,
    besides=("gradient through the reset", "surrogate the derivative of a sigmoid"),
)
UNMATCHED = {
    # it takes one Euler step of R C dv/dt = R I - v, so that 1 - ln 2 and ln 2 stand for 1/2 and 1
    "snntorch_lapicque": Unmatched(0.307, 0.693, ("no spike in the step after one",)),
    "snntorch_lif_defaults": Unmatched(decay=0.9, besides=("soft reset, a step late",)),
    "spikingjelly_lif_defaults": _SPIKINGJELLY,
    "spikingjelly_plif_defaults": _SPIKINGJELLY,
}


def note_of(neuron: str) -> str:
    """In what a neuron differs from the matched options; empty where it does not."""
    return UNMATCHED[neuron].says if neuron in UNMATCHED else ""


def said(neurons: Iterable[str]) -> str:
    """A sentence about those of ``neurons`` that differ; empty where none does."""
    notes = [f"{n} ({note_of(n)})" for n in dict.fromkeys(neurons) if note_of(n)]
    return f"Not matched: {', '.join(notes)}." if notes else ""
