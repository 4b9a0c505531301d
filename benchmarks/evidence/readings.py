"""The readings of the paper's association, each with its controls, under the names of params.yaml.

What is known of the paper's neuron is its abstract (arXiv 2207.11670 v2) and the code of another
paper, its version 1; each reading follows other words of either (all inferred). The formulas are
those of aia/variants.py, the controls those of baselines/controls.py.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from benchmarks.records.selection import CONTROLS, FROZEN, SUBJECT

_FROZEN, _PLAIN, _SCALED = CONTROLS
_CODE = "code of v1"
_ABSTRACT = "abstract of v2"


@dataclass(frozen=True)
class Reading:
    """One definition of the association."""

    drive: str  # I of a unit; y = W s is the drive of a LIF, sg the stop-gradient
    follows: str  # what it takes literally
    controls: dict[str, str] = field(default_factory=dict)  # control of SUBJECT -> its own
    keeps: str = "nothing"  # what of it is left at inference that a LIF does not have
    settled: dict[str, str] = field(default_factory=dict)  # predicate -> why its definition answers

    def control(self, of_subject: str, selected: Collection[str]) -> str:
        """Its own control in the place of one of ``SUBJECT``, where it has one and it is there."""
        own = self.controls.get(of_subject, of_subject)
        return own if own in selected else of_subject


def _own(stem: str, scaled: str = "") -> dict[str, str]:
    """The controls of a reading; without ``scaled`` no initial scale of a LIF matches it."""
    own = {_FROZEN: f"{stem}_frozen", _PLAIN: f"{stem}_plain"}
    return own | ({_SCALED: scaled} if scaled else {})


_COEFFICIENTS = "one coefficient an output"
READINGS: dict[str, Reading] = {
    SUBJECT: Reading(
        "y + relu(a) sg(y)",
        f"{_CODE}, on every hidden layer",
        {control: control for control in CONTROLS},
    ),
    "aia_hidden": Reading(
        "y + relu(a) sg(y) on fully connected layers, y elsewhere",
        f"{_CODE}, as it stands",
        _own("hidden", f"{_SCALED}_hidden"),
    ),
    "aia_signed": Reading(
        "y + a sg(y)",
        f"{_ABSTRACT}: potentiate or depress",
        _own("signed", f"{_SCALED}_signed"),
    ),
    "aia_gated": Reading(
        "y + relu(a) sg(y) where two dendrites or more are active, else y",
        f"{_ABSTRACT}: only when both dendrites are stimulated, weakly",
        _own("gated", _SCALED),
        keeps=_COEFFICIENTS,
    ),
    "aia_coincidence": Reading(
        "y + relu(a) sg(q), q the sum of products of two dendrites",
        f"{_ABSTRACT}: only when both dendrites are stimulated, literally",
        _own("coincidence"),
        keeps=_COEFFICIENTS,
    ),
    "aia_coincidence_signed": Reading(
        "y + a sg(q), q the sum of products of two dendrites",
        f"{_ABSTRACT}: both phrases",
        _own("coincidence_signed"),
        keeps=_COEFFICIENTS,
    ),
    "aia_cached": Reading(
        "y + relu(a) c, c a running mean of sg(y) over time",
        f"{_ABSTRACT}: intermediate caches",
        _own("cached", _SCALED),
        keeps=_COEFFICIENTS,
    ),
    "aia_training_only": Reading(
        "y + relu(a) sg(y) in training, y at inference",
        f"{_ABSTRACT}: no parameter is added at inference, literally",
        _own("training_only", _SCALED),
        settled={"both_ways": "at inference there is no association to silence"},
    ),
}


def frozen_of(neuron: str, selected: Collection[str]) -> str:
    """The control with frozen coefficients that a neuron is set against."""
    reading = READINGS.get(neuron)
    return reading.control(FROZEN, selected) if reading else FROZEN
