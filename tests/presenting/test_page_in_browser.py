"""The page as a browser shows it: headless Chromium, no network, no other package."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from benchmarks.presenting.figures.write import write_figures
from benchmarks.presenting.page.write import write_report
from benchmarks.profile import Profile
from benchmarks.records.selection import Selection, load
from tests.made_records import (
    SETTINGS,
    failed,
    made,
    write,
    write_data,
    write_throughput,
)
from tests.presenting.test_tables import write_grid

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason=f"no browser: none of {', '.join(NAMES)} is on PATH"
)
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--virtual-time-budget=5000", "--no-pdf-header-footer"),
)
DARK, LIGHT = "--blink-settings=preferredColorScheme=0", "--blink-settings=preferredColorScheme=1"
CHOSEN = Selection(("dvs_digits", "dvs_motion"), ("snntorch_lif", "aia", "gain_frozen"), (0, 1, 2))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a tuned profile in which one cell failed and another was not run."""
    profile = Profile(tmp_path_factory.mktemp("profile"))
    tuned = write_grid(profile, CHOSEN, {"aia": 0.01})
    write(profile.runs, made(neuron="snntorch_lif", test=1.0))  # 100 %: before 50 as text
    write(profile.runs, failed("dvs_motion", "gain_frozen", 0))
    (profile.runs / "dvs_motion/gain_frozen/1.json").unlink()
    for dataset in CHOSEN.datasets:
        write_data(profile.data, dataset)
    write_throughput(profile.throughput, CHOSEN.neurons)
    write_figures(profile, CHOSEN, tuned)
    return write_report(profile, CHOSEN, SETTINGS, tuned)


