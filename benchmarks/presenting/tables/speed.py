"""What was timed, neuron by neuron and size by size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from benchmarks.presenting.tables.table import NOT_MEASURED, Number, Shown, Table, make_table
from benchmarks.records.selection import Cells
from benchmarks.throughput.timings import (
    NETWORK,
    TITLES,
    StepRatio,
    Timing,
    in_figures,
    speed_writer,
)
from benchmarks.wording import NOTHING


def _raw(timings: list[Timing]) -> pd.DataFrame:
    """Every field a column."""
    return pd.DataFrame(timings, columns=list(Timing.__dataclass_fields__))


def throughput(cells: Cells, timings: list[Timing], costs: Iterable[StepRatio] = ()) -> Table:
    """One row a neuron and device; ``not measured`` where there is no timing."""
    known = {(t.device, t.neuron, t.what): t for t in timings}
    devices = list(dict.fromkeys(t.device for t in timings)) or [NOT_MEASURED]
    latest = {(cost.device, cost.at): cost for cost in costs}
    shown: list[Shown] = []
    for device in devices:
        timed = [t.neuron for t in timings if t.device == device]
        for neuron in dict.fromkeys([*cells.selection.neurons, *timed]):
            here = {what: known.get((device, neuron, what)) for what in TITLES}
            backend = next((t.backend for t in here.values() if t), NOTHING)
            size = next((t.size for w, t in here.items() if t and w not in NETWORK), NOTHING)
            row: Shown = {"device": device, "neuron": neuron, "run by": backend, "size": size}
            row |= {TITLES[what]: _timing(t) for what, t in here.items()}
            commits = dict.fromkeys(t.commit for t in here.values() if t)
            row |= {"kept for backward, bytes": _kept(here.values())}
            shown.append(row | {"commit": ", ".join(filter(None, commits)) or NOTHING})
        # of a quick and a full run the first, as in the rows
        of_device = [t for t in reversed(timings) if t.device == device]
        bounds = {t.what: t.bound for t in of_device if t.bound is not None}
        if bounds:
            row = {"device": device, "neuron": "the device's bound"}
            shown.append(
                row | {TITLES[w]: Number(speed_writer(w)(b), b) for w, b in bounds.items()}
            )
        for cost in latest.values():
            if cost.device == device:
                text = f"{cost.ratio:.3f} times as long [{cost.low:.3f}, {cost.high:.3f}]"
                row = {"device": device, "neuron": f"AIA over LIF{cost.at}"}
                shown.append(row | {TITLES["training_step"]: Number(text, cost.ratio)})
    if not any(t.gpu for t in timings) and timings:
        row = {"device": "a GPU", "neuron": "every neuron", "run by": NOTHING}
        shown.append(row | dict.fromkeys(TITLES.values(), NOT_MEASURED))
    table = make_table("throughput", "Throughput", [({}, row) for row in shown])
    return replace(table, raw=_raw(timings))


def backends(timings: list[Timing]) -> Table:
    """One row for everything that was timed."""
    shown: list[Shown] = []
    for t in timings:
        unit = "samples/s" if t.what in NETWORK else "ns"
        times = None if t.bound is None else t.bound / t.median
        times = times if times is None or t.what in NETWORK else 1 / times
        row: Shown = {
            "device": t.device,
            "what": t.work,
            "neuron": t.neuron,
            "run by": t.backend,
            "varied": t.series,
            "size": t.size,
            "precision": t.dtype,
            "speed": f"{in_figures(t)} {unit}",
            "times the bound": NOTHING if times is None else Number(f"{times:.2f}", times),
            "peak memory": _memory(t),
            "energy, mJ": _amount(None if t.joules is None else 1000 * t.joules, ",.3g"),
        }
        shown.append(row)
    table = make_table(
        "backends",
        "Throughput by backend, size and precision",
        [({}, row) for row in shown],
        NOT_MEASURED,
    )
    return replace(table, raw=_raw(timings))


def _memory(t: Timing) -> str | Number:
    if t.peak_bytes is None:
        return NOTHING
    text = f"{t.peak_bytes / 1e6:,.2f} MB" if t.what in NETWORK else f"{t.peak_bytes:.1f} B"
    return Number(text, t.peak_bytes)


def _amount(value: float | None, form: str) -> str | Number:
    return NOTHING if value is None else Number(f"{value:{form}}", value)


def _timing(timing: Timing | None) -> str | Number:
    if timing is None:
        return NOT_MEASURED
    return Number(in_figures(timing), timing.median)


def _kept(timings: Iterable[Timing | None]) -> str | Number:
    for timing in timings:
        if timing is not None and timing.kept_bytes is not None:
            return Number(f"{timing.kept_bytes:.1f}", timing.kept_bytes)
    return NOT_MEASURED
