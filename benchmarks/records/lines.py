"""Many cells in two files, one line of JSON a cell: records in the one, hosts in the other.

Both are sorted by learning rate, data set, neuron and seed, which together name a cell: a line that
stands twice or out of order is refused, and so is a record that was edited, by file and line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel

from benchmarks.errors import InputError
from benchmarks.records.files import checked, checked_record
from benchmarks.records.schema import Count, Host, Record, Strict

Place = tuple[float, str, str, int]  # (learning rate, data set, neuron, seed)
Value = TypeVar("Value")


class Ran(Strict):
    """A line about where a cell ran: of its host what is otherwise than on the line before."""

    learning_rate: float
    dataset: str
    neuron: str
    seed: Count
    host: dict[str, Any]

    @property
    def place(self) -> Place:
        return self.learning_rate, self.dataset, self.neuron, self.seed


def as_line(value: BaseModel | Mapping[str, Any]) -> str:
    """Compact JSON on one line: sorted keys, shortest exact floats."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"


def lines_of_records(records: Mapping[Place, Record]) -> str:
    return "".join(as_line(_shortened(records[place])) for place in sorted(records))


def _shortened(record: Record) -> dict[str, Any]:
    """Association coefficients, half of most lines, with the 9 digits that tell float32 apart."""
    plain = record.model_dump(mode="json")
    association = plain["result"] and plain["result"]["association"]
    for layer in (association or {}).values():
        layer |= {when: [float(str(np.float32(v))) for v in layer[when]] for when in layer}
    return plain


def lines_of_hosts(hosts: Mapping[Place, Host]) -> str:
    written: list[str] = []
    before: dict[str, Any] = {}
    for rate, dataset, neuron, seed in sorted(hosts):
        host = hosts[rate, dataset, neuron, seed].model_dump(mode="json")
        new = {key: host[key] for key in host if key not in before or before[key] != host[key]}
        ran = Ran(learning_rate=rate, dataset=dataset, neuron=neuron, seed=seed, host=new)
        written.append(as_line(ran))
        before = host
    return "".join(written)


def read_records(path: Path, content: bytes) -> dict[Place, Record]:
    """Every record of ``path``, whose content is given. Raises InputError naming a line."""
    back = _back(path)
    read = ((where, checked_record(text, where, back)) for where, text in lines(path, content))
    return _in_order((where, place_of(record, where), record) for where, record in read)


def read_hosts(path: Path, content: bytes) -> dict[Place, Host]:
    """Where the cells of ``path`` ran. Raises InputError naming a line."""
    return _in_order(_hosts(path, content, _back(path)))


def _hosts(path: Path, content: bytes, back: str) -> Iterator[tuple[str, Place, Host]]:
    known: dict[str, Any] = {}
    for where, text in lines(path, content):
        ran = checked(text, Ran, where, back)
        known |= ran.host
        yield where, ran.place, checked(json.dumps(known).encode(), Host, where, back)


def lines(path: Path, content: bytes) -> Iterator[tuple[str, bytes]]:
    """(``path:number``, line) of every line, counted from 1."""
    for number, text in enumerate(content.removesuffix(b"\n").split(b"\n"), start=1):
        yield f"{path}:{number}", text


def place_of(record: Record, where: object) -> Place:
    """Raises InputError for a record that names no learning rate; ``where`` is for the message."""
    rate = record.settings.get("learning_rate")
    if not isinstance(rate, float):
        raise InputError(f"{where}: its settings have no learning rate")
    return rate, record.dataset, record.neuron, record.seed


def _in_order(placed: Iterable[tuple[str, Place, Value]]) -> dict[Place, Value]:
    read: dict[Place, Value] = {}
    for where, place, value in placed:
        if read and place <= next(reversed(read)):
            raise InputError(f"{where}: stands twice or out of order")
        read[place] = value
    return read


def _back(path: Path) -> str:
    return f"get it back (git checkout {path})"
