from __future__ import annotations

import math
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.errors import InputError
from benchmarks.evidence.gaps import GRADED
from benchmarks.evidence.tuning import EXTENSIONS, Tuned, at_rate, tuned_cells
from benchmarks.params import Params
from benchmarks.presenting.tables.latex import escape, latex
from benchmarks.presenting.tables.rows import (
    accuracy,
    association,
    cells_table,
    difference,
    parameters,
    tuned_accuracy,
    tuned_cells_table,
    tuned_difference,
)
from benchmarks.presenting.tables.specificity import specificity
from benchmarks.presenting.tables.speed import throughput
from benchmarks.presenting.tables.spikes import spikes, tuned_spikes
from benchmarks.presenting.tables.table import Table
from benchmarks.presenting.tables.write import (
    all_tables,
    judge,
    tables_of,
    write_latex,
    write_tables,
)
from benchmarks.profile import Profile
from benchmarks.records.schema import AssociationEffect, Record, Result
from benchmarks.records.selection import Selection, load
from benchmarks.throughput.timings import Speeds, read_speeds
from tests.made_records import (
    DATASETS,
    NEURONS,
    SETTINGS,
    TRAINING,
    failed,
    made,
    selection,
    write,
    write_profile,
)

PAIR = Selection(("dvs_digits",), ("snntorch_lif", "aia"), (0, 1, 2))
SHARED: float = SETTINGS["learning_rate"]


RATES = (0.001, 0.01, 0.1)
BEYOND = (0.0005, 0.2)  # the grid's ends by a factor of two
TUNING_SEEDS = (100, 101)


def write_grid(profile: Profile, chosen: Selection, best: dict[str, float]) -> Tuned:
    """Cells of a grid: at a neuron's best rate it has 90 % and more of the test samples right."""
    for dataset, neuron in chosen.groups:
        rate = best.get(neuron, SHARED)
        for tried in (*RATES, *BEYOND, SHARED):
            for seed in TUNING_SEEDS:
                right = 0.9 if tried == rate else 0.5
                at = {"settings": {**SETTINGS, "learning_rate": tried}}
                write(at_rate(profile, tried).runs, made(dataset, neuron, seed, test=right, **at))
        for seed in chosen.seeds:
            right = 0.9 + 0.01 * seed
            write(
                profile.runs,
                made(dataset, neuron, seed, test=right if rate == SHARED else 0.5),
            )
            if rate != SHARED:
                at = {"settings": {**SETTINGS, "learning_rate": rate}}
                write(at_rate(profile, rate).runs, made(dataset, neuron, seed, test=right, **at))
    tuned = tuned_cells(profile, grid_params(chosen))
    assert tuned is not None
    return tuned


def grid_params(chosen: Selection) -> Params:
    return Params.model_validate(
        {
            "datasets": chosen.datasets,
            "seeds": chosen.seeds,
            "neuron": {neuron: {"class": f"made:{neuron}"} for neuron in chosen.neurons},
            "training": TRAINING,
            "tuning": {
                "learning_rates": RATES,
                "seeds": TUNING_SEEDS,
                "neurons": chosen.neurons,
            },
        }
    )


def _with(record: Record, **changes: object) -> Record:
    """The same with other values in its result."""
    assert record.result is not None
    return record.model_copy(update={"result": record.result.model_copy(update=changes)})


def _result(record: Record) -> Result:
    assert record.result is not None
    return record.result


def _lif_and_aia(runs: Path) -> None:
    for seed, (lif, aia) in enumerate([(0.70, 0.72), (0.75, 0.78), (0.80, 0.84)]):
        write(runs, made(neuron="snntorch_lif", seed=seed, test=lif, spikes=1000))
        write(runs, made(neuron="aia", seed=seed, test=aia, spikes=500))


def _row(frame: pd.DataFrame, neuron: str) -> pd.Series:
    return frame[frame["neuron"] == neuron].iloc[0]


def test_an_accuracy_reads_mean_sd_interval_and_seeds(tmp_path: Path) -> None:
    _lif_and_aia(tmp_path)
    table = accuracy(load(tmp_path, PAIR))
    assert _row(table.shown, "snntorch_lif")["test accuracy, %"] == "75.0 ± 5.0 [62.6, 87.4] (3)"
    assert _row(table.raw, "snntorch_lif")["test_mean"] == pytest.approx(0.75)


