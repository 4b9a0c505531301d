from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import InputError
from benchmarks.evidence.analysis import declared
from benchmarks.evidence.claims import verdicts as claims
from benchmarks.evidence.claims.verdicts import ClaimSpec, ClaimVerdict, read_claims, verdicts
from benchmarks.evidence.statistics import least_effect, tails
from benchmarks.presenting.tables.claims import verdict_frame
from benchmarks.records.schema import Association, Record, Result
from benchmarks.records.selection import CONTROLS, LIBRARY_BASELINES, SUBJECT, Cells, Selection
from tests.made_records import DATASETS, LAYERS, failed, made

LIFS = ("snntorch_lif", "spikingjelly_lif", "spikingjelly_plif")
COMMAND = "python -m benchmarks --profile core run"


def _cells(
    records: Iterable[Record],
    seeds: int,
    neurons: tuple[str, ...] = ("aia", *LIFS, *CONTROLS),
    datasets: tuple[str, ...] = ("dvs_digits",),
) -> Cells:
    found = {(r.dataset, r.neuron, r.seed): r for r in records}
    return Cells("made", Selection(datasets, neurons, tuple(range(seeds))), found)


def _spec(**predicate: Any) -> ClaimSpec:
    given = {"id": "made", "claim": "Made.", "source": "Ours.", "command": COMMAND}
    return ClaimSpec.model_validate(given | {"predicate": predicate})


def _more_accurate(*against: str, **changes: Any) -> ClaimSpec:
    settings = {"datasets": ["dvs_digits"], "against": against, "margin": {"accuracy": 0.01}}
    return _spec(name="differs", **(settings | changes))


def _verdict(spec: ClaimSpec, cells: Cells) -> ClaimVerdict:
    (found,) = verdicts([spec], cells, SUBJECT)
    return found


def _scattered(mean: float, sd: float, count: int) -> list[float]:
    """An even count of values with this mean and sample standard deviation."""
    step = sd * math.sqrt((count - 1) / count)
    return [mean + (step if seed % 2 else -step) for seed in range(count)]


def _leads(
    leads: dict[str, list[float]], dataset: str = "dvs_digits", metric: str = "test"
) -> list[Record]:
    """The subject at 0.7 for every seed, the others below it by their leads."""
    count = max(map(len, leads.values()))
    records = [made(dataset, "aia", seed, **{metric: 0.7}) for seed in range(count)]
    for other, values in leads.items():
        records += [
            made(dataset, other, seed, **{metric: 0.7 - lead}) for seed, lead in enumerate(values)
        ]
    return records


def _spiking(other: str, ratios: list[float], dataset: str = "dvs_digits") -> list[Record]:
    records = []
    for seed, ratio in enumerate(ratios):
        records.append(made(dataset, "aia", seed, spikes=1000 * ratio))
        records.append(made(dataset, other, seed, spikes=1000.0))
    return records


def _with(record: Record, **changes: Any) -> Record:
    """The record with fields of its result replaced."""
    assert record.result is not None
    return record.model_copy(update={"result": record.result.model_copy(update=changes)})


def _result(record: Record) -> Result:
    assert record.result is not None
    return record.result


# ---- more accurate ----


def test_a_lead_over_every_baseline_is_reproduced() -> None:
    leads = {other: _scattered(0.03, 0.01, 10) for other in LIFS}
    found = _verdict(_more_accurate(*LIFS), _cells(_leads(leads), 10))
    assert found.status == "reproduced"
    assert found.says.startswith("Ahead of snntorch_lif on dvs_digits: +3.0 points [+2.1, +3.9]")
    assert found.says.count("over 10 seeds") == 3
    assert "As claimed: 2 of 2 comparisons, LIF (two libraries) as one." in found.says
    assert [e.other for e in found.evidence] == list(LIFS)
    assert found.command is None


def test_one_baseline_ahead_of_the_subject_is_enough_against_the_claim() -> None:
    leads = {other: _scattered(0.03, 0.01, 10) for other in LIFS}
    leads["spikingjelly_plif"] = _scattered(-0.02, 0.01, 10)
    found = _verdict(_more_accurate(*LIFS), _cells(_leads(leads), 10))
    assert found.status == "not reproduced"
    assert "behind spikingjelly_plif on dvs_digits: −2.0 points [−2.9, −1.1] over 10" in found.says
    assert "ruled out" not in found.says
    assert "As claimed: 1 of 2 comparisons" in found.says
    assert found.command is None


