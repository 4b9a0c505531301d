"""The association in weight space on a CPU, each way one pass by C++ of our own (``native.cpp``).

PyTorch takes three operations forward and four backward. In a training step each of them finds its
instructions and the weights gone from the caches, which costs more than the arithmetic. Both ways
have the bits of :mod:`aia.association` on x86; elsewhere PyTorch may sum in another order.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aia import association, native
from aia.association import OnWeights


def scaled(weight: Tensor, a: Tensor) -> Tensor:
    """As :func:`aia.association.scaled`, by which whatever is not float32 in memory is done."""
    kernels = native.library()
    if kernels is None or not _takes(weight, a):
        return association.scaled(weight, a)
    weight, a = weight.contiguous(), a.contiguous()
    out = torch.empty_like(weight)
    kernels.aia_scaled(*_addresses(weight, a, out), len(a), weight.numel() // len(a))
    return out


def to_coefficient(to_weight: Tensor, weight: Tensor, a: Tensor) -> Tensor:
    """As :func:`aia.association.to_coefficient`, which does whatever is not float32 in memory."""
    kernels = native.library()
    if kernels is None or not _takes(to_weight, weight, a):
        return association.to_coefficient(to_weight, weight, a)
    to_weight, weight, a = to_weight.contiguous(), weight.contiguous(), a.contiguous()
    to_a = torch.empty_like(a)
    of = _addresses(to_weight, weight, a, to_a)
    kernels.aia_to_coefficient(*of, len(a), weight.numel() // len(a))
    return to_a


BY_KERNELS = OnWeights(scaled, to_coefficient)


def _takes(*tensors: Tensor) -> bool:
    first = tensors[0]
    return first.dtype == torch.float32 and first.numel() > 0 and native.takes(*tensors)


def _addresses(*tensors: Tensor) -> list[int]:
    return [x.data_ptr() for x in tensors]
