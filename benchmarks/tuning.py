"""Each neuron at its own best learning rate of one grid: equal tuning budgets for all.

The grid is the shared learning rate and those under ``tuning`` in params.yaml. A rate's cells
lie in a profile folder of their own, ``results/tuning/<rate>/``; the shared rate's are the
profile's own. Chosen is the rate with the best validation accuracy, mean over seeds; a cell that
diverged counts as accuracy 0. The test split plays no part in the choice. No torch here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.records import Record, as_json, record_path, write_atomic
from benchmarks.selection import Cells, Selection, load


@dataclass(frozen=True)
class Tuned:
    """Records at the chosen rates, and what they were chosen from."""

    cells: Cells  # a neuron without the whole grid is not in it
    rates: dict[tuple[str, str], float]  # (data set, neuron) -> the chosen rate
    by_rate: dict[tuple[str, str], dict[float, list[float]]]  # validation accuracy of each seed
    grid: tuple[float, ...]


def profile_at(profile: Profile, params: Params, rate: float) -> Profile:
    """Where the cells of a rate lie."""
    return profile if rate == params.training.learning_rate else at_rate(profile, rate)


def at_rate(profile: Profile, rate: float) -> Profile:
    """The folder of a rate other than the shared one."""
    return Profile(profile.tuning / f"{rate:g}")


def tuned_cells(profile: Profile, params: Params) -> Tuned | None:
    """None where params.yaml names no neuron to tune, or no neuron has its whole grid.

    Raises InputError for records that are not valid.
    """
    chosen = Selection(tuple(params.datasets), params.tuning.neurons, params.tuning.seeds)
    by_rate = {rate: load(profile_at(profile, params, rate).runs, chosen) for rate in params.rates}
    rates: dict[tuple[str, str], float] = {}
    scores: dict[tuple[str, str], dict[float, list[float]]] = {}
    records: dict[tuple[str, str, int], Record] = {}
    for group in chosen.groups:
        found = {rate: cells.of(*group) for rate, cells in by_rate.items()}
        if not _is_whole(found, chosen):
            continue
        scores[group] = _scores(found)
        rates[group] = _best(scores[group])
        records |= {(*group, record.seed): record for record in found[rates[group]]}
    if not rates:
        return None
    whole = tuple(n for n in chosen.neurons if all((d, n) in rates for d in chosen.datasets))
    kept = Selection(chosen.datasets, whole, chosen.seeds)
    inside = {key: record for key, record in records.items() if key[1] in whole}
    return Tuned(Cells(profile.runs, kept, inside), rates, scores, params.rates)


def write_choice(profile: Profile, params: Params, dataset: str, neuron: str) -> bool:
    """Write what the choice for a (data set, neuron) rests on; False while cells are missing."""
    chosen = Selection((dataset,), (neuron,), params.tuning.seeds)
    runs = {rate: profile_at(profile, params, rate).runs for rate in params.rates}
    found = {rate: load(folder, chosen).of(dataset, neuron) for rate, folder in runs.items()}
    if not _is_whole(found, chosen):
        return False
    scores = _scores(found)
    content = {
        "dataset": dataset,
        "neuron": neuron,
        "seeds": list(chosen.seeds),
        "chosen": _best(scores),
        "validation_accuracy": {f"{rate:g}": values for rate, values in scores.items()},
        "records": {
            f"{rate:g}": [
                hashlib.sha256(record_path(folder, dataset, neuron, seed).read_bytes()).hexdigest()
                for seed in chosen.seeds
            ]
            for rate, folder in runs.items()
        },
    }
    write_atomic(profile.tuned / dataset / f"{neuron}.json", as_json(content))
    return True


def _is_whole(found: dict[float, list[Record]], chosen: Selection) -> bool:
    return bool(chosen.seeds) and all(len(r) == len(chosen.seeds) for r in found.values())


def _scores(found: dict[float, list[Record]]) -> dict[float, list[float]]:
    return {rate: [_validation(record) for record in records] for rate, records in found.items()}


def _best(scores: dict[float, list[float]]) -> float:
    return max(scores, key=lambda rate: sum(scores[rate]))


def _validation(record: Record) -> float:
    return record.result.accuracy.validation if record.result is not None else 0.0