def test_differences_are_paired_by_seed(tmp_path: Path) -> None:
    _lif_and_aia(tmp_path)
    table = difference(load(tmp_path, PAIR))
    row = _row(table.shown, "aia")
    assert row["minus snntorch_lif, points"] == "+3.0 ± 1.0 [+0.5, +5.5] (3)"
    assert row["it is"] == "ahead"
    assert row["p, Holm"] == "0.0351"
    assert row["not converged"] == "0 of 6"


def _differing(runs: Path, leads: dict[str, list[float]]) -> pd.DataFrame:
    seeds = range(max(map(len, leads.values())))
    chosen = Selection(("dvs_digits",), ("snntorch_lif", *leads), tuple(seeds))
    write(runs, *(made(neuron="snntorch_lif", seed=seed, test=0.7) for seed in seeds))
    for neuron, values in leads.items():
        write(runs, *(made(neuron=neuron, seed=s, test=0.7 + v) for s, v in enumerate(values)))
    return difference(load(runs, chosen)).shown


def test_a_difference_says_of_how_many_seeds_it_is_and_counts_their_cells_alone(
    tmp_path: Path,
) -> None:
    late = made(neuron="snntorch_lif", seed=2)
    rising = late.curves.model_copy(update={"validation_accuracy": [0.2, 0.4, 0.6, 0.8]})
    write(tmp_path, *(made(neuron="aia", seed=seed, test=0.8) for seed in (0, 1)))
    write(tmp_path, *(made(neuron="snntorch_lif", seed=seed, test=0.7) for seed in (0, 1)))
    write(tmp_path, late.model_copy(update={"curves": rising}))
    row = _row(difference(load(tmp_path, PAIR)).shown, "aia")
    assert row["it is"].endswith(" (2 of 3 seeds)")
    assert row["not converged"] == "0 of 4"


def test_differences_are_corrected_for_their_number(tmp_path: Path) -> None:
    barely = [0.01 * k for k in (1, 2, 3, 4, 5, 6, 7, -1, -2, 2)]
    alone = _differing(tmp_path / "one", {"aia": barely})
    assert alone["it is"].to_list() == ["ahead"]
    among = _differing(tmp_path / "three", {"aia": barely, "clif": barely, "klif": barely})
    assert among["it is"].to_list() == ["not distinguishable"] * 3
    assert among["p, Holm"].to_list() == ["0.082"] * 3


def test_the_same_within_a_point_is_not_called_not_distinguishable(tmp_path: Path) -> None:
    alike = [0.001 * k for k in (1, -1, 2, -2, 3, -3, 4, -4, 1, -1)]
    apart = [0.02 * k for k in (1, -1, 2, -2, 3, -3, 4, -4, 1, -1)]
    shown = _differing(tmp_path, {"aia": alike, "klif": apart})
    assert shown["it is"].to_list() == ["the same within 1 point", "not distinguishable"]


