"""What AIA adds: its gradients as written, its two forms, its limits."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from aia import AIA, LIF, association, compiled, fold
from aia.dynamics import LIFParameters, lif
from benchmarks.training.networks import Block

DOUBLE = torch.float64


def conv(generator: torch.Generator, bias: bool = False) -> nn.Conv2d:
    layer = nn.Conv2d(3, 5, 3, stride=2, padding=1, bias=bias, dtype=DOUBLE)
    for values in layer.parameters():
        values.data = torch.randn(values.shape, generator=generator, dtype=DOUBLE) * 0.4
    return layer


def some_spikes(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return (torch.rand(shape, generator=generator) < 0.4).to(DOUBLE).requires_grad_()


def test_gradients_are_those_of_the_definition(generator: torch.Generator) -> None:
    """dL/da = [a > 0] sum delta y; dL/dW and dL/ds through the first term alone."""
    weight = torch.randn(4, 6, generator=generator, dtype=DOUBLE)
    spikes = some_spikes(generator, 7, 2, 6)
    a = torch.tensor([0.5, -0.3, 0.0, 1.2], dtype=DOUBLE, requires_grad=True)
    w = weight.clone().requires_grad_()
    y = spikes @ w.T
    delta = torch.randn(7, 2, 4, generator=generator, dtype=DOUBLE)
    association.on_drive(y, a).backward(delta)
    assert a.grad is not None
    assert w.grad is not None
    expected_a = (a > 0) * torch.einsum("tbi,tbi->i", delta, y.detach())
    torch.testing.assert_close(a.grad, expected_a)
    torch.testing.assert_close(w.grad, torch.einsum("tbi,tbj->ij", delta, spikes.detach()))
    torch.testing.assert_close(spikes.grad, delta @ weight)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", ["conv", "linear"])
def test_the_weight_space_form_has_the_values_and_gradients_of_the_definition(
    kind: str, bias: bool, generator: torch.Generator
) -> None:
    if kind == "conv":
        synapse: nn.Conv2d | nn.Linear = conv(generator, bias)
        spikes = some_spikes(generator, 4, 2, 3, 7, 7)
    else:
        synapse = nn.Linear(6, 5, bias=bias, dtype=DOUBLE)
        spikes = some_spikes(generator, 4, 2, 6)
    neuron = AIA(5).to(DOUBLE)
    neuron.coefficient.data = torch.tensor([0.4, -0.2, 0.9, 0.0, 0.1], dtype=DOUBLE)
    trained = [neuron.coefficient, *synapse.parameters(), spikes]
    definition = neuron(synapse(spikes.flatten(0, 1)).unflatten(0, (4, 2)))
    outer = torch.randn(definition.shape, generator=generator, dtype=DOUBLE)
    expected = torch.autograd.grad(definition, trained, outer)
    moved = neuron.forward_from(synapse, spikes)
    got = torch.autograd.grad(moved, trained, outer)
    assert torch.equal(moved, definition)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("value", [0.0, -0.7])
def test_a_coefficient_of_zero_or_less_leaves_lif_untouched(
    value: float, generator: torch.Generator
) -> None:
    drive = torch.randn(8, 3, 4, 5, 5, generator=generator).requires_grad_()
    neuron = AIA(4)
    neuron.coefficient.data.fill_(value)
    outer = torch.rand(drive.shape, generator=generator)
    plain = LIF(4)(drive)
    (plain_gradient,) = torch.autograd.grad(plain, drive, outer)
    associated = neuron(drive)
    gradient, to_a = torch.autograd.grad(associated, [drive, neuron.coefficient], outer)
    assert torch.equal(associated, plain)
    assert torch.equal(gradient, plain_gradient)
    assert torch.equal(to_a, torch.zeros(4))


def test_without_drive_there_is_no_spike_and_no_learning() -> None:
    neuron = AIA(3)
    neuron.coefficient.data.fill_(0.5)
    spikes = neuron(torch.zeros(6, 2, 3, 4, 4))
    spikes.sum().backward()
    assert spikes.sum() == 0
    assert torch.equal(neuron.coefficient.grad, torch.zeros(3))


@pytest.mark.parametrize("make", [LIF, AIA])
def test_no_state_survives_a_call(make: type[LIF], generator: torch.Generator) -> None:
    neuron = make(3)
    drive = torch.randn(6, 2, 3, generator=generator)
    first = neuron(drive)
    neuron(torch.full_like(drive, 5.0))
    assert torch.equal(neuron(drive), first)


@pytest.mark.parametrize("shape", [(1, 2, 3, 4, 4), (5, 0, 3, 4, 4), (5, 2, 3), (5, 1, 3, 1, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_every_shape_and_dtype_gives_spikes_of_its_own(
    shape: tuple[int, ...], dtype: torch.dtype, generator: torch.Generator
) -> None:
    spikes = AIA(3).to(dtype)(torch.randn(shape, generator=generator).to(dtype))
    assert spikes.shape == shape
    assert spikes.dtype == dtype
    assert ((spikes == 0) | (spikes == 1)).all()


@pytest.mark.parametrize("bias", [False, True])
def test_folding_leaves_a_plain_lif_with_exactly_the_same_spikes(
    bias: bool, generator: torch.Generator
) -> None:
    synapse = conv(generator, bias).float()
    block = Block(synapse, AIA(5))
    spikes = (torch.rand(10, 4, 3, 9, 9, generator=generator) < 0.4).float()
    with torch.no_grad():
        before = block(spikes)
        folded = fold(block)
        after = folded(spikes)
    assert type(folded.neuron) is LIF
    assert torch.equal(before, after)
    assert sum(p.numel() for p in folded.parameters()) == sum(
        p.numel() for p in synapse.parameters()
    )
    assert isinstance(block.neuron, AIA), "the trained network itself must stay as it was"


# a batch, one sample, one sample of a linear layer, more time steps than one kernel takes
@pytest.mark.parametrize("shape", [(6, 3, 4, 5, 5), (6, 1, 4, 5, 5), (6, 1, 4), (30, 2, 4, 3)])
def test_compiled_association_equals_the_definition_step_by_step(
    shape: tuple[int, ...], generator: torch.Generator
) -> None:
    neuron = AIA(4)
    drive = torch.randn(shape, generator=generator).requires_grad_()
    outer = torch.rand(shape, generator=generator)
    definition = lif(association.on_drive(drive, neuron.coefficient), LIFParameters())
    fast = neuron(drive)
    assert compiled.works(), "the compiler fell back, so this compared eager with eager"
    assert torch.equal(fast, definition)
    wanted = [drive, neuron.coefficient]
    expected = torch.autograd.grad(definition, wanted, outer)
    got = torch.autograd.grad(fast, wanted, outer)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_a_synapse_that_is_no_convolution_or_linear_layer_is_refused() -> None:
    with pytest.raises(TypeError, match="Conv2d or Linear, not Identity"):
        AIA(3).forward_from(nn.Identity(), torch.zeros(2, 1, 3))


def test_same_padding_is_refused_rather_than_computed_wrongly() -> None:
    synapse = nn.Conv2d(2, 3, 3, padding="same")
    with pytest.raises(ValueError, match="number of zeros"):
        AIA(3).forward_from(synapse, torch.zeros(2, 1, 2, 4, 4))
