"""The association in weight space by Triton: in its interpreter on a CPU, or on a GPU itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from aia import AIA, association, backends
from aia.association import BY_TORCH, OnWeights

pytest.importorskip("triton")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
DTYPES = [torch.float32, torch.float64]
# the interpreter cuts bfloat16 off where a GPU rounds
EXACT_DTYPES = DTYPES if DEVICE.type == "cpu" else [*DTYPES, torch.bfloat16]
# rows shorter than a tile, longer, a whole tile, one weight a channel
SHAPES = [(5, 3, 3, 3), (3, 2500), (4, 1024), (7,)]

COMPILES = """
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from aia import weight_kernels

for kernel in (weight_kernels._scaled_kernel, weight_kernels._to_coefficient_kernel):
    constants = dict(TILE=1024, STATE=tl.float32)
    sizes = ("each", "weights")
    takes = {n: "constexpr" if n in constants else "i32" if n in sizes else "*fp32"
             for n in kernel.arg_names}
    made = triton.compile(ASTSource(kernel, takes, constants), target=GPUTarget("cuda", 90, 32),
                          options=weight_kernels._EXACT)
    print(kernel.__name__, made.asm["sass"].count("FFMA"))
"""


@pytest.fixture
def by_triton(monkeypatch: pytest.MonkeyPatch) -> OnWeights:
    monkeypatch.setenv(backends.VARIABLE, "triton")
    by = backends.on_weights(torch.zeros(1, device=DEVICE))
    assert by.scaled.__module__ == "aia.weight_kernels"
    return by


def drawn(shape: tuple[int, ...], dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(DEVICE, dtype)


@pytest.mark.parametrize("dtype", EXACT_DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_weights_have_the_bits_of_those_that_are_folded(
    shape: tuple[int, ...], dtype: torch.dtype, by_triton: OnWeights, generator: torch.Generator
) -> None:
    weight, a = drawn(shape, dtype, generator), drawn(shape[:1], dtype, generator)
    a[0], a[-1] = 0.7, -0.7
    found = by_triton.scaled(weight, a)
    assert torch.equal(found, association.scaled(weight, a))
    assert not torch.equal(found, weight)


@pytest.mark.parametrize("dtype", [*DTYPES, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_coefficient_s_gradient_is_the_sum_in_float64(
    shape: tuple[int, ...], dtype: torch.dtype, by_triton: OnWeights, generator: torch.Generator
) -> None:
    to_weight, weight = drawn(shape, dtype, generator), drawn(shape, dtype, generator)
    a = drawn(shape[:1], dtype, generator)
    found = by_triton.to_coefficient(to_weight, weight, a)
    assert found.dtype == dtype
    expected = (to_weight.double() * weight.double()).flatten(1 if len(shape) > 1 else 0)
    expected = expected.sum(1) if len(shape) > 1 else expected
    expected = torch.where(a > 0, expected, 0)
    torch.testing.assert_close(found, expected.to(dtype), rtol=None, atol=None)
    assert torch.equal(found[a <= 0], torch.zeros_like(found[a <= 0]))


@pytest.mark.parametrize(
    ("synapse", "shape"),
    [
        (nn.Conv2d(3, 4, 3, padding=1), (2, 2, 3, 5, 5)),
        (nn.Conv2d(4, 4, 3, groups=2, bias=False), (2, 2, 4, 5, 5)),
        (nn.Linear(6, 4), (2, 3, 6)),
    ],
    ids=["convolution", "groups", "linear"],
)
def test_a_layer_trains_as_by_pytorch(
    synapse: nn.Conv2d | nn.Linear,
    shape: tuple[int, ...],
    by_triton: OnWeights,
    generator: torch.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    synapse = synapse.to(DEVICE)
    for values in synapse.parameters():
        values.data = drawn(values.shape, torch.float32, generator)
    neuron = AIA(4).to(DEVICE)
    neuron.coefficient.data = torch.tensor([0.3, -0.2, 0.8, 0.1], device=DEVICE)
    spikes = torch.bernoulli(torch.full(shape, 0.5), generator=generator).to(DEVICE)
    spikes.requires_grad_()
    learned = [spikes, neuron.coefficient, *synapse.parameters()]
    outer = None
    found = []
    for by in (by_triton, BY_TORCH):
        monkeypatch.setattr(backends, "on_weights", lambda a, by=by: by)
        out = neuron.forward_from(synapse, spikes)
        outer = torch.rand_like(out) if outer is None else outer
        found.append([out.detach(), *torch.autograd.grad(out, learned, outer)])
    (spikes_of, to_spikes, to_a, *to_synapse), theirs = found
    assert spikes_of.any()
    assert torch.equal(spikes_of, theirs[0])
    assert torch.equal(to_spikes, theirs[1])
    torch.testing.assert_close(to_a, theirs[2])
    for ours, other in zip(to_synapse, theirs[3:], strict=True):
        assert torch.equal(ours, other)


def test_the_folded_layer_multiplies_by_the_weights_of_training(by_triton: OnWeights) -> None:
    synapse, neuron = nn.Linear(50, 8, bias=False).to(DEVICE), AIA(8).to(DEVICE)
    trained = by_triton.scaled(synapse.weight, neuron.coefficient)
    neuron.fold_into(synapse)
    assert torch.equal(synapse.weight, trained)


@pytest.mark.slow
def test_a_gpu_s_compiler_takes_the_kernels_and_fuses_nothing(tmp_path: Path) -> None:
    """For a GPU that is not here; a fused multiply-add would give other weights than folding."""
    outside = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILES],
        env={**outside, "TRITON_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    name, fused, *others = done.stdout.split()
    assert (name, fused) == ("_scaled_kernel", "0")
    assert others, "the other kernel was not compiled"


def test_a_cpu_or_another_backend_is_left_to_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compile", "eager"):
        monkeypatch.setenv(backends.VARIABLE, name)
        assert backends.on_weights(torch.zeros(1)) is BY_TORCH
