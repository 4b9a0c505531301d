"""The facts about the real data sets agree with each other and with what is published."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from benchmarks.events.published.catalogue import SETS
from benchmarks.events.published.entries import RealSet

EVERY = pytest.mark.parametrize("chosen", SETS.values(), ids=SETS)


@pytest.mark.parametrize(
    ("name", "parts", "classes"),
    [
        ("cifar10dvs", {"": 10_000}, 10),
        ("cifar10dvs_aedat2", {"": 10_000}, 10),
        ("ncars", {"train": 15_422, "test": 8_607}, 2),
        ("dvs_gesture", {"train": 1_176, "test": 288}, 11),
        ("nmnist", {"train": 60_000, "test": 10_000}, 10),
        ("ncaltech101", {"": 8_709}, 101),
        ("pokerdvs", {"": 131}, 4),
    ],
)
def test_counts_add_up_to_the_published_ones(
    name: str, parts: dict[str, int], classes: int
) -> None:
    chosen = SETS[name]
    assert {part: sum(counts) for part, counts in chosen.counts.items()} == parts
    assert len(chosen.classes) == classes
    assert chosen.samples == sum(parts.values())


@EVERY
def test_every_class_is_named_once_and_counted(chosen: RealSet) -> None:
    assert len(set(chosen.classes)) == len(chosen.classes)
    for counts in chosen.counts.values():
        assert len(counts) == len(chosen.classes)
        assert min(counts) > 0


@EVERY
def test_every_archive_can_be_told_from_other_files(chosen: RealSet) -> None:
    assert len({archive.name for archive in chosen.archives}) == len(chosen.archives)
    for archive in chosen.archives:
        assert archive.contents or re.fullmatch(r"[0-9a-f]{32}", archive.md5 or "")
        assert archive.about > 0


@EVERY
def test_every_set_can_be_downloaded_or_says_how_to_get_it(chosen: RealSet) -> None:
    for archive in chosen.archives:
        assert bool(archive.urls) != bool(chosen.manual)
        for url in archive.urls:
            assert _is_encrypted(url) or archive.md5  # what comes is known by its checksum
    assert _is_encrypted(chosen.page)
    assert _is_encrypted(chosen.licence_page)


def _is_encrypted(url: str) -> bool:
    """Or of the one host that is published under http alone."""
    return urlsplit(url).scheme == "https" or urlsplit(url).hostname == "www2.imse-cnm.csic.es"


def test_the_original_zips_of_cifar10dvs_are_as_large_as_published() -> None:
    sizes = [archive.size or 0 for archive in SETS["cifar10dvs_aedat2"].archives]
    assert [round(min(sizes) / 2**20), round(max(sizes) / 2**20)] == [708, 925]
    assert len({archive.md5 for archive in SETS["cifar10dvs_aedat2"].archives}) == 10


def test_a_set_without_parts_has_no_official_split() -> None:
    for chosen in SETS.values():
        assert ("official" in chosen.splits) == ("" not in chosen.counts)


def test_scenes_begin_with_the_first_recording_and_end_before_the_last() -> None:
    for chosen in SETS.values():
        for first, count in zip(chosen.scenes, chosen.counts.get("", ()), strict=False):
            assert first[0] == 1
            assert list(first) == sorted(set(first))
            assert first[-1] <= count
        assert len(chosen.scenes) in (0, len(chosen.classes))
    assert sum(map(len, SETS["pokerdvs"].scenes)) == 34
