"""The controls of each reading against their formulas, and what the frozen ones leave alone."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aia import AIA, LIF, association, fold
from aia.variants import (
    AIACached,
    AIACoincidence,
    AIACoincidenceSigned,
    AIAGated,
    AIAHidden,
    AIASigned,
    AIATrainingOnly,
)
from baselines import controls
from benchmarks.params import Matched, NeuronParams
from benchmarks.training.blocks import Block
from benchmarks.training.contract import check_neuron
from tests.aia import formulas
from tests.aia.formulas import MOMENTUM, coefficients, some_spikes

# reading, frozen, plain, formula
OF_READINGS: list[tuple[type[LIF], type[LIF], type[LIF], formulas.Formula]] = [
    (AIA, controls.GainFrozen, controls.GainPlain, formulas.aia),
    (AIAHidden, controls.HiddenFrozen, controls.HiddenPlain, formulas.aia),
    (AIASigned, controls.SignedFrozen, controls.SignedPlain, formulas.signed),
    (AIAGated, controls.GatedFrozen, controls.GatedPlain, formulas.gated),
    (AIACoincidence, controls.CoincidenceFrozen, controls.CoincidencePlain, formulas.coincidence),
    (
        AIACoincidenceSigned,
        controls.CoincidenceSignedFrozen,
        controls.CoincidenceSignedPlain,
        formulas.coincidence_signed,
    ),
    (AIACached, controls.CachedFrozen, controls.CachedPlain, formulas.cached),
    (AIATrainingOnly, controls.TrainingOnlyFrozen, controls.TrainingOnlyPlain, formulas.aia),
]
of_every_reading = pytest.mark.parametrize(
    ("reading", "frozen", "plain", "formula"), OF_READINGS, ids=[r[0].__name__ for r in OF_READINGS]
)
ALL = [
    cls
    for _, cls in inspect.getmembers(controls, inspect.isclass)
    if cls.__module__ == controls.__name__ and not cls.__name__.startswith("_")
]


def made(cls: type[LIF], **options: Any) -> Any:
    return cls(4, **({"momentum": MOMENTUM} if issubclass(cls, AIACached) else {}), **options)


@pytest.mark.parametrize(("reset", "decay"), [("zero", 0.5), ("subtract", 1.0)])
@of_every_reading
def test_the_plain_one_has_the_gradients_without_stop_gradient(
    reading: type[LIF],
    frozen: type[LIF],
    plain: type[LIF],
    formula: formulas.Formula,
    reset: str,
    decay: float,
) -> None:
    neuron = made(plain, reset=reset, decay=decay).double()
    formulas.is_its_formula(neuron, formula, lambda x: x, decay, reset)


@pytest.mark.parametrize(
    ("plain", "formula"),
    [(r[2], r[3]) for r in OF_READINGS if not hasattr(r[0], "needs_synapse")],
    ids=lambda x: x.__name__,
)
def test_of_a_drive_the_plain_one_is_as_behind_a_synapse(
    plain: type[LIF], formula: formulas.Formula
) -> None:
    neuron, y = made(plain).double(), (2 * formulas.random(6, 3, 4)).requires_grad_()
    neuron.coefficient.data = coefficients()
    a, x = (v.detach().clone().requires_grad_() for v in (coefficients(), y))
    expected = formulas.spikes_of(formula(x.unsqueeze(-1), a, lambda v: v))
    formulas.same_gradients(neuron(y), expected, (y, x), (neuron.coefficient, a))


@of_every_reading
def test_the_frozen_one_is_the_reading_with_nothing_to_train(
    reading: type[LIF], frozen: type[LIF], plain: type[LIF], formula: formulas.Formula
) -> None:
    coefficients_drawn = []
    for cls in (reading, frozen):
        torch.manual_seed(3)
        coefficients_drawn.append(made(cls).coefficient.detach())
    assert torch.equal(*coefficients_drawn)
    neuron = made(frozen).double()
    assert list(neuron.parameters()) == []
    formulas.is_its_formula(neuron, formula, Tensor.detach)


@of_every_reading
def test_both_give_the_spikes_of_the_reading(
    reading: type[LIF], frozen: type[LIF], plain: type[LIF], formula: formulas.Formula
) -> None:
    synapse = nn.Conv2d(2, 4, 3, bias=False).double()
    synapse.weight.data.mul_(4)
    s, outs = some_spikes(6, 3, 2, 6, 6), []
    for mode in (True, False):
        for cls in (reading, frozen, plain):
            neuron = made(cls).double().train(mode)
            neuron.coefficient.data = coefficients()
            outs.append(Block(synapse, neuron)(s))
        assert outs[-1].sum() > 0
        assert torch.equal(outs[-3], outs[-2])
        assert torch.equal(outs[-3], outs[-1])


@of_every_reading
def test_they_fold_where_the_reading_does(
    reading: type[LIF], frozen: type[LIF], plain: type[LIF], formula: formulas.Formula
) -> None:
    s = some_spikes(6, 3, 2, 6, 6).float()
    for cls in (frozen, plain):
        assert hasattr(cls, "fold_into") == hasattr(reading, "fold_into")
        if hasattr(cls, "fold_into"):
            synapse = nn.Conv2d(2, 4, 3, bias=False)
            synapse.weight.data.mul_(4)
            block = Block(synapse, cls(4)).eval()
            folded = fold(block)
            assert type(folded.neuron) is LIF
            assert torch.equal(folded(s), block(s))


@pytest.mark.parametrize("cls", [controls.HiddenFrozen, controls.HiddenPlain])
def test_the_hidden_ones_are_lif_on_a_convolution(cls: type[AIAHidden]) -> None:
    for synapse, own in ((nn.Conv2d(2, 4, 3, bias=False), False), (nn.Linear(5, 4), True)):
        neuron = cls(4)
        neuron.prepare(synapse)
        assert bool(neuron.coefficient.any()) == own
        assert bool(list(neuron.parameters())) == (own and cls is controls.HiddenPlain)


@pytest.mark.parametrize("cls", ALL, ids=lambda c: c.__name__)
def test_it_keeps_the_contract(cls: type[LIF]) -> None:
    spec = NeuronParams.model_validate({"class": f"{controls.__name__}:{cls.__name__}"})
    for match in (True, False):
        check_neuron(spec.model_copy(update={"match": match}), Matched(), "control", 10)


def test_the_initial_scale_is_the_mean_of_the_drawn_gain() -> None:
    torch.manual_seed(0)
    drawn = torch.empty(1_000_000).normal_(
        association.COEFFICIENT_MEAN, association.COEFFICIENT_STD
    )
    for cls, gain in (
        (controls.LIFInitScaled, 1 + drawn.relu().mean()),
        (controls.LIFInitScaledHidden, 1 + drawn.relu().mean()),
        (controls.LIFInitScaledSigned, 1 + drawn.mean()),
    ):
        synapse = nn.Linear(5, 4, bias=False)
        before = synapse.weight.detach().clone()
        cls(4).prepare(synapse)
        assert torch.allclose(synapse.weight, before * gain, rtol=2e-3)


def test_the_hidden_scale_leaves_convolutions_alone() -> None:
    synapse = nn.Conv2d(2, 4, 3)
    before = synapse.weight.detach().clone()
    controls.LIFInitScaledHidden(4).prepare(synapse)
    assert torch.equal(synapse.weight, before)
