from __future__ import annotations

import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks import claims
from benchmarks.errors import InputError
from benchmarks.figures import write_figures
from benchmarks.profile import Profile
from benchmarks.report import write_report
from benchmarks.selection import Selection, load
from tests.benchmarks.made_records import (
    SETTINGS,
    failed,
    made,
    selection,
    write,
    write_profile,
)

NEURONS = ("snntorch_lif", "aia", "gain_frozen")
CHOSEN = Selection(("dvs_digits",), NEURONS, (0, 1, 2))


def _write_three(runs: Path, aia: float, frozen: float, spikes: float = 900.0) -> None:
    """LIF near 0.7; the other two apart from it by the given amounts, almost alike each seed."""
    for seed in (0, 1, 2):
        base, jitter = 0.70 + 0.05 * seed, 0.001 * seed
        write(runs, made(neuron="snntorch_lif", seed=seed, test=base, spikes=1000))
        write(runs, made(neuron="aia", seed=seed, test=base + aia + jitter, spikes=spikes + seed))
        write(runs, made(neuron="gain_frozen", seed=seed, test=base + frozen - jitter))


def _page(profile: Profile, chosen: Selection) -> str:
    return write_report(profile, chosen, SETTINGS).read_text(encoding="utf-8")


def _words(page: str) -> str:
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def _claim(cells_of: Path, text: str, chosen: Selection = CHOSEN) -> claims.Claim:
    found = claims.claims(load(cells_of, chosen))
    return next(claim for claim in found if claim.claim.startswith(text))


def test_a_lead_over_lif_alone_is_not_credited_to_association(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=0.05, frozen=0.05)
    words = _words(_page(profile, CHOSEN))
    assert "Against LIF and PLIF: ahead of 1. Against the controls: not disting" in words
    assert "cannot be credited to learning the association" in words


def test_a_lead_over_lif_and_controls_is_said_to_be_one(tmp_path: Path) -> None:
    _write_three(tmp_path, aia=0.05, frozen=0.01)
    compared = claims.comparisons(load(tmp_path, CHOSEN))
    assert [c.says for c in compared] == ["ahead", "ahead"]
    assert "one over every control too" in claims.reading("dvs_digits", compared)


def test_falling_behind_is_printed_as_plainly(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=-0.05, frozen=0.0)
    page = _page(profile, CHOSEN)
    assert "Against the LIF and PLIF baselines, 1 comparison: behind in 1." in _words(page)
    assert '<td class="behind">behind</td>' in page
    assert _claim(profile.runs, "Better accuracy").status == "does not hold here"


def test_claims_in_kind_follow_the_records(tmp_path: Path) -> None:
    _write_three(tmp_path, aia=0.05, frozen=0.05, spikes=900)
    assert _claim(tmp_path, "Better accuracy").status == "holds here"
    assert _claim(tmp_path, "Fewer spikes").status == "holds here"
    assert _claim(tmp_path, "No parameter more").status == "holds here"
    _write_three(tmp_path, aia=0.0, frozen=0.05, spikes=1100)
    fewer = _claim(tmp_path, "Fewer spikes")
    assert fewer.status == "does not hold here"
    assert "more in 1" in fewer.evidence


def test_intervals_on_both_sides_of_none_leave_a_claim_undecided(tmp_path: Path) -> None:
    for seed, lead in enumerate((-0.05, 0.0, 0.06)):
        write(tmp_path, made(neuron="snntorch_lif", seed=seed, test=0.80))
        write(tmp_path, made(neuron="aia", seed=seed, test=0.80 + lead))
    assert _claim(tmp_path, "Better accuracy").status == "undecided here"


def test_a_fold_that_changes_predictions_breaks_its_claim(tmp_path: Path) -> None:
    _write_three(tmp_path, aia=0.05, frozen=0.05)
    record = made(neuron="aia", seed=1)
    assert record.result is not None
    assert record.result.fold is not None
    fold = record.result.fold.model_copy(update={"predictions_differ": 2})
    result = record.result.model_copy(update={"fold": fold})
    write(tmp_path, record.model_copy(update={"result": result}))
    claim = _claim(tmp_path, "No parameter more")
    assert claim.status == "does not hold here"
    assert "2 predictions" in claim.evidence


