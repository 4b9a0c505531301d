"""The non-spiking references against their formulas."""

from __future__ import annotations

import pytest
import torch

from baselines.ann import LeakyIntegrator, ReLU


def test_relu_has_no_memory() -> None:
    drive = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    out = ReLU(3)(drive)
    assert torch.equal(out, drive.clamp(min=0))
    assert torch.equal(ReLU(3)(drive.flip(0)), out.flip(0))


def test_a_leaky_integrator_is_the_sum_of_decayed_drives_rectified() -> None:
    drive = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    drive.requires_grad_()
    out = LeakyIntegrator(3, decay=0.7)(drive)
    t = torch.arange(6, dtype=torch.float64)
    kernel = torch.where(t[:, None] >= t, 0.7 ** (t[:, None] - t), 0.0)
    expected = torch.einsum("ts,sbc->tbc", kernel, drive).clamp(min=0)
    assert torch.allclose(out, expected)
    (found,) = torch.autograd.grad(out.square().sum(), drive, retain_graph=True)
    (wanted,) = torch.autograd.grad(expected.square().sum(), drive)
    assert torch.allclose(found, wanted)


def test_a_decay_outside_0_to_1_is_refused() -> None:
    with pytest.raises(ValueError, match="decay"):
        LeakyIntegrator(3, decay=1.5)