def test_copies_of_a_neuron_are_one_comparison_and_hold_together() -> None:
    leads = {"snntorch_lif": _scattered(0.03, 0.01, 10), "spikingjelly_lif": [0.02, -0.02] * 5}
    found = _verdict(_more_accurate(*leads), _cells(_leads(leads), 10))
    assert found.status == "undecided"
    assert "As claimed: 0 of 1 comparison, LIF (two libraries) as one." in found.says
    apart = {"snntorch_lif": leads["snntorch_lif"], "spikingjelly_plif": [0.02, -0.02] * 5}
    assert "as one" not in _verdict(_more_accurate(*apart), _cells(_leads(apart), 10)).says


def test_a_lead_that_is_shown_to_be_too_small_is_not_reproduced() -> None:
    cells = _cells(_leads({"snntorch_lif": _scattered(0.003, 0.001, 10)}), 10)
    found = _verdict(_more_accurate("snntorch_lif"), cells)
    assert found.status == "not reproduced"
    assert found.says.startswith("The same within 1 point as snntorch_lif on dvs_digits: +0.3 ")
    smaller = _more_accurate("snntorch_lif", margin={"accuracy": 0.002})
    assert _verdict(smaller, cells).status == "reproduced"


def test_neurons_that_agree_in_every_seed_are_the_same_and_rule_a_lead_out() -> None:
    two = _verdict(_more_accurate("snntorch_lif"), _cells(_leads({"snntorch_lif": [0.0] * 2}), 2))
    assert two.status == "undecided"  # they may agree by chance: one test sample is 0.3 points
    assert "Not distinguishable from snntorch_lif" in two.says
    ten = _verdict(_more_accurate("snntorch_lif"), _cells(_leads({"snntorch_lif": [0.0] * 10}), 10))
    assert ten.status == "not reproduced"
    assert (
        "The same within 1 point as snntorch_lif on dvs_digits: 0.0 points [0.0, 0.0]" in ten.says
    )


def test_seeds_that_one_side_lacks_make_a_verdict_a_demonstration() -> None:
    ten = _cells(_leads({"snntorch_lif": _scattered(0.05, 0.001, 10)}), 10)
    kept = {k: r for k, r in ten.records.items() if k[1] != "snntorch_lif" or k[2] < 7}
    found = _verdict(_more_accurate("snntorch_lif"), replace(ten, records=kept))
    assert _verdict(_more_accurate("snntorch_lif"), ten).short == "reproduced"
    assert found.short == "undecided (7 of 10 seeds)"
    assert "over 7 of 10 seeds" in found.says
    assert "Missing: snntorch_lif on dvs_digits was not run with 3 seeds." in found.says
    assert found.command == COMMAND


def test_undecided_names_the_next_declared_look_and_what_it_would_find() -> None:
    ten = _cells(_leads({"snntorch_lif": _scattered(0.02, 0.04, 10)}), 10)
    found = _verdict(_more_accurate("snntorch_lif"), ten)
    assert (found.status, found.command) == ("undecided", None)  # it would train nothing
    assert "The next declared look is at 20 seeds, at level 0.019" in found.says
    effect = 0.04 * least_effect(20, 1 - declared().alpha(20))
    assert f"it would find a lead of {100 * effect:.1f} points 8 times in 10" in found.says
    twenty = _cells(_leads({"snntorch_lif": _scattered(0.01, 0.04, 20)}), 20)
    found = _verdict(_more_accurate("snntorch_lif"), twenty)
    assert found.status == "undecided"
    assert "No more seeds are declared, so it stays open." in found.says


def test_seeds_between_two_looks_do_not_count() -> None:
    clear = _scattered(0.03, 0.01, 10)
    found = _verdict(
        _more_accurate("snntorch_lif"), _cells(_leads({"snntorch_lif": [*clear, *[-0.2] * 5]}), 15)
    )
    assert found.status == "reproduced"
    assert "over 10 seeds" in found.says


BARELY = [0.01 * k for k in (1, 2, 3, 4, 5, 6, 7, -1, -2, 2)]  # p = 0.027


def test_a_claim_of_three_barely_shown_leads_needs_no_correction() -> None:
    cells = _cells(_leads(dict.fromkeys(LIFS, BARELY)), 10)
    assert declared().alpha(10) / 2 < tails(BARELY).p <= declared().alpha(10)
    assert _verdict(_more_accurate("snntorch_lif"), cells).status == "reproduced"
    assert _verdict(_more_accurate(*LIFS), cells).status == "reproduced"


def test_holm_takes_barely_refuted_leads_back_where_any_would_do() -> None:
    barely = [0.01 - lead for lead in BARELY]
    cells = _cells(_leads(dict.fromkeys(LIFS, barely)), 10)
    assert declared().alpha(10) / 2 < tails(barely, 0.01).p <= declared().alpha(10)
    assert _verdict(_more_accurate("snntorch_lif"), cells).status == "not reproduced"
    assert _verdict(_more_accurate(*LIFS[:2]), cells).status == "not reproduced"  # one neuron
    assert _verdict(_more_accurate(*LIFS), cells).status == "undecided"
    far_behind = [-4 * lead for lead in BARELY]
    behind = _leads(dict.fromkeys(LIFS, far_behind))
    found = _verdict(_more_accurate(*LIFS), _cells(behind, 10))
    assert found.status == "undecided"
    assert "not so after Holm's correction (p = 0.0312)" in found.says


