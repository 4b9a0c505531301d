"""Claims by readings of the paper's neuron, and what the readings are."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from benchmarks.evidence.multiverse import ClaimInReadings, Put
from benchmarks.evidence.readings import READINGS
from benchmarks.presenting.tables.table import Row, Shown, Table, make_table
from benchmarks.records.selection import CONTROLS, SUBJECT, Cells
from benchmarks.wording import NOTHING

BY_DEFINITION = "by definition not"
SHARED_CONTROLS = ", shared controls"  # ends a verdict that is not against the reading's own alone
_FEW = 3  # readings that are named where a claim holds


def multiverse_table(claims: list[ClaimInReadings], tuned: bool) -> Table:
    """A row a claim, a column a reading; the last column and row count. ``tuned``: whether any
    neuron was tuned, so that a row more says at which rates the verdicts are.

    The raw numbers are a row a claim and reading, with what each verdict says.
    """
    tested = [claim for claim in claims if claim.tested]
    made: list[Row] = [({}, _row(claim)) for claim in tested]
    if tested:
        made.append(({}, _counts(tested)))
    if tested and tuned:
        made.append(({}, _rates(tested)))
    table = make_table("multiverse", "Claims in every reading", made, "no reading is selected")
    left_out = [claim.claim for claim in claims if not claim.tested]
    caption = f"{table.caption} {_absent(claims)}".strip()
    if tested and left_out:
        caption += f" Tested in no reading here: {', '.join(left_out)}."
    raw = pd.DataFrame([_raw(claim.claim, put) for claim in tested for put in claim.puts])
    return replace(table, caption=caption, raw=raw)


def _row(claim: ClaimInReadings) -> Shown:
    row: Shown = {"claim": claim.claim}
    row |= {put.reading: _verdict(put) for put in claim.puts}
    return row | {"holds in": _holds(claim)}


def _verdict(put: Put) -> str:
    if put.verdict is None:
        return BY_DEFINITION
    controls = SHARED_CONTROLS if put.tested and put.shared_controls else ""
    return f"{put.verdict.short}{controls}"


def _holds(claim: ClaimInReadings) -> str:
    """``1 of 7: aia_signed and no other``; how many of them are no evidence."""
    holding = claim.holding
    text = f"{len(holding)} of {len(claim.tested)}"
    if claim.alone:
        text += f": {claim.alone} and no other"
    elif 0 < len(holding) <= _FEW < len(claim.tested):
        text += f": {', '.join(put.reading for put in holding)}"
    weak = sum(bool(put.verdict and put.verdict.flags) for put in holding)
    if not weak:
        return text
    return f"{text} (no evidence)" if weak == len(holding) else f"{text} ({weak} no evidence)"


def _counts(tested: list[ClaimInReadings]) -> Shown:
    """Of each reading, how many claims hold of those tested in it."""
    row: Shown = {"claim": "claims that hold"}
    for name in (put.reading for put in tested[0].puts):
        here = [put for claim in tested for put in claim.puts if put.reading == name]
        held, of = sum(put.holds for put in here), sum(put.tested for put in here)
        row[name] = f"{held} of {of}"
    return row | {"holds in": NOTHING}


def _rates(tested: list[ClaimInReadings]) -> Shown:
    """At which learning rates the verdicts of each reading are."""
    row: Shown = {"claim": "learning rates"}
    for name in (put.reading for put in tested[0].puts):
        here = {
            claim.claim: put.own_rates
            for claim in tested
            for put in claim.puts
            if put.reading == name and put.tested
        }
        own = [claim for claim, is_own in here.items() if is_own]
        row[name] = "own best" if len(own) == len(here) else "shared"
        if 0 < len(own) < len(here):
            row[name] = f"shared; own best in {', '.join(own)}"
    return row | {"holds in": NOTHING}


def _absent(claims: list[ClaimInReadings]) -> str:
    here = {put.reading for claim in claims for put in claim.puts}
    absent = [name for name in READINGS if name not in here]
    return f"Not selected here: {', '.join(absent)}." if here and absent else ""


def _raw(claim: str, put: Put) -> dict[str, object]:
    verdict = put.verdict
    return {
        "claim": claim,
        "reading": put.reading,
        "verdict": verdict.status if verdict else BY_DEFINITION,
        "no_evidence": ", ".join(verdict.flags) if verdict else "",
        "learning_rate": "own best" if put.own_rates else "shared",
        "against": ", ".join(put.against),
        "shared_controls": ", ".join(put.shared_controls),
        "says": verdict.says if verdict else put.settled,
    }


def readings_table(cells: Cells) -> Table:
    """What each selected reading is, and which control stands for it in every role."""
    made: list[Row] = []
    selected = cells.selection.neurons
    for name in (n for n in READINGS if n in selected):
        reading = READINGS[name]
        controls = {of: reading.control(of, selected) for of in CONTROLS}
        raw: dict[str, object] = {
            "neuron": name,
            "drive": reading.drive,
            "follows": reading.follows,
            "left_at_inference": reading.keeps,
        }
        row: Shown = {
            "neuron": name,
            "I": reading.drive,
            "takes from": reading.follows,
            "more than LIF at inference": reading.keeps,
        }
        for of, control in controls.items():
            own = name == SUBJECT or reading.controls.get(of) == control
            said = control if own else f"{control} (shared)"
            raw[f"control_{of}"] = said
            row[f"for {of}"] = said if control in selected else NOTHING
        made.append((raw, row))
    return make_table("readings", "Readings of the paper's neuron", made, "no reading is selected")
