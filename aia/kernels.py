"""The dynamics as Triton kernels: every tensor passes once, forward and backward, at any T.

Of every element and time step the forward kernel reads the drive and writes the spike; the
backward kernel reads the gradient and the drive and writes the gradient. No implementation can
move less. The membrane potential lives in registers: time is cut into segments of at most
:data:`LONGEST` steps, unrolled, whose drives are loaded together so that many loads are under way
at a time. Backward computes a segment's potentials again from the potential at its beginning,
which forward keeps (nothing for T up to LONGEST, 1 value in about 10 beyond). What a coefficient's
gradient sums is reduced within a program and written once, so no two programs meet at one address
and the sum has one order. State and sums are float32 (float64 for a float64 drive), whatever the
drive is.

``TRITON_INTERPRET=1``, set before this module is imported, runs them on a CPU, slowly.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from aia.dynamics import LIFParameters

LONGEST = 12  # time steps a segment: drive, potential and gradient of each are in registers
_WARPS = 4
_TILE = 32 * _WARPS * 4  # elements a program, 4 a thread: a load of 16 bytes in float32


class _Tiling(NamedTuple):
    """A drive ``[T, B, C, D]`` cut into tiles of ``channels`` x ``places`` of one sample."""

    steps: int
    samples: int
    channels: int
    places: int
    block_c: int
    block_d: int
    segment: int  # time steps of one, as equal as they can be

    @property
    def programs(self) -> tuple[int, int]:
        """Programs along the channels and along the places of one sample."""
        return triton.cdiv(self.channels, self.block_c), triton.cdiv(self.places, self.block_d)

    @property
    def segments(self) -> int:
        return int(triton.cdiv(self.steps, self.segment))


def _tiling(shape: torch.Size) -> _Tiling:
    steps, samples, channels, places = shape
    block_d = min(_TILE, triton.next_power_of_2(places))
    block_c = min(_TILE // block_d, triton.next_power_of_2(channels))
    segment = triton.cdiv(steps, triton.cdiv(steps, LONGEST))
    return _Tiling(steps, samples, channels, places, block_c, block_d, segment)


@triton.jit
def _tile(channels, places, BLOCK_C: tl.constexpr, BLOCK_D: tl.constexpr):
    """Channels of this program, its elements within a time step, and which of them exist."""
    program = tl.program_id(0)
    along_d = tl.cdiv(places, BLOCK_D)
    along_c = tl.cdiv(channels, BLOCK_C)
    d = (program % along_d) * BLOCK_D + tl.arange(0, BLOCK_D)
    c = (program // along_d % along_c) * BLOCK_C + tl.arange(0, BLOCK_C)
    sample = (program // (along_d * along_c)).to(tl.int64)
    at = (sample * channels + c[:, None]) * places + d[None, :]
    return c, at, (c[:, None] < channels) & (d[None, :] < places)


@triton.jit
def _gain_of(a, c, channels, GAIN: tl.constexpr, STATE: tl.constexpr):
    if GAIN:
        return tl.maximum(tl.load(a + c, mask=c < channels, other=0).to(STATE), 0)[:, None]
    return tl.zeros([c.shape[0], 1], STATE)


@triton.jit
def _loaded(
    values, at, real, left, stride, STATE: tl.constexpr, SEGMENT: tl.constexpr, WHOLE: tl.constexpr
):
    """A segment's time steps, ``left`` of which exist, loaded before any of them is needed."""
    steps = ()
    for k in tl.static_range(SEGMENT):
        inside = real if WHOLE else real & (k < left)
        steps = steps + (tl.load(values + at, mask=inside, other=0).to(STATE),)
        at += stride
    return steps


@triton.jit
def _charged(v, y, gain, DECAY: tl.constexpr, GAIN: tl.constexpr):
    """Membrane potential before the spike."""
    if GAIN:
        return DECAY * v + (y + gain * y)
    return DECAY * v + y


@triton.jit
def _after(h, fired, THRESHOLD: tl.constexpr, HARD: tl.constexpr):
    """Membrane potential after the reset."""
    if HARD:
        return tl.where(fired, 0.0, h)
    return tl.where(fired, h - THRESHOLD, h)


