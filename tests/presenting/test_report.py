from __future__ import annotations

import html
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from benchmarks.errors import InputError
from benchmarks.evidence.claims.verdicts import read_claims, verdicts
from benchmarks.evidence.tuning import Tuned, at_rate, tuned_cells
from benchmarks.presenting.figures.write import write_figures
from benchmarks.presenting.page.write import write_report
from benchmarks.presenting.tables.write import tables_of, write_tables
from benchmarks.profile import Profile
from benchmarks.records.selection import SUBJECT, Selection, load
from tests.made_records import SETTINGS, failed, made, write, write_profile
from tests.presenting.test_tables import grid_params, write_grid

NEURONS = ("snntorch_lif", "aia", "gain_frozen")
CHOSEN = Selection(("dvs_digits",), NEURONS, (0, 1, 2))
LIF_ALONE = Selection(("dvs_digits",), ("snntorch_lif",), (0, 1, 2))


def _write_three(runs: Path, aia: float, frozen: float, spikes: float = 900.0) -> None:
    """LIF near 0.7; the other two apart from it by the given amounts, almost alike each seed."""
    for seed in (0, 1, 2):
        base, jitter = 0.70 + 0.05 * seed, 0.001 * seed
        write(runs, made(neuron="snntorch_lif", seed=seed, test=base, spikes=1000))
        write(runs, made(neuron="aia", seed=seed, test=base + aia + jitter, spikes=spikes + seed))
        write(runs, made(neuron="gain_frozen", seed=seed, test=base + frozen - jitter))


def _page(profile: Profile, chosen: Selection, tuned: Tuned | None = None) -> str:
    return write_report(profile, chosen, SETTINGS, tuned).read_text(encoding="utf-8")


def _words(page: str) -> str:
    body = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_a_lead_over_lif_alone_is_not_credited_to_association(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=0.05, frozen=0.05)
    words = _words(_page(profile, CHOSEN))
    assert "Against LIF and PLIF: ahead of 1. Against the controls: the same within 1 " in words
    assert "cannot be credited to learning the association" in words


def test_falling_behind_is_printed_as_plainly(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=-0.05, frozen=0.0)
    page = _page(profile, CHOSEN)
    assert "Against the LIF and PLIF baselines, 1 comparison: behind in 1." in _words(page)
    assert '<td class="behind">behind</td>' in page


def test_one_seed_gives_no_interval(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=0.05, frozen=0.05)
    one = Selection(CHOSEN.datasets, CHOSEN.neurons, (0,))
    assert "no interval in 1" in _words(_page(profile, one))


def test_the_bound_that_three_seeds_set_is_said(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=0.05, frozen=0.05)
    assert "cannot go below p = 0.25" in _words(_page(profile, CHOSEN))


