"""The table of claims by readings as it is read, and what it says of the readings."""

from __future__ import annotations

from benchmarks.evidence.multiverse import multiverse
from benchmarks.evidence.tuning import Tuned
from benchmarks.presenting.tables.multiverse import multiverse_table, readings_table
from benchmarks.records.selection import CONTROLS
from tests.evidence.test_multiverse import CLEAR, LIF, NONE, WIDE, against, cells, spec

LEVEL = [0.0] * 10
VALUES = {LIF: LEVEL, "aia": WIDE, "aia_signed": CLEAR, "aia_training_only": NONE}


def test_a_row_says_each_verdict_and_in_how_many_readings_the_claim_holds() -> None:
    both_ways = spec(
        id="ways", predicate={"name": "both_ways", "datasets": ["dvs_digits"], "least": 0.05}
    )
    table = multiverse_table(multiverse([spec(), both_ways], cells(VALUES), None), tuned=False)
    first, second, last = table.shown.to_dict("records")
    assert first == {
        "claim": "made",
        "aia": "undecided",
        "aia_signed": "reproduced",
        "aia_training_only": "not reproduced",
        "holds in": "1 of 3: aia_signed and no other",
    }
    assert second["aia_training_only"] == "by definition not"
    assert second["aia_signed"] == "not tested here"  # made records know its coefficients not
    assert last == {
        "claim": "claims that hold",
        "aia": "0 of 2",
        "aia_signed": "1 of 1",
        "aia_training_only": "0 of 1",
        "holds in": "–",
    }
    assert "Not selected here: aia_hidden, aia_gated" in table.caption


def test_the_raw_numbers_are_a_row_a_claim_and_reading() -> None:
    raw = multiverse_table(multiverse([spec()], cells(VALUES), None), tuned=False).raw
    assert raw["reading"].to_list() == ["aia", "aia_signed", "aia_training_only"]
    assert raw["says"].iloc[1].startswith("Ahead of snntorch_lif on dvs_digits: +3.5 points")
    assert set(raw["learning_rate"]) == {"shared"}


def test_claims_that_no_reading_could_be_tested_on_are_named_and_left_out() -> None:
    elsewhere = spec(id="far", predicate={**spec().predicate.model_dump(), "datasets": ["ncars"]})
    table = multiverse_table(multiverse([spec(), elsewhere], cells(VALUES), None), tuned=False)
    assert table.shown["claim"].to_list() == ["made", "claims that hold"]
    assert table.caption.endswith("Tested in no reading here: far.")


def test_too_few_seeds_and_shared_controls_are_said_in_the_cell() -> None:
    values = {name: of[:4] for name, of in VALUES.items()} | dict.fromkeys(CONTROLS, LEVEL[:4])
    found = multiverse([against(*CONTROLS)], cells(values), None)
    row = multiverse_table(found, tuned=False).shown.iloc[0]
    assert row["aia_signed"] == "reproduced (4 of 10 seeds), shared controls"
    assert row["holds in"] == "1 of 3: aia_signed and no other (no evidence)"
    assert row["aia"] == "undecided (4 of 10 seeds)"  # they are its own


def test_a_row_says_at_which_rates_each_readings_verdicts_are() -> None:
    groups = {("dvs_digits", n): 0.02 for n in (LIF, "aia")}
    own = cells({LIF: LEVEL, "aia": CLEAR})
    tuned = Tuned(own, groups, {group: {0.02: [0.7]} for group in groups})
    both = [spec(), spec(id="more", predicate=against("gain_frozen").predicate.model_dump())]
    found = multiverse(both, cells(VALUES | {"gain_frozen": LEVEL}), tuned)
    rates = multiverse_table(found, tuned=True).shown.iloc[-1]
    assert rates.to_list() == [
        "learning rates",
        "shared; own best in made",
        "shared",
        "shared",
        "–",
    ]
    found = multiverse(both[:1], cells(VALUES), tuned)
    assert multiverse_table(found, tuned=True).shown.iloc[-1]["aia"] == "own best"


def test_without_a_reading_there_is_nothing_to_put_claims_to() -> None:
    table = multiverse_table(multiverse([spec()], cells({LIF: LEVEL}), None), tuned=False)
    assert table.raw.empty
    assert table.shown.to_numpy().tolist() == [["no reading is selected"]]
    assert readings_table(cells({LIF: LEVEL})).raw.empty


def test_the_readings_table_names_formula_source_and_controls() -> None:
    values = {"aia": LEVEL, "aia_signed": LEVEL, "gain_frozen": LEVEL, "signed_plain": LEVEL}
    aia, signed = readings_table(cells(values)).shown.to_dict("records")
    assert (signed["I"], aia["more than LIF at inference"]) == ("y + a sg(y)", "nothing")
    assert (aia["for gain_frozen"], signed["for gain_frozen"]) == (
        "gain_frozen",
        "gain_frozen (shared)",
    )
    assert signed["for gain_plain"] == "signed_plain"
    assert signed["for lif_init_scaled"] == "–"  # neither its own nor the shared one is there
