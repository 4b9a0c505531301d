"""Matrix products and convolutions in one order of summation, by C++ of our own (``kernels/``).

What PyTorch takes from MKL and oneDNN on a CPU is summed in an order that follows the vendor, the
instruction set and the caches of the processor. :func:`install` puts these in their place for every
module, neuron and gradient of the process alike: the same bits on every processor. They leave out
what is 0, as most of a spike train is, and so keep up with the libraries.
"""

from __future__ import annotations

import ctypes
import functools
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from aia import building
from benchmarks.errors import InputError

SOURCE = Path(__file__).parent / "kernels" / "entries.cpp"
_NAMES = {torch.float32: "float", torch.float64: "double"}
_SIZES = (
    *("samples", "channels", "height", "width", "out_channels", "out_height", "out_width"),
    *("kernel_height", "kernel_width", "stride_y", "stride_x", "padding_y", "padding_x"),
    *("dilation_y", "dilation_x"),
)


class _Convolution(ctypes.Structure):
    """``Convolution`` of kernels/convolutions.h."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in _SIZES),
        *((name, ctypes.c_int64 * 4) for name in ("x", "w", "y")),
    )


@functools.cache
def library() -> ctypes.CDLL | None:
    """The kernels, built if this machine has none of this source yet; None without a compiler."""
    return building.library(SOURCE, "-O3")


@functools.cache
def install() -> torch.library.Library | None:
    """Let PyTorch compute products and convolutions on CPUs by these kernels, for good.

    Without a C++ compiler nothing changes, and None is returned.
    """
    if library() is None:
        return None
    kernels = torch.library.Library("aten", "IMPL")  # what it registers lasts as long as it does
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Warning only once for all operators")
        for name, function in _INSTEAD.items():
            kernels.impl(name, function, "CPU")
    return kernels


def product(a: Tensor, b: Tensor) -> Tensor:
    """``[M, K]`` by ``[K, N]``, each sum in the order of K.

    Types other than float32 and float64 are multiplied in float32 (whole numbers in float64) and
    rounded once. Raises RuntimeError for shapes or types that do not fit each other.
    """
    if a.shape[1] != b.shape[0] or a.dtype != b.dtype:
        raise RuntimeError(f"{a.dtype} {list(a.shape)} by {b.dtype} {list(b.shape)}: do not fit")
    if a.dtype not in _NAMES:
        return product(_real(a), _real(b)).to(a.dtype)
    out = a.new_empty(a.shape[0], b.shape[1])
    sizes = (*a.shape, b.shape[1], *a.stride(), *b.stride(), *out.stride())
    _call("product", a, b, out, (ctypes.c_int64 * len(sizes))(*sizes))
    return out


def _products(a: Tensor, b: Tensor) -> Tensor:
    """``[B, M, K]`` by ``[B, K, N]``."""
    if len(a) != len(b):
        raise RuntimeError(f"{len(a)} and {len(b)} matrices: do not fit")
    if not len(a):
        return a.new_zeros(0, a.shape[1], b.shape[2])
    return torch.stack([product(x, y) for x, y in zip(a, b, strict=True)])


def _matrix_by_vector(a: Tensor, x: Tensor) -> Tensor:
    return product(a, x[:, None])[:, 0]


def _dot(x: Tensor, y: Tensor) -> Tensor:
    return product(x[None], y[:, None])[0, 0]


def _added(multiply: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """``beta * to + alpha * multiply(a, b)``; with beta 0, whatever ``to`` holds is ignored."""

    def added(to: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
        out = multiply(a, b)
        if alpha != 1:
            out.mul_(alpha)
        return out if beta == 0 else out.add_(to, alpha=beta)

    return added


def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """``aten::convolution`` in one or two dimensions, ``[N, C, (H,) W]`` to ``[N, D, (P,) Q]``.

    The output lies in memory as the input does. Raises InputError for three dimensions and for a
    transposed convolution.
    """
    how = _geometry(x, stride, padding, dilation, transposed)
    plane, w = _planes(x, weight)
    spans = [d * (k - 1) + 1 for d, k in zip(how.dilation, w.shape[2:], strict=True)]
    each = zip(plane.shape[2:], spans, how.stride, how.padding, strict=True)
    places = [(size + 2 * p - span) // s + 1 for size, span, s, p in each]
    shape = (len(plane), len(w), *places)
    y = torch.empty(shape, dtype=plane.dtype, memory_format=_layout(plane))
    for part in _groups(groups, plane, w, y):
        _convolve("convolution", (part.x, part.w, part.y), part, how)
    if bias is not None:
        y.add_(bias.view(-1, 1, 1))
    return _as_given(y, x)


def convolution_backward(
    to_y: Tensor,
    x: Tensor,
    weight: Tensor,
    bias_sizes: Sequence[int] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    output_mask: Sequence[bool],
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """``aten::convolution_backward``: the gradients to input, weights and bias that are asked for.

    Raises InputError as :func:`convolution`.
    """
    how = _geometry(x, stride, padding, dilation, transposed)
    delta, plane, w = _planes(to_y, x, weight)
    to_x = to_weight = None
    if output_mask[0]:
        into = torch.empty_like(plane, memory_format=_layout(plane))
        for part in _groups(groups, into, w, delta):
            _convolve("to_input", (part.y, part.w, part.x), part, how)
        to_x = _as_given(into, x)
    if output_mask[1]:
        into = torch.empty_like(w, memory_format=torch.contiguous_format)
        parts = zip(into.chunk(groups), _groups(groups, plane, w, delta), strict=True)
        for of_group, part in parts:
            _convolve("to_weights", (part.x, part.y, of_group), part, how)
        to_weight = _as_given(into, weight)
    to_bias = _as_given(delta.sum((0, 2, 3)), to_y) if output_mask[2] else None
    return to_x, to_weight, to_bias


class _Geometry(NamedTuple):
    """Of a convolution in two dimensions, rows first."""

    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]


def _geometry(
    x: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
) -> _Geometry:
    """Raises InputError for what the kernels do not compute."""
    if transposed or x.dim() not in (3, 4):
        what = "transposed" if transposed else f"{x.dim() - 2}-dimensional"
        raise InputError(
            f"a {what} convolution has no portable order of summation here; start with --fast, "
            "and the records say so"
        )
    if x.dim() == 4:
        return _Geometry(stride, padding, dilation)
    return _Geometry((1, *stride), (0, *padding), (1, *dilation))


class _Part(NamedTuple):
    """Input, weights and output of one group of channels, as views."""

    x: Tensor
    w: Tensor
    y: Tensor


def _groups(groups: int, x: Tensor, w: Tensor, y: Tensor) -> list[_Part]:
    parts = zip(x.chunk(groups, 1), w.chunk(groups), y.chunk(groups, 1), strict=True)
    return [_Part(*part) for part in parts]


def _convolve(name: str, given: tuple[Tensor, Tensor, Tensor], of: _Part, how: _Geometry) -> None:
    """Call a kernel on ``given``: two operands and the result, all ``of`` one convolution."""
    if not (of.x.numel() and of.y.numel()):
        given[2].zero_()
        return
    kernel = of.w.shape[2:]
    sizes = (*of.x.shape, *of.y.shape[1:], *kernel, *how.stride, *how.padding, *how.dilation)
    strides = ((ctypes.c_int64 * 4)(*t.stride()) for t in of)
    _call(name, *given, ctypes.byref(_Convolution(*sizes, *strides)))


def _planes(*tensors: Tensor) -> list[Tensor]:
    """In two dimensions, and of a type that the kernels know."""
    flat = [t if t.dim() == 4 else t.unsqueeze(2) for t in tensors]
    return [t if t.dtype in _NAMES else t.float() for t in flat]


def _as_given(result: Tensor, like: Tensor) -> Tensor:
    """Back in the dimensions and the type of ``like``."""
    flat = result.squeeze(2) if result.dim() == 4 and like.dim() == 3 else result
    return flat.to(like.dtype)


def _call(name: str, first: Tensor, second: Tensor, out: Tensor, about: object) -> None:
    kernels = library()
    assert kernels is not None
    kernel = getattr(kernels, f"{name}_{_NAMES[out.dtype]}")
    kernel(*(ctypes.c_void_p(t.data_ptr()) for t in (first, second, out)), about)


def _layout(x: Tensor) -> torch.memory_format:
    last = torch.channels_last
    return last if x.is_contiguous(memory_format=last) else torch.contiguous_format


def _real(x: Tensor) -> Tensor:
    """Raises InputError for complex numbers."""
    if x.is_complex():
        raise InputError(
            "complex numbers have no portable arithmetic here; keep real and imaginary part as two "
            "tensors, or start with --fast, and the records say so"
        )
    return x.float() if x.is_floating_point() else x.double()


def _square_root(x: Tensor) -> Tensor:
    real = x.detach() if x.dtype in _NAMES else _real(x.detach()).float()
    root = torch.from_numpy(np.asarray(np.sqrt(real.numpy())))  # the processor's own instruction
    return root.to(x.dtype if x.is_floating_point() else torch.float32)


def _arctangent(x: Tensor) -> Tensor:
    real = x if x.is_floating_point() else _real(x).float()
    return torch.atan2(real, torch.ones_like(real))


# sqrt and atan come from MKL's vector library, whose last bits differ between processors
_INSTEAD = {
    "sqrt": _square_root,
    "sqrt_": lambda x: x.copy_(_square_root(x)),
    "atan": _arctangent,
    "atan_": lambda x: x.copy_(_arctangent(x)),
    "mm": product,
    "addmm": _added(product),
    "bmm": _products,
    "baddbmm": _added(_products),
    "mv": _matrix_by_vector,
    "addmv": _added(_matrix_by_vector),
    "dot": _dot,
    "convolution": convolution,
    "convolution_backward": convolution_backward,
}
