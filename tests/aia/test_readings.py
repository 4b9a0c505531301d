"""Every reading of the association: its formula, its limits, its fold, its training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aia import AIA, LIF, fold
from aia.variants import (
    AIACached,
    AIACoincidence,
    AIACoincidenceSigned,
    AIAGated,
    AIAHidden,
    AIASigned,
    AIATrainingOnly,
    active_dendrites,
)
from benchmarks.params import Matched, NeuronParams, Training
from benchmarks.running.cells import run_cell
from benchmarks.training import measure
from benchmarks.training.blocks import Block
from benchmarks.training.contract import check_neuron
from benchmarks.training.networks import build_network, prepare_synapses
from benchmarks.training.state import Cell
from tests.aia import formulas
from tests.aia.formulas import DOUBLE, MOMENTUM, coefficients, random, some_spikes
from tests.small import small_profile

READINGS: dict[type[nn.Module], formulas.Formula] = {
    AIA: formulas.aia,
    AIAHidden: formulas.aia,
    AIASigned: formulas.signed,
    AIAGated: formulas.gated,
    AIACoincidence: formulas.coincidence,
    AIACoincidenceSigned: formulas.coincidence_signed,
    AIACached: formulas.cached,
    AIATrainingOnly: formulas.aia,
}
SIGNED = (AIASigned, AIACoincidenceSigned)
FOLDING = (AIA, AIAHidden, AIASigned, AIATrainingOnly)
OPTIONS = [("zero", 0.5), ("zero", 0.0), ("zero", 1.0), ("subtract", 0.5), ("subtract", 1.0)]
every_reading = pytest.mark.parametrize("reading", READINGS, ids=lambda c: c.__name__)


def made(reading: type[nn.Module], **options: Any) -> Any:
    more = {"momentum": MOMENTUM} if reading is AIACached else {}
    return reading(4, **more, **options).double()


def behind(neuron: nn.Module, s: Tensor, seed: int = 3) -> Tensor:
    """Through a convolution of spikes with pixels, through a linear layer of those without."""
    if s.dim() == 5:
        synapse: Any = nn.Conv2d(s.shape[2], 4, 3, stride=2, padding=1, bias=False)
    else:
        synapse = nn.Linear(s.shape[2], 4, bias=False)
    synapse.weight.data = 1.5 * random(*synapse.weight.shape, seed=seed)
    return Block(synapse.to(s.dtype), neuron)(s)


@pytest.mark.parametrize(("reset", "decay"), OPTIONS)
@every_reading
def test_it_is_its_formula_with_its_gradients(
    reading: type[nn.Module], reset: str, decay: float
) -> None:
    neuron = made(reading, reset=reset, decay=decay)
    formulas.is_its_formula(neuron, READINGS[reading], Tensor.detach, decay, reset)


@every_reading
def test_of_a_convolution_it_is_its_formula_over_each_window(reading: type[nn.Module]) -> None:
    neuron, synapse = made(reading), nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False).double()
    neuron.coefficient.data = coefficients()
    synapse.weight.data = random(4, 2, 3, 3, seed=3)
    s = (random(5, 3, 2, 5, 5, seed=5) > 1).double().requires_grad_()
    w, a, x = (v.detach().clone().requires_grad_() for v in (synapse.weight, coefficients(), s))
    windows = nn.functional.unfold(x.flatten(0, 1), 3, padding=1, stride=2)  # [15, 18, 9]
    inputs = windows.transpose(1, 2).reshape(5, 27, 1, 18)
    drive = READINGS[reading](inputs * w.flatten(1), a, Tensor.detach)
    expected = formulas.spikes_of(drive).view(5, 3, 9, 4).transpose(2, 3).reshape(5, 3, 4, 3, 3)
    leaves = ((s, x), (synapse.weight, w), (neuron.coefficient, a))
    formulas.same_gradients(Block(synapse, neuron)(s), expected, *leaves)


@every_reading
def test_of_a_drive_it_is_as_behind_a_synapse_or_plain_lif(reading: type[nn.Module]) -> None:
    """A normalisation or low precision between synapse and neuron leaves it the drive alone."""
    neuron, y = made(reading), (2 * random(6, 3, 4)).requires_grad_()
    neuron.coefficient.data = coefficients()
    a, x = (v.detach().clone().requires_grad_() for v in (coefficients(), y))
    if hasattr(neuron, "needs_synapse"):  # of one dendrite
        assert torch.equal(neuron(y), LIF(4)(x))
        return
    drive = READINGS[reading](x.unsqueeze(-1), a, Tensor.detach)
    expected = formulas.spikes_of(drive)
    formulas.same_gradients(neuron(y), expected, (y, x), (neuron.coefficient, a))


@pytest.mark.parametrize("shape", [(6, 3, 5), (6, 3, 2, 5, 5)])
@pytest.mark.parametrize("value", [0.0, -0.7])
@every_reading
def test_without_a_positive_coefficient_it_is_lif(
    reading: type[nn.Module], value: float, shape: tuple[int, ...]
) -> None:
    neuron = made(reading)
    neuron.coefficient.data.fill_(value)
    out, plain = (behind(n, some_spikes(*shape)) for n in (neuron, LIF(4)))
    assert plain.sum() > 0
    outer = random(*out.shape, seed=9)
    (gradient,) = torch.autograd.grad((out * outer).sum(), neuron.coefficient)
    if reading in SIGNED:
        assert torch.equal(out, plain) == (value == 0)
        assert gradient.abs().sum() > 0
    else:
        assert torch.equal(out, plain)
        assert not gradient.any()


def test_a_negative_coefficient_depresses_where_the_reading_is_signed() -> None:
    s, synapse = some_spikes(20, 6, 5), nn.Linear(5, 4, bias=False).double()
    synapse.weight.data = 1.5 * random(4, 5, seed=3).abs()
    for reading in SIGNED:
        neuron = made(reading)
        neuron.coefficient.data.fill_(-0.6)
        assert Block(synapse, neuron)(s).sum() < Block(synapse, LIF(4))(s).sum()


@pytest.mark.parametrize("shape", [(6, 3, 5), (6, 3, 2, 5, 5)])
@every_reading
def test_no_drive_no_spike_and_no_associative_learning(
    reading: type[nn.Module], shape: tuple[int, ...]
) -> None:
    neuron = made(reading)
    neuron.coefficient.data = coefficients().abs()
    out = behind(neuron, torch.zeros(shape, dtype=DOUBLE))
    (gradient,) = torch.autograd.grad(out.sum(), neuron.coefficient)
    assert not out.any()
    assert not gradient.any()


@pytest.mark.parametrize("shape", [(6, 3, 5), (6, 3, 2, 5, 5)])
@every_reading
def test_no_state_survives_a_call(reading: type[nn.Module], shape: tuple[int, ...]) -> None:
    neuron = made(reading)
    first = behind(neuron, some_spikes(*shape))
    behind(neuron, some_spikes(*shape, seed=8), seed=2)
    assert torch.equal(behind(neuron, some_spikes(*shape)), first)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 2, 4, 3, 3), (5, 0, 4, 3, 3), (5, 2, 4), (1, 0, 4)])
@every_reading
def test_any_shape_and_dtype_gives_spikes_of_the_same(
    reading: type[nn.Module], shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    drive = (2 * random(*shape)).to(dtype)
    neuron = made(reading).to(dtype)
    places = 1 if len(shape) == 3 else 4  # of 3 x 3, every other
    for out, size in ((neuron(drive), drive.numel()), (behind(neuron, drive), None)):
        assert out.dtype == dtype
        assert ((out == 0) | (out == 1)).all()
        assert out.numel() == (shape[0] * shape[1] * 4 * places if size is None else size)


@every_reading
def test_it_keeps_the_contract(reading: type[nn.Module]) -> None:
    path = f"{reading.__module__}:{reading.__name__}"
    for match in (True, False):
        spec = NeuronParams.model_validate({"class": path, "match": match})
        check_neuron(spec, Matched(), "reading", 10)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(10, 4, 5), (10, 4, 2, 9, 9)])
@pytest.mark.parametrize("reading", FOLDING, ids=lambda c: c.__name__)
def test_folding_leaves_a_plain_lif_with_exactly_the_same_spikes(
    reading: type[nn.Module], shape: tuple[int, ...], bias: bool
) -> None:
    linear = len(shape) == 3
    synapse = nn.Linear(5, 4, bias=bias) if linear else nn.Conv2d(2, 4, 3, bias=bias)
    synapse.weight.data.mul_(4)
    block, s = Block(synapse, reading(4)).eval(), some_spikes(*shape).float()
    with torch.no_grad():
        before, folded = block(s), fold(block)
        after = folded(s)
    assert type(folded.neuron) is LIF
    assert before.sum() > 0
    assert torch.equal(before, after)
    assert measure.trainable(folded) == measure.trainable(synapse)


@pytest.mark.parametrize(
    "reading", [c for c in READINGS if c not in FOLDING], ids=lambda c: c.__name__
)
def test_the_others_do_not_say_that_they_fold(reading: type[nn.Module]) -> None:
    assert not hasattr(reading(4), "fold_into")


def test_dendrites_are_counted_by_group_and_only_where_there_are_any() -> None:
    x = torch.zeros(1, 4, 3, 3)
    x[0, 0, 0, 0], x[0, 1, 1, 1], x[0, 3, 2, 2] = 1, -2, 1
    one = nn.Conv2d(4, 6, 3, padding=1, bias=False)
    assert active_dendrites(x, one)[0, 0].tolist() == [[2, 2, 1], [2, 3, 2], [1, 2, 2]]
    two = nn.Conv2d(4, 6, 3, padding=1, bias=False, groups=2)
    seen = active_dendrites(x, two)
    assert seen[0, :, 1, 1].tolist() == [2, 2, 2, 1, 1, 1]
    assert active_dendrites(x.flatten(1), nn.Linear(36, 4, bias=False)).tolist() == [[3]]


def test_the_gate_opens_for_two_active_dendrites_at_the_same_time() -> None:
    synapse, gated, aia = nn.Linear(5, 4, bias=False).double(), made(AIAGated), made(AIA)
    synapse.weight.data = 1.5 * random(4, 5, seed=3).abs()
    for neuron in (gated, aia):
        neuron.coefficient.data = coefficients().abs()
    eye = torch.eye(5, dtype=DOUBLE)
    in_turn, together = eye[:, None], (eye + eye.roll(1, 0))[:, None]
    alone = Block(synapse, gated)(in_turn)
    assert torch.equal(alone, Block(synapse, LIF(4))(in_turn))
    (gradient,) = torch.autograd.grad(alone.sum(), gated.coefficient)
    assert not gradient.any()
    both = Block(synapse, gated)(together)
    assert torch.equal(both, Block(synapse, aia)(together))
    (gradient,) = torch.autograd.grad(both.sum(), gated.coefficient)
    assert gradient.all()


@pytest.mark.parametrize("reading", [AIAGated, AIACoincidenceSigned])
def test_synapses_without_dendrites_are_refused(reading: type[AIACoincidence]) -> None:
    with pytest.raises(ValueError, match="without bias"):
        reading(4).forward_from(nn.Linear(5, 4), torch.zeros(2, 3, 5))
    with pytest.raises(TypeError, match="Conv2d or Linear"):
        reading(4).forward_from(nn.Identity(), torch.zeros(2, 3, 5))


@pytest.mark.parametrize("shape", [(6, 3, 5), (6, 3, 2, 5, 5)])
def test_in_training_alone_it_is_aia_and_in_evaluation_lif(shape: tuple[int, ...]) -> None:
    neuron, aia = made(AIATrainingOnly), made(AIA)
    for one in (neuron, aia):
        one.coefficient.data = coefficients()
    s = some_spikes(*shape)
    assert torch.equal(behind(neuron.train(), s), behind(aia, s))
    assert torch.equal(behind(neuron.eval(), s), behind(LIF(4), s))
    drive = 2 * random(6, 3, 4)
    assert torch.equal(neuron(drive), LIF(4)(drive))
    assert torch.equal(neuron.train()(drive), aia(drive))
    assert not torch.equal(aia(drive), LIF(4)(drive))


def test_on_a_convolution_the_hidden_reading_is_lif_with_nothing_to_train() -> None:
    training = Training.model_validate({"channels": [4, 8], "hidden": 16, "steps": 5})
    lif, hidden, aia = (
        build_network(kind, training, 3, 16, (0, 1)) for kind in (LIF, AIAHidden, AIA)
    )
    for network in (lif, hidden, aia):
        for block in network.blocks.values():
            block.synapse.weight.data.mul_(4)
        prepare_synapses(network)
    frames = torch.poisson(torch.full((5, 4, 2, 16, 16), 0.5), torch.Generator().manual_seed(0))
    spikes = [measure.trains(network, frames)[0] for network in (lif, hidden)]
    assert all(torch.equal(spikes[0][name], spikes[1][name]) for name in ("conv1", "conv2"))
    assert not torch.equal(spikes[0]["linear1"], spikes[1]["linear1"])
    assert measure.trainable(hidden) == measure.trainable(lif) + 16
    for name, block in hidden.blocks.items():
        drawn = aia.blocks[name].neuron.coefficient if name == "linear1" else torch.zeros(1)
        assert torch.equal(block.neuron.coefficient, drawn.expand(len(block.synapse.weight)))
    grads = []
    for network in (lif, hidden):
        block = network.blocks["conv1"]
        out = block(frames)
        (out * random(*out.shape).float()).sum().backward()
        grads.append(block.synapse.weight.grad)
    assert torch.allclose(*grads)
    folded = fold(hidden)
    after = measure.trains(folded, frames)[0]
    assert all(torch.equal(spikes[1][name], after[name]) for name in after)
    assert measure.trainable(folded) == measure.trainable(lif)


@pytest.mark.parametrize(
    "reading",
    [
        c
        if c in (AIACached, AIACoincidence, AIAHidden)
        else pytest.param(c, marks=pytest.mark.slow)
        for c in READINGS
        if c is not AIA
    ],
    ids=lambda c: c.__name__,
)
def test_a_tiny_cell_trains(reading: type[nn.Module], tmp_path: Path) -> None:
    spec = {"class": f"{reading.__module__}:{reading.__name__}", "match": True}
    params, profile = small_profile(tmp_path, {"reading": spec}, epochs=1, initial_gain=4.0)
    result = run_cell(Cell("dvs_digits", "reading", 0), params, profile, lambda *_: None).result
    assert result is not None
    assert result.association is not None
    moved = result.association["linear1"]
    assert moved.before != moved.after
    assert result.association_effect is not None
    assert result.association_effect.gradient_without_drive == 0
    assert result.association_effect.gradient_with_drive  # in training, where learning happens
    of_its_own = 16 if reading is AIAHidden else 4 + 8 + 16
    if reading in FOLDING:
        assert result.fold is not None
        assert (result.fold.spikes_differ, result.fold.predictions_differ) == (0, 0)
        assert result.parameters.training - result.parameters.inference == of_its_own
    else:
        assert result.fold is None
        assert result.parameters.training == result.parameters.inference
