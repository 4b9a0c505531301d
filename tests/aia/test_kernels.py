"""The Triton kernels: in Triton's interpreter on a CPU, on the device itself where there is one."""

from __future__ import annotations

import json
import math
import os
import re
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
SHAPES = [(5, 2, 3, 5, 7), (1, 3, 5), (6, 2, 70), (3, 1, 2, 36, 36), (19, 2, 3, 9), (32, 1, 2, 5)]


@pytest.fixture
def gpu() -> ModuleType:
    from aia import gpu

    return gpu


def both(
    gpu: ModuleType, drive: Tensor, a: Tensor | None, p: LIFParameters, outer: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Spikes and gradients by the kernels and by autograd through the definition."""
    found = []
    for fast in (True, False):
        x = drive.clone().requires_grad_()
        c = None if a is None else a.clone().requires_grad_()
        if c is None:
            out = gpu.lif(x, p) if fast else dynamics.lif(x, p)
        elif fast:
            out = gpu.associated_lif(x, c, p)
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
    gpu: ModuleType,
    generator: torch.Generator,
) -> None:
    drive = 1.5 * torch.randn(shape, generator=generator, dtype=torch.float64).to(DEVICE)
    a = torch.randn(shape[2], generator=generator, dtype=torch.float64).to(DEVICE)
    outer = torch.randn(shape, generator=generator, dtype=torch.float64).to(DEVICE)
    got, expected = both(gpu, drive, a if associated else None, p, outer)
    assert torch.equal(got[0], expected[0])
    assert 0 < got[0].sum() < got[0].numel()
    for value, right in zip(got[1:], expected[1:], strict=True):
        torch.testing.assert_close(value, right, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("p", OPTIONS, ids=str)
def test_spikes_in_float32_are_the_definition_s_own(
    p: LIFParameters, gpu: ModuleType, generator: torch.Generator
) -> None:
    drive = torch.randn(8, 2, 5, 9, 9, generator=generator).to(DEVICE)
    a = torch.randn(5, generator=generator).to(DEVICE)
    got, expected = both(gpu, drive, a, p, torch.ones_like(drive))
    assert torch.equal(got[0], expected[0])
    for value, right in zip(got[1:], expected[1:], strict=True):
        torch.testing.assert_close(value, right, rtol=1e-4, atol=1e-4)


def test_a_low_precision_drive_meets_a_float32_state(
    gpu: ModuleType, generator: torch.Generator
) -> None:
    low = torch.randn(8, 2, 5, 9, generator=generator).to(DEVICE, torch.bfloat16)
    p = LIFParameters(decay=0.9)
    spikes = gpu.lif(low, p)
    assert spikes.dtype == torch.bfloat16
    assert torch.equal(spikes.float(), dynamics.lif(low.float(), p))


def test_the_environment_chooses_the_kernels_for_a_neuron(
    gpu: ModuleType, monkeypatch: pytest.MonkeyPatch, generator: torch.Generator
) -> None:
    seen: list[torch.Size] = []
    real = gpu.associated_lif

    def watched(drive: Tensor, a: Tensor, p: LIFParameters) -> Tensor:
        seen.append(drive.shape)
        spikes: Tensor = real(drive, a, p)
        return spikes

    monkeypatch.setattr(gpu, "associated_lif", watched)
    monkeypatch.setenv(backends.VARIABLE, "triton")
    neuron, drive = AIA(3).to(DEVICE), torch.randn(4, 2, 3, generator=generator).to(DEVICE)
    spikes = neuron(drive)
    monkeypatch.setenv(backends.VARIABLE, "eager")
    assert seen == [drive.shape]
    assert torch.equal(spikes, neuron(drive))


def test_a_drive_without_elements_is_no_launch(gpu: ModuleType) -> None:
    drive = torch.zeros(4, 0, 3, device=DEVICE, requires_grad=True)
    a = torch.zeros(3, device=DEVICE, requires_grad=True)
    gpu.associated_lif(drive, a, LIFParameters()).sum().backward()
    assert gpu.lif(drive, LIFParameters()).shape == drive.shape
    assert a.grad is not None
    assert not a.grad.any()


def test_a_backend_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(backends.VARIABLE, "cuda")
    with pytest.raises(ValueError, match=r"AIA_BACKEND=cuda: no such backend; one of native"):
        backends.lif(torch.zeros(2, 3), LIFParameters())


COMPILES = """
import json, re, sys
import torch
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from aia import gpu, kernels
from aia.dynamics import LIFParameters

capability, steps = int(sys.argv[1]), int(sys.argv[2])
def options(backward):
    _, sizes, known, _ = gpu._launch(
        (steps, 4, 8, 1024), torch.float32, True, LIFParameters(), backward
    )
    found = dict(known)
    fusion, warps = found.pop("enable_fp_fusion"), found.pop("num_warps")
    if sizes[-1] == 1:
        found["segments"] = 1  # as at run time, where a size of 1 is a constant
    return found, dict(enable_fp_fusion=fusion, num_warps=warps)

for low in ("*fp32", "*bf16"):
    kinds = dict(spikes=low, to_drive=low, gradient=low, drive=low, a="*fp32", kept="*fp32")
    kinds |= dict(to_a="*fp32")
    for kernel, backward in ((kernels._forward_kernel, False), (kernels._backward_kernel, True)):
        constants, how = options(backward)
        takes = {
            name: "constexpr" if name in constants else kinds.get(name, "i32")
            for name in kernel.arg_names
        }
        round_sizes = {"places", "stride", *kinds}
        aligned = {
            (i,): [["tt.divisibility", 16]] for i, n in enumerate(takes) if n in round_sizes
        }
        made = triton.compile(
            ASTSource(kernel, takes, constants, aligned),
            target=GPUTarget("cuda", capability, 32),
            options=how,
        )
        sass = made.asm["sass"]
        print(json.dumps({
            "kernel": kernel.__name__,
            "low": low,
            "segment": constants["SEGMENT"],
            "loads": re.findall(r"LDG[.\\w]*", sass),
            "stores": re.findall(r"STG[.\\w]*", sass),
            "spilled": len(re.findall(r"LDL|STL", sass)),
            "fused": len(re.findall(r"FFMA", sass)),
        }))
"""


def width(access: str) -> int:
    """Bits a thread of a load or store, which names them if they are not 32."""
    named = re.search(r"\.(?:U|S)?(8|16|64|128)\b", access)
    return int(named[1]) if named else 32


@pytest.mark.parametrize(
    ("capability", "steps"),
    [
        (80, 64),
        pytest.param(90, 10, marks=pytest.mark.slow),
        pytest.param(80, 10, marks=pytest.mark.slow),
        pytest.param(90, 64, marks=pytest.mark.slow),
    ],
)
def test_machine_code_moves_no_more_than_it_must(
    capability: int, steps: int, tmp_path: Path
) -> None:
    """For a GPU that is not here: of each time step one load and one store forward, two loads and
    one store backward, all of them wide; nothing spilled from registers, no fused multiply-add."""
    outside = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILES, str(capability), str(steps)],
        env={**outside, "TRITON_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 4
    for each in found:
        backward = each["kernel"] == "_backward_kernel"
        segment, kept = each["segment"], int(steps > each["segment"])
        elements = 2 if backward else 4  # a thread
        bits = elements * (32 if each["low"] == "*fp32" else 16)
        coefficients = 1  # read by both, their gradient is written by the second
        loads = segment * (2 if backward else 1) + coefficients + (kept if backward else 0)
        stores = segment + (coefficients if backward else kept)
        assert len(each["loads"]) == loads, each
        assert len(each["stores"]) == stores, each
        assert sum(width(load) == bits for load in each["loads"]) >= segment * (1 + backward), each
        assert sum(width(store) == bits for store in each["stores"]) >= segment, each
        assert not each["spilled"], each
        assert not each["fused"], each


def test_the_surrogate_s_constants_are_those_of_the_definition(gpu: ModuleType) -> None:
    """One unit, one step: the gradient is the arctangent's derivative itself."""
    drive = torch.tensor([[0.4]], dtype=torch.float64, device=DEVICE, requires_grad=True)
    p = LIFParameters(decay=0.5, threshold=1.0, surrogate_width=3.0)
    (slope,) = torch.autograd.grad(gpu.lif(drive, p).sum(), drive)
    expected = 3.0 / 2 / (1 + (math.pi / 2 * 3.0 * (0.4 - 1.0)) ** 2)
    assert float(slope) == pytest.approx(expected, rel=1e-12)


@pytest.mark.skipif(DEVICE.type != "cuda", reason="on a GPU")
def test_on_a_gpu_the_kernels_run_unasked(generator: torch.Generator) -> None:
    """Spikes of every backend are the definition's own there too."""
    drive = torch.randn(10, 4, 8, 16, 16, generator=generator).to(DEVICE)
    neuron = AIA(8).to(DEVICE)
    expected = dynamics.lif(association.on_drive(drive, neuron.coefficient), LIFParameters())
    assert backends.running("cuda") == "triton"
    assert torch.equal(neuron(drive), expected)


@pytest.mark.parametrize("name", ["native", "triton"])
def test_where_the_kernels_do_not_build_a_warning_says_so_and_the_compiler_is_asked(
    name: str, gpu: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __getitem__(self, grid: object) -> object:
            raise RuntimeError("\nFailed to find C compiler")

    monkeypatch.setenv(backends.VARIABLE, name)
    real = torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda *sizes, device: real(*sizes, device=DEVICE))
    gpu.builds.cache_clear()
    assert backends.running("cuda") == "triton"
    monkeypatch.setattr(gpu, "_forward_kernel", Broken())
    gpu.builds.cache_clear()
    with pytest.warns(UserWarning, match="Triton does not work here.*: Failed to find C compiler"):
        assert backends.running("cuda") == "compile"
    gpu.builds.cache_clear()
