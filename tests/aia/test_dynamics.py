"""The dynamics against the formulas, in float64 and step by step."""

from __future__ import annotations

import math

import pytest
import torch

from aia import backends, compiled, dynamics
from aia.dynamics import LIFParameters

OPTIONS = [
    LIFParameters(decay, threshold, reset, detach)
    for decay in (0.0, 0.5, 1.0)
    for threshold, reset, detach in (
        (1.0, "zero", True),
        (0.7, "zero", False),
        (1.0, "subtract", True),
        (0.7, "subtract", False),
    )
]


def by_hand(drive: torch.Tensor, p: LIFParameters) -> tuple[torch.Tensor, torch.Tensor]:
    """Spikes and the gradient of sum(weights * spikes) by the chain rule, one unit at a time."""
    steps, units = drive.shape
    spikes, gradient = torch.zeros_like(drive), torch.zeros_like(drive)
    outer = torch.arange(1.0, steps * units + 1, dtype=drive.dtype).view(steps, units)
    for unit in range(units):
        h, v = [], 0.0
        for t in range(steps):
            h.append(p.decay * v + float(drive[t, unit]))
            s = 1.0 if h[-1] >= p.threshold else 0.0
            spikes[t, unit] = s
            v = h[-1] * (1 - s) if p.reset == "zero" else h[-1] - p.threshold * s
        carried = 0.0  # dL/dv(t)
        for t in reversed(range(steps)):
            x = h[t] - p.threshold
            slope = p.surrogate_width / 2 / (1 + (math.pi / 2 * p.surrogate_width * x) ** 2)
            s = float(spikes[t, unit])
            through_reset = -h[t] if p.reset == "zero" else -p.threshold
            keep = 1 - s if p.reset == "zero" else 1.0
            dv_dh = keep + (0.0 if p.detach_reset else through_reset * slope)
            dh = float(outer[t, unit]) * slope + carried * dv_dh
            gradient[t, unit] = dh
            carried = dh * p.decay
    return spikes, gradient


@pytest.mark.parametrize("p", OPTIONS, ids=str)
def test_spikes_and_gradients_follow_the_formulas_in_float64(
    p: LIFParameters, generator: torch.Generator
) -> None:
    drive = torch.randn(9, 5, generator=generator, dtype=torch.float64).mul(1.5).requires_grad_()
    spikes, gradient = by_hand(drive.detach(), p)
    out = dynamics.lif(drive, p)
    out.backward(torch.arange(1.0, 46, dtype=torch.float64).view(9, 5))
    assert torch.equal(out, spikes)
    assert 0 < spikes.sum() < spikes.numel()
    torch.testing.assert_close(drive.grad, gradient, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("p", "dtype"),
    [
        (OPTIONS[0], torch.float64),
        pytest.param(OPTIONS[7], torch.float32, marks=pytest.mark.slow),
        pytest.param(OPTIONS[10], torch.float32, marks=pytest.mark.slow),
        (OPTIONS[10], torch.bfloat16),
    ],
    ids=str,
)
def test_compiled_equals_eager(
    p: LIFParameters, dtype: torch.dtype, generator: torch.Generator
) -> None:
    drive = torch.randn(6, 2, 3, 5, 7, generator=generator).to(dtype).requires_grad_()
    outer = torch.rand(drive.shape, generator=generator).to(dtype)
    eager = dynamics.lif(drive, p)
    (expected,) = torch.autograd.grad(eager, drive, outer)
    fast = compiled.lif(drive, p)
    (got,) = torch.autograd.grad(fast, drive, outer)
    assert compiled.works(), "the compiler fell back, so this compared eager with eager"
    if dtype is not torch.bfloat16:  # there the compiler rounds less often than eager does
        assert torch.equal(fast, eager)
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)
    else:
        assert (fast != eager).float().mean() < 0.02


