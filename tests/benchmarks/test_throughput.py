"""The benchmark files really run, and say what a reader needs to believe them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.errors import InputError
from benchmarks.throughput import measure_throughput
from tests.benchmarks.small import AIA, small_profile


def test_every_measurement_is_taken_and_carries_its_device_and_bound(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path, {"aia": AIA})
    (profile.throughput / "another-device.json").parent.mkdir(parents=True)
    (profile.throughput / "another-device.json").write_text("{}")
    path = measure_throughput(params, profile.throughput, quick=True)
    written = json.loads(path.read_text())
    machine = written["machine_info"]
    assert machine["aia_device"]
    assert machine["aia_copy_gb_per_s"] > 0
    assert "node" not in machine
    found = {b["extra_info"]["what"]: b for b in written["benchmarks"]}
    assert set(found) == {
        "neuron_forward",
        "neuron_forward_backward",
        "training_step",
        "inference",
    }
    both = found["neuron_forward_backward"]
    bound_s = both["extra_info"]["bound_ns"] * both["extra_info"]["elements"] / 1e9
    assert both["stats"]["median"] > 0.5 * bound_s, "faster than memory allows"
    assert (profile.throughput / "another-device.json").exists()


def test_a_neuron_that_fails_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path, {"bad": {"class": "snntorch:Leaky"}})
    with pytest.raises(InputError, match=r"throughput.*Leaky"):
        measure_throughput(params, profile.throughput, quick=True)
    assert not list(profile.throughput.glob("*.json"))
