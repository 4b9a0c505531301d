"""What a reader needs who does not see the page, or not well: without a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from benchmarks.presenting.figures.write import write_figures
from benchmarks.presenting.page.templating import environment
from benchmarks.presenting.page.write import write_report
from benchmarks.records.selection import Selection
from tests.made_records import SETTINGS, write_profile

CHOSEN = Selection(("dvs_digits", "ncars"), ("snntorch_lif", "aia", "gain_frozen"), (0, 1, 2))
# what is read on what, as the style sheet's variables are called
PAIRS = [
    *((text, on) for text in ("text", "quiet", "link") for on in ("page", "soft", "subject")),
    *((side, on) for side in ("ahead", "behind", "even") for on in ("page", "soft")),
    *(("ahead", "ahead-soft"), ("behind", "behind-soft"), ("text", "even-soft"), ("text", "warn")),
]


class _Outline(HTMLParser):
    """Headings, landmarks, pictures, and of each table its captions and row headers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.pictures: list[str] = []
        self.tables: list[dict[str, int]] = []
        self.outside: list[str] = []  # texts in no landmark
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.pictures.append(named["alt"] or "")
        if tag == "table":
            self.tables.append({"caption": 0, "row": 0, "col": 0})
        if tag == "caption" or (tag == "th" and named["scope"]):
            self.tables[-1][named.get("scope") or tag] += 1
        if tag in ("head", "header", "main", "nav", "script", "a"):  # a: the link past the header
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._inside:
            self.outside.append(data.strip())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    profile = write_profile(tmp_path_factory.mktemp("profile"), CHOSEN)
    write_figures(profile, CHOSEN, None)
    return write_report(profile, CHOSEN, SETTINGS, None).read_text(encoding="utf-8")


def test_headings_go_down_one_level_at_a_time_and_all_text_is_in_a_landmark(page: str) -> None:
    outline = _Outline(page)
    assert outline.headings[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(outline.headings))
    assert outline.outside == []


def test_every_table_has_a_caption_and_heads_for_rows_and_columns(page: str) -> None:
    tables = _Outline(page).tables
    assert len(tables) > 10
    assert all(table["caption"] == 1 and table["col"] > 1 for table in tables)
    assert sum(table["row"] > 0 for table in tables) > len(tables) / 2


def test_a_picture_says_of_what_it_is_and_what_it_shows(page: str) -> None:
    pictures = _Outline(page).pictures
    assert len(pictures) == len(set(pictures)) > 5
    assert all(re.fullmatch(r"[\w -]+: .{20,}", text) for text in pictures)


def test_recorded_data_come_before_made_ones(page: str) -> None:
    places = [page.index(f"<h3>{dataset}</h3>") for dataset in ("ncars", "dvs_digits")]
    assert places == sorted(places)
    claims = re.findall(r'<tr id="claim-([\w-]+)">', page)
    assert claims.index("accuracy-n-cars") < claims.index("accuracy-ten-classes")


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_text_stands_out_from_its_ground(theme: str, front: str, back: str) -> None:
    style = environment().get_template("style.css.j2").render()
    roots = [dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in _ROOT.findall(style)]
    colours = dict(zip(("light", "dark", "print"), roots, strict=True))[theme]
    light, dark = sorted((_luminance(colours[name]) for name in (front, back)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.2, 1.4.3


_ROOT = re.compile(r":root \{(.*?)\}", re.S)


def _luminance(colour: str) -> float:
    """Relative luminance of ``#rgb`` or ``#rrggbb``, as WCAG defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
