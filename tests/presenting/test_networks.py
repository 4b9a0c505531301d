"""Networks and splits: what is recorded stands beside what is here, each with its own interval."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from benchmarks.errors import InputError
from benchmarks.presenting.figures.looks import colours
from benchmarks.presenting.figures.networks import accuracy_by_network
from benchmarks.presenting.tables.networks import networks
from benchmarks.profile import Profile
from benchmarks.records.files import as_bits
from benchmarks.records.selection import Cells, Selection, load
from benchmarks.running.freezing import freeze
from tests.made_records import SETTINGS, made, write, write_profile

NEURONS = ("aia", "snntorch_lif")
WIDE = {**SETTINGS, "channels": [32, 64], "size": 48}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with nothing recorded yet."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cells_of(profile: Profile, chosen: Selection) -> Cells:
    return load(profile.runs, chosen)


def test_rows_of_here_and_of_what_is_recorded(folder: Path) -> None:
    official = Selection(("ncars",), NEURONS, (0, 1, 2))
    others = Selection(("ncars-random", "dvs_digits"), NEURONS, (0, 1))
    freeze(write_profile(Path("ncars/wide"), others, settings=WIDE), "ncars_wide")
    raw = networks(cells_of(write_profile(Path("ncars"), official), official)).raw
    rows = {(r["split"], r["from"], r["network"]) for r in raw.to_dict("records")}
    assert rows == {
        ("ncars", "here", "conv 4-8, fc 64"),
        ("ncars-random", "recorded/ncars_wide", "conv 32-64, fc 64"),
    }
    lead = raw[(raw["split"] == "ncars") & (raw["neuron"] == "snntorch_lif")].iloc[0]
    assert lead["aia_minus"] == pytest.approx(0.03, abs=0.01)
    assert lead["aia_minus_low"] < lead["aia_minus"] < lead["aia_minus_high"]


def test_what_is_here_is_not_said_twice_once_it_is_recorded(folder: Path) -> None:
    official = Selection(("ncars",), NEURONS, (0, 1))
    profile = write_profile(Path("ncars"), official)
    freeze(profile, "ncars")
    assert set(networks(cells_of(profile, official)).raw["from"]) == {"here"}


def test_folds_are_one_row_and_pair_fold_by_fold(folder: Path) -> None:
    folds = Selection(tuple(f"ncars-blocks{n}" for n in range(5)), NEURONS, (0,))
    profile = Profile(Path("ncars/blocks"))
    for number, dataset in enumerate(folds.datasets):
        for neuron, better in zip(NEURONS, (0.02 + 0.001 * number, 0.0), strict=True):
            write(profile.runs, made(dataset, neuron, 0, test=0.7 + 0.04 * number + better))
    found = networks(cells_of(profile, folds)).raw
    assert list(found["split"]) == ["ncars-blocks"] * 2
    assert set(found["n"]) == {5}
    assert set(found["over"]) == {"folds"}
    lead = found[found["neuron"] == "snntorch_lif"].iloc[0]
    assert lead["aia_minus"] == pytest.approx(0.022)
    # paired by fold, the lead scatters by a thousandth; accuracies do by six hundredths
    assert lead["aia_minus_high"] - lead["aia_minus_low"] < 0.01
    assert math.isnan(lead["aia_minus_low_recordings"])


@pytest.mark.parametrize("name", ["cifar10dvs-first100", "cifar10dvs_aedat2", "pokerdvs-fold1"])
def test_digits_of_a_name_alone_make_no_folds(name: str, folder: Path) -> None:
    chosen = Selection((name,), NEURONS, (0, 1))
    found = networks(cells_of(write_profile(Path("here"), chosen), chosen)).raw
    assert set(found["over"]) == {"seeds"}
    assert set(found["n"]) == {2}


def test_predictions_give_an_interval_over_recordings(folder: Path) -> None:
    official, generator = Selection(("ncars",), NEURONS, (0, 1, 2)), np.random.default_rng(0)
    profile = Profile(Path("ncars"))
    for neuron, rate in zip(NEURONS, (0.9, 0.7), strict=True):
        for seed in official.seeds:
            right = generator.random(400) < rate
            record = made("ncars", neuron, seed, test=float(right.mean()))
            assert record.result is not None
            wrong = int((~right).sum())
            changes = {"right": as_bits(right), "confusion": [[400 - wrong, wrong], [0, 0]]}
            write(
                profile.runs,
                record.model_copy(update={"result": record.result.model_copy(update=changes)}),
            )
    row = networks(cells_of(profile, official)).raw.set_index("neuron").loc["snntorch_lif"]
    assert 0.05 < row["aia_minus_low_recordings"] < row["aia_minus"]
    assert row["aia_minus"] < row["aia_minus_high_recordings"] < 0.3


def test_embedded_sets_have_no_such_table_and_damage_is_named(folder: Path) -> None:
    embedded, official = (Selection((d,), NEURONS, (0,)) for d in ("dvs_digits", "ncars"))
    profile = write_profile(Path("zoo"), embedded)
    assert networks(cells_of(profile, embedded)).raw.empty
    looks = colours(NEURONS)
    assert accuracy_by_network(cells_of(profile, embedded), "dvs_digits", looks) is None
    freeze(write_profile(Path("ncars/wide"), official), "ncars_wide")
    Path("recorded/ncars_wide/cells.jsonl").write_text("{}")
    here = write_profile(Path("ncars"), official)
    with pytest.raises(InputError, match=r"cells.jsonl:1: not a valid record"):
        networks(cells_of(here, official))


def test_the_figure_has_a_panel_for_each_split_and_the_claim(folder: Path) -> None:
    official = Selection(("ncars", "ncars-random"), NEURONS, (0, 1, 2))
    cells = cells_of(write_profile(Path("ncars"), official), official)
    with matplotlib.rc_context():
        figure = accuracy_by_network(cells, "ncars", colours(NEURONS))
    assert figure is not None
    assert [axes.get_title() for axes in figure.axes] == ["official split", "ncars-random"]
    (legend,) = figure.legends
    assert "aia as published" in [text.get_text() for text in legend.get_texts()]
