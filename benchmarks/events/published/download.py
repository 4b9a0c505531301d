"""Fetch one file over HTTP: goes on where it stopped, and never keeps what it did not ask for.

Bytes go to ``<name>.part``, with what is needed to go on in ``<name>.part.json``; only a file of
the right size and checksum gets its name. ``requests`` follows redirects and honours the proxies
of the environment; ``urllib3`` repeats 429 and 5xx after a pause, as long as Retry-After says.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from benchmarks.events.published.archives import kind_of
from benchmarks.events.published.disk import disk_faults, require_space
from benchmarks.events.published.entries import Archive
from benchmarks.progress import Progress
from benchmarks.records.files import as_json, write_atomic

_CHUNK = 1 << 18  # bytes
_RESUMES = 20  # connections cut in a row of which each brought something
_TIMEOUT_S = (15, 60)  # to connect, and between two packets
REPEATED = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Patience:
    """How long a busy server is asked again."""

    tries: int = 5
    pause_s: float = 1.0  # before the second try, doubled for each one after
    longest_s: int = 120  # also of what Retry-After asks for


PATIENCE = Patience()


class NotServed(Exception):
    """No address gave the file. ``answers``: each address and what it said."""

    def __init__(self, answers: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(f"{url}: {answer}" for url, answer in answers))
        self.answers = answers


class _Refused(Exception):
    """What came is not the file; the next address is tried."""


class _OtherFile(_Refused):
    """What came before, or all that came, is not the file: it has to go."""


class _Cut(Exception):
    """The connection ended early; what came is kept."""


@dataclass(frozen=True)
class _Begun:
    """What is known of a ``.part``: enough to ask for the rest of the same file."""

    url: str
    validator: str  # ETag or Last-Modified; "" where the server gave none
    total: int  # bytes of the whole file; 0: not said


def download(archive: Archive, folder: Path, progress: Progress) -> Path:
    """Fetch ``archive`` into ``folder`` and return its path there. Progress is reported in MB.

    Raises NotServed if no address has it, InputError for a full or read-only disk; either way
    what came is kept in the ``.part`` and the next call goes on from it.
    """
    target = folder / archive.name
    answers = []
    with disk_faults(folder), _session(PATIENCE) as session:
        folder.mkdir(parents=True, exist_ok=True)
        for url in archive.urls:
            try:
                _fetch(session, url, archive, target, progress)
                return target
            except (_Refused, _Cut, requests.RequestException) as error:
                answers.append((url, _in_words(error)))
    raise NotServed(tuple(answers))


def md5_of(path: Path, progress: Progress) -> str:
    """Hex digest of a file. Progress is reported in MB."""
    state, total = hashlib.md5(usedforsecurity=False), path.stat().st_size
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            state.update(block)
            progress(file.tell() // 10**6, total // 10**6, f"checking {path.name}")
    return state.hexdigest()


@contextmanager
def _session(patience: Patience) -> Iterator[requests.Session]:
    retry = Retry(
        total=patience.tries - 1,
        status_forcelist=REPEATED,
        backoff_factor=patience.pause_s,
        backoff_max=patience.longest_s,
        retry_after_max=patience.longest_s,
        raise_on_status=False,
    )
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        # a compressed body would make sizes and ranges mean something else
        session.headers["Accept-Encoding"] = "identity"
        yield session


def _fetch(
    session: requests.Session, url: str, archive: Archive, target: Path, progress: Progress
) -> None:
    """All of one address: as many requests as it takes, then the check and the rename."""
    part = target.with_name(f"{target.name}.part")
    while True:
        resumed = _size(part) > 0
        try:
            _append_all(session, url, archive, part, progress)
            _check(archive, part, progress)
            break
        except _OtherFile:
            _forget(part)
            if not resumed:
                raise
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(target)
    _forget(part)


def _append_all(
    session: requests.Session, url: str, archive: Archive, part: Path, progress: Progress
) -> None:
    """Fill the ``.part``, with further requests as long as each brings something."""
    for _ in range(_RESUMES):
        before = _size(part)
        begun = _begun(part)
        if begun and before == begun.total > 0:
            return
        try:
            return _append(session, url, archive, part, progress)
        except _Cut:
            if _size(part) <= before:
                raise
    raise _Cut(f"the connection was cut {_RESUMES} times")


def _append(
    session: requests.Session, url: str, archive: Archive, part: Path, progress: Progress
) -> None:
    """One request for what is missing, written behind what is there."""
    begun = _begun(part)
    asked = _range(begun, url, _size(part)) if begun else {}
    with session.get(url, headers=asked, stream=True, timeout=_TIMEOUT_S) as got:
        offset = _offset(got, url, begun, _size(part))
        total = offset + int(got.headers.get("Content-Length") or 0)
        if archive.size and total not in (archive.size, offset):
            raise _Refused(f"a file of {total:,} bytes, expected {archive.size:,}")
        blocks = _blocks(got)
        first = next(blocks, b"")
        if not offset:
            _refuse_page(first)
            require_space(part.parent, total or archive.about, f"download {archive.name}")
            validator = got.headers.get("ETag") or got.headers.get("Last-Modified") or ""
            known = "Content-Length" in got.headers
            _note(part, _Begun(url, validator, total if known else archive.size or 0))
        with part.open("ab" if offset else "wb") as file:
            file.write(first)
            for block in blocks:
                file.write(block)
                at = file.tell()
                progress(at // 10**6, max(total, at) // 10**6, f"fetching {archive.name}")


def _range(begun: _Begun, url: str, size: int) -> dict[str, str]:
    """Headers that ask for the rest, provided that it is still the same file."""
    headers = {"Range": f"bytes={size}-"}
    if begun.url == url and begun.validator and not begun.validator.startswith("W/"):
        headers["If-Range"] = begun.validator
    return headers


def _offset(got: requests.Response, url: str, begun: _Begun | None, size: int) -> int:
    """Where the body of an answer belongs.

    Raises _Refused for an answer that is not (a part of) the file, _OtherFile if the address that
    the beginning came from now has another file.
    """
    if got.status_code == 200:
        return 0
    if begun is None or got.status_code not in (206, 416):
        raise _Refused(_status(got))
    stated = got.headers.get("Content-Range", "").strip()
    matched = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", stated)
    if matched:
        same = matched[2] == "*" or begun.total in (0, int(matched[2]))
        if same and int(matched[1]) == size:
            return size
    why = "another file than the one that was begun"
    raise _OtherFile(why) if begun.url == url else _Refused(why)


def _status(got: requests.Response) -> str:
    meaning = {
        202: "nothing came: a check for robots, which a browser passes",
        403: "not allowed; a browser may get further",
        429: "too many requests; try again later",
    }
    why = meaning.get(got.status_code, got.reason or "no reason given")
    again = ", asked several times" if got.status_code in REPEATED else ""
    return f"HTTP {got.status_code}{again}: {why}"


def _blocks(got: requests.Response) -> Iterator[bytes]:
    try:
        yield from got.iter_content(_CHUNK)
    except (requests.exceptions.ChunkedEncodingError, requests.ConnectionError) as error:
        raise _Cut("the connection ended before the file did") from error


def _refuse_page(first: bytes) -> None:
    """By what came, whatever its content type says."""
    if kind_of(first):
        return
    if not first:
        raise _Refused("an empty answer")
    what = "a web page" if first.lstrip()[:1] == b"<" else f"something that begins {first[:16]!r}"
    raise _Refused(f"{what} in place of an archive")


def _check(archive: Archive, part: Path, progress: Progress) -> None:
    size = _size(part)
    if archive.size and size != archive.size:
        raise _OtherFile(f"a file of {size:,} bytes, expected {archive.size:,}")
    if archive.md5:
        md5 = md5_of(part, progress)
        if md5 != archive.md5:
            raise _OtherFile(f"wrong checksum: md5 {md5} ({size:,} bytes), expected {archive.md5}")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _notes(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _note(part: Path, begun: _Begun) -> None:
    write_atomic(_notes(part), as_json(asdict(begun)))


def _begun(part: Path) -> _Begun | None:
    """None where nothing was begun, or it is not known what."""
    if not _size(part):
        return None
    try:
        return _Begun(**json.loads(_notes(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _notes(part).unlink(missing_ok=True)


def _in_words(error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return f"no secure connection ({error})"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy of HTTPS_PROXY or HTTP_PROXY does not answer"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection (is this machine online?)"
    return str(error)
