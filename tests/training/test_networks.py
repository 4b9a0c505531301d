"""The networks at the paper's scale: any neuron, folding through normalisation, SynOps."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aia import LIF, fold
from benchmarks.errors import InputError
from benchmarks.params import Matched, NeuronParams, Training
from benchmarks.training import activity, measure
from benchmarks.training.blocks import Block, Network, Pooling
from benchmarks.training.networks import build_network, prepare_synapses
from benchmarks.training.neurons import builder

STEPS, BATCH, CLASSES, SIZE = 4, 3, 5, 48
NEURONS = {
    "aia": "aia.neuron:AIA",
    "lif": "aia.neuron:LIF",
    "snntorch": "snntorch:Leaky",
    "plif": "spikingjelly.activation_based.neuron:ParametricLIFNode",
    "scaled": "baselines.controls:LIFInitScaled",
    "coincidence": "aia.variants:AIACoincidence",
    "gain_plain": "baselines.controls:GainPlain",
    "signed": "aia.variants:AIASigned",
    "signed_plain": "baselines.controls:SignedPlain",
    "gated": "aia.variants:AIAGated",
    "training_only": "aia.variants:AIATrainingOnly",
    "spikingjelly": "spikingjelly.activation_based.neuron:LIFNode",
}
GATED = "spikingjelly.activation_based.neuron:GatedLIFNode"
LARGE = ("vgg_author", "vgg11", "sew_resnet18")


def network_of(name: str, neuron: str = "aia", seen: int = SIZE, **training: object) -> Network:
    spec = NeuronParams.model_validate({"class": NEURONS[neuron], "match": True})
    options = {"width": 0.0625, "steps": STEPS, **training}
    chosen = Training.model_validate({"network": name, **options})
    return build_network(builder(spec, Matched()), chosen, CLASSES, seen, (1, 2))


def frames_of(size: int = SIZE, rate: float = 0.5) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.poisson(torch.full((STEPS, BATCH, 2, size, size), rate), generator=generator)


@pytest.mark.parametrize("neuron", ["aia", "snntorch", "plif"])
@pytest.mark.parametrize("name", LARGE)
def test_every_block_fires_and_every_parameter_learns(name: str, neuron: str) -> None:
    network = network_of(name, neuron, initial_gain=5.0 if name == "vgg_author" else 1.0)
    rates = {}
    for layer, block in network.blocks.items():
        block.register_forward_hook(
            lambda _, __, out, layer=layer: rates.update({layer: float(out.mean())})
        )
    logits = network(frames_of())
    assert logits.shape == (BATCH, CLASSES)
    assert all(0.001 < rate < 0.9 for rate in rates.values()), rates
    nn.functional.cross_entropy(logits, torch.arange(BATCH)).backward()
    without = [n for n, p in network.named_parameters() if p.grad is None]
    assert without == []


@pytest.mark.parametrize("neuron", sorted(NEURONS))
def test_the_order_of_channels_in_memory_changes_no_bit_of_training(neuron: str) -> None:
    """What is matched must not hang on what a neuron lets convolutions do to go faster."""
    frames, labels = frames_of(rate=2.0), torch.arange(BATCH)
    fast, plain = (network_of("matched", neuron, channels=[6, 8], hidden=7) for _ in range(2))
    for block in plain.blocks.values():
        block.neuron.any_layout = False
    found = []
    for network in (fast, plain):
        logits = network(frames)
        nn.functional.cross_entropy(logits, labels).backward()
        found.append([logits, *(p.grad for p in network.parameters())])
    assert found[0][1].abs().sum() > 0
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_vgg11_has_the_layers_of_the_literature() -> None:
    network = network_of("vgg11", "lif", width=1.0)
    channels = (2, 64, 128, 256, 256, 512, 512, 512, 512)
    synapses = sum(9 * a * b for a, b in itertools.pairwise(channels))
    expected = synapses + 2 * sum(channels[1:]) + 512 * 3 * 3 * CLASSES + CLASSES
    assert measure.trainable(network) == expected


def test_frames_that_are_too_small_are_refused() -> None:
    with pytest.raises(InputError, match="8 x 8 pixels are too small"):
        network_of("vgg11", seen=8)


def test_a_neuron_that_needs_the_bare_synapse_is_refused_where_there_is_none() -> None:
    with pytest.raises(InputError, match="AIACoincidence works on the synapse"):
        network_of("vgg11", "coincidence")
    with pytest.raises(InputError, match="AIACoincidence works on the synapse"):
        network_of("matched", "coincidence", precision="bfloat16")


def test_frames_are_resized_to_what_the_network_takes() -> None:
    network = network_of("vgg11", "lif", seen=128, size=48)
    assert network(frames_of(128)).shape == (BATCH, CLASSES)


@pytest.mark.parametrize("name", ["vgg11", "sew_resnet18"])
def test_the_fold_goes_through_normalisation(name: str) -> None:
    network = network_of(name)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(frames_of()), torch.arange(BATCH)).backward()
        optimizer.step()
    network.eval()
    folded = fold(network)
    assert isinstance(folded, Network)
    assert all(type(block.neuron) is LIF for block in folded.blocks.values())
    assert measure.trainable(folded) == measure.trainable(network_of(name, "lif"))
    with torch.no_grad():
        before, after = (measure.trains(n, frames_of())[0] for n in (network, folded))
    spikes = sum(int(train.sum()) for train in before.values())
    differ = sum(int((before[k] != after[k]).sum()) for k in before)
    assert spikes > 1000
    assert differ <= spikes // 1000  # rounding alone: scaled before or behind the addition


def test_the_fold_goes_through_the_normalisation_of_several_gpus() -> None:
    network = nn.SyncBatchNorm.convert_sync_batchnorm(network_of("vgg11"))
    assert all(type(block.neuron) is LIF for block in fold(network).blocks.values())


def test_a_larger_initial_scale_reaches_through_normalisation() -> None:
    plain, scaled = network_of("vgg11", "lif"), network_of("vgg11", "scaled")
    prepare_synapses(scaled)
    for one, other in zip(plain.blocks.values(), scaled.blocks.values(), strict=True):
        assert isinstance(one, Block)
        assert isinstance(other, Block)
        assert torch.equal(one.synapse.weight, other.synapse.weight)
        assert other.norm is not None
        assert torch.allclose(other.norm.weight, torch.full_like(other.norm.weight, 1.302), 1e-3)


def test_pooling_units_integrate_and_fire_at_their_threshold() -> None:
    pooling = Pooling(nn.AvgPool2d(2), 1, threshold=0.75)
    spikes = torch.zeros(3, 1, 1, 2, 2)
    spikes[:, :, :, 0] = 1  # two of four fire: 0.5 a step
    assert pooling(spikes).flatten().tolist() == [0, 1, 0]


def test_the_readout_of_a_residual_network_sees_the_additions() -> None:
    with torch.no_grad():
        features = network_of("sew_resnet18").features(frames_of(rate=2.0))
    assert features.max() >= 2


def test_synaptic_operations_count_what_reaches_the_synapse_after_pooling() -> None:
    network = network_of("vgg11", "lif").eval()
    block = network.blocks["conv3"]
    assert isinstance(block, Block)
    spikes = torch.zeros(1, 1, 8, 4, 4)
    spikes[0, 0, 0, 0, 0] = 1  # one spike, pooled to a corner of 2 x 2: 4 taps a channel
    seen = activity.Activity()
    activity.add_synops("conv1", block.synapse, block.incoming(spikes), seen)
    assert seen.acs + seen.macs == 4 * block.synapse.weight.shape[0]


def _gradients(network: Network) -> list[Tensor]:
    nn.functional.cross_entropy(network(frames_of()), torch.arange(BATCH)).backward()
    return [p.grad for p in network.parameters() if p.grad is not None]


def test_recomputing_neurons_keeps_less_and_gives_the_same_gradients() -> None:
    kept: dict[bool, int] = {}
    gradients = {}
    for recompute in (False, True):
        seen: dict[int, int] = {}

        def pack(tensor: Tensor, seen: dict[int, int] = seen) -> Tensor:
            storage = tensor.untyped_storage()
            seen[storage.data_ptr()] = storage.nbytes()
            return tensor

        network = network_of("vgg11", "plif", recompute=recompute)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = nn.functional.cross_entropy(network(frames_of()), torch.arange(BATCH))
        kept[recompute] = sum(seen.values())
        loss.backward()
        gradients[recompute] = [p.grad for p in network.parameters()]
    pairs = zip(gradients[False], gradients[True], strict=True)
    assert all(torch.equal(a, b) for a, b in pairs if a is not None and b is not None)
    assert kept[True] < 0.75 * kept[False]


def test_in_low_precision_synapses_compute_low_and_neurons_in_float32() -> None:
    network = network_of("vgg11", "snntorch", precision="bfloat16")
    block = network.blocks["conv1"]
    assert isinstance(block, Block)
    seen = {}
    block.synapse.register_forward_hook(lambda _, __, out: seen.update(synapse=out.dtype))
    block.neuron.register_forward_hook(lambda _, args, __: seen.update(neuron=args[0].dtype))
    network(frames_of())
    assert seen == {"synapse": torch.bfloat16, "neuron": torch.float32}


class DrawsThresholds(LIF):
    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.register_buffer("drawn", torch.tensor([random.random() for _ in range(channels)]))


def test_a_neuron_that_draws_from_pythons_generator_starts_from_the_seed_as_well() -> None:
    spec = NeuronParams.model_validate({"class": f"{__name__}:DrawsThresholds"})
    build, states = builder(spec, Matched()), []
    for elsewhere in (1, 2):
        random.seed(elsewhere)
        states.append(build_network(build, Training(steps=STEPS), 3, 16, (1, 2)).state_dict())
        assert random.random() == random.Random(elsewhere).random()
    assert all(torch.equal(values, states[1][name]) for name, values in states[0].items())


def test_a_neuron_that_draws_from_numpy_starts_from_the_seed_as_well() -> None:
    spec = NeuronParams.model_validate({"class": GATED, "args": {"T": STEPS}})
    states = []
    for elsewhere in (1, 2):
        np.random.seed(elsewhere)  # noqa: NPY002
        before = np.random.get_state()[1].tolist()  # noqa: NPY002
        network = build_network(builder(spec, Matched()), Training(steps=STEPS), 3, 16, (1, 2))
        states.append(network.state_dict())
        assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    assert all(torch.equal(values, states[1][name]) for name, values in states[0].items())