def test_the_level_of_a_look_is_asked_and_said() -> None:
    near = [0.01 * k for k in (-1, 0, 1, 2, 3, 4, 5, 6, 7, -2.2)]
    assert declared().alpha(10) < tails(near).p <= 0.05
    found = _verdict(_more_accurate("snntorch_lif"), _cells(_leads({"snntorch_lif": near}), 10))
    assert found.status == "undecided"
    assert "as this look asks p of 0.031 (p = 0.0" in found.says


# ---- converged ----


def _unconverged(record: Record) -> Record:
    curves = record.curves.model_copy(update={"validation_accuracy": [0.1, 0.2, 0.3, 0.4]})
    return record.model_copy(update={"curves": curves})


def test_a_verdict_on_cells_that_are_not_converged_says_so() -> None:
    records = _leads({"snntorch_lif": _scattered(0.03, 0.01, 10)})
    trained = _verdict(_more_accurate("snntorch_lif"), _cells(records, 10))
    assert trained.short == trained.status == "reproduced"
    records[:3] = map(_unconverged, records[:3])
    found = _verdict(_more_accurate("snntorch_lif"), _cells(records, 10))
    assert found.short == "reproduced (not converged)"
    assert found.says.endswith("Not converged: 3 of 20 cells behind this.")


def test_a_verdict_on_fewer_seeds_than_the_first_look_says_so() -> None:
    few = _cells(_leads({"snntorch_lif": _scattered(0.03, 0.001, 4)}), 4)
    found = _verdict(_more_accurate("snntorch_lif"), few)
    assert (found.status, found.short) == ("reproduced", "reproduced (4 of 10 seeds)")
    untested = _verdict(_more_accurate("snntorch_lif"), _cells([], 4))
    assert untested.short == "not tested here"


def test_what_holds_by_definition_does_not_ask_for_converged_cells() -> None:
    records = [_unconverged(made(neuron=n)) for n in BOTH_LIFS]
    spec = PARAMETERS.model_copy(update={"rests_on": "definition"})
    found = _verdict(spec, _cells(records, 1))
    assert (found.short, found.rests_on) == ("reproduced", "definition")


def test_a_baseline_that_is_not_there_leaves_a_lead_undecided() -> None:
    records = _leads({"snntorch_lif": _scattered(0.03, 0.01, 10)})
    found = _verdict(_more_accurate("snntorch_lif", "spikingjelly_plif"), _cells(records, 10))
    assert found.status == "undecided"
    assert "Missing: spikingjelly_plif on dvs_digits was not run." in found.says
    assert found.command == COMMAND
    unselected = _cells(records, 10, neurons=("aia", "snntorch_lif"))
    found = _verdict(_more_accurate("snntorch_lif", "spikingjelly_plif"), unselected)
    assert found.status == "undecided"
    assert "Missing: spikingjelly_plif is not among these cells." in found.says


def test_a_failed_cell_leaves_a_lead_undecided_and_is_counted() -> None:
    records = [*_leads({"snntorch_lif": _scattered(0.03, 0.01, 10)})]
    records.append(failed("dvs_digits", "aia", 3))
    found = _verdict(_more_accurate("snntorch_lif"), _cells(records, 10))
    assert found.status == "undecided"
    assert "over 9 of 10 seeds" in found.says
    assert "aia on dvs_digits failed in 1 seed" in found.says


def test_falling_behind_stays_so_whatever_failed() -> None:
    records = [*_leads({"snntorch_lif": _scattered(-0.03, 0.01, 10)})]
    records.append(failed("dvs_digits", "aia", 3))
    assert _verdict(_more_accurate("snntorch_lif"), _cells(records, 10)).status == "not reproduced"


def test_one_seed_is_undecided() -> None:
    found = _verdict(_more_accurate("snntorch_lif"), _cells(_leads({"snntorch_lif": [0.05]}), 1))
    assert found.status == "undecided"
    assert "+5.0 points over 1 seed, which gives no interval" in found.says
    assert found.command == COMMAND


def test_without_records_nothing_is_tested() -> None:
    found = _verdict(_more_accurate("snntorch_lif"), _cells([], 3))
    assert (found.status, found.command) == ("not tested here", COMMAND)
    assert "aia on dvs_digits was not run" in found.says
    elsewhere = _verdict(_more_accurate("snntorch_lif", datasets=["dvs_motion"]), _cells([], 3))
    assert elsewhere.says == "Missing: dvs_motion is not in this profile."