def _browse(address: str, *flags: str) -> str:
    """The document after its script ran."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as own:
        command = [CHROMIUM, *QUIET, f"--user-data-dir={own}", *flags, address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def _dump(page: Path, address: str = "", *flags: str) -> str:
    return _browse(page.as_uri() + address, "--dump-dom", *flags)


def _ask(page: Path, script: str, address: str = "", *flags: str) -> Any:
    """What ``script``, run as a reader acts on the page, returns."""
    acted = page.with_name("acted.html")
    say = f"<script>document.title = JSON.stringify((() => {{{script}}})())</script>"
    acted.write_text(page.read_text().replace("</body>", f"{say}</body>"))
    return _title(_dump(acted, address, *flags))


def _title(document: str) -> Any:
    titled = re.search(r"<title>(.*?)</title>", document, flags=re.S)
    assert titled is not None
    return json.loads(unescape(titled[1]))


class _Rows(HTMLParser):
    """The body rows of one table: attributes, and texts of the cells."""

    def __init__(self, document: str, table: str) -> None:
        super().__init__()
        self.rows: list[tuple[dict[str, str | None], list[str]]] = []
        self._wanted, self._inside = table, False
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "table":
            self._inside = named.get("id") == self._wanted
        elif self._inside and tag == "tr":
            self.rows.append((named, []))
        elif self._inside and tag in ("td", "th"):
            self.rows[-1][1].append("")

    def handle_data(self, data: str) -> None:
        if self._inside and self.rows and self.rows[-1][1]:
            self.rows[-1][1][-1] += data


def _shown(document: str, table: str) -> list[tuple[str, ...]]:
    """Rows that are not hidden, in their order on the page."""
    body = _Rows(document, table).rows[1:]
    return [tuple(cells) for attributes, cells in body if "hidden" not in attributes]


def test_an_address_filters_every_table_and_opens_the_cells(page: Path) -> None:
    document = _dump(page, "#cells?dataset=dvs_digits&neuron=aia")
    assert [row[:3] for row in _shown(document, "table-cells")] == [
        ("dvs_digits", "aia", str(seed)) for seed in CHOSEN.seeds
    ]
    for name in ("accuracy", "tuned", "spikes", "tuned_cells"):
        groups = {row[:2] for row in _shown(document, f"table-{name}")}
        assert groups == {("dvs_digits", "aia")}
    assert re.search(r'<details id="cells"[^>]* open', document)
    assert not re.search(r'<details id="tuned_cells"[^>]* open', document)


def test_an_address_can_name_a_pair_of_neurons(page: Path) -> None:
    document = _dump(page, "#cells?dataset=dvs_digits&neuron=aia,snntorch_lif")
    assert {row[:2] for row in _shown(document, "table-cells")} == {
        ("dvs_digits", "aia"),
        ("dvs_digits", "snntorch_lif"),
    }


def test_without_a_filter_every_row_is_shown(page: Path) -> None:
    document = _dump(page)
    cells = load(page.parents[1] / "results" / "runs", CHOSEN)
    assert len(_shown(document, "table-cells")) == len(list(cells.selection.groups)) * 3
    assert "<form" in document
    assert not re.search(r"<form[^>]* hidden", document)


@pytest.mark.parametrize(("sign", "direction"), [("", "ascending"), ("-", "descending")])
def test_an_address_sorts_by_the_raw_number_and_what_is_absent_comes_last(
    page: Path, sign: str, direction: str
) -> None:
    document = _dump(page, f"#cells?sort={sign}test")
    rows = _shown(document, "table-cells")
    numbers = [float(row[6]) for row in rows if row[6] not in ("", "–")]
    assert len(numbers) == len(rows) - 2
    assert numbers == sorted(numbers, reverse=bool(sign))
    assert [row[3].split()[0] for row in rows[-2:]] == ["failed", "not"]
    assert re.search(rf'data-column="test"[^>]*aria-sort="{direction}"', document)


def test_headings_sort_by_click_and_by_key_and_a_third_time_restores(page: Path) -> None:
    script = """
      const head = document.querySelector("#table-accuracy th[data-column=test-accuracy]");
      const numbers = () => [...document.querySelectorAll("#table-accuracy tbody tr")].map(
        (row) => Number(row.cells[2].dataset.value));
      const seen = [[numbers(), head.getAttribute("aria-sort"), location.hash]];
      const button = head.querySelector("[role=button]");
      const key = new KeyboardEvent("keydown", { key: "Enter", bubbles: true });
      const click = () => button.click();
      for (const act of [click, () => button.dispatchEvent(key), click]) {
        act();
        seen.push([numbers(), head.getAttribute("aria-sort"), location.hash]);
      }
      return { seen, tab: button.tabIndex };
    """
    found = _ask(page, script)
    numbers, sorts, addresses = zip(*found["seen"], strict=True)
    assert numbers[1] == sorted(numbers[0], reverse=True)
    assert numbers[2] == sorted(numbers[0])
    assert numbers[3] == numbers[0] != numbers[1]
    assert sorts == (None, "descending", "ascending", None)
    assert addresses[1:] == (
        "#accuracy?sort=-test-accuracy",
        "#accuracy?sort=test-accuracy",
        "#accuracy",
    )
    assert found["tab"] == 0


def test_choosing_in_the_filter_changes_the_address_and_show_all_takes_it_back(page: Path) -> None:
    script = """
      const { dataset, neuron } = document.getElementById("filters").elements;
      const rows = "#table-accuracy tbody tr:not([hidden])";
      const shown = () => document.querySelectorAll(rows).length;
      const choose = (select, value) => {
        select.value = value;
        select.dispatchEvent(new Event("change"));
      };
      choose(dataset, "dvs_motion");
      const one = [shown(), location.hash];
      choose(neuron, "aia");
      const two = [shown(), location.hash];
      const nav = document.querySelector("nav a").getAttribute("href");
      document.querySelector("#filters button").click();
      return { one, two, nav, all: [shown(), location.hash] };
    """
    found = _ask(page, script, "#accuracy")
    assert found["one"] == [3, "#accuracy?dataset=dvs_motion"]
    assert found["two"] == [1, "#accuracy?dataset=dvs_motion&neuron=aia"]
    assert found["nav"] == "#claims?dataset=dvs_motion&neuron=aia"
    assert found["all"] == [6, "#accuracy"]


def test_evidence_of_a_claim_leads_to_the_cells_behind_it(page: Path) -> None:
    script = """
      const link = document.querySelector("#claim-accuracy-ten-classes details a");
      location.hash = link.getAttribute("href");
      dispatchEvent(new HashChangeEvent("hashchange"));
      const rows = [...document.querySelectorAll("#table-cells tbody tr:not([hidden])")];
      return rows.map((row) => [row.dataset.dataset, row.dataset.neuron]);
    """
    found = {tuple(group) for group in _ask(page, script)}
    assert found == {("dvs_digits", "aia"), ("dvs_digits", "snntorch_lif")}


def test_without_a_script_the_tables_are_plain_and_whole(page: Path) -> None:
    plain = page.with_name("plain.html")
    plain.write_text(page.read_text().replace("script-src 'unsafe-inline'", "script-src 'none'"))
    document = _dump(plain)
    assert len(_shown(document, "table-accuracy")) == 6
    assert re.search(r"<form[^>]* hidden", document)
    assert 'role="button"' not in document


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_is_never_wider_than_the_window(page: Path, width: int) -> None:
    inside, frame = page.with_name("inside.html"), page.with_name("frame.html")
    say = "parent.postMessage([document.documentElement.scrollWidth, innerWidth], '*')"
    inside.write_text(page.read_text().replace("</body>", f"<script>{say}</script></body>"))
    frame.write_text(  # a window of its own is never narrower than 500 pixels
        "<script>onmessage = ({ data }) => { document.title = JSON.stringify(data); };</script>"
        f"<iframe src='inside.html' style='width: {width}px; border: 0'></iframe>"
    )
    wide, window = _title(_dump(frame))
    assert window == width
    assert wide <= window


def test_the_page_follows_the_readers_choice_of_light_or_dark(page: Path) -> None:
    script = """
      const style = getComputedStyle(document.body);
      return [style.backgroundColor, style.color].map((c) => Math.max(...c.match(/[0-9]+/g)));
    """
    light, dark = _ask(page, script, "", LIGHT), _ask(page, script, "", DARK)
    assert light[0] > 200 > 100 > light[1]
    assert dark[0] < 100 < 200 < dark[1]


def test_paper_gets_the_evidence_and_loses_what_only_a_screen_can_use(
    page: Path, tmp_path: Path
) -> None:
    target = tmp_path / "page.pdf"
    _browse(page.as_uri(), f"--print-to-pdf={target}")
    content = target.read_bytes()
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/MediaBox \[0 0 59[45][.\d]* 84[12][.\d]*\]", content)) > 3  # A4
    if shutil.which("pdftotext"):
        command = ["pdftotext", "-layout", str(target), "-"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "show all" not in text
        assert "cells.csv" not in text
        assert "· cells" in text  # a line of evidence
