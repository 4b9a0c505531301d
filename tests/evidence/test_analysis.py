"""The declared analysis, its numbers, and the families that comparisons are judged in."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.errors import InputError
from benchmarks.evidence.analysis import ANALYSIS, Analysis, declared
from benchmarks.evidence.families import FAMILIES, Sample, judge
from benchmarks.evidence.statistics import least_effect, seeds_for
from benchmarks.presenting.tables.captions import CAPTIONS
from benchmarks.records.selection import LIBRARY_BASELINES, SUBJECT, neuron_of


def _changed(**changes: object) -> Analysis:
    return Analysis.model_validate(declared().model_dump() | changes)


def test_what_is_declared_is_what_the_suite_compares() -> None:
    analysis = declared()
    assert analysis.subject == SUBJECT
    assert set(analysis.against) < set(LIBRARY_BASELINES)
    assert (analysis.outcome, analysis.rate) == ("accuracy", "own")
    assert len({neuron_of(name) for name in analysis.against}) == 2  # LIF and PLIF, each once


def test_the_seeds_are_those_that_scatter_and_margin_ask_for() -> None:
    """The numbers in the comment of analysis.yaml."""
    analysis, text = declared(), " ".join(ANALYSIS.read_text(encoding="utf-8").split())
    text, scatter = text.replace("# ", ""), [100 * sd for sd in analysis.scatter.values()]
    last, level = analysis.looks[-1], 1 - analysis.alpha(analysis.looks[-1])
    wanted = [seeds_for(1 / sd, level) for sd in scatter]
    assert "would take {} and {} seeds".format(*wanted) in text
    assert last == 10 * math.ceil(wanted[0] / 10)
    assert (
        "they find {:.1f} and {:.1f} points".format(
            *(least_effect(last, level) * sd for sd in scatter)
        )
        in text
    )
    first = least_effect(10, 1 - analysis.alpha(10))
    assert "at their own level {:.1f} and {:.1f}".format(*(first * sd for sd in scatter)) in text


@pytest.mark.parametrize("spending", ["pocock", "obrien-fleming"])
@pytest.mark.parametrize("looks", [(10,), (10, 20), (8, 12, 16, 30)])
def test_the_levels_of_all_looks_add_up_to_the_level(spending: str, looks: tuple[int, ...]) -> None:
    analysis = _changed(spending=spending, looks=looks)
    levels = [analysis.alpha(look) for look in looks]
    assert sum(levels) == pytest.approx(0.05)
    assert min(levels) > 0


def test_the_spending_functions_are_those_of_lan_and_demets() -> None:
    assert declared().alpha(10) == pytest.approx(0.05 * math.log(1 + (math.e - 1) / 2))
    early = _changed(spending="obrien-fleming").alpha(10)
    assert early == pytest.approx(0.00557, abs=1e-5)  # 2 (1 - Phi(1.95996 / sqrt(1 / 2)))


@pytest.mark.parametrize(
    ("seeds", "counted", "decides"), [(3, 3, False), (10, 10, True), (19, 10, True), (40, 20, True)]
)
def test_seeds_count_up_to_the_last_look(seeds: int, counted: int, decides: bool) -> None:
    assert declared().counted(seeds) == counted
    assert declared().decides(seeds) == decides
    assert declared().alpha(seeds) == (declared().alpha(counted) if decides else 0.05)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("level: 0.05", "level: 5", r"level: input should be less than 1, found 5"),
        ("looks: [10, 20]", "looks: [20, 10]", r"looks: value error, looks must rise"),
        ("looks: [10, 20]", "looks: [3, 10]", r"looks\.0: input should be greater than"),
        ("spending: pocock", "spending: all", r"spending: input should be 'pocock' or"),
        ("power: 0.8", "strength: 0.8", r"(power: field required|strength: extra)"),
    ],
)
def test_a_fault_is_named_with_file_and_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = ANALYSIS.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "analysis.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=rf"analysis\.yaml: {words}"):
        declared(path)


# ---- families ----

CLEAR = [0.05 + 0.001 * k for k in range(10)]
BARELY = [0.01 * k for k in (1, 2, 3, 4, 5, 6, 7, -1, -2, 2)]  # p = 0.027


def test_what_all_must_hold_is_not_corrected_and_what_any_may_show_is() -> None:
    samples = [Sample(BARELY)] * 3
    assert [j.side for j in judge("claim holds", samples)] == ["ahead"] * 3
    corrected = judge("table", samples)
    assert [j.side for j in corrected] == ["not distinguishable"] * 3
    assert corrected[0].p_family == pytest.approx(3 * corrected[0].p)
    copies = judge("table", [Sample(BARELY, copies="LIF")] * 3)
    assert [j.side for j in copies] == ["ahead"] * 3


def test_the_side_is_read_off_the_tests() -> None:
    margin = 0.01
    found = [
        judge("table", [Sample(values, margin)])[0].side
        for values in (
            CLEAR,
            [-v for v in CLEAR],
            [0.002 + 0.0001 * k for k in range(10)],  # ahead, by less than the margin
            [0.02, -0.02] * 5,
            [0.05],
            [],
        )
    ]
    assert found == [
        *("ahead", "behind", "the same", "not distinguishable", "no interval", "no interval")
    ]


def test_the_captions_say_by_which_rule_a_table_is_judged() -> None:
    assert "Holm" in FAMILIES["table"][1]
    assert FAMILIES["table"][1] in CAPTIONS["difference"]
    assert FAMILIES["table"][1] in CAPTIONS["tuned_difference"]
    assert "intersection-union" in FAMILIES["claim holds"][1]
    for family in ("claim holds", "claim fails"):
        assert FAMILIES[family][1] in CAPTIONS["claims"]
