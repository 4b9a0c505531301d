"""The dynamics on a CPU by C++ of our own (``native.cpp``), built when they are first needed.

What is kept for the backward pass is the drive, and the gain of each place of one sample.
Gradients with respect to coefficients are summed in one order, however many threads there are.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from aia import building
from aia.dynamics import LIFParameters

SOURCE = Path(__file__).with_name("native.cpp")

_DTYPES = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2}
_PLAIN = (Tensor, nn.Parameter)
_SHARE = 128  # elements: threads get multiples, whole tiles and cache lines
_WORTH_A_THREAD = 2**18  # elements and steps; below, waking a thread costs more than it saves
# bytes of a tensor from which streaming past the cache is faster, also where the next layer reads
# the spikes at once
_PAST_CACHE = 2**20


class _Work(ctypes.Structure):
    """``Work`` of native.cpp."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("drive", "gain", "gradient", "out", "to_gain")),
        *((name, ctypes.c_int64) for name in ("steps", "samples", "places", "start", "stop")),
        *((name, ctypes.c_double) for name in ("decay", "threshold", "slope", "width")),
        *((name, ctypes.c_int32) for name in ("hard", "detach_reset", "past_cache", "dtype")),
    )


_ADDRESS, _COUNT = ctypes.c_void_p, ctypes.c_int64
_TAKES = {
    "aia_forward": [_ADDRESS],
    "aia_backward": [_ADDRESS],
    "aia_copy": [_ADDRESS] * 2 + [_COUNT],
}


def builds() -> bool:
    """Whether the kernels are there; builds them at the first call, with a warning if it fails."""
    return library() is not None


def takes(*tensors: Tensor) -> bool:
    """Whether the kernels take these: plain tensors of one dtype that they know, in memory."""
    dtype = tensors[0].dtype
    for x in tensors:  # all() over generators takes twice as long, in each layer and step
        if x.dtype != dtype or not x.is_cpu or type(x) not in _PLAIN:
            return False
    return dtype in _DTYPES


def lif(drive: Tensor, p: LIFParameters) -> Tensor:
    """As :func:`aia.dynamics.lif`; drive ``[T, ...]`` that :func:`takes` accepts, not empty."""
    out: Tensor = _Neuron.apply(drive.contiguous().view(len(drive), 1, -1), None, p)
    return out.view(drive.shape)


def associated_lif(drive: Tensor, a: Tensor, p: LIFParameters) -> Tensor:
    """:func:`lif` of :func:`aia.association.on_drive`; drive ``[T, B, C, ...]``, a ``[C]``."""
    out: Tensor = _Neuron.apply(drive.contiguous().flatten(2), a, p)
    return out.view(drive.shape)


class _Neuron(torch.autograd.Function):
    """Spikes of a contiguous drive ``[T, B, P]``; with coefficients ``a``, P is C channels."""

    @staticmethod
    def forward(ctx: Any, drive: Tensor, a: Tensor | None, p: LIFParameters) -> Tensor:
        spikes, gain = torch.empty_like(drive), _gain(drive, a)
        ctx.save_for_backward(drive, a, gain)
        ctx.p = p
        _call("aia_forward", p, drive, spikes, gain)
        return spikes

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None]:
        drive, a, gain = ctx.saved_tensors
        to_drive = torch.empty_like(drive)
        to_gain = None if gain is None else torch.zeros_like(gain)
        to_spikes = gradients[0].contiguous()
        _call("aia_backward", ctx.p, drive, to_drive, gain, to_gain, to_spikes)
        if to_gain is None:
            return to_drive, None, None
        to_a = to_gain.view(len(a), -1).sum(1).to(a.dtype)
        return to_drive, to_a.masked_fill_(a <= 0, 0), None


def _gain(drive: Tensor, a: Tensor | None) -> Tensor | None:
    """relu(a) for each place of a sample, in the dtype of the state."""
    if a is None:
        return None
    state = torch.float64 if drive.dtype == torch.float64 else torch.float32
    return a.detach().relu().to(state).repeat_interleave(drive.shape[2] // len(a))


def _call(
    name: str,
    p: LIFParameters,
    drive: Tensor,
    out: Tensor,
    gain: Tensor | None,
    to_gain: Tensor | None = None,
    gradient: Tensor | None = None,
) -> None:
    kernel = getattr(library(), name)
    places = drive.shape[2]
    threads = torch.get_num_threads() if drive.numel() >= _WORTH_A_THREAD else 1
    part = math.ceil(places / threads / _SHARE) * _SHARE
    work = [
        _Work(
            *(None if x is None else x.data_ptr() for x in (drive, gain, gradient, out, to_gain)),
            *drive.shape,
            start,
            min(start + part, places),
            p.decay,
            p.threshold,
            p.surrogate_width / 2,
            math.pi / 2 * p.surrogate_width,
            p.reset == "zero",
            p.detach_reset,
            drive.nbytes >= _PAST_CACHE,
            _DTYPES[drive.dtype],
        )
        for start in range(0, places, part)
    ]
    if len(work) == 1:
        kernel(ctypes.byref(work[0]))
    else:  # ctypes lets go of Python's lock
        list(_pool(threads).map(kernel, map(ctypes.byref, work)))


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="aia")


if hasattr(os, "register_at_fork"):  # a child process has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


@functools.cache
def library() -> ctypes.CDLL | None:
    """The kernels, built if this machine has none of this source yet; None without a compiler."""
    kernels = building.library(SOURCE)
    if kernels is not None:
        for name, takes in _TAKES.items():
            getattr(kernels, name).argtypes = takes
            getattr(kernels, name).restype = None
    return kernels


def copy(source: Tensor, target: Tensor) -> None:
    """Copy between contiguous tensors of one size as the kernels move what they read and write.

    Raises ValueError for tensors that are not whole cache lines.
    """
    kernels = library()
    lines = all(x.nbytes % 64 == 0 and x.data_ptr() % 64 == 0 for x in (source, target))
    if kernels is None or source.nbytes != target.nbytes or not lines:
        raise ValueError("native.copy needs the kernels and two tensors of as many cache lines")
    kernels.aia_copy(source.data_ptr(), target.data_ptr(), source.nbytes)