def test_neurons_with_cells_that_are_not_converged_are_marked(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    tuned = write_grid(profile, PAIR, {"aia": 0.01})
    record = made(neuron="aia", seed=1)
    rising = record.curves.model_copy(update={"validation_accuracy": [0.2, 0.4, 0.6, 0.8]})
    write(profile.runs, record.model_copy(update={"curves": rising}))
    cells = load(profile.runs, PAIR)
    table = accuracy(cells)
    assert _row(table.shown, "aia")["not converged"] == "1 (seed 1)"
    assert _row(table.shown, "snntorch_lif")["not converged"] == "0"
    assert "half a point" in table.caption
    assert _row(difference(cells).shown, "aia")["not converged"] == "1 of 6"
    assert _row(cells_table(cells).shown, "aia")["converged"] == "yes"
    assert cells_table(cells).raw["converged"].to_list().count(False) == 1
    assert _row(tuned_accuracy(tuned, cells).shown, "aia")["not converged"] == "0"


@pytest.mark.parametrize(
    ("part", "word"),
    [
        ("protocol", "training protocol"),
        ("data", "data"),
        ("weights", "initial weights"),
        ("order", "order of samples"),
    ],
)
def test_records_that_were_not_trained_alike_are_not_paired(
    tmp_path: Path, part: str, word: str
) -> None:
    one = Selection(("dvs_digits",), ("snntorch_lif", "aia"), (0,))
    profile = Profile(tmp_path)
    write(profile.runs, made(neuron="snntorch_lif"), made(neuron="aia", **{part: "other"}))
    with pytest.raises(InputError, match=rf"aia/0 .*differ in {word} \(other") as caught:
        tables_of(profile, one, None)
    assert "\n" not in str(caught.value)


def test_seeds_of_two_versions_of_a_neuron_are_not_averaged(tmp_path: Path) -> None:
    write(tmp_path, made(seed=0), made(seed=1))
    edited = made(seed=2)
    hashes = edited.hashes.model_copy(update={"neuron": "edited"})
    write(tmp_path, edited.model_copy(update={"hashes": hashes}))
    with pytest.raises(InputError, match="cannot be averaged: they differ in neuron"):
        load(tmp_path, PAIR)


def test_a_record_in_another_cells_place_is_refused(tmp_path: Path) -> None:
    write(tmp_path, made(seed=0))
    (tmp_path / "dvs_digits/aia/0.json").rename(tmp_path / "dvs_digits/aia/1.json")
    with pytest.raises(InputError, match="holds the record of dvs_digits/aia/0"):
        load(tmp_path, PAIR)


def test_missing_and_failed_cells_are_printed(tmp_path: Path) -> None:
    write(tmp_path, made(neuron="snntorch_lif", seed=0, test=0.7))
    write(tmp_path, failed("dvs_digits", "snntorch_lif", 1))
    cells = load(tmp_path, PAIR)
    lif, aia = accuracy(cells).shown.to_dict("records")
    assert lif["test accuracy, %"] == "70.0 (1)"
    assert lif["failed"] == "1 (seed 1)"
    assert lif["not run"] == "1 (seed 2)"
    assert aia["test accuracy, %"] == "not run"
    assert aia["not run"] == "3 (seeds 0, 1, 2)"
    for table in (difference, spikes, parameters, specificity):
        assert "not run" in _row(table(cells).shown, "aia").to_list()


def test_a_group_of_failures_alone_says_so(tmp_path: Path) -> None:
    write(tmp_path, *(failed("dvs_digits", "aia", seed) for seed in PAIR.seeds))
    row = _row(accuracy(load(tmp_path, PAIR)).shown, "aia")
    assert row["test accuracy, %"] == "failed"
    assert row["failed"] == "3 (seeds 0, 1, 2)"


def test_a_failed_seed_costs_its_pair_alone(tmp_path: Path) -> None:
    _lif_and_aia(tmp_path)
    write(tmp_path, failed("dvs_digits", "aia", 2))
    row = _row(difference(load(tmp_path, PAIR)).raw, "aia")
    assert row["pairs"] == 2
    assert row["difference_mean"] == pytest.approx(0.025)


def test_a_neuron_that_is_no_longer_selected_leaves_the_tables(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _lif_and_aia(profile.runs)
    alone = Selection(("dvs_digits",), ("snntorch_lif",), (0, 1, 2))
    for path in write_tables(tables_of(profile, alone, None), profile.tables):
        if path.stem not in ("claims", "checks"):  # they name what was not selected
            assert "aia" not in path.read_text()


def test_without_the_baseline_differences_say_why_there_are_none(tmp_path: Path) -> None:
    _lif_and_aia(tmp_path)
    table = difference(load(tmp_path, Selection(("dvs_digits",), ("aia",), (0, 1, 2))))
    assert "snntorch_lif is not among these cells" in _row(table.shown, "aia").to_list()


def test_spikes_are_set_against_those_of_lif(tmp_path: Path) -> None:
    _lif_and_aia(tmp_path)
    table = spikes(load(tmp_path, PAIR))
    assert _row(table.shown, "aia")["ratio to snntorch_lif"] == "0.50 [0.50, 0.50]"
    assert _row(table.raw, "aia")["ratio_to_snntorch_lif_mean"] == pytest.approx(0.5)
    assert _row(table.shown, "aia")["ratio to gain_frozen"] == "–"  # it is not selected


def test_spikes_and_operations_are_set_against_the_frozen_gain_too(tmp_path: Path) -> None:
    chosen = Selection(("dvs_digits",), ("snntorch_lif", "aia", "gain_frozen"), (0, 1, 2))
    _lif_and_aia(tmp_path)
    for seed in chosen.seeds:
        record = made(neuron="gain_frozen", seed=seed, spikes=400)
        operations = _result(record).synops.model_copy(update={"effective_acs": 2150.0})
        write(tmp_path, _with(record, synops=operations))
    table = spikes(load(tmp_path, chosen))
    assert _row(table.shown, "aia")["ratio to gain_frozen"].startswith("1.25 [")
    assert _row(table.shown, "aia")["SynOps to gain_frozen"].startswith("2.00 [")
    assert _row(table.shown, "gain_frozen")["ratio to gain_frozen"] == "1"
    assert _row(table.raw, "aia")["synops_ratio_to_gain_frozen_mean"] == pytest.approx(2.0)


def test_a_reading_is_set_against_its_own_frozen_control_where_that_is_selected(
    tmp_path: Path,
) -> None:
    counts = {"snntorch_lif": 1000, "gain_frozen": 800, "signed_frozen": 500, "aia_signed": 400}
    chosen = Selection(("dvs_digits",), tuple(counts), (0, 1, 2))
    for neuron, count in counts.items():
        write(tmp_path, *(made(neuron=neuron, seed=s, spikes=count) for s in chosen.seeds))
    row = _row(spikes(load(tmp_path, chosen)).shown, "aia_signed")
    assert row["ratio to gain_frozen"].startswith("0.80 [")
    assert row["ratio to gain_frozen"].endswith("] to signed_frozen")
    assert row["ratio to snntorch_lif"].startswith("0.40 [")
    without = replace(chosen, neurons=("snntorch_lif", "gain_frozen", "aia_signed"))
    row = _row(spikes(load(tmp_path, without)).shown, "aia_signed")
    assert row["ratio to gain_frozen"].startswith("0.50 [")
    assert "to" not in row["ratio to gain_frozen"]


def test_spikes_at_own_rates_are_those_of_the_tuned_cells(tmp_path: Path) -> None:
    chosen = Selection(("dvs_digits",), ("snntorch_lif", "aia", "gain_frozen"), (0, 1, 2))
    profile = Profile(tmp_path)
    tuned = write_grid(profile, chosen, {"aia": 0.01})
    key = ("dvs_digits", "aia", 0)
    fewer = made(neuron="aia", seed=0, spikes=125)
    records = tuned.cells.records | {key: fewer}
    table = tuned_spikes(replace(tuned, cells=replace(tuned.cells, records=records)))
    assert _row(table.raw, "aia")["ratio_to_gain_frozen_mean"] == pytest.approx(0.5)
    assert _row(spikes(load(profile.runs, chosen)).raw, "aia")["ratio_to_gain_frozen_mean"] == 1


def test_neurons_that_are_not_matched_say_so_in_their_row_and_below_every_table(
    tmp_path: Path,
) -> None:
    chosen = Selection(("dvs_digits",), ("snntorch_lif", "snntorch_lapicque", "aia"), (0, 1, 2))
    for neuron in chosen.neurons:
        write(tmp_path, *(made(neuron=neuron, seed=s) for s in chosen.seeds))
    cells = load(tmp_path, chosen)
    says = "decay 0.307, not 0.5; input gain 0.693, not 1"
    assert _row(accuracy(cells).shown, "snntorch_lapicque")["not matched"].startswith(says)
    assert _row(accuracy(cells).shown, "snntorch_lif")["not matched"] == "–"
    for table in (accuracy, difference, spikes, specificity, parameters, cells_table):
        assert f"Not matched: snntorch_lapicque ({says}" in table(cells).caption
        assert "aia (" not in table(cells).caption
    matched = load(tmp_path, Selection(("dvs_digits",), ("snntorch_lif", "aia"), (0, 1, 2)))
    assert "Not matched" not in accuracy(matched).caption


def test_folding_leaves_as_many_parameters_as_lif(tmp_path: Path) -> None:
    _lif_and_aia(tmp_path)
    row = _row(parameters(load(tmp_path, PAIR)).shown, "aia")
    assert (row["in training"], row["at inference"]) == ("1,028", "1,000")
    assert row["more than snntorch_lif"] == "0"
    assert row["spikes changed by folding"] == "0 of 3,000"


def test_throughput_is_shown_per_element_and_per_sample(tmp_path: Path) -> None:
    profile = write_profile(tmp_path, selection(seeds=1))
    table = throughput(load(profile.runs, selection(1)), read_speeds(profile.throughput).main)
    row = _row(table.shown, "aia")
    assert row["neuron, inference, ns per element and step"] == "2.00 [1.91, 2.09]"
    assert row["network, training step, samples/s"] == "640 (582, 711)"  # quartiles: no rounds kept
    assert row["network, inference, samples/s"] == "not measured"
    assert "0.500" in _row(table.shown, "the device's bound").to_list()
    assert _row(table.shown, "every neuron")["network, training step, samples/s"] == "not measured"


def test_without_a_throughput_file_the_table_says_not_measured(tmp_path: Path) -> None:
    write(tmp_path, made())
    table = throughput(load(tmp_path, PAIR), read_speeds(tmp_path / "absent").main)
    assert table.raw.empty
    assert (table.shown["network, training step, samples/s"] == "not measured").all()


@pytest.mark.parametrize("text", ["{", "[]", '{"machine_info": {}, "benchmarks": []}'])
def test_a_broken_throughput_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "times.json").write_text(text)
    with pytest.raises(InputError, match=r"times\.json: not a throughput file"):
        read_speeds(tmp_path)


def test_every_table_is_written_in_every_format_in_every_group(tmp_path: Path) -> None:
    profile = write_profile(tmp_path, selection())
    made = tables_of(profile, selection(), None)
    paths = write_tables(made, profile.tables)
    stems = (
        *("claims", "checks", "multiverse", "readings", "ladder"),
        *("accuracy", "difference", "tuned", "tuned_difference", "spikes", "tuned_spikes"),
        *("specificity", "association", "parameters", "throughput", "backends"),
        "networks",
        "published",
        *("cells", "tuned_cells"),
    )
    assert {p.name for p in paths} == {f"{s}.{x}" for s in stems for x in ("csv", "md")}
    in_latex = write_latex(made, profile.tex)
    assert {p.stem for p in in_latex} == {*stems, "tables"}
    frame = pd.read_csv(profile.tables / "accuracy.csv")
    assert len(frame) == len(DATASETS) * len(NEURONS)
    assert frame["test_mean"].between(0.7, 0.95).all()
    tex = (profile.tex / "accuracy.tex").read_text()
    assert r"\toprule" in tex
    assert r"snntorch\_lif" in tex
    assert tex.count(r"\addlinespace") == len(DATASETS) - 1
    lines = (profile.tables / "accuracy.md").read_text().splitlines()
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1


def test_a_table_longer_than_a_page_repeats_its_head_in_latex(tmp_path: Path) -> None:
    profile = write_profile(tmp_path, selection())
    made = {table.name: latex(table) for table in tables_of(profile, selection(), None)}
    assert made["accuracy"].startswith("\\begin{table}")
    assert made["cells"].count("\\midrule") == 2
    assert "\\end{longtable}" in made["cells"]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex is on PATH")
def test_latex_prints_every_table(tmp_path: Path) -> None:
    profile = write_profile(tmp_path, selection())
    write_latex(tables_of(profile, selection(), None), profile.tex)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables"]
    subprocess.run(command, cwd=profile.tex, check=True, timeout=120)
    assert (profile.tex / "tables.pdf").read_bytes().startswith(b"%PDF")
    log = (profile.tex / "tables.log").read_text(encoding="latin-1")
    assert "Float too large" not in log
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(wide, default=0) < 6, "nothing runs off its column"


def test_latex_escapes_what_it_would_read_as_a_command() -> None:
    assert escape("a_b 5 % ± 1 – {x}") == r"a\_b 5 \% $\pm$ 1 -- \{x\}"


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    profile, chosen = Profile(tmp_path), selection(seeds=2)
    tuned = write_grid(profile, chosen, {"aia": 0.01})
    first, second = (
        {
            path.name: path.read_bytes()
            for path in write_tables(tables_of(profile, chosen, tuned), profile.tables)
        }
        for _ in range(2)
    )
    assert first == second


def test_each_neuron_stands_at_its_own_best_rate(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    tuned = write_grid(profile, PAIR, {"aia": 0.1})
    table = tuned_accuracy(tuned, load(profile.runs, PAIR))
    aia, lif = _row(table.shown, "aia"), _row(table.shown, "snntorch_lif")
    assert aia["learning rate"] == "0.1"
    assert aia["test accuracy, %"].startswith("91.0 ± 1.0 [")
    assert aia["minus snntorch_lif, points"].startswith("0.0 ")
    assert aia["gained by tuning, points"].startswith("+41.0 ")
    assert (lif["learning rate"], lif["gained by tuning, points"]) == ("0.005", "0")
    assert _row(table.raw, "aia")["gained_mean"] == pytest.approx(0.41)


def test_differences_at_own_rates_are_those_of_the_tuned_cells(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    tuned = write_grid(profile, PAIR, {"aia": 0.01})
    shared = difference(load(profile.runs, PAIR))
    assert _row(shared.raw, "aia")["difference_mean"] == pytest.approx(-0.41)
    own = tuned_difference(tuned)
    assert _row(own.raw, "aia")["difference_mean"] == pytest.approx(0)
    assert set(tuned_cells_table(tuned).raw["rate"]) == {0.005, 0.01}


def test_a_neuron_without_the_whole_grid_is_not_tuned(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    write_grid(profile, PAIR, {})
    (at_rate(profile, 0.1).runs / "dvs_digits/aia/101.json").unlink()
    tuned = tuned_cells(profile, grid_params(PAIR))
    table = tuned_accuracy(tuned, load(profile.runs, PAIR))
    assert table.raw["neuron"].to_list() == ["snntorch_lif"]


def test_a_rate_beyond_which_a_better_one_may_lie_is_marked(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    write_grid(profile, PAIR, {})
    for step in range(1, EXTENSIONS + 1):
        for seed in TUNING_SEEDS:
            better = made("dvs_digits", "aia", seed, test=0.9 + 0.01 * step)
            write(at_rate(profile, 0.1 * 2**step).runs, better)
    end = at_rate(profile, 0.1 * 2**EXTENSIONS)
    write(end.runs, *(made("dvs_digits", "aia", seed, test=0.95) for seed in PAIR.seeds))
    tuned = tuned_cells(profile, grid_params(PAIR))
    row = _row(tuned_accuracy(tuned, load(profile.runs, PAIR)).shown, "aia")
    assert row["learning rate"] == "1.6 (end)"


def test_without_tuning_the_tables_say_that_nothing_was_tuned(tmp_path: Path) -> None:
    _lif_and_aia(tmp_path)
    for table in (tuned_accuracy(None, load(tmp_path, PAIR)), tuned_difference(None)):
        assert table.raw.empty
        assert table.shown.to_numpy().tolist() == [["no neuron was tuned"]]


def test_graded_outputs_have_no_ratio_to_spikes(tmp_path: Path) -> None:
    chosen = Selection(("dvs_digits",), ("snntorch_lif", "relu"), (0, 1, 2))
    for seed in chosen.seeds:
        write(tmp_path, made(neuron="snntorch_lif", seed=seed), made(neuron="relu", seed=seed))
    table = spikes(load(tmp_path, chosen))
    row = _row(table.shown, "relu")
    assert (row["ratio to snntorch_lif"], row["SynOps to snntorch_lif"]) == (GRADED, "–")
    assert pd.isna(_row(table.raw, "relu")["ratio_to_snntorch_lif_mean"])
    assert pd.isna(_row(table.raw, "relu")["synops_ratio_to_snntorch_lif_mean"])


def test_synops_are_set_against_those_of_lif(tmp_path: Path) -> None:
    _lif_and_aia(tmp_path)
    for seed in PAIR.seeds:
        record = made(neuron="aia", seed=seed)
        operations = _result(record).synops.model_copy(update={"effective_acs": 2150.0})
        write(tmp_path, _with(record, synops=operations))  # LIF: 5000 + 700
    row = _row(spikes(load(tmp_path, PAIR)).shown, "aia")
    assert row["SynOps to snntorch_lif"] == "0.50 [0.50, 0.50]"


def test_specificity_is_a_mean_over_layers_with_its_difference_to_lif(tmp_path: Path) -> None:
    _lif_and_aia(tmp_path)
    for seed in PAIR.seeds:
        record = made(neuron="aia", seed=seed)
        layers = dict(_result(record).specificity)
        first = next(iter(layers))
        layers[first] = layers[first].model_copy(update={"selectivity": 0.6 + 0.01 * seed})
        write(tmp_path, _with(record, specificity=layers))
    row = _row(specificity(load(tmp_path, PAIR)).shown, "aia")
    assert row["selectivity index"] == "0.410 [0.385, 0.435] (3)"
    assert row["selectivity minus snntorch_lif"] == "+0.100"  # three alike: no interval
    assert row["information minus snntorch_lif"] == "0.000"
    assert row["selectivity, like rates"] == "+0.100"  # the rates are alike


def test_a_lead_in_selectivity_that_comes_from_firing_less_vanishes(tmp_path: Path) -> None:
    chosen = Selection(("dvs_digits",), ("snntorch_lif", "aia"), tuple(range(10)))
    generator = np.random.default_rng(0)
    for seed in chosen.seeds:
        write(tmp_path, made(neuron="snntorch_lif", seed=seed))
        record = made(neuron="aia", seed=seed)
        result = _result(record)
        less = {layer: generator.normal(-0.3, 0.1) for layer in result.specificity}
        layers = {
            layer: found.model_copy(
                update={"selectivity": found.selectivity - 0.2 * less[layer] + noise}
            )
            for (layer, found), noise in zip(
                result.specificity.items(), generator.normal(0, 0.002, 3), strict=True
            )
        }
        rates = {layer: 0.1 * math.exp(less[layer]) for layer in layers}
        fired = result.spikes.model_copy(update={"firing_rate": rates})
        write(tmp_path, _with(record, specificity=layers, spikes=fired))
    table = specificity(load(tmp_path, chosen))
    raw = _row(table.raw, "aia")
    assert raw["selectivity_minus_snntorch_lif_low"] > 0.04
    low, high = (raw[f"selectivity_minus_snntorch_lif_at_like_rates_{x}"] for x in ("low", "high"))
    assert low < 0 < high < 0.01
    assert _row(table.shown, "snntorch_lif")["selectivity, like rates"] == "–"


def test_what_the_association_does_is_read_off_its_silencing(tmp_path: Path) -> None:
    _lif_and_aia(tmp_path)
    effect = AssociationEffect(
        accuracy_without=0.5,
        spikes_per_sample_without=250.0,
        potentiated={"conv1": 0.9, "linear1": 0.5},
        depressed={"conv1": 0.0, "linear1": 0.1},
        gradient_without_drive=0.0,
        gradient_with_drive=0.125,
    )
    for seed in PAIR.seeds:
        record = made(neuron="aia", seed=seed, test=0.7, spikes=500)
        write(tmp_path, _with(record, association_effect=effect))
    table = association(load(tmp_path, PAIR))
    assert table.shown["neuron"].to_list() == ["aia"]
    row = _row(table.shown, "aia")
    assert row["lost, points"] == "+20.0"  # three alike: no interval
    assert row["spikes, with / without"] == "2.00"
    assert (row["potentiated, %"], row["depressed, %"]) == ("70.0", "5.0")
    assert (row["gradient, no events"], row["gradient, events"]) == ("0", "0.12")


def test_every_number_that_is_shown_can_be_sorted_by(tmp_path: Path) -> None:
    profile, chosen = Profile(tmp_path), selection(seeds=2)
    tuned = write_grid(profile, chosen, {"aia": 0.01})
    cells = load(profile.runs, chosen)
    for table in all_tables(cells, Speeds([], [], []), tuned, judge(cells, tuned)):
        assert table.values.shape == table.shown.shape
    assert _sorted_by(accuracy(cells), "test accuracy, %", "test_mean")
    assert _sorted_by(cells_table(cells), "test, %", "test")
    assert _sorted_by(tuned_accuracy(tuned, cells), "learning rate", "rate")


def _sorted_by(table: Table, column: str, raw: str) -> bool:
    return table.values[column].to_list() == table.raw[raw].to_list()


def test_tables_need_no_torch(tmp_path: Path) -> None:
    write_profile(tmp_path, selection())
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from benchmarks.profile import Profile\n"
        "from benchmarks.presenting.tables.write import tables_of, write_tables\n"
        "from tests.made_records import selection\n"
        f"profile = Profile(Path({str(tmp_path)!r}))\n"
        "write_tables(tables_of(profile, selection(), None), profile.tables)\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert (Profile(tmp_path).tables / "accuracy.csv").exists()
