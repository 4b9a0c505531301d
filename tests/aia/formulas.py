"""The readings' formulas as plain loops over time steps and dendrites, for autograd to go through.

Each takes what single dendrites give, ``[T, B, C, D]``, the coefficients ``[C]`` and what stands
for the stop-gradient, and gives the drive, T times ``[B, C]``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor

DOUBLE = torch.float64
MOMENTUM = 0.3
Formula = Callable[[Tensor, Tensor, Callable[[Tensor], Tensor]], list[Tensor]]


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


def spikes_of(drive: list[Tensor], decay: float = 0.5, reset: str = "zero") -> Tensor:
    """LIF of threshold 1 whose reset is detached; drive T times ``[B, C]``."""
    v, spikes = torch.zeros_like(drive[0]), []
    for current in drive:
        h = decay * v + current
        s = Step.apply(h - 1)
        v = h * (1 - s.detach()) if reset == "zero" else h - s.detach()
        spikes.append(s)
    return torch.stack(spikes)


def relu(a: Tensor) -> Tensor:
    return torch.where(a > 0, a, torch.zeros_like(a))


def aia(single, a, sg):  # type: ignore[no-untyped-def]
    return [d.sum(-1) + relu(a) * sg(d.sum(-1)) for d in single]


def signed(single, a, sg):  # type: ignore[no-untyped-def]
    return [d.sum(-1) + a * sg(d.sum(-1)) for d in single]


def gated(single, a, sg):  # type: ignore[no-untyped-def]
    drive = []
    for d in single:
        open_ = ((d != 0).sum(-1) >= 2).to(d.dtype)
        drive.append(d.sum(-1) + relu(a) * sg(d.sum(-1)) * open_)
    return drive


def in_pairs(d):  # type: ignore[no-untyped-def]
    return sum(2 * d[..., j] * d[..., k] for j, k in itertools.combinations(range(d.shape[-1]), 2))


def coincidence(single, a, sg):  # type: ignore[no-untyped-def]
    return [d.sum(-1) + relu(a) * sg(in_pairs(d)) for d in single]


def coincidence_signed(single, a, sg):  # type: ignore[no-untyped-def]
    return [d.sum(-1) + a * sg(in_pairs(d)) for d in single]


def cached(single, a, sg):  # type: ignore[no-untyped-def]
    c, drive = torch.zeros_like(single[0].sum(-1)), []
    for d in single:
        c = MOMENTUM * c + (1 - MOMENTUM) * sg(d.sum(-1))
        drive.append(d.sum(-1) + relu(a) * c)
    return drive


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def some_spikes(*shape: int, seed: int = 4) -> Tensor:
    """Of few enough units that no, one and several dendrites are active."""
    return (random(*shape, seed=seed) > 0.6).double()


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


def is_its_formula(neuron, formula, sg, decay=0.5, reset="zero"):  # type: ignore[no-untyped-def]
    """A double neuron of 4 channels behind a linear layer of 5 dendrites, both ways."""
    neuron.coefficient.data = coefficients()
    synapse = torch.nn.Linear(5, 4, bias=False, dtype=DOUBLE)
    synapse.weight.data = 1.5 * random(4, 5, seed=3)
    s = some_spikes(8, 6, 5).requires_grad_()
    w, a, x = (v.detach().clone().requires_grad_() for v in (synapse.weight, coefficients(), s))
    expected = spikes_of(formula(x[:, :, None, :] * w, a, sg), decay, reset)
    leaves = [(s, x), (synapse.weight, w)]
    if neuron.coefficient.requires_grad:
        leaves.append((neuron.coefficient, a))
    same_gradients(through(neuron, synapse, s), expected, *leaves)


def through(neuron: torch.nn.Module, synapse: torch.nn.Linear, s: Tensor) -> Tensor:
    """A neuron behind a synapse, as a block of the network runs it."""
    from benchmarks.training.blocks import Block

    return Block(synapse, neuron)(s)
