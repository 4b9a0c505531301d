"""Every neuron of the embedded profiles keeps the contract and can be trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.params import Params, read
from benchmarks.training.contract import check_neuron
from benchmarks.training.networks import build_network
from benchmarks.training.neurons import builder

ROOT = Path(__file__).parents[2]
PROFILES = {name: read(ROOT / name / "params.yaml") for name in (".", "zoo", "core")}
NEURONS = [(name, alias) for name, params in PROFILES.items() for alias in params.neuron]


@pytest.mark.parametrize(("name", "alias"), NEURONS)
def test_it_keeps_the_contract_and_the_loss_reaches_all_its_weights(name: str, alias: str) -> None:
    params: Params = PROFILES[name]
    build = builder(params.neuron[alias], params.matched)
    check_neuron(params.neuron[alias], params.matched, alias, params.training.steps)
    training = params.training.model_copy(
        update={"channels": (4, 8), "hidden": 16, "initial_gain": 8.0}
    )
    network = build_network(build, training, 3, 16, (0, 1))
    frames = torch.poisson(
        torch.full((training.steps, 4, 2, 16, 16), 0.5), torch.Generator().manual_seed(0)
    )
    torch.nn.functional.cross_entropy(network(frames), torch.arange(4) % 3).backward()
    for key, values in network.named_parameters():
        if ".neuron." not in key:  # a neuron's own values may be out of use, as some gates are
            assert values.grad is not None, key
            assert values.grad.isfinite().all(), key
            assert values.grad.abs().sum() > 0, key


def test_what_profiles_name_alike_is_the_same_neuron_under_the_same_options() -> None:
    core = PROFILES["core"]
    assert core.training == PROFILES["zoo"].training
    for params in PROFILES.values():
        assert params.matched == core.matched
        for alias in set(params.neuron) & set(core.neuron):
            assert params.neuron[alias] == core.neuron[alias]
