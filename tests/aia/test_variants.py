"""The two other readings of the association against their formulas, written as plain loops."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from aia import LIF
from aia.variants import AIACached, AIACoincidence, cached, coincidence
from benchmarks.networks import Block

DOUBLE = torch.float64


class Step(torch.autograd.Function):
    """Heaviside with the derivative of the arctangent, written anew."""

    @staticmethod
    def forward(ctx, x):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x)
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def, override]
        (x,) = ctx.saved_tensors
        return gradient / (1 + (math.pi * x) ** 2)


def spikes_of(drive: list[Tensor]) -> Tensor:
    """LIF of decay 0.5, threshold 1, hard and detached reset; drive T times ``[B, C]``."""
    v, spikes = torch.zeros_like(drive[0]), []
    for current in drive:
        h = 0.5 * v + current
        s = Step.apply(h - 1)
        v = h * (1 - s.detach())
        spikes.append(s)
    return torch.stack(spikes)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def coefficients() -> Tensor:
    return torch.tensor([0.7, -0.4, 0.2, 1.3], dtype=DOUBLE)


def same_gradients(found: Tensor, expected: Tensor, *leaves: tuple[Tensor, Tensor]) -> None:
    """The same spikes, and the same gradients at pairs of leaves."""
    assert found.sum() > 0
    assert torch.equal(found, expected)
    weight = random(*found.shape, seed=9)
    for out in (found, expected):
        (out * weight).sum().backward()
    for a, b in leaves:
        assert a.grad is not None
        assert b.grad is not None
        assert b.grad.abs().sum() > 0
        assert torch.allclose(a.grad, b.grad, rtol=1e-9, atol=1e-12)


def test_cached_is_its_formula_with_its_gradients() -> None:
    neuron = AIACached(4, momentum=0.3).double()
    neuron.coefficient.data = coefficients()
    y = random(7, 3, 4).mul_(1.5).requires_grad_()
    a, y_ref = coefficients().requires_grad_(), y.detach().clone().requires_grad_()
    c, drive = torch.zeros(3, 4, dtype=DOUBLE), []
    for t in range(7):
        c = 0.3 * c + 0.7 * y_ref[t].detach()
        drive.append(y_ref[t] + torch.clamp(a, min=0) * c)
    same_gradients(neuron(y), spikes_of(drive), (y, y_ref), (neuron.coefficient, a))


def linear(inputs: int, outputs: int) -> nn.Linear:
    synapse = nn.Linear(inputs, outputs, bias=False).double()
    synapse.weight.data = random(outputs, inputs, seed=3)
    return synapse


def through(neuron: nn.Module, synapse: nn.Linear, s: Tensor) -> Tensor:
    """A neuron behind a synapse, as a block of the network runs it."""
    return Block(synapse, neuron)(s)


def test_coincidence_is_the_sum_over_pairs_of_dendrites_with_its_gradients() -> None:
    synapse, neuron = linear(5, 4), AIACoincidence(4).double()
    neuron.coefficient.data = coefficients()
    s = (random(6, 3, 5, seed=4) > 0).double().requires_grad_()
    w_ref = synapse.weight.detach().clone().requires_grad_()
    s_ref, a_ref = s.detach().clone().requires_grad_(), coefficients().requires_grad_()
    drive = []
    for t in range(6):
        single = s_ref[t][:, None, :] * w_ref[None]  # [B, C, dendrites]
        pairs = sum(
            2 * single[..., j].detach() * single[..., k].detach()
            for j, k in itertools.combinations(range(5), 2)
        )
        drive.append(single.sum(-1) + torch.clamp(a_ref, min=0) * pairs)
    found = neuron.forward_from(synapse, s)
    leaves = ((s, s_ref), (synapse.weight, w_ref), (neuron.coefficient, a_ref))
    same_gradients(found, spikes_of(drive), *leaves)


def test_coincidence_of_a_convolution_is_the_sum_over_pairs_in_its_window() -> None:
    synapse = nn.Conv2d(2, 3, 3, stride=2, padding=1, bias=False).double()
    x = random(2, 2, 5, 5, seed=5)
    y, q = coincidence(x, synapse)
    windows = torch.nn.functional.unfold(x, 3, padding=1, stride=2)  # [N, 18, places]
    single = windows[:, None] * synapse.weight.flatten(1)[None, :, :, None]
    pairs = sum(
        2 * single[:, :, j] * single[:, :, k] for j, k in itertools.combinations(range(18), 2)
    )
    assert torch.allclose(y.flatten(2), single.sum(2))
    assert torch.allclose(q.flatten(2), pairs)


@pytest.mark.parametrize("neuron_class", [AIACached, AIACoincidence])
def test_without_a_positive_coefficient_it_is_lif(
    neuron_class: type[AIACached | AIACoincidence],
) -> None:
    neuron, lif, synapse = neuron_class(4).double(), LIF(4), linear(5, 4)
    neuron.coefficient.data = -coefficients().abs()
    grads, outs = [], []
    for run in (neuron, lif):
        s = (random(6, 3, 5, seed=4) > 0).double().requires_grad_()
        synapse.weight.grad = None
        out = through(run, synapse, s)
        (out * random(*out.shape, seed=9)).sum().backward()
        assert s.grad is not None
        assert synapse.weight.grad is not None
        outs.append(out)
        grads.append((s.grad, synapse.weight.grad.clone()))
    assert outs[0].sum() > 0
    assert torch.equal(outs[0], outs[1])
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))
    assert neuron.coefficient.grad is not None
    assert not neuron.coefficient.grad.any()


@pytest.mark.parametrize("neuron_class", [AIACached, AIACoincidence])
def test_no_drive_no_spike_and_no_associative_learning(
    neuron_class: type[AIACached | AIACoincidence],
) -> None:
    neuron, synapse = neuron_class(4).double(), linear(5, 4)
    neuron.coefficient.data = coefficients().abs()
    out = through(neuron, synapse, torch.zeros(6, 3, 5, dtype=DOUBLE))
    out.sum().backward()
    assert not out.any()
    assert neuron.coefficient.grad is not None
    assert not neuron.coefficient.grad.any()


def test_coincidence_needs_two_dendrites_at_the_same_time() -> None:
    synapse = linear(5, 4)
    one = torch.eye(5, dtype=DOUBLE)  # five samples, one active dendrite each
    _, q = coincidence(one, synapse)
    assert torch.allclose(q, torch.zeros_like(q), atol=1e-12)
    _, q = coincidence(one[:1] + one[1:2], synapse)
    assert q.abs().min() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 2, 4, 3, 3), (5, 0, 4, 3, 3), (5, 2, 4), (0, 2, 4)])
@pytest.mark.parametrize("neuron_class", [AIACached, AIACoincidence])
def test_any_shape_and_dtype_gives_spikes_of_the_same(
    neuron_class: type[nn.Module], shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    drive = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype) * 2
    out = neuron_class(4).to(dtype)(drive)
    assert out.shape == drive.shape
    assert out.dtype == dtype
    assert ((out == 0) | (out == 1)).all()


def test_no_state_survives_a_call() -> None:
    neuron, drive = AIACached(4).double(), random(6, 3, 4) * 2
    assert torch.equal(neuron(drive), neuron(drive))
    assert cached(drive, coefficients(), 0.5).shape == drive.shape


def test_options_and_synapses_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="momentum"):
        AIACached(4, momentum=1.0)
    with pytest.raises(ValueError, match="without bias"):
        AIACoincidence(4).forward_from(nn.Linear(5, 4), torch.zeros(2, 3, 5))
    with pytest.raises(TypeError, match="Conv2d or Linear"):
        AIACoincidence(4).forward_from(nn.Identity(), torch.zeros(2, 3, 5))
