"""A folded AIA network through a NIR file into SpikingJelly and into snnTorch: the same spikes."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest
import torch
from snntorch.import_nir import import_from_nir as into_snntorch
from spikingjelly.activation_based.nir_exchange import import_from_nir as into_spikingjelly
from torch import Tensor, nn

from aia import fold
from benchmarks.errors import InputError
from benchmarks.params import Matched, NeuronParams, Training
from benchmarks.training.blocks import Network
from benchmarks.training.export import to_nir, write_nir
from benchmarks.training.networks import build_network
from benchmarks.training.neurons import builder
from benchmarks.training.weights import folded_network
from tests.called import call_command
from tests.small import small_profile

SIZE, CLASSES, STEPS, BATCH = 16, 5, 10, 8
TRAINING = Training(channels=(6, 12), hidden=20, initial_gain=3.0)


def folded(**matched: object) -> Network:
    spec = NeuronParams.model_validate({"class": "aia.neuron:AIA", "match": True})
    build = builder(spec, Matched(**matched))  # type: ignore[arg-type]
    network = fold(build_network(build, TRAINING, CLASSES, SIZE, (1, 2)))
    assert isinstance(network, Network)
    return network


def frames() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    rate = torch.full((STEPS, BATCH, 2, SIZE, SIZE), 0.4)
    return torch.poisson(rate, generator)


@torch.no_grad()
def ours(network: Network, events: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Spikes ``[T, B, ...]`` of each block, and the logits."""
    seen: dict[str, Tensor] = {}
    for name, block in network.blocks.items():
        block.register_forward_hook(lambda _m, _i, out, name=name: seen.__setitem__(name, out))
    return seen, network(events)


def watch(module: nn.Module, pick: int | None) -> list[Tensor]:
    """What a module puts out at each step; ``pick`` where it gives more than spikes."""
    seen: list[Tensor] = []
    module.register_forward_hook(
        lambda _m, _i, out: seen.append(out if pick is None else out[pick])
    )
    return seen


@pytest.mark.parametrize("decay", [0.5, 0.75])
@torch.no_grad()
def test_spikingjelly_reads_the_file_and_fires_the_same_spikes(
    tmp_path: Path, decay: float
) -> None:
    network, events = folded(decay=decay), frames()
    spikes, logits = ours(network, events)
    write_nir(network, SIZE, tmp_path / "network.nir")
    graph = into_spikingjelly(tmp_path / "network.nir")
    seen = {name: watch(graph.get_submodule(f"{name}_neuron"), 0) for name in spikes}
    state, outputs = None, []
    for step in events:
        out, state = graph(step, state)
        outputs.append(out)
    for name, expected in spikes.items():
        found = torch.stack(seen[name])
        assert 0.01 < expected.mean() < 0.9, f"{name} must spike for this to say anything"
        assert int((found != expected).sum()) == 0
    assert torch.allclose(torch.stack(outputs).mean(0), logits, atol=1e-5)


@torch.no_grad()
def test_snntorch_reads_the_file_and_fires_the_same_spikes(tmp_path: Path) -> None:
    """One sample at a time: snnTorch's importer knows no batch before a Flatten node."""
    network, events = folded(), frames()
    spikes, logits = ours(network, events)
    write_nir(network, SIZE, tmp_path / "network.nir")
    for sample in range(BATCH):
        graph = into_snntorch(nir.read(tmp_path / "network.nir"))
        seen = {name: watch(graph.get_submodule(f"{name}_neuron"), None) for name in spikes}
        outputs = [graph(step)[0] for step in events[:, sample]]  # the neurons keep their state
        for name, expected in spikes.items():
            assert int((torch.stack(seen[name]) != expected[:, sample]).sum()) == 0
        assert torch.allclose(torch.stack(outputs).mean(0), logits[sample], atol=1e-5)


def test_the_file_holds_the_folded_weights_and_no_other_parameter(tmp_path: Path) -> None:
    network = folded()
    write_nir(network, SIZE, tmp_path / "network.nir")
    nodes = nir.read(tmp_path / "network.nir").nodes
    for name, block in network.blocks.items():
        assert np.array_equal(nodes[f"{name}_synapse"].weight, block.synapse.weight.detach())
    biases = [n.bias for n in nodes.values() if hasattr(n, "bias")]
    assert not any(bias.any() for bias in biases)
    held = sum(n.weight.size for n in nodes.values() if hasattr(n, "weight"))
    assert held == sum(p.numel() for p in network.parameters())


def test_a_leakless_neuron_is_an_if() -> None:
    node = to_nir(folded(decay=1.0), SIZE).nodes["conv1_neuron"]
    assert isinstance(node, nir.IF)
    assert np.allclose(node.r, 1e4)


def test_what_nir_cannot_say_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    plif = "spikingjelly.activation_based.neuron:ParametricLIFNode"
    spec = NeuronParams.model_validate({"class": plif, "match": True})
    network = build_network(builder(spec, Matched()), TRAINING, CLASSES, SIZE, (1, 2))
    with pytest.raises(InputError, match=r"conv1: .*no counterpart in NIR"):
        write_nir(network, SIZE, tmp_path / "network.nir")
    with pytest.raises(InputError, match=r"soft reset"):
        write_nir(folded(reset="subtract"), SIZE, tmp_path / "network.nir")
    assert not list(tmp_path.iterdir())


def test_what_nir_cannot_say_is_refused_before_training(tmp_path: Path) -> None:
    plif = "spikingjelly.activation_based.neuron:ParametricLIFNode"
    small_profile(tmp_path, {"plif": {"class": plif, "match": True}})
    done = call_command("--profile", str(tmp_path), "export", "dvs_digits/plif/0")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "no counterpart in NIR" in line
    assert "epoch" not in done.stdout


def test_the_graph_has_the_size_that_the_network_was_trained_at(tmp_path: Path) -> None:
    params, profile = small_profile(tmp_path, epochs=1, size=20)
    network, size = folded_network("dvs_digits/aia/0", params, profile, lambda *_: None)
    nodes = to_nir(network, size).nodes
    assert nodes["input"].input_type["input"].tolist() == [2, 20, 20]
    assert nodes["linear1_synapse"].weight.shape[1] == 8 * 5 * 5
