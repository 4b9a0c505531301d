"""A neuron written as one time step gets the compiled path."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from aia import compiled
from aia.compiled import over_time
from aia.dynamics import spike


class Adaptive(nn.Module):
    """Two states and a trained decay a channel: nothing that the suite's own kernels know."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.decay = nn.Parameter(torch.linspace(-1, 1, channels))

    def step(
        self, current: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        v, threshold = state
        h = torch.sigmoid(self.decay).view(-1, 1) * v + current
        s = spike(h - 1 - threshold, 2.0)
        return s, (h * (1 - s.detach()), 0.9 * threshold + 0.1 * s.detach())

    def forward(self, drive: Tensor) -> Tensor:
        zeros = (
            torch.zeros_like(drive[0]).flatten(2)
            if drive.dim() > 3
            else torch.zeros_like(drive[0])[..., None]
        )
        return over_time(self.step, drive, (zeros, zeros.clone()))

    def by_hand(self, drive: Tensor) -> Tensor:
        flat = drive.flatten(3) if drive.dim() > 3 else drive[..., None]
        state = (torch.zeros_like(flat[0]), torch.zeros_like(flat[0]))
        spikes = []
        for current in flat:
            s, state = self.step(current, state)
            spikes.append(s)
        return torch.stack(spikes).view(drive.shape)


RARER = [pytest.param(shape, marks=pytest.mark.slow) for shape in ((3, 3, 4), (5, 2, 4, 3, 3))]


@pytest.mark.usefixtures("short_segments")
@pytest.mark.parametrize("shape", [(3, 2, 4, 5, 5), *RARER], ids=str)
def test_spikes_and_gradients_are_those_of_the_loop(
    shape: tuple[int, ...], generator: torch.Generator
) -> None:
    neuron = Adaptive(4)
    drive = torch.randn(shape, generator=generator).mul(1.5).requires_grad_()
    outer = torch.rand(shape, generator=generator)
    expected = neuron.by_hand(drive)
    fast = neuron(drive)
    wanted = [drive, neuron.decay]
    right = torch.autograd.grad(expected, wanted, outer)
    got = torch.autograd.grad(fast, wanted, outer)
    assert compiled.works(), "the compiler fell back, so this compared eager with eager"
    assert torch.equal(fast, expected)
    assert 0 < fast.sum() < fast.numel()
    torch.testing.assert_close(got, right, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_it_keeps_the_drive_alone_for_the_backward_pass(generator: torch.Generator) -> None:
    """What the loop keeps grows with every operation of a step; this keeps what it was given."""
    neuron = Adaptive(4)
    drive = torch.randn(8, 4, 4, 16, 16, generator=generator, requires_grad=True)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = neuron(drive)
    assert sum(kept.values()) < 1.6 * drive.untyped_storage().nbytes()
    del out


def test_one_zero_state_if_none_is_given(generator: torch.Generator) -> None:
    def step(current: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        h = 0.5 * v + current
        s = spike(h - 1, 2.0)
        return s, h - s.detach()

    drive = torch.randn(5, 2, 3, 4, 4, generator=generator)
    v, spikes = torch.zeros(2, 3, 4, 4), []
    for current in drive:
        s, v = step(current, v)
        spikes.append(s)
    assert torch.equal(over_time(step, drive), torch.stack(spikes))


def test_a_batch_without_samples(generator: torch.Generator) -> None:
    def step(current: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return spike(v + current - 1, 2.0), v + current

    assert over_time(step, torch.zeros(5, 0, 3, 4, 4)).shape == (5, 0, 3, 4, 4)


@pytest.mark.usefixtures("short_segments")
def test_a_state_that_was_learned_gets_its_gradient_through_all_segments(
    generator: torch.Generator,
) -> None:
    def step(current: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        h = 0.9 * v + current
        s = spike(h - 1, 2.0)
        return s, h - s.detach()

    drive = torch.randn(5, 2, 3, 4, generator=generator)
    first = torch.rand(2, 3, 4, generator=generator).requires_grad_()
    v, spikes = first, []
    for current in drive:
        s, v = step(current, v)
        spikes.append(s)
    (expected,) = torch.autograd.grad(torch.stack(spikes).sum(), first)
    (got,) = torch.autograd.grad(over_time(step, drive, first).sum(), first)
    assert compiled.works(), "the compiler fell back, so this compared eager with eager"
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-6)
