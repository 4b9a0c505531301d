"""Convolutions in one order of summation, by C++ of our own (``kernels/``)."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.errors import InputError
from benchmarks.training.products import NAMES, call

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
    call(name, *given, ctypes.byref(_Convolution(*sizes, *strides)))


def _planes(*tensors: Tensor) -> list[Tensor]:
    """In two dimensions, and of a type that the kernels know."""
    flat = [t if t.dim() == 4 else t.unsqueeze(2) for t in tensors]
    return [t if t.dtype in NAMES else t.float() for t in flat]


def _as_given(result: Tensor, like: Tensor) -> Tensor:
    """Back in the dimensions and the type of ``like``."""
    flat = result.squeeze(2) if result.dim() == 4 and like.dim() == 3 else result
    return flat.to(like.dtype)


def _layout(x: Tensor) -> torch.memory_format:
    last = torch.channels_last
    return last if x.is_contiguous(memory_format=last) else torch.contiguous_format