def test_without_a_seed_in_common_nothing_is_compared() -> None:
    records = [made(neuron="aia", seed=0), made(neuron="snntorch_lif", seed=1)]
    found = _verdict(_more_accurate("snntorch_lif"), _cells(records, 2))
    assert found.status == "not tested here"
    assert "no seed in common" in found.says


def test_data_sets_that_disagree_are_told_apart() -> None:
    records = [
        *_leads({"snntorch_lif": _scattered(0.03, 0.01, 10)}),
        *_leads({"snntorch_lif": _scattered(0.01, 0.05, 10)}, "dvs_motion"),
    ]
    cells = _cells(records, 10, datasets=("dvs_digits", "dvs_motion"))
    spec = _more_accurate("snntorch_lif", datasets=["dvs_digits", "dvs_motion"])
    found = _verdict(spec, cells)
    assert found.status == "undecided"
    assert "Reproduced on dvs_digits; undecided on dvs_motion." in found.says


def test_many_comparisons_are_counted_and_the_weakest_is_said() -> None:
    leads = {other: _scattered(0.03, 0.01, 10) for other in (*LIFS, "gain_frozen")}
    leads["gain_plain"] = _scattered(-0.03, 0.01, 10)
    found = _verdict(_more_accurate(*leads), _cells(_leads(leads), 10))
    assert "5 comparisons: 4 as claimed, 1 against it; the weakest:" in found.says
    assert "the weakest: behind gain_plain on dvs_digits: −3.0 points" in found.says
    assert len(found.evidence) == 5


def test_records_not_made_alike_are_refused() -> None:
    records = [made(neuron="aia"), made(neuron="snntorch_lif", weights="others")]
    with pytest.raises(InputError, match="initial weights"):
        verdicts([_more_accurate("snntorch_lif")], _cells(records, 1), SUBJECT)


# ---- fewer spikes ----


def _fewer(*datasets: str) -> ClaimSpec:
    return _spec(
        name="differs",
        datasets=datasets or ["dvs_digits"],
        against=["snntorch_lif"],
        margin={"spikes": 0.05},
    )


@pytest.mark.parametrize(
    ("ratios", "status", "words"),
    [
        ([0.78, 0.80, 0.82], "reproduced", "Fewer spikes than snntorch_lif on dvs_digits: 0.80 ["),
        ([1.18, 1.20, 1.22], "not reproduced", "More spikes than snntorch_lif"),
        ([0.979, 0.98, 0.981], "not reproduced", "The same within 5 % as snntorch_lif"),
        ([0.9506, 0.9507, 0.9508], "not reproduced", "The same within 5 % as snntorch_lif"),
        ([0.95, 1.02, 1.10], "undecided", "Not distinguishable from snntorch_lif"),
        ([0.98, 1.01, 1.04, 1.1], "not reproduced", "so 5 % fewer is ruled out"),
        ([0.7, 1.0, 1.2], "undecided", "Not distinguishable from snntorch_lif"),
    ],
)
def test_spikes_are_compared_by_their_ratio(ratios: list[float], status: str, words: str) -> None:
    found = _verdict(_fewer(), _cells(_spiking("snntorch_lif", ratios), len(ratios)))
    assert found.status == status
    assert words in found.says
    assert f"times as many over {len(ratios)} seeds" in found.says


def test_a_network_without_a_spike_has_no_ratio() -> None:
    found = _verdict(_fewer(), _cells(_spiking("snntorch_lif", [0.8, 0.8, 0.0]), 3))
    assert found.status == "not tested here"
    assert "has a cell without a spike on dvs_digits" in found.says


# ---- more specific spikes ----


def _specific(neuron: str, seed: int, selectivity: list[float], information: float) -> Record:
    record = made(neuron=neuron, seed=seed)
    layers = {
        name: _result(record)
        .specificity[name]
        .model_copy(update={"selectivity": value, "information": information})
        for name, value in zip(LAYERS, selectivity, strict=True)
    }
    return _with(record, specificity=layers)


def _specificity_cells(information: list[float]) -> Cells:
    """The subject more selective in one of three layers, by 0.09, 0.12 and 0.15."""
    records = []
    for seed, bits in enumerate(information):
        more = 0.09 + 0.03 * seed
        records.append(_specific("aia", seed, [0.3, 0.3, 0.3 + more], 0.2 + bits))
        records.append(_specific("snntorch_lif", seed, [0.3, 0.3, 0.3], 0.2))
    return _cells(records, 3)


