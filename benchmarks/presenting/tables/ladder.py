"""What each data set can tell, from guessing to a network that does not spike."""

from __future__ import annotations

import math

from benchmarks.evidence import estimates
from benchmarks.evidence.ladder import Rung
from benchmarks.presenting.tables.table import Number, Row, Table, columns, make_table, points_of
from benchmarks.records.selection import BASELINE
from benchmarks.wording import NOTHING

SHARED = ", shared"  # ends a learning rate that is not a neuron's own best


def ladder_table(rungs: list[Rung]) -> Table:
    """A row a rung, data set by data set."""
    return make_table("ladder", "What the sets can tell", [_row(rung) for rung in rungs])


def _row(rung: Rung) -> Row:
    is_floor = rung.kind == "floor"
    raw: dict[str, object] = {"dataset": rung.dataset, "rung": rung.kind, "neuron": rung.neuron}
    raw |= columns("test", rung.test) | {"seeds": rung.test.n}
    raw |= columns(f"minus_{BASELINE}", rung.over_lif)
    raw |= {"learning_rate": rung.rate, "own_rate": rung.own_rate}
    raw |= {"not_converged": None if is_floor else len(rung.unconverged)}
    scatters = rung.test.n and not (is_floor and rung.test.sd == 0)
    test = estimates.percent(rung.test) if scatters else f"{100 * rung.test.mean:.1f}"
    rate = math.nan if rung.rate is None else rung.rate
    return raw, {
        "data set": rung.dataset,
        "rung": f"{rung.kind}, {rung.says}" if rung.says else rung.kind,
        "neuron": rung.neuron or NOTHING,
        "test accuracy, %": Number(test, rung.test.mean),
        f"minus {BASELINE}, points": points_of(rung.over_lif),
        "learning rate": NOTHING
        if rung.rate is None
        else Number(f"{rate:g}{'' if rung.own_rate else SHARED}", rate),
        "not converged": NOTHING
        if is_floor
        else Number(f"{len(rung.unconverged)} of {rung.test.n}", len(rung.unconverged)),
    }
