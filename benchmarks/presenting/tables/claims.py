"""The verdicts on the claims: those that rest on records, and apart from them the checks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from benchmarks.evidence.claims.verdicts import ClaimVerdict
from benchmarks.presenting.tables.captions import CAPTIONS
from benchmarks.presenting.tables.table import Table


def claims_table(shared: list[ClaimVerdict], tuned: list[ClaimVerdict] | None) -> Table:
    """The claims that rest on records: the evidence."""
    return _table("claims", "The paper's claims", "records", shared, tuned)


def checks_table(shared: list[ClaimVerdict], tuned: list[ClaimVerdict] | None) -> Table:
    """What follows from the neuron's definition: checks of the code."""
    return _table("checks", "What follows from the definition", "definition", shared, tuned)


def _table(
    name: str,
    title: str,
    rests_on: str,
    shared: list[ClaimVerdict],
    tuned: list[ClaimVerdict] | None,
) -> Table:
    here = [v for v in shared if v.rests_on == rests_on]
    frame = verdict_frame(here, tuned)
    no_number = pd.DataFrame(math.nan, frame.index, frame.columns)
    return Table(name, title, CAPTIONS[name], frame, frame, no_number)


def verdict_frame(
    shared: Sequence[ClaimVerdict], tuned: Sequence[ClaimVerdict] | None
) -> pd.DataFrame:
    """Columns claim, at the shared learning rate, at each neuron's own best rate, rests on, says.

    ``says`` is about the shared rate; what the own rates say is added where the status differs.
    """
    own = {v.id: v for v in tuned or []}
    rows = []
    for v in shared:
        other = own.get(v.id)
        differs = other is not None and other.status not in (v.status, "not tested here")
        says = f"{v.says} At own rates: {other.says}" if other and differs else v.says
        rows.append((v.claim, v.short, other.short if other else "not tuned", v.rests_on, says))
    at = ["at the shared learning rate", "at each neuron's own best rate"]
    return pd.DataFrame(rows, columns=["claim", *at, "rests on", "says"])