SPECIFIC = _spec(
    name="differs",
    datasets=["dvs_digits"],
    against=["snntorch_lif"],
    margin={"selectivity": 0.01, "information": 0.02},
)


@pytest.mark.parametrize(
    ("information", "status"),
    [
        ([0.09, 0.10, 0.11], "reproduced"),
        ([-0.11, -0.10, -0.09], "not reproduced"),
        ([0.001, 0.002, 0.003], "not reproduced"),
        ([-0.1, 0.0, 0.2], "undecided"),
    ],
)
def test_both_measures_of_specificity_must_show_it(information: list[float], status: str) -> None:
    assert _verdict(SPECIFIC, _specificity_cells(information)).status == status


def test_layers_count_equally_in_specificity() -> None:
    found = _verdict(SPECIFIC, _specificity_cells([0.09, 0.10, 0.11]))
    assert "More selective than snntorch_lif on dvs_digits: +0.040 of selectivity" in found.says
    assert "more informative than snntorch_lif on dvs_digits: +0.100 bits" in found.says


# ---- potentiation and depression ----


def _associating(
    seed: int,
    depressed: float,
    lowered: int,
    potentiated: float = 0.5,
    neuron: str = "aia",
    raised: int = 500,
) -> Record:
    """Of a thousand coefficients a layer, so many raised and so many lowered, a few by seed."""
    raised, lowered = raised + seed, lowered + seed
    record = made(neuron=neuron, seed=seed)
    effect = _result(record).association_effect
    assert effect is not None
    layer = Association(
        before=[0.5] * 1000,
        after=[0.6] * raised + [0.4] * lowered + [0.5] * (1000 - raised - lowered),
    )
    shares = {
        "potentiated": dict.fromkeys(LAYERS, potentiated + 0.01 * seed),
        "depressed": dict.fromkeys(LAYERS, depressed),
    }
    return _with(
        record,
        association_effect=effect.model_copy(update=shares),
        association=dict.fromkeys(LAYERS, layer),
    )


BOTH_WAYS = _spec(name="both_ways", datasets=["dvs_digits"], least=0.05, beside=["gain_frozen"])


@pytest.mark.parametrize(
    ("depressed", "lowered", "status", "words"),
    [
        ([0.19, 0.20, 0.21], 300, "reproduced", "depressed on dvs_digits above 5 %: 20.0 % ["),
        ([0.01, 0.011, 0.012], 300, "not reproduced", "depressed on dvs_digits below 5 %: 1.1 % ["),
        ([0.19, 0.20, 0.21], 10, "not reproduced", "lowered on dvs_digits below 5 %: 1.1 % ["),
        (
            [0.0, 0.06, 0.2],
            300,
            "undecided",
            "depressed on dvs_digits not distinguishable from 5 %",
        ),
    ],
)
def test_units_must_move_both_ways(
    depressed: list[float], lowered: int, status: str, words: str
) -> None:
    records = [_associating(seed, value, lowered) for seed, value in enumerate(depressed)]
    found = _verdict(BOTH_WAYS, _cells(records, 3))
    assert found.status == status
    assert words in found.says
    assert len(found.evidence) == 4


def test_what_the_frozen_gain_does_is_said_beside_and_not_judged() -> None:
    records = [_associating(seed, 0.2 + 0.01 * seed, 300) for seed in range(3)]
    beside = [_associating(0, 0.0, 0, potentiated, "gain_frozen", 0) for potentiated in (0.8, 1.0)]
    beside[1] = beside[1].model_copy(update={"seed": 1})
    found = _verdict(BOTH_WAYS, _cells([*records, *beside], 3))
    assert found.status == "reproduced"
    assert (
        "For comparison, gain_frozen: units potentiated 90.0 %, units depressed 0.0 %, "
        "coefficients raised 0.0 %, coefficients lowered 0.0 %, means over 2 networks."
        in found.says
    )
    assert found.evidence[-1].neuron == "gain_frozen"


def test_a_neuron_without_coefficients_potentiates_nothing() -> None:
    record = _with(made(neuron="aia"), association=None, association_effect=None)
    found = _verdict(BOTH_WAYS, _cells([record], 1))
    assert found.status == "not tested here"
    assert "aia on dvs_digits has no coefficients" in found.says


# ---- learning only under stimulation ----

STIMULATED = _spec(name="only_stimulated", datasets=["dvs_digits"])


def _learning(seed: int, without: float | None, moved: float | None) -> Record:
    record = made(neuron="aia", seed=seed)
    effect = _result(record).association_effect
    assert effect is not None
    norms = {"gradient_without_drive": without, "gradient_with_drive": moved}
    return _with(record, association_effect=effect.model_copy(update=norms))


