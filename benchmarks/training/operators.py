"""Which of PyTorch's operators are computed in an order of summation that is ours.

What PyTorch takes from MKL and oneDNN on a CPU is summed in an order that follows the vendor, the
instruction set and the caches of the processor. :func:`install` puts other kernels in their place
for every module, neuron and gradient of the process alike: the same bits on every processor.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from benchmarks.errors import InputError
from benchmarks.training.convolutions import convolution, convolution_backward
from benchmarks.training.products import (
    NAMES,
    added,
    dot,
    in_float,
    library,
    matrix_by_vector,
    product,
    products,
)


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


def _into(compute: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same into ``out``, as compiled code asks."""

    def computed(*factors: Tensor, out: Tensor, **scales: float) -> Tensor:
        result = compute(*factors, **scales)
        return out.resize_(result.shape).copy_(result)

    return computed


def _in_place(compute: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, *others, **scales: x.copy_(compute(x, *others, **scales))


def _fused(*_: object, **__: object) -> NoReturn:
    """Raises InputError."""
    raise InputError(
        "fused recurrent cells and attention have no portable order of summation here; write the "
        "products one by one, or start with --fast, and the records say so"
    )


def _square_root(x: Tensor) -> Tensor:
    real = x.detach() if x.dtype in NAMES else in_float(x.detach()).float()
    root = torch.from_numpy(np.asarray(np.sqrt(real.numpy())))  # the processor's own instruction
    return root.to(x.dtype if x.is_floating_point() else torch.float32)


def _arctangent(x: Tensor) -> Tensor:
    real = x if x.is_floating_point() else in_float(x).float()
    return torch.atan2(real, torch.ones_like(real))


_RESULTS: dict[str, Callable[..., Tensor]] = {
    "sqrt": _square_root,  # this and atan come from MKL's vector library,
    "atan": _arctangent,  # whose last bits differ between processors
    "mm": product,
    "addmm": added(product),
    "bmm": products,
    "baddbmm": added(products),
    "mv": matrix_by_vector,
    "addmv": added(matrix_by_vector),
    "dot": dot,
}
_CHANGED = ("sqrt", "atan", "addmm", "baddbmm", "addmv")  # may be asked for in place
_INSTEAD: dict[str, Callable[..., Any]] = {
    **_RESULTS,
    **{f"{name}.out": _into(compute) for name, compute in _RESULTS.items()},
    **{f"{name}_": _in_place(_RESULTS[name]) for name in _CHANGED},
    "mkldnn_rnn_layer": _fused,
    "_scaled_dot_product_flash_attention_for_cpu": _fused,
    "convolution": convolution,
    "convolution_backward": convolution_backward,
}
