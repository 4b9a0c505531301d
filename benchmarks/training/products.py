"""Matrix products in one order of summation, by C++ of our own (``kernels/``).

They leave out what is 0, as most of a spike train is, and so keep up with the libraries.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from aia import building
from benchmarks.errors import InputError

SOURCE = Path(__file__).parent / "kernels" / "entries.cpp"
NAMES = {torch.float32: "float", torch.float64: "double"}


@functools.cache
def library() -> ctypes.CDLL | None:
    """The kernels, built if this machine has none of this source yet; None without a compiler."""
    return building.library(SOURCE, "-O3")


def product(a: Tensor, b: Tensor) -> Tensor:
    """``[M, K]`` by ``[K, N]``, each sum in the order of K.

    Types other than float32 and float64 are multiplied in float32 (whole numbers in float64) and
    rounded once. Raises RuntimeError for shapes or types that do not fit each other.
    """
    if a.shape[1] != b.shape[0] or a.dtype != b.dtype:
        raise RuntimeError(f"{a.dtype} {list(a.shape)} by {b.dtype} {list(b.shape)}: do not fit")
    if a.dtype not in NAMES:
        return product(in_float(a), in_float(b)).to(a.dtype)
    out = a.new_empty(a.shape[0], b.shape[1])
    sizes = (*a.shape, b.shape[1], *a.stride(), *b.stride(), *out.stride())
    call("product", a, b, out, (ctypes.c_int64 * len(sizes))(*sizes))
    return out


def products(a: Tensor, b: Tensor) -> Tensor:
    """``[B, M, K]`` by ``[B, K, N]``."""
    if len(a) != len(b):
        raise RuntimeError(f"{len(a)} and {len(b)} matrices: do not fit")
    if not len(a):
        return a.new_zeros(0, a.shape[1], b.shape[2])
    return torch.stack([product(x, y) for x, y in zip(a, b, strict=True)])


def matrix_by_vector(a: Tensor, x: Tensor) -> Tensor:
    """``[M, K]`` by ``[K]``."""
    return product(a, x[:, None])[:, 0]


def dot(x: Tensor, y: Tensor) -> Tensor:
    """``[K]`` by ``[K]``."""
    return product(x[None], y[:, None])[0, 0]


def added(multiply: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """``beta * to + alpha * multiply(a, b)``; with beta 0, whatever ``to`` holds is ignored."""

    def plus(to: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
        out = multiply(a, b)
        if alpha != 1:
            out.mul_(alpha)
        return out if beta == 0 else out.add_(to, alpha=beta)

    return plus


def call(name: str, first: Tensor, second: Tensor, out: Tensor, about: object) -> None:
    """Run the kernel of this name for the type of ``out``; ``about``: sizes and strides."""
    kernels = library()
    assert kernels is not None
    kernel = getattr(kernels, f"{name}_{NAMES[out.dtype]}")
    kernel(*(ctypes.c_void_p(t.data_ptr()) for t in (first, second, out)), about)


def in_float(x: Tensor) -> Tensor:
    """Other floating types in float32, whole numbers in float64.

    Raises InputError for complex numbers.
    """
    if x.is_complex():
        raise InputError(
            "complex numbers have no portable arithmetic here; keep real and imaginary part as two "
            "tensors, or start with --fast, and the records say so"
        )
    return x.float() if x.is_floating_point() else x.double()
