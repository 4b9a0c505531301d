"""AIA at a = 0, SpikingJelly and snnTorch hold each other to account on random drive."""

from __future__ import annotations

import pytest
import torch
from spikingjelly.activation_based import neuron as sj

from aia import AIA, LIF
from benchmarks.params import Matched, NeuronParams
from benchmarks.training.neurons import builder


def matched(path: str, **options: object) -> torch.nn.Module:
    spec = NeuronParams.model_validate({"class": path, "match": True})
    return builder(spec, Matched.model_validate(options))(4)


def aia_without_association(**options: object) -> torch.nn.Module:
    neuron = AIA(4, **options)  # type: ignore[arg-type]
    neuron.coefficient.data.zero_()
    return neuron


def some_drive(generator: torch.Generator) -> torch.Tensor:
    return torch.randn(10, 8, 4, 16, 16, generator=generator).mul(1.2).requires_grad_()


@pytest.mark.parametrize("decay", [0.25, 0.5, 0.75])
def test_matched_libraries_agree_spike_for_spike_and_gradient_for_gradient(
    decay: float, generator: torch.Generator
) -> None:
    drive = some_drive(generator)
    outer = torch.rand(drive.shape, generator=generator)
    neurons = {
        "ours": aia_without_association(decay=decay),
        "spikingjelly": matched("spikingjelly.activation_based.neuron:LIFNode", decay=decay),
        "plif": matched("spikingjelly.activation_based.neuron:ParametricLIFNode", decay=decay),
        "snntorch": matched("snntorch:Leaky", decay=decay),
    }
    spikes = {name: neuron(drive) for name, neuron in neurons.items()}
    gradients = {n: torch.autograd.grad(s, drive, outer)[0] for n, s in spikes.items()}
    assert 0.05 < spikes["ours"].mean() < 0.6
    for name in ("spikingjelly", "plif", "snntorch"):
        assert torch.equal(spikes[name], spikes["ours"]), name
        torch.testing.assert_close(gradients[name], gradients["ours"], rtol=1e-4, atol=1e-5)


def test_soft_reset_agrees_with_spikingjelly(generator: torch.Generator) -> None:
    drive = some_drive(generator)
    theirs = matched("spikingjelly.activation_based.neuron:LIFNode", reset="subtract")
    assert torch.equal(theirs(drive), aia_without_association(reset="subtract")(drive))


def test_snntorch_subtracts_one_step_late_so_its_soft_reset_differs(
    generator: torch.Generator,
) -> None:
    """h(t) = decay h(t-1) + I(t) - threshold s(t-1), where the usual soft reset decays what is
    left after the subtraction: decay (h(t-1) - threshold s(t-1)) + I(t)."""
    drive = some_drive(generator).detach()
    theirs = matched("snntorch:Leaky", reset="subtract")(drive)
    h = s = torch.zeros_like(drive[0])
    late = []
    for current in drive:
        h = 0.5 * h + current - s
        s = (h > 1).float()
        late.append(s)
    assert torch.equal(theirs, torch.stack(late))
    share = (theirs != LIF(4, reset="subtract")(drive)).float().mean()
    assert 0.005 < share < 0.2


def test_decay_one_is_spikingjellys_integrate_and_fire(generator: torch.Generator) -> None:
    drive = some_drive(generator).detach()
    theirs = matched("spikingjelly.activation_based.neuron:IFNode", decay=1.0)
    assert torch.equal(theirs(drive), LIF(4, decay=1.0)(drive))
    assert sj.IFNode is type(theirs.node)
