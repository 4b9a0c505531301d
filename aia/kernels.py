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
from typing import NamedTuple

import triton
import triton.language as tl

LONGEST = 12  # time steps a segment: drive, potential and gradient of each are in registers


class _Threads(NamedTuple):
    """Of a program: its warps, and how many elements each of their 32 threads has."""

    warps: int
    elements: int

    @property
    def tile(self) -> int:
        """Elements a program."""
        return 32 * self.warps * self.elements


# measured on an H200: a load of 16 bytes is best forward; backward holds so much more in registers
# that two elements a thread leave room for twice the programs
_FORWARD, _BACKWARD = _Threads(2, 4), _Threads(4, 2)


class _Tiling(NamedTuple):
    """A drive ``[T, B, C, D]`` cut into tiles of ``channels`` x ``places`` of one sample."""

    steps: int
    samples: int
    channels: int
    places: int
    block_c: int
    block_d: int
    segment: int  # time steps of one, as equal as they can be
    warps: int

    @property
    def programs(self) -> tuple[int, int]:
        """Programs along the channels and along the places of one sample."""
        return triton.cdiv(self.channels, self.block_c), triton.cdiv(self.places, self.block_d)

    @property
    def segments(self) -> int:
        return int(triton.cdiv(self.steps, self.segment))

    @property
    def grid(self) -> tuple[int]:
        along_c, along_d = self.programs
        return (self.samples * along_c * along_d,)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Steps, channels, places, elements of a time step, and segments."""
        return self.steps, self.channels, self.places, math.prod(self[1:4]), self.segments


def _tiling(shape: tuple[int, ...], threads: _Threads) -> _Tiling:
    steps, samples, channels, places = shape
    block_d = min(threads.tile, triton.next_power_of_2(places))
    block_c = min(threads.tile // block_d, triton.next_power_of_2(channels))
    segment = triton.cdiv(steps, triton.cdiv(steps, LONGEST))
    return _Tiling(steps, samples, channels, places, block_c, block_d, segment, threads.warps)


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
        along_a = tl.where(gain > 0, along_a, 0.0)  # relu's gradient
        tl.store(to_a + row * channels + c, tl.sum(along_a, 1), mask=c < channels)