def test_differences_of_exactly_zero_can_be_drawn(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    chosen = Selection(("dvs_digits",), ("snntorch_lif", "aia"), (0, 1, 2))
    write(profile.runs, *(made(neuron=n, seed=s) for n in chosen.neurons for s in chosen.seeds))
    assert "0.0 ± 0.0 [−0.7, +0.7] (3)" in _words(_page(profile, chosen))  # of 360 samples


def test_cells_that_are_not_converged_make_a_demonstration(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=0.05, frozen=0.05)
    few = _words(_page(profile, CHOSEN))
    assert "A demonstration, not evidence: 3 seeds where the declared analysis" in few
    assert "before the first look: a demonstration at level 0.05, not evidence" in few
    record = made(neuron="aia", seed=0)
    rising = record.curves.model_copy(update={"validation_accuracy": [0.1, 0.2, 0.3, 0.4]})
    write(profile.runs, record.model_copy(update={"curves": rising}))
    words = _words(_page(profile, CHOSEN))
    assert "A demonstration, not evidence: 1 of 9 cells not converged" in words
    assert re.search(r"(undecided|reproduced) not converged 3 of 10 seeds", words)


def test_a_run_that_is_not_through_is_a_demonstration(tmp_path: Path) -> None:
    chosen = Selection(("dvs_digits",), ("snntorch_lif", "aia"), tuple(range(10)))
    profile = write_profile(tmp_path, replace(chosen, seeds=(0, 1, 2)))
    words = _words(_page(profile, chosen))
    assert "A demonstration, not evidence: 3 seeds where the declared" in words
    assert "this is the look at" not in words


def test_ten_converged_seeds_are_no_demonstration(tmp_path: Path) -> None:
    chosen = Selection(("dvs_digits",), ("snntorch_lif", "aia"), tuple(range(10)))
    words = _words(_page(write_profile(tmp_path, chosen), chosen))
    assert "demonstration" not in words.partition("Tables")[0]
    assert "this is the look at 10, tested at 0.031." in words


def test_what_holds_by_definition_stands_apart_from_the_evidence(tmp_path: Path) -> None:
    text = _page(write_profile(tmp_path, CHOSEN), CHOSEN)
    heading = text.index("By definition: these follow")
    names = [spec.id for spec in read_claims()]
    after = [n for n in names if text.index(f'id="claim-{n}"') > heading]
    assert after == ["learning-under-stimulation", "no-parameter-more"]
    tally = re.search(r"at the shared learning rate: ([^.]*)\.", _words(text))
    assert tally is not None
    counts = [int(part.split()[0]) for part in tally[1].split("; ")]
    assert sum(counts) == len(names) - len(after)


def test_the_multiverse_stands_between_the_evidence_and_the_checks(tmp_path: Path) -> None:
    neurons = (*NEURONS, "aia_signed")
    chosen = Selection(("dvs_digits",), neurons, (0, 1, 2))
    text = _page(write_profile(tmp_path, chosen), chosen)
    places = [text.index(f'id="{name}"') for name in ("claims", "multiverse", "checks", "ladder")]
    assert places == sorted(places)
    rows = _Page(text).rows["table-multiverse"]
    assert len(rows) > 2
    words = _words(text)
    assert "holds in" in words
    assert "y + a sg(y)" in words
    assert "Not selected here: aia_hidden" in words
    alone = _words(_page(write_profile(tmp_path / "lif", LIF_ALONE), LIF_ALONE))
    assert "Claims in every reading" not in alone


def test_failed_and_missing_cells_are_said_at_the_top(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=0.05, frozen=0.05)
    write(profile.runs, failed("dvs_digits", "aia", 1))
    (profile.runs / "dvs_digits/gain_frozen/2.json").unlink()
    words = _words(_page(profile, CHOSEN))
    assert "7 of 9 cells finished, 1 failed, 1 not run" in words
    assert "failed in epoch 2: loss is not finite" in words


def test_nothing_run_is_a_page_that_says_so(tmp_path: Path) -> None:
    words = _words(_page(Profile(tmp_path), CHOSEN))
    assert "0 of 9 cells finished, 9 not run" in words
    assert "there is nothing to compare" in words
    assert "what they ran on is not known" in words


def test_without_the_neuron_under_test_there_is_nothing_to_compare(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=0.05, frozen=0.05)
    chosen = Selection(("dvs_digits",), ("snntorch_lif", "gain_frozen"), (0, 1, 2))
    assert "aia is not selected" in _words(_page(profile, chosen))


def test_records_of_other_settings_are_pointed_out(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=0.05, frozen=0.05)
    path = write_report(profile, CHOSEN, SETTINGS | {"epochs": 99}, None)
    assert "epochs = 4 (now 99)" in _words(path.read_text())


def test_what_a_record_says_cannot_become_markup(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=0.05, frozen=0.05)
    record = failed("dvs_digits", "aia", 0)
    assert record.failure is not None
    nasty = record.failure.model_copy(update={"reason": "<script>alert(1)</script>"})
    write(profile.runs, record.model_copy(update={"failure": nasty}))
    page = _page(profile, CHOSEN)
    assert "&lt;script&gt;alert(1)" in page
    assert page.count("<script") == 1  # the page's own


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    profile = write_profile(tmp_path, CHOSEN)
    (profile.data / "dvs_digits.json").write_text("{")
    with pytest.raises(InputError, match=r"dvs_digits\.json: no manifest"):
        write_report(profile, CHOSEN, SETTINGS, None)


class _Page(HTMLParser):
    """Everything a browser would fetch, links, ids, rows by table, and the stack of open tags."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.anchors: list[str] = []
        self.files: list[str] = []
        self.ids: list[str] = []
        self.rows: dict[str, list[dict[str, str]]] = {}
        self.open: list[str] = []
        self._table = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {key: value or "" for key, value in attrs}
        if tag != "a":
            self.fetched += [named[key] for key in ("src", "href") if key in named]
        elif named["href"].startswith("#"):
            self.anchors.append(named["href"][1:])
        elif not named["href"].startswith("https:"):
            self.files.append(named["href"])
        if "id" in named:
            self.ids.append(named["id"])
        if tag == "table":
            self._table = named.get("id", "")
        if tag == "tr":
            self.rows.setdefault(self._table, []).append(named)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def shows(self, anchor: str) -> bool:
        """Whether the address leads somewhere: to an id, or to rows of a table that it names."""
        place, _, query = anchor.partition("?")
        wanted = {key: found[0].split(",") for key, found in parse_qs(query).items()}
        rows = self.rows.get(f"table-{place}", [])
        return place in self.ids and all(
            any(row.get("data-dataset") == d and row.get("data-neuron") == n for row in rows)
            for d in wanted.get("dataset", [])
            for n in wanted.get("neuron", [])
        )


@pytest.fixture(scope="module")
def tuned_page(tmp_path_factory: pytest.TempPathFactory) -> tuple[Profile, _Page]:
    profile = write_profile(tmp_path_factory.mktemp("tuned"), CHOSEN)
    tuned = write_grid(profile, CHOSEN, {"aia": 0.01})
    write_tables(tables_of(profile, CHOSEN, tuned), profile.tables)
    write_figures(profile, CHOSEN, tuned)
    return profile, _Page(_page(profile, CHOSEN, tuned))


def test_the_page_needs_nothing_but_itself(tuned_page: tuple[Profile, _Page]) -> None:
    profile, page = tuned_page
    assert page.open == []
    assert len(page.fetched) == 9  # five figures of the data set, three over all, one device
    assert all(link.startswith("data:image/") for link in page.fetched)
    text = re.sub(r"src='data:[^']*'", "", profile.page.read_text())
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text  # a browser would refuse what slipped in


def test_every_link_leads_somewhere(tuned_page: tuple[Profile, _Page]) -> None:
    profile, page = tuned_page
    assert len(page.ids) == len(set(page.ids))
    assert [anchor for anchor in page.anchors if not page.shows(anchor)] == []
    folder = profile.page.parent
    assert [file for file in page.files if not (folder / file).exists()] == []


def test_every_row_of_numbers_leads_to_its_cells_and_every_cell_to_its_record(
    tuned_page: tuple[Profile, _Page],
) -> None:
    profile, page = tuned_page
    for name in ("accuracy", "difference", "spikes", "specificity", "association", "parameters"):
        for row in page.rows[f"table-{name}"][1:]:
            assert (
                f"cells?dataset={row['data-dataset']}&neuron={row['data-neuron']}" in page.anchors
            )
    for row in page.rows["table-tuned"][1:]:
        group = f"dataset={row['data-dataset']}&neuron={row['data-neuron']}"
        assert f"tuned_cells?{group}" in page.anchors
    folder = profile.page.parent
    linked = {(folder / f).resolve() for f in page.files if "/runs/" in f}
    tuned = at_rate(profile, 0.01).runs / "dvs_digits" / "aia"
    records = {*profile.runs.glob("*/*/*.json"), *tuned.glob("[0-9].json")}
    assert linked == {path.resolve() for path in records}
    assert len(page.rows["table-cells"]) == 1 + len(CHOSEN.neurons) * len(CHOSEN.seeds)
    assert "cells-dvs_digits-aia-2" in page.ids


def test_every_claim_stands_there_with_both_verdicts_and_its_evidence(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    tuned = write_grid(profile, CHOSEN, {"aia": 0.01})
    specs = read_claims()
    shared = verdicts(specs, load(profile.runs, CHOSEN), SUBJECT)
    own = verdicts(specs, tuned.cells, SUBJECT)
    assert [v.says for v in shared] != [v.says for v in own]
    text = _page(profile, CHOSEN, tuned)
    for at_shared, at_own in zip(shared, own, strict=True):
        row = text.partition(f'<tr id="claim-{at_shared.id}">')[2].partition("</tr>")[0]
        words = html.unescape(_words(row))
        assert at_shared.claim in words
        statuses = re.findall(r'class="status [a-z]*">([^<]+)<', row)
        assert statuses == [at_shared.status, at_own.status]
        for verdict in (at_shared, at_own):
            assert verdict.says in words
            assert all(line.says in words for line in verdict.evidence)
        if at_shared.command:
            assert at_shared.command in words
    assert "cells?dataset=dvs_digits&amp;neuron=aia,snntorch_lif" in text


def test_an_untuned_profile_has_one_verdict_a_claim_and_no_tuned_table(tmp_path: Path) -> None:
    profile = write_profile(tmp_path, CHOSEN)
    page = _Page(_page(profile, CHOSEN))
    assert "table-tuned" not in page.rows
    assert "own best rate" not in _words(profile.page.read_text())


def test_a_neuron_that_was_not_tuned_is_named(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    write_grid(profile, CHOSEN, {})
    (at_rate(profile, 0.1).runs / "dvs_digits/gain_frozen/100.json").unlink()
    tuned = tuned_cells(profile, grid_params(CHOSEN))
    words = _words(_page(profile, CHOSEN, tuned))
    assert "Not through all of their cells, and so not here: gain_frozen." in words


def test_what_compare_wrote_is_part_of_the_page(tmp_path: Path) -> None:
    profile = write_profile(tmp_path, CHOSEN)
    assert "Neurons compared" not in _page(profile, CHOSEN)
    for name in ("mine", "hers"):
        path = profile.compared / name / "section.html"
        path.parent.mkdir(parents=True)
        path.write_text(f'<section id="compared-{name}"><p>{name} &amp; co</p></section>')
    page = _page(profile, CHOSEN)
    assert "Neurons compared with the recorded ones" in page
    assert page.index('id="compared-hers"') < page.index('id="compared-mine"')
    assert "<p>mine &amp; co</p>" in page


def test_the_same_records_give_the_same_page(tmp_path: Path) -> None:
    profile = write_profile(tmp_path, CHOSEN)
    assert _page(profile, CHOSEN) == _page(profile, CHOSEN)


def test_figures_and_page_need_no_torch(tmp_path: Path) -> None:
    chosen = Selection(("dvs_digits",), ("snntorch_lif", "aia"), (0,))
    write_profile(tmp_path, chosen)
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from benchmarks.presenting.figures.write import write_figures\n"
        "from benchmarks.profile import Profile\n"
        "from benchmarks.presenting.page.write import write_report\n"
        "from benchmarks.records.selection import Selection\n"
        "from tests.made_records import SETTINGS\n"
        f"profile, chosen = Profile(Path({str(tmp_path)!r})), {chosen!r}\n"
        "write_figures(profile, chosen, None)\n"
        "write_report(profile, chosen, SETTINGS, None)\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert (tmp_path / "reports" / "index.html").exists()


@pytest.mark.slow
def test_the_page_of_a_zoo_is_small(tmp_path: Path) -> None:
    names = (*NEURONS, "snntorch_lif_defaults", "relu", *(f"neuron_{k}" for k in range(12)))
    chosen = Selection(("dvs_digits", "dvs_vehicles", "dvs_motion"), names, tuple(range(10)))
    profile = write_profile(tmp_path, chosen)
    write_figures(profile, chosen, None)
    write_tables(tables_of(profile, chosen, None), profile.tables)
    page = write_report(profile, chosen, SETTINGS, None)
    assert page.stat().st_size < 3e6
