"""Products and convolutions: right within rounding, and their sums in the order that is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.errors import InputError
from benchmarks.training import operators

CASES = {
    "frames": {
        "shape": (3, 2, 9, 7),
        "out": 16,
        "kernel": 3,
        "stride": 2,
        "padding": 1,
        "full": 0.2,
    },
    "spikes": {
        "shape": (70, 16, 8, 8),
        "out": 32,
        "kernel": 3,
        "stride": 2,
        "padding": 1,
        "full": 0.1,
    },
    "values": {
        "shape": (4, 24, 6, 5),
        "out": 40,
        "kernel": 5,
        "stride": 3,
        "padding": 2,
        "full": 0.9,
    },
    "dilated": {"shape": (2, 5, 9, 11), "out": 3, "kernel": 3, "dilation": 2, "full": 1.0},
    "groups": {"shape": (2, 8, 7, 7), "out": 12, "kernel": 1, "groups": 4, "full": 0.5},
    "wide": {"shape": (2, 70, 5, 4), "out": 130, "kernel": 3, "padding": 1, "full": 0.1},
    "one pixel": {"shape": (2, 16, 1, 1), "out": 9, "kernel": 3, "padding": 1, "full": 0.3},
    "empty": {"shape": (0, 3, 5, 5), "out": 4, "kernel": 3, "full": 1.0},
}


def filled(shape: tuple[int, ...], full: float, generator: torch.Generator) -> Tensor:
    """Normal values, a share of which is not 0."""
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    return values * (torch.rand(shape, generator=generator) < full)


def gradients(
    x: Tensor, weight: Tensor, bias: Tensor, how: dict[str, int], by: bool
) -> list[Tensor]:
    """Output and gradients of a convolution, by our kernels or by float64 loops of numpy."""
    leaves = [t.detach().clone().requires_grad_() for t in (x, weight, bias)]
    y = F.conv2d(*leaves, **how) if by else unfolded(*leaves, **how)
    toward = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).to(y.dtype).view(y.shape)
    (y * toward).sum().backward()
    return [y.detach(), *(t.grad for t in leaves if t.grad is not None)]


def unfolded(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """A convolution by its definition: a sum over the taps of shifted inputs."""
    size = weight.shape[-1]
    padded = F.pad(x, (padding,) * 4)
    span = dilation * (size - 1)
    rows, columns = ((n - span - 1) // stride + 1 for n in padded.shape[2:])
    y = bias.view(1, -1, 1, 1)
    for ky in range(size):
        for kx in range(size):
            at = padded[
                ...,
                ky * dilation : ky * dilation + (rows - 1) * stride + 1 : stride,
                kx * dilation : kx * dilation + (columns - 1) * stride + 1 : stride,
            ]
            parts = zip(at.chunk(groups, 1), weight[..., ky, kx].chunk(groups), strict=True)
            y = y + torch.cat([(a[:, None] * w[None, ..., None, None]).sum(2) for a, w in parts], 1)
    return y


@pytest.fixture(autouse=True)
def _kernels() -> None:
    if operators.install() is None:
        pytest.skip("needs a C++ compiler")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
@pytest.mark.parametrize("name", CASES)
def test_a_convolution_and_its_gradients_are_those_of_the_definition(
    name: str, last: bool, dtype: torch.dtype, generator: torch.Generator
) -> None:
    case = dict(CASES[name])
    shape, out, kernel, full = (case.pop(k) for k in ("shape", "out", "kernel", "full"))
    x = filled(shape, full, generator).to(dtype)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    weight = filled((out, shape[1] // case.get("groups", 1), kernel, kernel), 1, generator).to(
        dtype
    )
    bias = filled((out,), 1, generator).to(dtype)
    exact = gradients(x.double(), weight.double(), bias.double(), case, by=False)
    tolerance = {torch.float64: 1e-13, torch.float32: 1e-5, torch.bfloat16: 3e-2}[dtype]
    for ours, wanted in zip(gradients(x, weight, bias, case, by=True), exact, strict=True):
        scale = max(1.0, float(wanted.abs().max())) if wanted.numel() else 1.0
        torch.testing.assert_close(ours.double(), wanted, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("full", [0.1, 1.0], ids=["few", "all"])
@pytest.mark.parametrize("sizes", [(7, 9, 33), (50, 70, 20), (64, 640, 101), (1, 3, 1), (5, 0, 2)])
def test_a_product_is_right_however_its_factors_lie(
    sizes: tuple[int, int, int], full: float, generator: torch.Generator
) -> None:
    m, k, n = sizes
    a, b = filled((m, k), full, generator), filled((k, n), 1, generator)
    for left in (a, a.T.contiguous().T):
        for right in (b, b.T.contiguous().T):
            wanted = torch.from_numpy(np.einsum("mk,kn->mn", a.numpy(), b.numpy()))
            torch.testing.assert_close(left @ right, wanted)
            torch.testing.assert_close((right.T @ left.T).T, wanted)


def test_a_sum_is_one_chain_in_the_order_of_its_terms_whatever_is_left_out(
    generator: torch.Generator,
) -> None:
    a = filled((3, 50), 0.2, generator).float()
    b = filled((50, 5), 1, generator).float()
    chain = np.zeros((3, 5), dtype=np.float32)
    for k in range(50):  # of float32 factors a product is exact in float64, and so rounded once
        term = a[:, k, None].numpy().astype(np.float64) * b[k].numpy().astype(np.float64)
        chain = (term + chain.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal((a @ b).numpy(), chain)
    np.testing.assert_array_equal((b.T @ a.T).T.numpy(), chain)


def test_a_convolution_has_the_same_bits_in_any_order_in_memory(generator: torch.Generator) -> None:
    x = filled((5, 16, 8, 8), 0.15, generator).float()
    weight = filled((32, 16, 3, 3), 1, generator).float()
    bias = torch.zeros(32)
    how = {"stride": 2, "padding": 1}
    first = gradients(x, weight, bias, how, by=True)
    last = gradients(x.contiguous(memory_format=torch.channels_last), weight, bias, how, by=True)
    for a, b in zip(first, last, strict=True):
        assert torch.equal(a, b)


def test_other_products_and_whole_numbers_go_the_same_way(generator: torch.Generator) -> None:
    a, b = filled((2, 3, 4), 1, generator), filled((2, 4, 5), 1, generator)
    torch.testing.assert_close(a @ b, torch.stack([a[0] @ b[0], a[1] @ b[1]]))
    torch.testing.assert_close(torch.baddbmm(a @ b, a, b, beta=2, alpha=0.5), 2.5 * (a @ b))
    torch.testing.assert_close(torch.addmm(b[0], a[0].T @ a[0], b[0], beta=0), a[0].T @ a[0] @ b[0])
    torch.testing.assert_close(a[0] @ b[0, :, 0], (a[0] @ b[0])[:, 0])
    torch.testing.assert_close(b[0, :, 0] @ b[0, :, 1], (b[0, :, 0] * b[0, :, 1]).sum())
    whole = torch.arange(6).view(2, 3)
    assert torch.equal(whole @ whole.T, torch.tensor([[5, 14], [14, 50]]))


def test_products_into_a_tensor_and_in_place_go_the_same_way(generator: torch.Generator) -> None:
    a, b = filled((30, 400), 1, generator).float(), filled((400, 20), 1, generator).float()
    expected, into = a @ b, torch.empty(0)
    assert torch.mm(a, b, out=into) is into
    assert torch.equal(into, expected)
    assert torch.equal(torch.zeros(30, 20).addmm_(a, b), expected)
    assert torch.equal(torch.sqrt(a.abs(), out=torch.empty(30, 400)), a.abs().sqrt())
    assert torch.equal(a.clone().atan_(), a.atan())


def test_fused_operators_are_refused() -> None:
    drive = torch.zeros(3, 2, 4)
    with pytest.raises(InputError, match="fused recurrent cells and attention"):
        nn.LSTM(4, 5)(drive)
    with pytest.raises(InputError, match="fused recurrent cells and attention"):
        F.scaled_dot_product_attention(drive[None], drive[None], drive[None])


def test_a_line_is_convolved_as_a_plane_of_one_row(generator: torch.Generator) -> None:
    x = filled((2, 3, 11), 1, generator).requires_grad_()
    weight = filled((4, 3, 3), 1, generator)
    y = F.conv1d(x, weight, padding=1, stride=2)
    plane = F.conv2d(x[:, :, None], weight[:, :, None], padding=(0, 1), stride=(1, 2))
    assert torch.equal(y, plane[:, :, 0])
    (to_x,) = torch.autograd.grad(y.square().sum(), x)
    assert to_x.shape == x.shape


def test_roots_and_arctangents_are_within_rounding(generator: torch.Generator) -> None:
    x = filled((1000,), 1, generator).abs().float()
    np.testing.assert_array_equal(x.sqrt().numpy(), np.sqrt(x.numpy()))
    assert x[0].sqrt() == x.sqrt()[0]
    assert x.clone().sqrt_().equal(x.sqrt())
    np.testing.assert_allclose(x.atan().numpy(), np.arctan(x.double().numpy()), rtol=1e-6)


@pytest.mark.parametrize(
    "convolve",
    [
        lambda: F.conv3d(torch.zeros(1, 1, 3, 3, 3), torch.zeros(1, 1, 2, 2, 2)),
        lambda: F.conv_transpose2d(torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 2, 2)),
    ],
    ids=["three dimensions", "transposed"],
)
def test_what_has_no_portable_order_is_said(convolve) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="no portable order of summation"):
        convolve()


def test_factors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(RuntimeError, match="do not fit"):
        torch.zeros(2, 3) @ torch.zeros(2, 3)


def test_complex_numbers_are_refused() -> None:
    rotation = torch.ones(2, 2, dtype=torch.complex64)
    for compute in (lambda: rotation @ rotation, rotation.sqrt, rotation.atan):
        with pytest.raises(InputError, match=r"complex numbers .* start with --fast"):
            compute()