def test_the_papers_accuracies_are_not_tested_without_its_data(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=0.05, frozen=0.05)
    words = _words(_page(profile, CHOSEN))
    assert "DVS-CIFAR10: 83.9 % test accuracy not tested here" in words
    assert "N-CARS: 95.64 % test accuracy not tested here" in words


def test_on_the_papers_data_its_accuracy_is_held_against_the_interval(tmp_path: Path) -> None:
    chosen = Selection(("dvs_cifar10",), ("snntorch_lif", "aia"), (0, 1, 2))
    for seed in chosen.seeds:
        write(tmp_path, made("dvs_cifar10", "aia", seed, test=0.70 + 0.001 * seed))
    assert _claim(tmp_path, "DVS-CIFAR10", chosen).status == "does not hold here"
    for seed in chosen.seeds:
        write(tmp_path, made("dvs_cifar10", "aia", seed, test=0.83 + 0.01 * seed))
    assert _claim(tmp_path, "DVS-CIFAR10", chosen).status == "holds here"


def test_one_seed_gives_no_verdict(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=0.05, frozen=0.05)
    one = Selection(CHOSEN.datasets, CHOSEN.neurons, (0,))
    words = _words(_page(profile, one))
    assert "no interval in 1" in words
    assert _claim(profile.runs, "Better accuracy", one).status == "no evidence here"


def test_the_bound_that_three_seeds_set_is_said(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=0.05, frozen=0.05)
    assert "cannot go below p = 0.25" in _words(_page(profile, CHOSEN))


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
    path = write_report(profile, CHOSEN, SETTINGS | {"epochs": 99})
    assert "epochs = 4 (now 99)" in _words(path.read_text())


def test_what_a_record_says_cannot_become_markup(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    _write_three(profile.runs, aia=0.05, frozen=0.05)
    record = failed("dvs_digits", "aia", 0)
    assert record.failure is not None
    nasty = record.failure.model_copy(update={"reason": "<script>alert(1)</script>"})
    write(profile.runs, record.model_copy(update={"failure": nasty}))
    assert "<script" not in _page(profile, CHOSEN)


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    profile = write_profile(tmp_path, CHOSEN)
    (profile.data / "dvs_digits.json").write_text("{")
    with pytest.raises(InputError, match=r"dvs_digits\.json: not JSON"):
        write_report(profile, CHOSEN, SETTINGS)


class _Links(HTMLParser):
    """Everything a browser would fetch, ids, and the stack of open tags."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.anchors: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {key: value or "" for key, value in attrs}
        if tag != "a":
            self.fetched += [named[key] for key in ("src", "href") if key in named]
        elif named["href"].startswith("#"):
            self.anchors.append(named["href"][1:])
        if "id" in named:
            self.ids.append(named["id"])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    profile = write_profile(tmp_path, CHOSEN)
    write_figures(profile.runs, profile.data, profile.throughput, CHOSEN, profile.figures)
    page = _page(profile, CHOSEN)
    links = _Links()
    links.feed(page)
    assert links.open == []
    assert len(links.fetched) == 6  # five figures of the data set, one of the device
    assert all(link.startswith("data:image/png;base64,") for link in links.fetched)
    assert "url(" not in page
    assert "@import" not in page
    assert set(links.anchors) <= set(links.ids)
    assert len(links.ids) == len(set(links.ids))


def test_the_same_records_give_the_same_page(tmp_path: Path) -> None:
    profile = write_profile(tmp_path, CHOSEN)
    assert _page(profile, CHOSEN) == _page(profile, CHOSEN)


def test_figures_and_page_take_seconds_and_no_torch(tmp_path: Path) -> None:
    write_profile(tmp_path, selection())
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from benchmarks.figures import write_figures\n"
        "from benchmarks.profile import Profile\n"
        "from benchmarks.report import write_report\n"
        "from tests.benchmarks.made_records import SETTINGS, selection\n"
        f"profile = Profile(Path({str(tmp_path)!r}))\n"
        "write_figures(profile.runs, profile.data, profile.throughput, selection(),"
        " profile.figures)\n"
        "write_report(profile, selection(), SETTINGS)\n"
        "sys.exit('torch' in sys.modules)"
    )
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", script], check=True)
    assert time.monotonic() - start < 10  # 3 to 4 alone; other tests may share the machine
    assert (tmp_path / "reports" / "index.html").exists()
