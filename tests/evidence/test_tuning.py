"""Which learning rates are tried, in which order, and on which seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.evidence.tuning import (
    EXTENSIONS,
    at_rate,
    best,
    is_at_end,
    profile_at,
    scores_of,
    wanted_rates,
)
from benchmarks.profile import Profile
from benchmarks.records.selection import Selection
from benchmarks.running.jobs import Stage, next_jobs
from tests.made_records import SETTINGS, made, write
from tests.presenting.test_tables import (
    BEYOND,
    RATES,
    SHARED,
    TUNING_SEEDS,
    grid_params,
    write_grid,
)

CHOSEN = Selection(("dvs_digits",), ("aia",), (0, 1, 2))
PARAMS = grid_params(CHOSEN)
STAGE = Stage("tuning", "dvs_digits", "aia")


def test_the_whole_grid_is_tried_before_it_goes_on() -> None:
    assert wanted_rates(PARAMS, {}) == sorted((*RATES, SHARED))
    assert wanted_rates(PARAMS, {0.001: [0.9], 0.1: [0.1]}) == [0.005, 0.01]


@pytest.mark.parametrize(("end", "beyond"), [(0.001, 0.0005), (0.1, 0.2)])
def test_a_grid_that_ends_at_the_best_goes_on(end: float, beyond: float) -> None:
    scores = {rate: [0.9 if rate == end else 0.5] for rate in PARAMS.rates}
    assert is_at_end(scores)
    assert wanted_rates(PARAMS, scores) == [beyond]
    assert wanted_rates(PARAMS, {**scores, beyond: [0.8]}) == []
    assert wanted_rates(PARAMS, {**scores, beyond: [0.95]}) == [pytest.approx(beyond**2 / end)]


def test_it_does_not_go_on_for_ever() -> None:
    scores = {rate: [rate] for rate in PARAMS.rates}
    tried = 0
    while rates := wanted_rates(PARAMS, scores):
        scores |= {rate: [rate] for rate in rates}
        tried += len(rates)
    assert tried == EXTENSIONS
    assert is_at_end(scores)


def test_of_equal_rates_the_least_is_chosen() -> None:
    assert best({0.1: [0.5, 0.7], 0.01: [0.6, 0.6], 0.001: [0.1, 0.2]}) in (0.01, 0.1)
    assert best(dict(sorted({0.1: [0.6], 0.01: [0.6]}.items()))) == 0.01


def test_the_verdicts_seeds_follow_at_the_chosen_rate_alone(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    write_grid(profile, CHOSEN, {"aia": 0.01})
    for seed in CHOSEN.seeds:  # what is there is asked for no more
        (at_rate(profile, 0.01).runs / f"dvs_digits/aia/{seed}.json").unlink()
    asked = next_jobs(STAGE, PARAMS, profile)
    assert [(job.seed, job.rate) for job in asked] == [(0, 0.01), (1, 0.01), (2, 0.01)]


def test_where_the_shared_rate_is_best_nothing_follows(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    write_grid(profile, CHOSEN, {})
    assert next_jobs(STAGE, PARAMS, profile) == []


def test_a_rate_beyond_is_tried_on_the_tuning_seeds(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    write_grid(profile, CHOSEN, {})
    for seed in TUNING_SEEDS:
        write(at_rate(profile, 0.2).runs, made("dvs_digits", "aia", seed, test=0.95))
    asked = next_jobs(STAGE, PARAMS, profile)
    assert [(job.seed, job.rate) for job in asked] == [(seed, 0.4) for seed in TUNING_SEEDS]


def test_the_shared_rates_own_cells_are_the_profiles() -> None:
    profile = Profile(Path("somewhere"))
    assert profile_at(profile, PARAMS, SHARED, 0) == profile
    assert profile_at(profile, PARAMS, SHARED, TUNING_SEEDS[0]) == at_rate(profile, SHARED)
    assert profile_at(profile, PARAMS, 0.1, 0) == at_rate(profile, 0.1)


def test_a_rate_beyond_the_grid_counts_only_with_what_the_grid_was_trained_on(
    tmp_path: Path,
) -> None:
    profile, rate = Profile(tmp_path), BEYOND[0]
    write_grid(profile, CHOSEN, {"aia": 0.01})
    for neuron, counts in (("that of an earlier version", False), ("n-aia", True)):
        for seed in TUNING_SEEDS:
            at = {"settings": {**SETTINGS, "learning_rate": rate}}
            record = made("dvs_digits", seed=seed, test=1.0, **at)
            hashes = record.hashes.model_copy(update={"neuron": neuron})
            write(at_rate(profile, rate).runs, record.model_copy(update={"hashes": hashes}))
        assert (rate in scores_of(profile, PARAMS, "dvs_digits", "aia")) == counts
