"""Sources that differ and train to the same bytes: kept in ``recorded/proven.json``.

A hash of source text changes with every rewrite, also with one that changes no result. `verify
--accept` trains recorded cells under the new source; if every byte is the same, the new hash is
entered here and stands for the old one from then on, so that nothing is trained again and old and
new records pair.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from benchmarks.errors import InputError
from benchmarks.records import write_atomic

PATH = Path(__file__).parents[1] / "recorded" / "proven.json"


class Proof(BaseModel):
    """What shows that a source gives the records of an older one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stands_for: str  # hash of the older source
    profile: str  # below recorded/
    cells: list[str]  # trained again, every byte the same
    commit: str = ""  # whose source gave those bytes on the device; if none, they are the recorded
    device: str
    versions: dict[str, str]


_PROOFS = TypeAdapter(dict[str, Proof])


def stands_for(source: str) -> str:
    """The hash under which records made with this source are known.

    Raises InputError if recorded/proven.json is damaged.
    """
    proof = _read(PATH).get(source)
    return proof.stands_for if proof else source


def enter(proofs: dict[str, Proof]) -> None:
    """Add to what is proven. Raises InputError if recorded/proven.json is damaged."""
    proven = {**_read(PATH), **proofs}
    write_atomic(PATH, _PROOFS.dump_json(proven, indent=2).decode() + "\n")
    _read.cache_clear()


@cache
def _read(path: Path) -> dict[str, Proof]:
    if not path.exists():
        return {}
    try:
        return _PROOFS.validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(f"{path}: not valid; get it back (git checkout {path})") from error
