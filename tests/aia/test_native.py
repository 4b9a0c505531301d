"""The C++ kernels against PyTorch op by op: the same bits, at every option, size and order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from aia import AIA, association, backends, building, dynamics, native
from aia.dynamics import LIFParameters

OPTIONS = [
    LIFParameters(),
    LIFParameters(0.3, 0.7, "subtract", False, 3.0),
    LIFParameters(0.9, 1.0, "zero", False),
    LIFParameters(1.0, 0.5, "subtract", True),
]
# a tile and less, a tile and a rest, what is streamed past the cache, what is large enough but
# begins amid a cache line, one sample
SHAPES = [(1, 2, 3, 5), (30, 2, 3, 47), (10, 4, 32, 40, 40), (5, 2, 3, 131, 133), (6, 1, 7)]


@pytest.fixture(autouse=True)
def _built() -> None:
    assert native.builds(), "there is no compiler, so nothing here is tested"


@pytest.mark.parametrize("p", OPTIONS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_spikes_and_gradients_have_the_bits_of_the_definition(
    p: LIFParameters, shape: tuple[int, ...], dtype: torch.dtype, generator: torch.Generator
) -> None:
    drive = torch.randn(shape, generator=generator, dtype=dtype).mul(1.5).requires_grad_()
    outer = torch.randn(shape, generator=generator, dtype=dtype)
    a = torch.randn(shape[2], generator=generator, dtype=dtype).requires_grad_()
    expected, got = dynamics.lif(drive, p), native.lif(drive, p)
    assert torch.equal(got, expected)
    (to_drive,) = torch.autograd.grad(expected, drive, outer)
    assert torch.equal(torch.autograd.grad(got, drive, outer)[0], to_drive)

    expected = dynamics.lif(association.on_drive(drive, a), p)
    got = native.associated_lif(drive, a, p)
    assert torch.equal(got, expected)
    to_drive, to_a = torch.autograd.grad(expected, [drive, a], outer)
    found = torch.autograd.grad(got, [drive, a], outer)
    assert torch.equal(found[0], to_drive)
    rtol = 1e-3 if dtype == torch.float32 else 1e-10  # a sum over everything, in another order
    torch.testing.assert_close(found[1], to_a, rtol=rtol, atol=rtol)


def test_threads_change_no_bit(generator: torch.Generator) -> None:
    drive = torch.randn(6, 5, 32, 300, generator=generator).requires_grad_()
    a = torch.randn(32, generator=generator).requires_grad_()
    assert drive.numel() >= native._WORTH_A_THREAD

    def both() -> list[torch.Tensor]:
        spikes = native.associated_lif(drive, a, LIFParameters())
        return [spikes, *torch.autograd.grad(spikes.sum(), [drive, a])]

    one = both()
    torch.set_num_threads(3)
    for alone, shared in zip(one, both(), strict=True):
        assert torch.equal(alone, shared)


def test_bfloat16_rounds_to_the_nearest_and_keeps_its_state_in_float32(
    generator: torch.Generator,
) -> None:
    drive = torch.randn(7, 2, 3, 50, generator=generator).bfloat16().requires_grad_()
    wide = drive.detach().float().requires_grad_()
    outs = native.lif(drive, LIFParameters()), dynamics.lif(wide, LIFParameters())
    assert torch.equal(outs[0].float(), outs[1])
    outer = torch.randn(drive.shape, generator=generator).bfloat16()
    (got,) = torch.autograd.grad(outs[0], drive, outer)
    (expected,) = torch.autograd.grad(outs[1], wide, outer.float())
    assert torch.equal(got, expected.bfloat16())


def test_what_the_kernels_do_not_know_is_left_to_others() -> None:
    assert native.takes(torch.zeros(2, 3))
    assert not native.takes(torch.zeros(2, 3, dtype=torch.float16))
    assert not native.takes(torch.zeros(2, 3, device="meta"))
    assert not native.takes(torch.zeros(2, 3), torch.zeros(3, dtype=torch.float64))


@pytest.mark.slow
def test_a_compiler_that_fails_costs_a_warning_and_torch_compiles_or_runs_eager(
    tmp_path: Path,
) -> None:
    script = (
        "import warnings, torch\n"
        "from aia import backends, native\n"
        "with warnings.catch_warnings(record=True) as seen:\n"
        "    warnings.simplefilter('always')\n"
        "    print(native.builds(), backends.running('cpu'), len(seen))\n"
    )
    broken = tmp_path / "c++"
    broken.write_text("#!/bin/sh\necho 'error: broken on purpose' >&2\nexit 1\n")
    broken.chmod(0o755)
    environment = {**os.environ, "CXX": str(broken), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["False", "compile", "1"], done.stderr[-2000:]


@pytest.mark.parametrize(
    "backend", ["native", *(pytest.param(b, marks=pytest.mark.slow) for b in backends.NAMES[1:])]
)
def test_a_compiler_that_traces_a_network_sees_through_the_neuron(
    backend: str, monkeypatch: pytest.MonkeyPatch, generator: torch.Generator
) -> None:
    monkeypatch.setenv(backends.VARIABLE, backend)
    network = nn.Sequential(nn.Linear(5, 3), AIA(3))
    for values in network.parameters():
        values.data.normal_(generator=generator)
    frames = torch.randn(4, 2, 5, generator=generator)
    traced = torch.compile(network, fullgraph=True)(frames)
    traced.sum().backward()
    grads = [p.grad for p in network.parameters()]
    network.zero_grad()
    plain = network(frames)
    plain.sum().backward()
    assert 0 < plain.sum() < plain.numel()
    torch.testing.assert_close(traced, plain)
    torch.testing.assert_close(grads, [p.grad for p in network.parameters()])


def test_a_library_that_was_cut_short_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "built"))
    source = tmp_path / "one.cpp"
    source.write_text('extern "C" int one() { return 1; }')

    def one() -> int:
        building.library.cache_clear()
        found = building.library(source)
        assert found is not None
        return int(found.one())

    assert one() == 1
    (library,) = (tmp_path / "built").glob("*.so")
    whole = library.read_bytes()
    library.unlink()  # this process still holds the first one
    library.write_bytes(whole[: len(whole) // 2])
    assert one() == 1
    assert len(library.read_bytes()) == len(whole)
