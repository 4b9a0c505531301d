"""A record that says what no training can leave is refused by file and place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import InputError
from benchmarks.records.files import as_json, read_record, record_path, sealed
from tests.made_records import made, selection, write_profile


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("result", "accuracy", "test"), 7.5, "result.accuracy.test"),
        (("result", "accuracy", "test"), float("nan"), "result.accuracy.test"),
        (("result", "accuracy", "test"), "0.9", "result.accuracy.test"),
        (("result", "best_epoch"), -3, "result.best_epoch"),
        (("result", "best_epoch"), 99, "best epoch 99"),
        (("result", "spikes", "per_sample"), float("inf"), "result.spikes.per_sample"),
        (("result", "parameters", "inference"), 1.5, "result.parameters.inference"),
        (("result", "association", "conv1", "after", 0), 1e39, "association.conv1.after: Value"),
        (("curves", "validation_accuracy", 0), 1.2, "curves.validation_accuracy.0"),
        (("schema_version",), 99, "schema_version"),
        (("seed",), "0", "seed"),
        (("seed",), True, "seed"),
        (("result",), None, "a result or a failure"),
    ],
)
def test_a_value_that_cannot_be_is_refused(
    place: tuple[str | int, ...], value: Any, said: str, tmp_path: Path
) -> None:
    path = record_path(write_profile(tmp_path, selection(seeds=1)).runs, "dvs_digits", "aia", 0)
    record = json.loads(path.read_text())
    holder = record
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    path.write_text(json.dumps(record))
    with pytest.raises(InputError) as refused:
        read_record(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("seal", ["", "0" * 16])
def test_a_record_without_the_seal_of_its_content_is_refused(seal: str, tmp_path: Path) -> None:
    path = tmp_path / "0.json"
    whole = sealed(made(protocol="3-0123456789abcdef"))
    path.write_text(as_json(whole))
    assert read_record(path) == whole
    path.write_text(as_json(whole.model_copy(update={"seal": seal})))
    with pytest.raises(InputError, match="edited since it was written"):
        read_record(path)
