"""The association in weight space by C++ against PyTorch: the same bits, whatever the shape."""

from __future__ import annotations

import platform

import pytest
import torch
from torch import Tensor, nn

from aia import AIA, association, backends, native, native_weights
from aia.association import BY_TORCH

# PyTorch sums eight values side by side here; on another processor as many as its registers hold
SAME_ORDER = platform.machine() in ("x86_64", "AMD64")
# weights a channel: fewer than are summed side by side, rests of every kind, sums of sums at each
# of the levels (512 values, 8,192 and 131,072), the linear layer of the quick network
EACH = [1, 3, 7, 8, 9, 18, 31, 32, 144, 511, 512, 2048, 8192 + 45, 2 * 131072 + 37]


@pytest.fixture(autouse=True)
def _built() -> None:
    assert native.builds(), "there is no compiler, so nothing here is tested"


def drawn(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator)


def assert_sums(found: Tensor, expected: Tensor) -> None:
    if SAME_ORDER:
        assert torch.equal(found, expected)
    else:
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("each", EACH)
def test_both_ways_have_the_bits_of_pytorch(each: int, generator: torch.Generator) -> None:
    weight, to_weight = drawn((5, each), generator), drawn((5, each), generator)
    a = torch.tensor([0.7, -0.3, 0.0, 1.9, 0.1])
    found = native_weights.scaled(weight, a)
    assert torch.equal(found, association.scaled(weight, a))
    assert torch.equal(found[1:3], weight[1:3])
    assert not torch.equal(found, weight)
    to_a = native_weights.to_coefficient(to_weight, weight, a)
    assert_sums(to_a, association.to_coefficient(to_weight, weight, a))
    assert to_a[0] != 0
    assert torch.equal(to_a[1:3], torch.zeros(2))


def test_the_order_in_memory_changes_no_bit(generator: torch.Generator) -> None:
    """A convolution's gradient comes with its channels last; coefficients may be a column."""
    weight, to_weight = drawn((6, 4, 3, 3), generator), drawn((6, 4, 3, 3), generator)
    a = drawn((6, 2), generator)[:, 0]
    last = [x.contiguous(memory_format=torch.channels_last) for x in (weight, to_weight)]
    assert not any(x.is_contiguous() for x in [*last, a])
    plain = native_weights.scaled(weight, a.clone())
    assert torch.equal(native_weights.scaled(last[0], a), plain)
    assert torch.equal(plain, association.scaled(weight, a))
    found = native_weights.to_coefficient(last[1], last[0], a)
    assert torch.equal(found, native_weights.to_coefficient(to_weight, weight, a.clone()))
    assert_sums(found, association.to_coefficient(to_weight, weight, a))


def test_what_is_no_number_stays_so() -> None:
    weight, a = torch.ones(2, 9), torch.tensor([float("nan"), 1.0])
    assert native_weights.scaled(weight, a).isnan().tolist() == [[True] * 9, [False] * 9]
    broken = torch.tensor([[float("nan")] * 9, [1.0] * 9])
    a = torch.tensor([0.5, 0.5])
    assert native_weights.to_coefficient(broken, weight, a).isnan().tolist() == [True, False]
    # of a coefficient that was switched off, PyTorch's relu learns nothing either
    off = torch.tensor([-0.5, 0.5])
    assert native_weights.to_coefficient(broken, weight, off).tolist() == [0.0, 9.0]
    assert association.to_coefficient(broken, weight, off).tolist() == [0.0, 9.0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_another_type_is_left_to_pytorch(dtype: torch.dtype, generator: torch.Generator) -> None:
    weight, a = drawn((3, 40), generator).to(dtype), torch.tensor([0.3, -1.0, 2.0], dtype=dtype)
    assert torch.equal(native_weights.scaled(weight, a), association.scaled(weight, a))
    found = native_weights.to_coefficient(weight, weight, a)
    assert torch.equal(found, association.to_coefficient(weight, weight, a))
    mixed = native_weights.scaled(weight, a.float())
    assert torch.equal(mixed, association.scaled(weight, a.float()))


@pytest.mark.parametrize(
    ("synapse", "shape"),
    [
        (nn.Conv2d(3, 4, 3, padding=1), (2, 2, 3, 5, 5)),
        (nn.Conv2d(4, 4, 3, groups=2, bias=False), (2, 2, 4, 5, 5)),
        (nn.Linear(300, 4, bias=False), (2, 3, 300)),
    ],
    ids=["convolution", "groups", "linear"],
)
def test_a_layer_trains_as_by_pytorch(
    synapse: nn.Conv2d | nn.Linear,
    shape: tuple[int, ...],
    generator: torch.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    neuron = AIA(4)
    neuron.coefficient.data = torch.tensor([0.3, -0.2, 0.8, 0.1])
    for values in synapse.parameters():
        values.data = drawn(values.shape, generator)
    spikes = torch.bernoulli(torch.full(shape, 0.5), generator=generator).requires_grad_()
    learned = [spikes, *synapse.parameters()]
    outer = None
    found = []
    for name, by in (("native", native_weights.BY_KERNELS), ("eager", BY_TORCH)):
        monkeypatch.setenv(backends.VARIABLE, name)
        assert backends.on_weights(neuron.coefficient) is by
        out = neuron.forward_from(synapse, spikes)
        outer = torch.rand(out.shape, generator=generator) if outer is None else outer
        gradients = torch.autograd.grad(out, [neuron.coefficient, *learned], outer)
        found.append([gradients[0], out.detach(), *gradients[1:]])
    (to_a, *ours), (to_a_by_torch, *theirs) = found
    assert ours[0].any()
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)
    assert_sums(to_a, to_a_by_torch)


def test_the_folded_layer_multiplies_by_the_weights_of_training() -> None:
    synapse, neuron = nn.Linear(50, 8, bias=False), AIA(8)
    trained = native_weights.scaled(synapse.weight, neuron.coefficient)
    neuron.fold_into(synapse)
    assert torch.equal(synapse.weight, trained)