@pytest.mark.parametrize(
    ("without", "moved", "status"),
    [
        (0.0, 0.5, "reproduced"),
        (1e-12, 0.5, "not reproduced"),
        (0.0, 0.0, "not reproduced"),
        (None, None, "undecided"),
    ],
)
def test_the_coefficients_gradient_must_vanish_exactly(
    without: float | None, moved: float | None, status: str
) -> None:
    spec = _spec(name="only_stimulated", datasets=["dvs_digits", "dvs_motion"])
    other = made("dvs_motion", "aia", 0)
    records = [_learning(0, without, moved), other]
    cells = _cells(records, 1, datasets=("dvs_digits", "dvs_motion"))
    assert _verdict(spec, cells).status == status


def test_how_many_networks_agree_is_said() -> None:
    records = [_learning(0, 0.0, 0.5), _learning(1, 0.25, 0.75), _learning(2, 0.0, 1.0)]
    found = _verdict(STIMULATED, _cells(records, 3))
    assert found.status == "not reproduced"
    assert "In 2 of 3 networks" in found.says
    assert "at most 0.25 for event-free frames, 0.5 to 1 for test" in found.evidence[0].says


def test_coefficients_that_are_not_trained_learn_nothing() -> None:
    found = _verdict(STIMULATED, _cells([_learning(0, None, None)], 1))
    assert (found.status, found.command) == ("not tested here", COMMAND)
    assert "has no trained coefficients" in found.says


def test_a_failed_cell_leaves_stimulation_undecided() -> None:
    records = [_learning(0, 0.0, 0.5), failed("dvs_digits", "aia", 1)]
    found = _verdict(STIMULATED, _cells(records, 2))
    assert found.status == "undecided"
    assert "aia on dvs_digits failed in 1 seed" in found.says


# ---- no parameter more ----

PARAMETERS = _spec(
    name="no_parameter_more", datasets=["dvs_digits"], against=["snntorch_lif", "spikingjelly_lif"]
)
BOTH_LIFS = ("aia", "snntorch_lif", "spikingjelly_lif")


def test_a_fold_that_leaves_a_plain_lif_adds_no_parameter() -> None:
    found = _verdict(PARAMETERS, _cells([made(neuron=n) for n in BOTH_LIFS], 1))
    assert found.status == "reproduced"
    assert "No parameter more than LIF. Folding 1 network changed 0 of 1,000 spikes" in found.says


def test_one_parameter_more_is_one_too_many() -> None:
    subject = made(neuron="aia")
    counts = _result(subject).parameters.model_copy(update={"inference": 1001})
    records = [_with(subject, parameters=counts), *(made(neuron=n) for n in BOTH_LIFS[1:])]
    found = _verdict(PARAMETERS, _cells(records, 1))
    assert found.status == "not reproduced"
    assert "1 parameter more than LIF." in found.says


def test_a_fold_that_changes_predictions_breaks_its_claim() -> None:
    records = [made(neuron=n, seed=seed) for n in BOTH_LIFS for seed in (0, 1)]
    fold = _result(records[1]).fold
    assert fold is not None
    records[1] = _with(records[1], fold=fold.model_copy(update={"predictions_differ": 2}))
    found = _verdict(PARAMETERS, _cells(records, 2))
    assert found.status == "not reproduced"
    assert "2 predictions" in found.says


def test_parameters_without_a_lif_beside_are_undecided_or_untested() -> None:
    some = _verdict(PARAMETERS, _cells([made(neuron=n) for n in BOTH_LIFS[:2]], 1))
    assert some.status == "undecided"
    assert "spikingjelly_lif on dvs_digits was not run" in some.says
    none = _verdict(PARAMETERS, _cells([made(neuron="aia")], 1))
    assert none.status == "not tested here"


# ---- the paper's accuracies ----

REACHES = _spec(name="reaches", dataset="cifar10dvs", accuracy=0.839, margin=0.01)


@pytest.mark.parametrize(
    ("accuracies", "status", "words"),
    [
        (
            [0.845, 0.850, 0.855],
            "reproduced",
            "Test accuracy on cifar10dvs above 82.9 %: 85.0 % [",
        ),
        ([0.834, 0.835, 0.836], "reproduced", "above 82.9 %"),
        ([0.70, 0.71, 0.72], "not reproduced", "below 82.9 %: 71.0 % ["),
        ([0.80, 0.83, 0.86], "undecided", "not distinguishable from 82.9 %"),
        ([0.90], "undecided", "90.0 % over 1 seed, which gives no interval"),
    ],
)
def test_a_promised_accuracy_is_held_against_the_interval(
    accuracies: list[float], status: str, words: str
) -> None:
    records = [made("cifar10dvs", "aia", seed, test=a) for seed, a in enumerate(accuracies)]
    cells = _cells(records, len(accuracies), datasets=("cifar10dvs",))
    found = _verdict(REACHES, cells)
    assert found.status == status
    assert words in found.says


