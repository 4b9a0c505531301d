"""Each neuron at its own best learning rate: equal grids to begin with, extended where they end.

A (data set, neuron) trains at every rate of the grid with the seeds of ``tuning``, none of which
the verdict rests on. Chosen is the rate with the best validation accuracy, mean over those seeds; a
cell that diverged counts as accuracy 0, and the test split plays no part. Where the best is the
grid's least or greatest rate, the grid goes on by a factor of 2 until it is not, ``EXTENSIONS``
times at most. Then the seeds of the verdict train at the chosen rate.

The verdict's cells at the shared rate are the profile's own. All others lie in a profile folder of
their rate, ``results/tuning/<rate>/``. No torch here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.records.files import as_json, record_path, write_atomic
from benchmarks.records.lines import Place
from benchmarks.records.recorded import Recorded
from benchmarks.records.schema import Host, Record
from benchmarks.records.selection import Cells, Key, Selection, load

EXTENSIONS = 4  # of a grid, at either end
_FACTOR = 2.0

Scores = dict[float, list[float]]  # learning rate -> validation accuracy of each tuning seed
Rates = dict[tuple[str, str], float]  # (data set, neuron) -> the chosen learning rate


@dataclass(frozen=True)
class Tuned:
    """Records of the verdict's seeds at the chosen rates, and what these were chosen from."""

    cells: Cells  # a neuron without all of its cells on every data set is not in it
    rates: Rates
    by_rate: dict[tuple[str, str], Scores]

    def at_end(self, dataset: str, neuron: str) -> bool:
        """Whether a better rate may lie beyond the grid."""
        return is_at_end(self.by_rate[dataset, neuron])


def profile_at(profile: Profile, params: Params, rate: float, seed: int) -> Profile:
    """Where the cells of a rate and seed lie."""
    own = rate == params.training.learning_rate and seed in params.seeds
    return profile if own else at_rate(profile, rate)


def at_rate(profile: Profile, rate: float) -> Profile:
    """The folder of a rate."""
    return Profile(profile.tuning / f"{rate:g}")


def record_paths(profile: Profile, params: Params) -> dict[Place, Path]:
    """Where the record of each cell lies, at the shared rate and at those that tuning can try."""
    shared, tuned = params.training.learning_rate, params.tuning.neurons
    return {
        (rate, dataset, neuron, seed): record_path(
            profile_at(profile, params, rate, seed).runs, dataset, neuron, seed
        )
        for rate in reachable_rates(params)
        for dataset in params.datasets
        for neuron in params.neuron
        for seed in (*params.seeds, *params.tuning.seeds)
        if neuron in tuned or (rate == shared and seed in params.seeds)
    }


def scores_of(home: Profile | Recorded, params: Params, dataset: str, neuron: str) -> Scores:
    """Of every rate that has all of its tuning seeds' records, in ascending order.

    A rate counts where its hashes, which hold no rate, are those of the shared one: others are left
    from before something changed.
    """
    seeds = params.tuning.seeds
    of = {
        rate: _cells(home, params, rate, dataset, neuron, seeds).of(dataset, neuron)
        for rate in (reachable_rates(params) if seeds else ())
    }
    hashes = {rate: [record.hashes for record in records] for rate, records in of.items()}
    return {
        rate: [_validation(record) for record in records]
        for rate, records in of.items()
        if len(records) == len(seeds) and hashes[rate] == hashes[params.training.learning_rate]
    }


def wanted_rates(params: Params, scores: Scores) -> list[float]:
    """Rates that are still to be tried: those of the grid, then those beyond its end."""
    if missing := [rate for rate in params.rates if rate not in scores]:
        return missing
    if not is_at_end(scores):
        return []
    rate = best(scores)
    known = reachable_rates(params)
    place = known.index(rate) + (-1 if rate == min(scores) else 1)
    return [known[place]] if 0 <= place < len(known) else []


