"""Faults on the way to a data set: each gives one clear error, loses nothing, and is got over."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.errors import InputError
from benchmarks.events.published import download as download_module
from benchmarks.events.published import inspection
from benchmarks.events.published.acquire import acquire, cache_of, find
from benchmarks.events.published.download import Patience
from benchmarks.events.published.entries import Archive, RealSet
from benchmarks.events.published.layout import entries
from benchmarks.progress import silent
from tests.events.small_sets import (
    archive_of,
    ncars_recordings,
    recordings,
    small_ncars,
    tarred,
    two_classes,
    write_tree,
    zipped,
)
from tests.served import Answer, Handler, Served, file, status

FILES = recordings()
CONTENT = zipped(FILES)
PAGE = b"\n<!DOCTYPE html><html>Just a moment...</html>"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in [name for name in os.environ if name.startswith("AIA_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(download_module, "PATIENCE", Patience(tries=3, pause_s=0.01))
    return cache_of(two_classes())


def pets(*urls: str, content: bytes = CONTENT) -> RealSet:
    return two_classes((archive_of("pets.zip", content, *urls),))


def names_below(folder: Path) -> set[str]:
    return {str(at.relative_to(folder)) for at in folder.rglob("*") if at.is_file()}


def refusal(chosen: RealSet, explicit: Path | None = None) -> str:
    with pytest.raises(InputError) as caught:
        acquire(chosen, explicit, silent)
    return str(caught.value)


def assert_whole(chosen: RealSet, tree: Path) -> None:
    for entry in entries(chosen, tree):
        assert entry.path.read_bytes() == FILES["/".join(entry.path.parts[-2:])]


# --- the network ---


def test_a_download_is_checked_unpacked_and_not_repeated(cache: Path) -> None:
    with Served(CONTENT) as server:
        chosen = pets(server.url)
        tree = acquire(chosen, None, silent)
        assert_whole(chosen, tree)
        assert acquire(chosen, None, silent) == tree == find(chosen)
        assert len(server.requests) == 1
    assert names_below(cache / "archives") == {"pets.zip"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(202), "HTTP 202: nothing came: a check for robots"),
        (status(403), "HTTP 403: not allowed"),
        (status(404), "HTTP 404: Not Found"),
        (status(200, PAGE, Content_Type="text/html"), "a web page in place of an archive"),
        (status(200, PAGE, Content_Type="application/zip"), "a web page in place of an archive"),
        (status(200), "an empty answer"),
        (status(200, b"quota exceeded"), "something that begins b'quota exceeded'"),
    ],
)
def test_an_answer_that_is_no_file_is_quoted_and_the_next_address_tried(
    cache: Path, answer: Answer, said: str
) -> None:
    with Served(CONTENT, [answer]) as bad, Served(CONTENT) as good:
        assert f"  {bad.url}\n    {said}" in refusal(pets(bad.url))
        assert names_below(cache) == {".lock"}
        bad.script = [answer]
        assert_whole(pets(), acquire(pets(bad.url, good.url), None, silent))
        assert len(good.requests) == 1


def test_the_error_says_what_to_do_and_every_place_and_address(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIA_DATA", str(tmp_path / "store"))
    monkeypatch.setenv("AIA_DATA_PETS", str(write_tree(tmp_path / "own", {"cat/a.txt": b""})))
    with Served(CONTENT, [status(403), status(202)]) as server:
        chosen = pets(server.url, f"{server.url}/again")
        said = refusal(chosen)
    assert said.index("What to do") < said.index("looked for") < said.index("answered")
    for part in (
        f"AIA_DATA_PETS ({tmp_path / 'own'})\n    no recording of Pets below it",
        f"AIA_DATA ({tmp_path / 'store' / 'pets'})\n    not there",
        f"the cache ({cache})\n    not there",
        f"{server.url}\n    HTTP 403",
        f"{server.url}/again\n    HTTP 202",
        f"open {chosen.page}",
        str(chosen.archives[0].md5),
        chosen.licence_page,
        "python -m benchmarks data get pets",
    ):
        assert part in said


def test_a_busy_server_is_asked_again_after_the_pause_that_it_wants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", pauses.append)
    monkeypatch.setattr(download_module, "PATIENCE", Patience(tries=4, pause_s=0.25, longest_s=60))
    busy = [status(429, Retry_After="7"), status(500), status(503, Retry_After="86400")]
    with Served(CONTENT, busy) as server:
        assert_whole(pets(), acquire(pets(server.url), None, silent))
        assert len(server.requests) == 4
    assert pauses == [7, 0.5, 60]  # not a day


def test_a_server_that_stays_busy_is_given_up(cache: Path) -> None:
    with Served(CONTENT, [status(429)] * 3) as server:
        said = refusal(pets(server.url))
        assert "HTTP 429, asked several times: too many requests; try again later" in said
        assert len(server.requests) == 3
        assert_whole(pets(), acquire(pets(server.url), None, silent))


def test_no_server_at_all_is_said() -> None:
    with Served(CONTENT) as server:
        url = server.url
    assert "no connection (is this machine online?)" in refusal(pets(url))


def test_a_cut_connection_goes_on_where_it_stopped() -> None:
    with Served(CONTENT, [file(cut_after=700_000), file(cut_after=300_000)]) as server:
        assert_whole(pets(), acquire(pets(server.url), None, silent))
        ranges = [asked.get("Range") for asked in server.requests]
        assert len(ranges) == 3
        assert ranges[0] is None
        starts = [int(str(asked).removeprefix("bytes=").removesuffix("-")) for asked in ranges[1:]]
        assert 0 < starts[0] <= 700_000
        assert starts[0] < starts[1] <= starts[0] + 300_000
        assert server.requests[1]["If-Range"] == server.etag
        assert server.sent[-1] == len(CONTENT) - starts[1]  # only the rest


def test_a_later_run_goes_on_from_what_came(cache: Path) -> None:
    with Served(CONTENT, [file(cut_after=700_000), status(403)]) as server:
        assert "HTTP 403" in refusal(pets(server.url))
        kept = (cache / "archives" / "pets.zip.part").stat().st_size
        assert 0 < kept <= 700_000
        assert_whole(pets(), acquire(pets(server.url), None, silent))
        assert server.requests[-1]["Range"] == f"bytes={kept}-"
        assert server.sent[-1] == len(CONTENT) - kept
    assert names_below(cache / "archives") == {"pets.zip"}


def test_another_address_goes_on_from_what_the_first_gave() -> None:
    with (
        Served(CONTENT, [file(cut_after=700_000), status(403)]) as first,
        Served(CONTENT) as second,
    ):
        assert_whole(pets(), acquire(pets(first.url, second.url), None, silent))
        assert second.sent[0] < len(CONTENT)


def test_a_file_that_changed_in_between_is_fetched_anew(cache: Path) -> None:
    new = zipped(recordings(size=150_000))
    with Served(CONTENT, [file(cut_after=700_000), status(403)]) as server:
        refusal(pets(server.url))
        server.content = new
        chosen = pets(server.url, content=new)
        acquire(chosen, None, silent)
        assert server.requests[-1]["If-Range"] != server.etag
        assert server.sent[-1] == len(new)
    assert (cache / "archives" / "pets.zip").read_bytes() == new


def test_a_shorter_file_in_its_place_is_fetched_anew(cache: Path) -> None:
    new = zipped(recordings(size=50_000))

    def ignores_if_range(handler: Handler) -> None:
        del handler.headers["If-Range"]
        file()(handler)

    with Served(CONTENT, [file(cut_after=700_000), status(403)]) as server:
        refusal(pets(server.url))
        server.content, server.script = new, [ignores_if_range]
        acquire(pets(server.url, content=new), None, silent)  # 416, then all of it
    assert (cache / "archives" / "pets.zip").read_bytes() == new


def test_a_server_without_ranges_sends_all_again(cache: Path) -> None:
    with Served(CONTENT, [file(cut_after=700_000), file(ranges=False)]) as server:
        assert_whole(pets(), acquire(pets(server.url), None, silent))
        assert server.sent == [700_000, len(CONTENT)]
    assert (cache / "archives" / "pets.zip").read_bytes() == CONTENT


def test_a_redirected_request_still_asks_for_the_rest_only() -> None:
    moved = status(302, Location="/moved")
    with Served(CONTENT, [moved, file(cut_after=700_000), moved]) as server:
        assert_whole(pets(), acquire(pets(server.url), None, silent))
        assert server.requests[-1]["Range"] == server.requests[-2]["Range"] is not None
        assert server.sent[-1] < len(CONTENT)


def test_a_page_in_place_of_the_rest_does_not_cost_what_came(cache: Path) -> None:
    with Served(CONTENT, [file(cut_after=700_000), status(200, PAGE)]) as server:
        assert "a web page" in refusal(pets(server.url))
        kept = (cache / "archives" / "pets.zip.part").stat().st_size
        acquire(pets(server.url), None, silent)
        assert server.sent[-1] == len(CONTENT) - kept > 0


def test_a_wrong_checksum_is_never_kept_under_the_name(cache: Path) -> None:
    other = zipped(recordings(size=1000))
    with Served(other) as wrong, Served(CONTENT) as right:
        assert "wrong checksum: md5" in refusal(pets(wrong.url))
        assert names_below(cache) == {".lock"}
        assert_whole(pets(), acquire(pets(wrong.url, right.url), None, silent))


def test_a_file_of_another_size_is_refused_before_it_is_fetched() -> None:
    with Served(CONTENT[:-10]) as server:
        chosen = two_classes((archive_of("pets.zip", CONTENT, server.url, size=len(CONTENT)),))
        assert f"{len(CONTENT) - 10:,} bytes, expected {len(CONTENT):,}" in refusal(chosen)


def test_a_damaged_beginning_is_fetched_once_more(cache: Path) -> None:
    with Served(CONTENT, [file(cut_after=700_000), status(403)]) as server:
        refusal(pets(server.url))
        part = cache / "archives" / "pets.zip.part"
        part.write_bytes(b"x" * part.stat().st_size)
        assert_whole(pets(), acquire(pets(server.url), None, silent))
        assert "Range" not in server.requests[-1]


def test_offline_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIA_OFFLINE", "1")
    with Served(CONTENT) as server:
        said = refusal(pets(server.url))
        assert not server.requests
    assert "Unset AIA_OFFLINE" in said


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Served(CONTENT) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/file"))
        acquire(pets("http://data.invalid/file"), None, silent)
        assert proxy.requests[0]["Host"] == "data.invalid"


# --- the disk ---


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount a disk here")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_too_little_room_is_foreseen(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(small_disk))
    big = zipped(recordings(size=500_000))
    with Served(big) as server:
        said = refusal(pets(server.url, content=big))
        assert "3 MB are needed to download pets.zip, 2.1 MB are free" in said
        assert "XDG_CACHE_HOME" in said
        assert len(said.splitlines()) == 1


def test_a_disk_that_fills_up_keeps_what_came(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(small_disk))
    big = zipped(recordings(size=500_000))
    with Served(big, [file(sized=False)]) as server:
        chosen = two_classes(
            (Archive("pets.zip", (server.url,), archive_of("", big).md5, None, 1),)
        )
        assert "the disk is full (No space left on device)" in refusal(chosen)
        part = cache_of(chosen) / "archives" / "pets.zip.part"
        kept = part.stat().st_size
        assert kept > 1_000_000
        subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
        acquire(chosen, None, silent)
        assert server.sent[-1] == len(big) - kept


def test_a_disk_that_fills_up_while_unpacking_leaves_no_half_tree(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(small_disk))
    zeros = dict.fromkeys(FILES, b"\x00" * 600000)
    content = tarred(zeros)  # small until it is unpacked
    with Served(content) as server:
        chosen = two_classes((archive_of("pets.tar.gz", content, server.url),))
        assert "the disk is full (No space left on device)" in refusal(chosen)
        assert names_below(cache_of(chosen)) >= {"archives/pets.tar.gz"}
        assert not list(cache_of(chosen).rglob("*.aedat"))
        subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
        assert len(entries(chosen, acquire(chosen, None, silent))) == 6
        assert len(server.requests) == 1


def test_a_limit_on_file_sizes_is_a_full_disk(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "limited.py").write_text(
        textwrap.dedent("""
            import resource, signal, sys
            from benchmarks.errors import InputError
            from benchmarks.events.published.acquire import acquire
            from tests.faults.test_acquire import pets, silent
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (800_000, 800_000))
            try:
                acquire(pets(sys.argv[1]), None, silent)
            except InputError as error:
                print(error)
        """)
    )
    with Served(CONTENT) as server:
        done = subprocess.run(
            [sys.executable, tmp_path / "limited.py", server.url],
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "the disk is full (File too large)" in done.stdout
        kept = (cache / "archives" / "pets.zip.part").stat().st_size
        assert kept > 0
        assert_whole(pets(), acquire(pets(server.url), None, silent))
        assert server.sent[-1] == len(CONTENT) - kept


def test_a_cache_that_is_read_only_is_said(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(small_disk))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    said = refusal(pets("http://127.0.0.1:9/file"))
    assert "cannot be written to (Read-only file system); set XDG_CACHE_HOME" in said


def test_a_read_only_store_serves_trees_and_archives(
    small_disk: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(small_disk / "nested" / "pets" / "deep", recordings(size=1000))
    small = zipped(recordings(size=2000))
    write_tree(small_disk / "packed" / "pets", {"download (1)": small})
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    monkeypatch.setenv("AIA_DATA", str(small_disk / "nested"))
    assert acquire(pets(), None, silent) == small_disk / "nested" / "pets"
    assert not cache.exists()
    monkeypatch.setenv("AIA_DATA", str(small_disk / "packed"))
    tree = acquire(pets(content=small), None, silent)
    assert tree == cache / "tree"
    assert len(entries(pets(), tree)) == 6


# --- what was found ---


def test_a_missing_class_is_named(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "here", {n: c for n, c in FILES.items() if n.startswith("cat")})
    said = refusal(pets(), tree)
    assert "missing or too many: dog: found 0, expected 3" in said
    write_tree(tree, FILES)
    assert acquire(pets(), tree, silent) == tree


def test_an_archive_cut_short_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "pets.zip").write_bytes(CONTENT[:-1000])
    said = refusal(pets(), tmp_path)
    assert "pets.zip: 1.2 MB, md5" in said
    (tmp_path / "pets.zip").write_bytes(CONTENT)
    assert_whole(pets(), acquire(pets(), tmp_path, silent))


def test_archives_from_several_places_are_put_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cat, dog = (zipped(recordings((name,), 5000)) for name in ("cat", "dog"))
    write_tree(tmp_path / "own", {"1": cat})
    monkeypatch.setenv("AIA_DATA_PETS", str(tmp_path / "own"))
    with Served(dog, [status(403)]) as server:
        chosen = two_classes((archive_of("cat.zip", cat), archive_of("dog.zip", dog, server.url)))
        said = refusal(chosen)
        assert "1 of 2 archives" in said
        assert "cat.zip" not in said
        assert len(entries(chosen, acquire(chosen, None, silent))) == 6


def test_what_was_unpacked_from_an_incomplete_archive_goes_again(tmp_path: Path) -> None:
    files = ncars_recordings()
    few = dict(list(files.items())[:-1])
    (tmp_path / "Prophesee_Dataset_n_cars.zip").write_bytes(zipped(few))
    chosen = small_ncars()
    assert "test background: found 0, expected 1" in refusal(chosen, tmp_path)
    assert not (cache_of(chosen) / "tree").exists()
    (tmp_path / "Prophesee_Dataset_n_cars.zip").write_bytes(zipped(files))
    assert len(entries(chosen, acquire(chosen, tmp_path, silent))) == 6


def test_a_damaged_member_is_named_and_nothing_of_it_kept(tmp_path: Path) -> None:
    content = bytearray(zipped(ncars_recordings()))
    at = content.index(b"testcars0")
    content[at] ^= 0xFF
    (tmp_path / "n-cars.zip").write_bytes(content)
    said = refusal(small_ncars(), tmp_path)
    assert "n-cars.zip: member 'n-cars_test/cars/obj_000000_td.dat' is damaged" in said
    assert not list(cache_of(small_ncars()).rglob("*.dat"))


@pytest.mark.parametrize("nested", [True, False])
def test_ncars_is_known_by_what_it_holds(tmp_path: Path, nested: bool) -> None:
    files = ncars_recordings()
    parts = {
        f"n-cars_{part}.zip": zipped({n: c for n, c in files.items() if part in n})
        for part in ("train", "test")
    }
    if nested:  # as the first archive was, here under another name
        parts = {"38.bin": zipped({f"Prophesee/{n}": content for n, content in parts.items()})}
    write_tree(tmp_path, {**parts, "holidays.zip": zipped({"beach.jpg": b"x"})})
    assert len(entries(small_ncars(), acquire(small_ncars(), tmp_path, silent))) == 6


def test_an_archive_that_is_given_by_its_path_needs_no_telling_name(tmp_path: Path) -> None:
    packed = zipped({name.replace("n-cars_", ""): c for name, c in ncars_recordings().items()})
    write_tree(tmp_path, {"download.bin": packed})
    assert "What is missing" in refusal(small_ncars(), tmp_path)
    tree = acquire(small_ncars(), tmp_path / "download.bin", silent)
    assert len(entries(small_ncars(), tree)) == 6


def test_a_set_without_archives_lists_none_as_missing(tmp_path: Path) -> None:
    said = refusal(dataclasses.replace(small_ncars(), archives=()), tmp_path)
    assert "What is missing" not in said
    assert str(tmp_path) in said


def test_a_7z_without_its_package_is_said_among_the_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "py7zr", None)  # as if it were not installed
    write_tree(tmp_path, {"download.7z": b"7z\xbc\xaf\x27\x1c"})
    assert "download.7z: a 7z archive needs the package py7zr" in refusal(small_ncars(), tmp_path)


def test_a_path_that_is_given_is_not_replaced_by_another_copy(tmp_path: Path, cache: Path) -> None:
    write_tree(cache, FILES)
    assert acquire(pets(), None, silent) == cache
    for path in (tmp_path / "nowhere", write_tree(tmp_path / "few", {"cat/x_0.aedat": b""})):
        said = refusal(pets(), path)
        assert f"the path that you gave ({path})" in said
    archive = tmp_path / "pets.zip"
    archive.write_bytes(CONTENT)
    assert acquire(pets(), archive, silent) == cache  # the same recordings, unpacked already


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "pets.zip").symlink_to("/proc/self/mem")  # reading its beginning fails
    assert "Input/output error" in refusal(pets(), tmp_path)


def test_the_manual_instruction_comes_first_for_ncars() -> None:
    said = refusal(small_ncars())
    first, second = said.splitlines()[3:5]
    assert first == f"  1. In a browser, open {small_ncars().page}"
    assert second.startswith("  2. Fill in the form there")
    assert "answered" not in said


def test_an_unpacking_that_was_killed_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "pets.zip").write_bytes(CONTENT)
    half = cache_of(pets()) / "tree" / ".unpacking-pets"
    write_tree(half, {"cat/cifar10_cat_0.aedat": b"half"})
    assert_whole(pets(), acquire(pets(), tmp_path, silent))
    assert not half.exists()


def test_a_tree_that_lost_a_file_is_unpacked_again(tmp_path: Path) -> None:
    (tmp_path / "pets.zip").write_bytes(CONTENT)
    tree = acquire(pets(), tmp_path, silent)
    next(tree.rglob("*.aedat")).unlink()
    assert_whole(pets(), acquire(pets(), tmp_path, silent))


def test_an_archive_is_hashed_again_only_when_it_changed(tmp_path: Path) -> None:
    archive = tmp_path / "pets.zip"
    archive.write_bytes(CONTENT)
    hashed: list[str] = []

    def listen(done: int, total: int, text: str) -> None:
        hashed.extend([text] if text.startswith("checking") else [])

    tree = acquire(pets(), tmp_path, listen)
    assert hashed
    hashed.clear()
    next(tree.rglob("*.aedat")).unlink()
    acquire(pets(), tmp_path, listen)
    assert not hashed
    os.utime(archive, ns=(1, 1))
    next(tree.rglob("*.aedat")).unlink()
    acquire(pets(), tmp_path, listen)
    assert hashed


def test_verifying_does_not_trust_a_stamp(tmp_path: Path) -> None:
    archive = tmp_path / "pets.zip"
    archive.write_bytes(CONTENT)
    assert inspection.archives(pets(), tmp_path, silent) == ([archive], [])
    at = archive.stat().st_mtime_ns
    archive.write_bytes(CONTENT[:-1] + b"x")
    os.utime(archive, ns=(at, at))
    good, wrong = inspection.archives(pets(), tmp_path, silent)
    assert not good
    assert "pets.zip: 1.2 MB, md5" in wrong[0]


def test_two_processes_fetch_it_once(tmp_path: Path) -> None:
    script = (
        "import sys; from benchmarks.events.published.acquire import acquire;"
        "from tests.faults.test_acquire import pets, silent;"
        "print(acquire(pets(sys.argv[1]), None, silent))"
    )
    with Served(CONTENT) as server:
        both = [
            subprocess.Popen(
                [sys.executable, "-c", script, server.url], stdout=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        trees = {process.communicate()[0].strip() for process in both}
        assert [process.returncode for process in both] == [0, 0]
        assert len(server.requests) == 1
    (tree,) = trees
    assert_whole(pets(), Path(tree))


def test_a_killed_download_goes_on(cache: Path) -> None:
    script = (
        "import os, sys; from benchmarks.events.published.acquire import acquire;"
        "from tests.faults.test_acquire import pets;"
        "acquire(pets(sys.argv[1]), None, "
        "lambda done, total, text: os.kill(os.getpid(), 9) if done else None)"
    )
    with Served(CONTENT) as server:
        done = subprocess.run([sys.executable, "-c", script, server.url], check=False)
        assert done.returncode == -9
        kept = (cache / "archives" / "pets.zip.part").stat().st_size
        assert 0 < kept < len(CONTENT)
        assert_whole(pets(), acquire(pets(server.url), None, silent))
        assert server.sent[-1] == len(CONTENT) - kept