# ---- the shipped claims ----


def test_the_shipped_claims_cover_the_paper_and_our_question() -> None:
    assert [spec.id for spec in read_claims()] == [
        "accuracy-ten-classes",
        "accuracy-four-classes",
        "dvs-cifar10",
        "n-cars",
        "n-cars-at-random",
        "accuracy-n-cars",
        "fewer-spikes-n-cars",
        "more-specific-spikes-n-cars",
        "association-or-gain-n-cars",
        "fewer-spikes",
        "more-specific-spikes",
        "potentiation-and-depression",
        "association-or-gain",
        "learning-under-stimulation",
        "no-parameter-more",
    ]
    by_definition = [spec.id for spec in read_claims() if spec.rests_on == "definition"]
    assert by_definition == ["learning-under-stimulation", "no-parameter-more"]


def test_the_shipped_claims_say_where_they_are_from_and_on_what_they_are_tested() -> None:
    known = {"aia", *LIBRARY_BASELINES, *CONTROLS}
    for spec in read_claims():
        assert "https://arxiv.org/abs/2207.11670" in spec.source, spec.id
        given = spec.predicate.model_dump()
        assert set(given.get("against", ())) | set(given.get("beside", ())) <= known, spec.id
        if given.get("datasets") == ("ncars",):
            assert "N-CARS, official split" in spec.claim, spec.id
        elif "datasets" in given:
            assert set(given["datasets"]) <= set(DATASETS), spec.id
            where = ("embedded stand-in", "two embedded sets", "an extra")
            assert any(words in spec.claim for words in where), spec.id


def test_the_papers_accuracies_are_not_tested_without_its_data() -> None:
    cells = _cells([made(neuron="aia")], 1)
    found = {v.id: v for v in verdicts(read_claims(), cells, SUBJECT)}
    for name, profile in (("dvs-cifar10", "paper"), ("n-cars", "ncars")):
        assert found[name].status == "not tested here"
        assert found[name].command == f"dvc repro {profile}/dvc.yaml"
    assert found["n-cars"].says == "Missing: ncars is not in this profile."


@pytest.mark.parametrize(
    ("over_controls", "status", "follows"),
    [
        (0.03, "reproduced", "A lead is credited to the association."),
        (0.0, "not reproduced", "A lead is not credited to the association."),
    ],
)
def test_a_lead_is_credited_to_the_association_only_over_every_control(
    over_controls: float, status: str, follows: str
) -> None:
    leads = {"snntorch_lif": [0.03] * 10} | {
        control: _scattered(0.03, 0.005, 10) for control in CONTROLS
    }
    leads["gain_frozen"] = _scattered(over_controls, 0.005, 10)
    records = [record for dataset in DATASETS for record in _leads(leads, dataset)]
    found = {
        v.id: v for v in verdicts(read_claims(), _cells(records, 10, datasets=DATASETS), SUBJECT)
    }
    assert found["association-or-gain"].status == status
    assert found["association-or-gain"].says.endswith(follows)


def test_every_shipped_claim_survives_an_empty_profile() -> None:
    found = verdicts(read_claims(), _cells([], 3, datasets=DATASETS), SUBJECT)
    assert {v.status for v in found} == {"not tested here"}
    assert all(v.command and v.says for v in found)


# ---- the table ----


def test_the_table_holds_shared_and_own_rates_side_by_side() -> None:
    spec = _more_accurate("snntorch_lif")
    shared = verdicts(
        [spec], _cells(_leads({"snntorch_lif": _scattered(0.03, 0.01, 10)}), 10), SUBJECT
    )
    own = verdicts(
        [spec], _cells(_leads({"snntorch_lif": _scattered(-0.03, 0.01, 10)}), 10), SUBJECT
    )
    (row,) = verdict_frame(shared, own).to_dict("records")
    assert row["claim"] == "Made."
    assert row["at the shared learning rate"] == "reproduced"
    assert row["at each neuron's own best rate"] == "not reproduced"
    assert "At own rates: Behind snntorch_lif" in row["says"]
    (row,) = verdict_frame(shared, shared).to_dict("records")
    assert row["says"] == shared[0].says
    assert row["rests on"] == "records"


def test_without_tuned_cells_the_table_says_so() -> None:
    shared = verdicts([_more_accurate("snntorch_lif")], _cells([], 3), SUBJECT)
    (row,) = verdict_frame(shared, None).to_dict("records")
    assert row["at each neuron's own best rate"] == "not tuned"


# ---- claims.yaml ----