@triton.jit
def _forward_kernel(
    drive,
    a,
    spikes,
    kept,
    steps,
    channels,
    places,
    stride,
    segments,
    DECAY: tl.constexpr,
    THRESHOLD: tl.constexpr,
    HARD: tl.constexpr,
    GAIN: tl.constexpr,
    KEEPS: tl.constexpr,
    WHOLE: tl.constexpr,
    SEGMENT: tl.constexpr,
    STATE: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    c, at, real = _tile(channels, places, BLOCK_C, BLOCK_D)
    gain = _gain_of(a, c, channels, GAIN, STATE)
    v = tl.zeros([BLOCK_C, BLOCK_D], STATE)
    for segment in range(segments):
        left = steps - segment * SEGMENT
        here = at + tl.cast(segment * SEGMENT, tl.int64) * stride
        ys = _loaded(drive, here, real, left, stride, STATE, SEGMENT, WHOLE)
        if KEEPS:  # the first segment begins at zero, which need not be kept
            keep = at + tl.cast(segment - 1, tl.int64) * stride
            tl.store(kept + keep, v, mask=real & (segment > 0))
        for k in tl.static_range(SEGMENT):
            h = _charged(v, ys[k], gain, DECAY, GAIN)
            fired = h >= THRESHOLD
            inside = real if WHOLE else real & (k < left)
            out = tl.where(fired, 1.0, 0.0).to(spikes.dtype.element_ty)
            tl.store(spikes + here, out, mask=inside)
            v = _after(h, fired, THRESHOLD, HARD)
            here += stride


@triton.jit
def _backward_kernel(
    gradient,
    drive,
    a,
    kept,
    to_drive,
    to_a,
    steps,
    channels,
    places,
    stride,
    segments,
    DECAY: tl.constexpr,
    THRESHOLD: tl.constexpr,
    HARD: tl.constexpr,
    DETACHED: tl.constexpr,
    HALF_ALPHA: tl.constexpr,
    STEEPNESS: tl.constexpr,
    GAIN: tl.constexpr,
    KEEPS: tl.constexpr,
    WHOLE: tl.constexpr,
    SEGMENT: tl.constexpr,
    STATE: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    c, at, real = _tile(channels, places, BLOCK_C, BLOCK_D)
    gain = _gain_of(a, c, channels, GAIN, STATE)
    delta_v = tl.zeros([BLOCK_C, BLOCK_D], STATE)
    along_a = tl.zeros([BLOCK_C, BLOCK_D], STATE)
    for back in range(segments):
        segment = segments - 1 - back
        left = steps - segment * SEGMENT
        first = at + tl.cast(segment * SEGMENT, tl.int64) * stride
        ys = _loaded(drive, first, real, left, stride, STATE, SEGMENT, WHOLE)
        deltas = _loaded(gradient, first, real, left, stride, STATE, SEGMENT, WHOLE)
        v = tl.zeros([BLOCK_C, BLOCK_D], STATE)
        if KEEPS:
            keep = at + tl.cast(segment - 1, tl.int64) * stride
            v = tl.load(kept + keep, mask=real & (segment > 0), other=0)
        hs = ()
        for k in tl.static_range(SEGMENT):
            h = _charged(v, ys[k], gain, DECAY, GAIN)
            hs = hs + (h,)
            v = _after(h, h >= THRESHOLD, THRESHOLD, HARD)
        here = first + SEGMENT * stride
        for k in tl.static_range(SEGMENT - 1, -1, -1):
            here -= stride
            h = hs[k]
            delta = deltas[k]
            steep = STEEPNESS * (h - THRESHOLD)
            slope = HALF_ALPHA / (1 + steep * steep)
            kept_v = tl.where(h >= THRESHOLD, 0.0, delta_v) if HARD else delta_v
            if not DETACHED:
                delta -= delta_v * h if HARD else delta_v * THRESHOLD
            delta = delta * slope + kept_v
            if GAIN:
                along_a += delta * ys[k]
            inside = real if WHOLE else real & (k < left)
            tl.store(to_drive + here, delta.to(to_drive.dtype.element_ty), mask=inside)
            delta_v = DECAY * delta
    if GAIN:
        # one row of to_a a tile of places: [D tiles, B, C]
        along_d = tl.cdiv(places, BLOCK_D)
        along_c = tl.cdiv(channels, BLOCK_C)
        program = tl.program_id(0)
        samples = tl.num_programs(0) // (along_d * along_c)
        row = (program % along_d).to(tl.int64) * samples + program // (along_d * along_c)
        tl.store(to_a + row * channels + c, tl.sum(along_a, 1), mask=c < channels)


class _LIF(torch.autograd.Function):
    """Spikes of a drive ``[T, B, C, D]`` with coefficients ``[C]``, or without."""

    @staticmethod
    def forward(ctx: Any, drive: Tensor, a: Tensor | None, p: LIFParameters) -> Tensor:
        ctx.p = p
        spikes = torch.empty_like(drive)
        tiling = _tiling(drive.shape)
        kept = None
        if tiling.segments > 1:
            kept = drive.new_empty((tiling.segments - 1, *drive.shape[1:]), dtype=_state(drive))
        ctx.save_for_backward(drive, a, kept)
        _forward_kernel[_grid(tiling)](
            drive,
            _or_any(a, drive),
            spikes,
            _or_any(kept, drive),
            *_sizes(tiling),
            **_options(drive, a, tiling, p),
        )
        return spikes

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None]:
        drive, a, kept = ctx.saved_tensors
        p, tiling = ctx.p, _tiling(drive.shape)
        to_drive = torch.empty_like(drive)
        rows = tiling.programs[1] * tiling.samples
        parts = None if a is None else drive.new_empty((rows, tiling.channels), dtype=_state(drive))
        _backward_kernel[_grid(tiling)](
            gradients[0].contiguous(),
            drive,
            _or_any(a, drive),
            _or_any(kept, drive),
            to_drive,
            _or_any(parts, drive),
            *_sizes(tiling),
            DETACHED=p.detach_reset,
            HALF_ALPHA=p.surrogate_width / 2,
            STEEPNESS=math.pi / 2 * p.surrogate_width,
            **_options(drive, a, tiling, p),
        )
        if a is None or parts is None:
            return to_drive, None, None
        return to_drive, (parts.sum(0) * (a > 0)).to(a.dtype), None


def _state(drive: Tensor) -> torch.dtype:
    return torch.float64 if drive.dtype == torch.float64 else torch.float32


def _grid(tiling: _Tiling) -> tuple[int]:
    along_c, along_d = tiling.programs
    return (tiling.samples * along_c * along_d,)


def _sizes(tiling: _Tiling) -> tuple[int, ...]:
    """Steps, channels, places, elements of a time step, and segments."""
    stride = math.prod(tiling[1:4])
    return tiling.steps, tiling.channels, tiling.places, stride, tiling.segments


def _or_any(values: Tensor | None, other: Tensor) -> Tensor:
    """A kernel takes an address even where it reads nothing."""
    return other if values is None else values


def _options(drive: Tensor, a: Tensor | None, tiling: _Tiling, p: LIFParameters) -> dict[str, Any]:
    return {
        "DECAY": p.decay,
        "THRESHOLD": p.threshold,
        "HARD": p.reset == "zero",
        "GAIN": a is not None,
        "KEEPS": tiling.segments > 1,
        "WHOLE": tiling.steps % tiling.segment == 0,
        "SEGMENT": tiling.segment,
        "STATE": tl.float64 if _state(drive) == torch.float64 else tl.float32,
        "BLOCK_C": tiling.block_c,
        "BLOCK_D": tiling.block_d,
        "num_warps": _WARPS,
        "enable_fp_fusion": False,  # a fused multiply-add rounds once: other spikes than eager's
    }


def lif(drive: Tensor, p: LIFParameters) -> Tensor:
    """As :func:`aia.dynamics.lif`; drive ``[T, ...]`` on a CUDA device."""
    if not drive.numel():
        return drive.clone()
    flat = drive.contiguous().view(drive.shape[0], 1, 1, -1)
    out: Tensor = _LIF.apply(flat, None, p)
    return out.view(drive.shape)


def associated_lif(drive: Tensor, a: Tensor, p: LIFParameters) -> Tensor:
    """:func:`lif` of :func:`aia.association.on_drive`; drive ``[T, B, C, ...]``, a ``[C]``."""
    if not drive.numel():
        return drive + 0 * a.sum()
    out: Tensor = _LIF.apply(drive.contiguous().view(*drive.shape[:3], -1), a, p)
    return out.view(drive.shape)
