"""Claims with each reading in the subject's place: one cell by hand, and what goes with it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from operator import mul
from statistics import fmean
from typing import Any

import pytest

from benchmarks.evidence.analysis import declared
from benchmarks.evidence.claims.predicates import shares_of_all
from benchmarks.evidence.claims.specs import ClaimSpec, Differs, read_claims
from benchmarks.evidence.multiverse import ClaimInReadings, Put, multiverse, with_controls_of
from benchmarks.evidence.readings import READINGS
from benchmarks.evidence.tuning import Tuned
from benchmarks.records.schema import Association, Record
from benchmarks.records.selection import CONTROLS, SUBJECT, Cells, Selection
from tests.made_records import LAYERS, made

LIF = "snntorch_lif"
BARELY = [0.01 * k for k in (1, 2, 3, 4, 5, 6, 7, -1, -2, 2)]
CLEAR = [0.03 + 0.001 * k for k in range(10)]
NONE = [0.001 * k for k in (1, -1, 2, -2, 3, -3, 4, -4, 1, -1)]
WIDE = [0.02 * k for k in (1, -1, 2, -2, 3, -3, 4, -4, 1, -1)]


def spec(**changes: Any) -> ClaimSpec:
    given = {
        "id": "made",
        "claim": "Made.",
        "source": "Ours.",
        "command": "none",
        "predicate": {
            "name": "differs",
            "datasets": ["dvs_digits"],
            "against": [LIF],
            "margin": {"accuracy": 0.01},
        },
    }
    return ClaimSpec.model_validate(given | changes)


def against(*others: str) -> ClaimSpec:
    return spec(predicate={**spec().predicate.model_dump(), "against": others})


def cells(values: dict[str, list[float]], records: Iterable[Record] = ()) -> Cells:
    """Every neuron at 0.7 plus a value a seed; ``records`` take the place of theirs."""
    found = [
        made(neuron=neuron, seed=seed, test=0.7 + value)
        for neuron, of in values.items()
        for seed, value in enumerate(of)
    ]
    chosen = Selection(
        ("dvs_digits",), tuple(values), tuple(range(len(next(iter(values.values())))))
    )
    by_key = {(r.dataset, r.neuron, r.seed): r for r in [*found, *records]}
    return Cells("made", chosen, by_key)


def put(found: list[ClaimInReadings], reading: str) -> Put:
    (claim,) = found
    return next(put for put in claim.puts if put.reading == reading)


def status(found: list[ClaimInReadings], reading: str) -> str:
    verdict = put(found, reading).verdict
    assert verdict is not None
    return verdict.status


def sign_flip_p(values: list[float]) -> float:
    """Two-sided, every pattern of signs counted: by hand."""
    sums = [sum(map(mul, signs, values)) for signs in product((1, -1), repeat=len(values))]
    above = sum(total >= sum(values) - 1e-12 for total in sums) / len(sums)
    below = sum(total <= sum(values) + 1e-12 for total in sums) / len(sums)
    return min(1.0, 2 * min(above, below))


@pytest.mark.parametrize("leads", [BARELY, CLEAR, NONE, WIDE, [-v for v in CLEAR]])
def test_a_cell_is_what_counting_all_patterns_of_signs_says(leads: list[float]) -> None:
    level, margin = declared().alpha(10), declared().margin["accuracy"]
    expected = "undecided"
    if fmean(leads) > 0 and sign_flip_p(leads) <= level:
        expected = "reproduced"
    short = [lead - margin for lead in leads]
    if fmean(short) < 0 and sign_flip_p(short) <= level:
        expected = "not reproduced"
    found = multiverse([spec()], cells({LIF: [0.0] * 10, "aia": WIDE, "aia_signed": leads}), None)
    assert status(found, "aia_signed") == expected
    assert status(found, "aia") == "undecided"  # the subject's own leads play no part


def test_those_five_leads_meet_all_three_verdicts() -> None:
    every = cells({LIF: [0.0] * 10, "aia": CLEAR, "aia_signed": NONE, "aia_gated": WIDE})
    (claim,) = multiverse([spec()], every, None)
    assert [p.verdict.status for p in claim.puts if p.verdict] == [
        "reproduced",
        "not reproduced",
        "undecided",
    ]


def test_a_reading_of_fewer_seeds_is_judged_on_those_and_says_so() -> None:
    every = cells({LIF: [0.0] * 10, "aia": CLEAR, "aia_signed": CLEAR[:7]})
    lost = [key for key in every.records if key[1:] == ("aia_signed", 5)]
    for key in lost:
        del every.records[key]
    verdict = put(multiverse([spec()], every, None), "aia_signed").verdict
    assert verdict is not None
    assert "5 of 10 seeds" in verdict.flags  # 0 to 4: 6 is there, 5 is not
    assert "over 5 seeds" in verdict.says


def test_what_a_reading_shows_is_about_that_reading() -> None:
    found = multiverse([spec()], cells({LIF: [0.0] * 10, "aia_gated": CLEAR}), None)
    verdict = put(found, "aia_gated").verdict
    assert verdict is not None
    assert {line.neuron for line in verdict.evidence} == {"aia_gated"}


def test_a_claim_that_holds_in_one_reading_alone_is_known_as_such() -> None:
    values = {LIF: [0.0] * 10, "aia": WIDE, "aia_signed": CLEAR, "aia_gated": NONE}
    (claim,) = multiverse([spec()], cells(values), None)
    assert (claim.alone, len(claim.tested)) == ("aia_signed", 3)
    (both,) = multiverse([spec()], cells(values | {"aia": CLEAR}), None)
    assert (both.alone, len(both.holding)) == ("", 2)
    (only,) = multiverse([spec()], cells({LIF: [0.0] * 10, "aia": CLEAR}), None)
    assert (only.alone, len(only.holding)) == ("", 1)


def test_a_reading_is_held_against_its_own_controls_where_they_are_selected() -> None:
    claim = against(*CONTROLS)
    shared = {LIF: [0.0] * 10, **{c: [0.0] * 10 for c in CONTROLS}, "aia_signed": CLEAR}
    found = put(multiverse([claim], cells(shared), None), "aia_signed")
    assert found.against == found.shared_controls == CONTROLS
    assert found.holds
    own = shared | {"signed_frozen": CLEAR}
    found = put(multiverse([claim], cells(own), None), "aia_signed")
    assert found.against == ("signed_frozen", "gain_plain", "lif_init_scaled")
    assert found.shared_controls == ("gain_plain", "lif_init_scaled")
    assert not found.holds  # it is level with its own frozen gain
    subject = put(multiverse([claim], cells(own | {"aia": CLEAR}), None), "aia")
    assert (subject.against, subject.shared_controls) == (CONTROLS, ())


def test_a_scale_that_is_a_readings_own_limit_is_not_called_shared() -> None:
    values = {**{c: [0.0] * 10 for c in CONTROLS}, "aia_gated": CLEAR, "aia_coincidence": CLEAR}
    found = multiverse([against("lif_init_scaled")], cells(values), None)
    assert put(found, "aia_gated").shared_controls == ()
    assert put(found, "aia_coincidence").shared_controls == ("lif_init_scaled",)


def test_verdicts_are_at_own_rates_only_where_all_that_is_compared_was_tuned() -> None:
    shared = cells({LIF: [0.0] * 10, "aia": CLEAR, "aia_signed": CLEAR})
    at_own = cells({LIF: [0.0] * 10, "aia": [-v for v in CLEAR]})
    groups = {("dvs_digits", n): 0.02 for n in (LIF, "aia")}
    tuned = Tuned(cells=at_own, rates=groups, by_rate={g: {0.02: [0.7]} for g in groups})
    found = multiverse([spec()], shared, tuned)
    assert (status(found, "aia"), put(found, "aia").own_rates) == ("not reproduced", True)
    assert (status(found, "aia_signed"), put(found, "aia_signed").own_rates) == (
        "reproduced",
        False,
    )


def test_what_a_definition_answers_is_not_judged() -> None:
    both_ways = spec(predicate={"name": "both_ways", "datasets": ["dvs_digits"], "least": 0.05})
    found = multiverse([both_ways], cells({"aia": NONE, "aia_training_only": NONE}), None)
    settled = put(found, "aia_training_only")
    assert settled.verdict is None
    assert "no association" in settled.settled
    assert not settled.tested
    assert put(found, "aia").tested
    (claim,) = found
    assert len(claim.tested) == 1


def test_checks_of_the_code_are_not_put_to_readings() -> None:
    found = multiverse(read_claims(), cells({LIF: [0.0] * 10, "aia": CLEAR}), None)
    on_records = [s.id for s in read_claims() if s.rests_on == "records"]
    assert [claim.claim for claim in found] == on_records
    for shipped in (s for s in read_claims() if s.rests_on == "definition"):
        with pytest.raises(TypeError, match="rests on a definition"):
            with_controls_of(READINGS["aia"], shipped.predicate, ())


def test_what_follows_from_a_verdict_on_the_subject_is_not_said_of_another_reading() -> None:
    claim = spec(follows={"reproduced": "So it is aia's."})
    found = multiverse([claim], cells({LIF: [0.0] * 10, "aia": CLEAR, "aia_signed": CLEAR}), None)
    said = {name: put(found, name).verdict for name in ("aia", "aia_signed")}
    assert said["aia"] is not None
    assert said["aia_signed"] is not None
    assert said["aia"].says.endswith("So it is aia's.")
    assert "So it is" not in said["aia_signed"].says


def test_cells_that_are_not_converged_flag_the_readings_verdict() -> None:
    record = made(neuron="aia_signed", seed=0, test=0.73)
    rising = record.curves.model_copy(update={"validation_accuracy": [0.1, 0.2, 0.3, 0.4]})
    every = cells(
        {LIF: [0.0] * 10, "aia": CLEAR, "aia_signed": CLEAR},
        [record.model_copy(update={"curves": rising})],
    )
    found = multiverse([spec()], every, None)
    flags = {p.reading: p.verdict.flags for p in found[0].puts if p.verdict}
    assert flags == {"aia": (), "aia_signed": ("not converged",)}


def test_layers_that_a_reading_leaves_without_association_do_not_thin_its_shares() -> None:
    hidden = made(neuron="aia", seed=0)
    assert hidden.result is not None
    assert hidden.result.association_effect is not None
    none = {layer: Association(before=[0.0] * n, after=[0.0] * n) for layer, n in LAYERS.items()}
    last = list(LAYERS)[-1]
    moved = Association(before=[0.2] * 4, after=[0.3, 0.3, 0.1, 0.2])
    effect = hidden.result.association_effect.model_copy(
        update={"potentiated": dict.fromkeys(LAYERS, 0.0) | {last: 0.6}}
    )
    changes = {"association": none | {last: moved}, "association_effect": effect}
    record = hidden.model_copy(update={"result": hidden.result.model_copy(update=changes)})
    (shares,) = shares_of_all(cells({"aia": [0.0]}, [record]), "dvs_digits", "aia")
    assert (shares["potentiated"], shares["raised"], shares["lowered"]) == (0.6, 0.5, 0.25)


def test_every_reading_names_a_control_in_each_role_and_only_its_own() -> None:
    for name, reading in READINGS.items():
        assert set(reading.controls) <= set(CONTROLS), name
        assert reading.control("snntorch_lif", ("snntorch_lif",)) == "snntorch_lif"
        assert reading.control(CONTROLS[0], ()) == CONTROLS[0]
    frozen = [reading.controls[CONTROLS[0]] for reading in READINGS.values()]
    assert len(set(frozen)) == len(READINGS)
    assert next(iter(READINGS)) == SUBJECT
    assert isinstance(against(*CONTROLS).predicate, Differs)