GOOD = """
- id: made
  claim: Made.
  source: Ours.
  predicate: {name: differs, datasets: [dvs_digits], against: [a], margin: {accuracy: 0.01}}
  command: none
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "accuracy: 0.01",
            "accuracy: -1",
            r"made\.predicate\.margin\.accuracy: input should be gr",
        ),
        ("accuracy: 0.01", "speed: 1", r"made\.predicate\.margin\.speed.*'accuracy', 'spikes'"),
        ("name: differs", "name: guess", r"made\.predicate: .*'differs'"),
        (
            "[dvs_digits]",
            "[ncar]",
            r"made\.predicate\.datasets\.0: unknown data set 'ncar'; did you m",
        ),
        ("against: [a]", "against: []", r"made\.predicate\.against: .*at least 1"),
        ("against: [a]", "than: [a]", r"made\.predicate\.(against: field required|than: unknown)"),
        (
            "against: [a]",
            "against: [a], x: 1",
            r"made\.predicate\.x: unknown key; expected one of n",
        ),
        ("command: none", "how: none", r"made\.(command: field required|how: unknown key)"),
        ("command: none", "command: none\n  x: 1", r"made\.x: unknown key; expected one of id, cl"),
        ("id: made", "id: Not a slug", r"Not a slug\.id: string should match"),
        ("id: made", "id: 7", r"claim 1\.id: input should be a valid string, found 7"),
        ("claim: Made.", "claim: [", "not YAML"),
    ],
)
def test_a_fault_is_named_with_file_key_and_what_was_expected(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(GOOD)
    assert [spec.id for spec in read_claims(path)] == ["made"]
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(InputError, match=rf"claims\.yaml: {words}") as caught:
        read_claims(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_list_of_claims_is_named(tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    for text, words in (
        ("claims: []", "top level: expected a list of claims, found dict"),
        ("", "top level: expected a list of claims, found NoneType"),
        ("- made", "claim 1: input should be a valid dict"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=rf"claims\.yaml: {words}"):
            read_claims(path)


def test_an_id_given_twice_and_a_missing_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    with pytest.raises(InputError, match="no such file"):
        read_claims(path)
    path.write_text(GOOD + GOOD)
    with pytest.raises(InputError, match="made: id given twice"):
        read_claims(path)


# ---- the subject against every other neuron ----


def test_a_lead_over_lif_and_controls_is_said_to_be_one() -> None:
    leads = {"snntorch_lif": [0.05, 0.051, 0.052], "gain_frozen": [0.04, 0.042, 0.044]}
    compared = claims.comparisons(_cells(_leads(leads), 3, ("aia", *leads)), SUBJECT)
    assert [(c.side, c.says) for c in compared] == [("ahead", "ahead")] * 2
    assert "one over every control too" in claims.reading("dvs_digits", compared)


def test_a_lead_over_lif_alone_is_not_credited_to_association() -> None:
    leads = {"snntorch_lif": [0.05, 0.051, 0.052], "gain_frozen": [-0.001, 0.0, 0.001]}
    compared = claims.comparisons(_cells(_leads(leads), 3, ("aia", *leads)), SUBJECT)
    text = claims.reading("dvs_digits", compared)
    assert "Against LIF and PLIF: ahead of 1. Against the controls: the same within 1" in text
    assert "cannot be credited to learning the association" in text


def test_without_the_neuron_under_test_nothing_is_compared() -> None:
    assert claims.comparisons(_cells([], 3, ("snntorch_lif",)), SUBJECT) == []


def test_the_subject_is_held_against_all_others_as_one_family() -> None:
    leads = {f"n{k}": BARELY for k in range(4)}
    leads["snntorch_lif"] = [0.05 + 0.001 * k for k in range(10)]
    alone = claims.comparisons(_cells(_leads({"n0": BARELY}), 10, ("aia", "n0")), SUBJECT)
    assert [c.side for c in alone] == ["ahead"]
    among = claims.comparisons(_cells(_leads(leads), 10, ("aia", *leads)), SUBJECT)
    assert [c.side for c in among] == ["not distinguishable"] * 4 + ["ahead"]


def test_copies_count_once_in_a_tally_and_not_where_they_disagree() -> None:
    ahead = [0.05 + 0.001 * k for k in range(10)]
    both = {"snntorch_lif": ahead, "spikingjelly_lif": ahead, "spikingjelly_plif": ahead}
    compared = claims.comparisons(_cells(_leads(both), 10, ("aia", *both)), SUBJECT)
    assert claims.tally(claims.once(compared)) == "ahead of 2"
    split = both | {"spikingjelly_lif": [0.02, -0.02] * 5}
    compared = claims.comparisons(_cells(_leads(split), 10, ("aia", *split)), SUBJECT)
    assert claims.tally(claims.once(compared)) == "ahead of 1, not distinguishable from 1"
