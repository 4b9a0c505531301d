"""The Triton kernels: in Triton's interpreter on a CPU, on the device itself where there is one."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from aia import AIA, association, backends, dynamics
from aia.dynamics import LIFParameters

pytest.importorskip("triton")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")

OPTIONS = [
    LIFParameters(0.7, 0.9, reset, detached, 1.7)
    for reset in ("zero", "subtract")
    for detached in (True, False)
]
# a tile that is not full, one channel a tile and many, more places than a tile has, one time step
SHAPES = [(5, 2, 3, 5, 7), (1, 3, 5), (6, 2, 70), (3, 1, 2, 36, 36)]


@pytest.fixture
def kernels() -> ModuleType:
    from aia import kernels

    return kernels


def both(
    kernels: ModuleType, drive: Tensor, a: Tensor | None, p: LIFParameters, outer: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Spikes and gradients by the kernels and by autograd through the definition."""
    found = []
    for fast in (True, False):
        x = drive.clone().requires_grad_()
        c = None if a is None else a.clone().requires_grad_()
        if c is None:
            out = kernels.lif(x, p) if fast else dynamics.lif(x, p)
        elif fast:
            out = kernels.associated_lif(x, c, p)
        else:
            out = dynamics.lif(association.on_drive(x, c), p)
        wanted = [x] if c is None else [x, c]
        found.append([out.detach(), *torch.autograd.grad(out, wanted, outer)])
    return found[0], found[1]


@pytest.mark.parametrize("associated", [False, True], ids=["lif", "aia"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("p", OPTIONS, ids=str)
def test_kernels_equal_float64_autograd_of_the_definition(
    p: LIFParameters,
    shape: tuple[int, ...],
    associated: bool,
    kernels: ModuleType,
    generator: torch.Generator,
) -> None:
    drive = 1.5 * torch.randn(shape, generator=generator, dtype=torch.float64).to(DEVICE)
    a = torch.randn(shape[2], generator=generator, dtype=torch.float64).to(DEVICE)
    outer = torch.randn(shape, generator=generator, dtype=torch.float64).to(DEVICE)
    got, expected = both(kernels, drive, a if associated else None, p, outer)
    assert torch.equal(got[0], expected[0])
    assert 0 < got[0].sum() < got[0].numel()
    for value, right in zip(got[1:], expected[1:], strict=True):
        torch.testing.assert_close(value, right, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("p", OPTIONS, ids=str)
def test_spikes_in_float32_are_the_definition_s_own(
    p: LIFParameters, kernels: ModuleType, generator: torch.Generator
) -> None:
    drive = torch.randn(8, 2, 5, 9, 9, generator=generator).to(DEVICE)
    a = torch.randn(5, generator=generator).to(DEVICE)
    got, expected = both(kernels, drive, a, p, torch.ones_like(drive))
    assert torch.equal(got[0], expected[0])
    for value, right in zip(got[1:], expected[1:], strict=True):
        torch.testing.assert_close(value, right, rtol=1e-4, atol=1e-4)


def test_a_low_precision_drive_meets_a_float32_state(
    kernels: ModuleType, generator: torch.Generator
) -> None:
    low = torch.randn(8, 2, 5, 9, generator=generator).to(DEVICE, torch.bfloat16)
    p = LIFParameters(decay=0.9)
    spikes = kernels.lif(low, p)
    assert spikes.dtype == torch.bfloat16
    assert torch.equal(spikes.float(), dynamics.lif(low.float(), p))


def test_the_environment_chooses_the_kernels_for_a_neuron(
    kernels: ModuleType, monkeypatch: pytest.MonkeyPatch, generator: torch.Generator
) -> None:
    seen: list[torch.Size] = []
    real = kernels.associated_lif

    def watched(drive: Tensor, a: Tensor, p: LIFParameters) -> Tensor:
        seen.append(drive.shape)
        spikes: Tensor = real(drive, a, p)
        return spikes

    monkeypatch.setattr(kernels, "associated_lif", watched)
    monkeypatch.setenv(backends.VARIABLE, "triton")
    neuron, drive = AIA(3).to(DEVICE), torch.randn(4, 2, 3, generator=generator).to(DEVICE)
    spikes = neuron(drive)
    monkeypatch.setenv(backends.VARIABLE, "eager")
    assert seen == [drive.shape]
    assert torch.equal(spikes, neuron(drive))


def test_a_drive_without_elements_is_no_launch(kernels: ModuleType) -> None:
    drive = torch.zeros(4, 0, 3, device=DEVICE, requires_grad=True)
    a = torch.zeros(3, device=DEVICE, requires_grad=True)
    kernels.associated_lif(drive, a, LIFParameters()).sum().backward()
    assert kernels.lif(drive, LIFParameters()).shape == drive.shape
    assert a.grad is not None
    assert not a.grad.any()


def test_a_backend_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(backends.VARIABLE, "cuda")
    with pytest.raises(ValueError, match=r"AIA_BACKEND=cuda: no such backend; one of compile"):
        backends.lif(torch.zeros(2, 3), LIFParameters())


COMPILES = """
import math, sys
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from aia import kernels

capability = int(sys.argv[1])
shared = dict(DECAY=0.5, THRESHOLD=1.0, HARD=True, GAIN=True, STATE=tl.float32)
shared |= dict(BLOCK_C=1, BLOCK_D=1024)
more = dict(DETACHED=True, HALF_ALPHA=1.0, STEEPNESS=math.pi)
sizes = dict.fromkeys(("steps", "channels", "places", "stride"), "i32")
for low in ("*fp32", "*bf16"):
    forward = dict(drive=low, a="*fp32", spikes=low, **sizes)
    backward = dict(gradient=low, drive=low, a="*fp32", potential="*fp32", to_drive=low)
    backward |= dict(to_a="*fp32", **sizes)
    for kernel, takes, constants in (
        (kernels._forward_kernel, forward, shared),
        (kernels._backward_kernel, backward, {**shared, **more}),
    ):
        takes = takes | dict.fromkeys(constants, "constexpr")
        places = enumerate(takes.items())
        aligned = {(i,): [["tt.divisibility", 16]] for i, (_, t) in places if t != "constexpr"}
        made = triton.compile(
            ASTSource(kernel, takes, constants, aligned),
            target=GPUTarget("cuda", capability, 32),
            options={"enable_fp_fusion": False},
        )
        ptx = made.asm["ptx"]
        wide = "v4.b32" in ptx
        print(kernel.__name__, low, len(made.asm["cubin"]) > 0, wide, "fma.rn" in ptx)
"""


@pytest.mark.parametrize("capability", [80, 90])
def test_kernels_compile_for_a_gpu_that_is_not_here(capability: int, tmp_path: Path) -> None:
    """Down to machine code, with loads of 16 bytes and no fused multiply-add."""
    outside = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILES, str(capability)],
        env={**outside, "TRITON_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 4
    assert all(line[2:] == ["True", "True", "False"] for line in lines), lines


def test_the_surrogate_s_constants_are_those_of_the_definition(kernels: ModuleType) -> None:
    """One unit, one step: the gradient is the arctangent's derivative itself."""
    drive = torch.tensor([[0.4]], dtype=torch.float64, device=DEVICE, requires_grad=True)
    p = LIFParameters(decay=0.5, threshold=1.0, surrogate_width=3.0)
    (slope,) = torch.autograd.grad(kernels.lif(drive, p).sum(), drive)
    expected = 3.0 / 2 / (1 + (math.pi / 2 * 3.0 * (0.4 - 1.0)) ** 2)
    assert float(slope) == pytest.approx(expected, rel=1e-12)