@pytest.mark.slow
def test_kernels_of_several_surrogate_widths_and_decays_live_side_by_side(
    generator: torch.Generator,
) -> None:
    drive = torch.randn(5, 2, 3, 4, generator=generator, requires_grad=True)
    for decay, width in ((0.3, 1.5), (0.3, 2.5), (0.35, 1.5), (0.3, 1.5)):
        p = LIFParameters(decay, surrogate_width=width)
        (expected,) = torch.autograd.grad(dynamics.lif(drive, p).sum(), drive)
        (got,) = torch.autograd.grad(compiled.lif(drive, p).sum(), drive)
        assert compiled.works()
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", ["native", "compile", "eager"])
def test_the_order_in_memory_changes_no_bit_and_is_kept(
    backend: str, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(backends.VARIABLE, backend)
    usual = torch.randn(6, 2, 3, 5, 7, generator=generator).requires_grad_()
    last = usual.detach().movedim(2, -1).contiguous().movedim(-1, 2).requires_grad_()
    assert last.stride(2) == 1
    outer = torch.rand(usual.shape, generator=generator)
    outs = [backends.lif(drive, LIFParameters()) for drive in (usual, last)]
    gradients = [
        torch.autograd.grad(out, drive, outer)[0]
        for out, drive in zip(outs, (usual, last), strict=True)
    ]
    assert torch.equal(*outs)
    assert torch.equal(*gradients)
    assert outs[1].movedim(2, -1).is_contiguous()


def test_a_layer_of_another_size_uses_the_same_compiled_kernel(generator: torch.Generator) -> None:
    p = LIFParameters(decay=0.25)
    compiled.lif(torch.randn(6, 2, 3, 5, generator=generator), p)
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    for shape in ((6, 4, 8, 2, 2), (6, 3, 5), (6, 1, 64, 9, 9)):
        compiled.lif(torch.randn(shape, generator=generator), p)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == before


@pytest.mark.slow
@pytest.mark.parametrize("steps", [compiled.LONGEST, compiled.LONGEST + 1])
def test_the_longest_kernel_and_its_segments_compute_what_eager_does(
    steps: int, generator: torch.Generator
) -> None:
    _a_long_drive_comes_out_the_same(OPTIONS[5], steps, generator)


@pytest.mark.usefixtures("short_segments")
@pytest.mark.parametrize(
    ("p", "steps"),
    [(OPTIONS[5], 4), pytest.param(OPTIONS[6], 5, marks=pytest.mark.slow)],
    ids=str,
)
def test_a_long_drive_goes_through_segments_and_comes_out_the_same(
    p: LIFParameters, steps: int, generator: torch.Generator
) -> None:
    _a_long_drive_comes_out_the_same(p, steps, generator)


def _a_long_drive_comes_out_the_same(
    p: LIFParameters, steps: int, generator: torch.Generator
) -> None:
    drive = torch.randn(steps, 2, 3, 4, generator=generator).mul(1.5).requires_grad_()
    outer = torch.rand(drive.shape, generator=generator)
    eager, fast = dynamics.lif(drive, p), compiled.lif(drive, p)
    (expected,) = torch.autograd.grad(eager, drive, outer)
    (got,) = torch.autograd.grad(fast, drive, outer)
    assert compiled.works(), "the compiler fell back, so this compared eager with eager"
    assert torch.equal(fast, eager)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        assert torch.equal(compiled.lif(drive, p), eager)


@pytest.mark.usefixtures("short_segments")
def test_segments_of_all_long_drives_share_their_kernels(generator: torch.Generator) -> None:
    def passes(steps: int, batch: int) -> None:
        drive = torch.randn(steps, batch, 3, 4, generator=generator, requires_grad=True)
        compiled.lif(drive, LIFParameters(decay=0.125)).sum().backward()

    passes(4, 2)
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    passes(8, 4)
    passes(10, 3)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == before


@pytest.mark.parametrize("shape", [(1, 2, 3), (4, 0, 3), (0, 2, 3), (4, 1, 1), (1, 1, 1)])
def test_edge_shapes_come_back_in_their_shape(shape: tuple[int, ...]) -> None:
    drive = torch.full(shape, 2.0)
    spikes = compiled.lif(drive, LIFParameters())
    assert spikes.shape == drive.shape
    assert torch.equal(spikes, torch.ones(shape))


@pytest.mark.parametrize(
    "bad", [{"decay": 1.5}, {"decay": -0.1}, {"threshold": 0.0}, {"reset": "hard"}]
)
def test_options_outside_their_range_are_refused_by_name(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        dynamics.check(LIFParameters(**bad))  # type: ignore[arg-type]