def reachable_rates(params: Params) -> list[float]:
    """The grid, and what lies beyond either end of it, in ascending order."""
    least, greatest = params.rates[0], params.rates[-1]
    steps = [_FACTOR**step for step in range(1, EXTENSIONS + 1)]
    beyond = [least / step for step in reversed(steps)], [greatest * step for step in steps]
    below, above = ([float(f"{rate:g}") for rate in rates] for rates in beyond)  # as in a path
    return [*below, *params.rates, *above]


def best(scores: Scores) -> float:
    """The least of the rates whose mean accuracy is highest."""
    return max(scores, key=lambda rate: sum(scores[rate]))


def is_at_end(scores: Scores) -> bool:
    return best(scores) in (min(scores), max(scores))


def tuned_cells(home: Profile | Recorded, params: Params) -> Tuned | None:
    """None where params.yaml names no neuron to tune, or no neuron is through.

    Raises InputError for records that are not valid.
    """
    rates: Rates = {}
    by_rate: dict[tuple[str, str], Scores] = {}
    records: dict[Key, Record] = {}
    hosts: dict[Key, Host] = {}
    neurons = params.tuning.neurons if params.tuning.seeds else ()
    for dataset, neuron in Selection(tuple(params.datasets), neurons, ()).groups:
        scores = scores_of(home, params, dataset, neuron)
        if wanted_rates(params, scores):
            continue
        by_rate[dataset, neuron] = scores
        rates[dataset, neuron] = best(scores)
        at_best = _cells(home, params, best(scores), dataset, neuron, params.seeds)
        records |= at_best.records
        hosts |= at_best.hosts
    through = {key for key in rates if all((*key, seed) in records for seed in params.seeds)}
    whole = tuple(n for n in neurons if all((d, n) in through for d in params.datasets))
    if not whole:
        return None
    kept = Selection(tuple(params.datasets), whole, tuple(params.seeds))
    inside = [key for key in records if key[1] in whole]
    cells = Cells(
        home.name,
        kept,
        {key: records[key] for key in inside},
        {key: hosts[key] for key in inside if key in hosts},
    )
    return Tuned(cells, rates, by_rate)


def _cells(
    home: Profile | Recorded,
    params: Params,
    rate: float,
    dataset: str,
    neuron: str,
    seeds: Sequence[int],
) -> Cells:
    """The cells at ``rate`` that exist, of the seeds of the verdict or of those of tuning."""
    chosen = Selection((dataset,), (neuron,), tuple(seeds))
    if isinstance(home, Recorded):
        return home.at_rate(rate, chosen)
    return load(profile_at(home, params, rate, seeds[0]).runs, chosen)


def write_choice(profile: Profile, params: Params, dataset: str, neuron: str) -> bool:
    """Write what the choice for a (data set, neuron) rests on; False while cells are missing."""
    scores = scores_of(profile, params, dataset, neuron)
    if wanted_rates(params, scores):
        return False
    rate = best(scores)
    judged = _cells(profile, params, rate, dataset, neuron, params.seeds)
    if len(judged.records) < len(params.seeds):
        return False
    tried = [(r, s) for r in scores for s in params.tuning.seeds]
    tried += [(rate, seed) for seed in params.seeds]
    content = {
        "dataset": dataset,
        "neuron": neuron,
        "seeds": list(params.tuning.seeds),
        "chosen": rate,
        "at_end_of_grid": is_at_end(scores),
        "validation_accuracy": {f"{r:g}": values for r, values in scores.items()},
        "records": {
            f"{r:g}/{seed}": _digest(profile, params, dataset, neuron, r, seed) for r, seed in tried
        },
    }
    write_atomic(profile.tuned / dataset / f"{neuron}.json", as_json(content))
    return True


def _digest(
    profile: Profile, params: Params, dataset: str, neuron: str, rate: float, seed: int
) -> str:
    folder = profile_at(profile, params, rate, seed)
    return hashlib.sha256(record_path(folder.runs, dataset, neuron, seed).read_bytes()).hexdigest()


def _validation(record: Record) -> float:
    return record.result.accuracy.validation if record.result is not None else 0.0
