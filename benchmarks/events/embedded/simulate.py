"""The event camera: from intensity over time to events.

A pixel holds L, its low-passed log intensity, and M, the level of L at its last event:

    tau dL/dt = log I - L
    event at time t, ON  if L(t) - M >= theta_on    then M <- M + theta_on
                     OFF if M - L(t) >= theta_off   then M <- M - theta_off

L is taken as linear between frames, so a crossing has a time of its own within the interval and
one interval may hold several. An event sooner than ``refractory_us`` after the last one of its
pixel is dropped (M moves all the same). Noise events are Poisson: a background rate for every
pixel and a high one for the few hot pixels. The thresholds of each pixel and the hot pixels
belong to the sensor: they are the same in every recording.

The model is that of Lichtsteiner, Posch and Delbruck (2008), "A 128x128 120 dB 15 us latency
asynchronous temporal contrast vision sensor", in the discrete form that event simulators share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import InputError

EVENT = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "?")])

# Logarithms differ in their last bits between processors; on this grid they do not.
_GRID = 2.0**16
_DARK = 1e-3  # intensity below which the photoreceptor sees black


@dataclass(frozen=True)
class Sensor:
    """One camera. Raises InputError for values that no camera has."""

    width: int = 32  # pixels
    height: int = 32  # pixels
    threshold_on: float = 0.2  # mean contrast in log intensity
    threshold_off: float = 0.2  # mean contrast in log intensity
    mismatch: float = 0.05  # standard deviation of a pixel's thresholds, as a fraction of the mean
    refractory_us: int = 500
    time_constant_us: float = 1000.0  # of the photoreceptor's low-pass; 0 is none
    background_rate: float = 1.0  # noise events / s / pixel
    hot_fraction: float = 0.002  # of the pixels
    hot_rate: float = 60.0  # noise events / s / hot pixel
    seed: int = 1  # of this sensor's mismatch and hot pixels

    def __post_init__(self) -> None:
        positive = ("width", "height", "threshold_on", "threshold_off")
        other = ("mismatch", "refractory_us", "time_constant_us", "background_rate", "hot_rate")
        for name in positive + other:
            value = getattr(self, name)
            if value < 0 or (value == 0 and name in positive):
                raise InputError(f"sensor: {name} is {value}; give a value above zero")
        if not 0 <= self.hot_fraction <= 1:
            raise InputError(f"sensor: hot_fraction is {self.hot_fraction}; give 0 to 1")

    def thresholds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """ON and OFF thresholds of each pixel, ``[H, W]``, in log intensity."""
        draws = np.random.default_rng([self.seed, 0]).standard_normal((2, self.height, self.width))
        # No pixel fires at nothing, however far out its draw.
        spread = np.maximum(1 + self.mismatch * draws, 0.2)
        return self.threshold_on * spread[0], self.threshold_off * spread[1]

    def noise_rates(self) -> NDArray[np.float64]:
        """Noise events per second of each pixel, ``[H, W]``."""
        pixels = self.height * self.width
        order = np.random.default_rng([self.seed, 1]).permutation(pixels)
        rates = np.full(pixels, float(self.background_rate))
        rates[order[: round(self.hot_fraction * pixels)]] += self.hot_rate
        return rates.reshape(self.height, self.width)


def simulate(
    intensity: NDArray[np.floating],
    frame_us: int,
    sensor: Sensor,
    generator: np.random.Generator,
) -> NDArray[np.void]:
    """Events of one recording, sorted by time.

    ``intensity``: ``[F, H, W]``, linear, one frame every ``frame_us`` microseconds.
    Returns an array of :data:`EVENT`, ``t`` in microseconds from the first frame, at most
    ``(F - 1) * frame_us``. Raises InputError as :func:`simulate_batch`.
    """
    return simulate_batch(intensity[np.newaxis], frame_us, sensor, generator)[0]


def simulate_batch(
    intensity: NDArray[np.floating],
    frame_us: int,
    sensor: Sensor,
    generator: np.random.Generator,
) -> list[NDArray[np.void]]:
    """:func:`simulate` for ``[N, F, H, W]``: a list of N event arrays.

    Raises InputError for another shape, fewer than two frames, or an intensity that is
    negative or not finite.
    """
    _check(intensity, frame_us, sensor)
    recordings, frames = intensity.shape[:2]
    duration = (frames - 1) * frame_us
    signal = _crossings(_log_intensity(intensity), frame_us, sensor)
    noise = _noise(recordings, duration, sensor, generator)
    pixel, t, p = (np.concatenate(parts) for parts in zip(signal, noise, strict=True))
    return _sorted_events(
        *_without_refractory(pixel, t, p, duration, sensor), duration, sensor, recordings
    )


def _check(intensity: NDArray[np.floating], frame_us: int, sensor: Sensor) -> None:
    size = (sensor.height, sensor.width)
    if intensity.ndim != 4 or intensity.shape[2:] != size or intensity.shape[1] < 2:
        raise InputError(
            f"simulate: intensity has shape {intensity.shape}; give at least two frames of {size}"
        )
    if frame_us < 1:
        raise InputError(f"simulate: frame_us is {frame_us}; give a positive number")
    if not (np.isfinite(intensity).all() and (intensity >= 0).all()):
        raise InputError("simulate: intensity holds negative or non-finite values; clip it first")


def _log_intensity(intensity: NDArray[np.floating]) -> NDArray[np.float64]:
    logarithm = np.asarray(np.log(np.maximum(intensity, _DARK, dtype=np.float64)))
    logarithm *= _GRID
    np.rint(logarithm, out=logarithm)
    logarithm /= _GRID
    return logarithm


def _crossings(
    log_intensity: NDArray[np.float64], frame_us: int, sensor: Sensor
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Threshold crossings as (recording and pixel in one number, time, polarity)."""
    recordings, frames = log_intensity.shape[:2]
    on, off = (np.tile(theta.ravel(), recordings) for theta in sensor.thresholds())
    share = 1.0
    if sensor.time_constant_us > 0:
        share = round((1 - math.exp(-frame_us / sensor.time_constant_us)) * _GRID) / _GRID
    level = log_intensity[:, 0].ravel()
    memory = level.copy()
    pixels, times, polarities = [], [], []
    for frame in range(1, frames):
        before = level
        level = before + share * (log_intensity[:, frame].ravel() - before)
        gap = level - memory
        fired = np.flatnonzero((gap >= on) | (gap <= -off))
        rising = gap[fired] > 0
        step = np.where(rising, on[fired], -off[fired])
        count = (gap[fired] / step).astype(np.int64)
        event = np.repeat(np.arange(len(fired)), count)
        number = np.arange(len(event)) - np.repeat(np.cumsum(count) - count, count) + 1
        way = (memory - before)[fired][event] + number * step[event]
        slope = (level - before)[fired][event]
        # A pixel left on its threshold by rounding may fire without a slope.
        part = np.divide(way, slope, out=np.zeros(len(event)), where=slope != 0)
        memory[fired] += count * step
        pixels.append(fired[event])
        times.append(((frame - 1 + np.clip(part, 0, 1)) * frame_us).astype(np.int64))
        polarities.append(rising[event])
    return np.concatenate(pixels), np.concatenate(times), np.concatenate(polarities)


def _noise(
    recordings: int, duration: int, sensor: Sensor, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Poisson events, ON and OFF alike, as :func:`_crossings` gives them."""
    expected = np.tile(sensor.noise_rates().ravel() * duration * 1e-6, recordings)
    counts = generator.poisson(expected)
    pixel = np.repeat(np.arange(len(counts)), counts)
    return pixel, generator.integers(0, duration, len(pixel)), generator.random(len(pixel)) < 0.5


def _without_refractory(
    pixel: NDArray[np.int64],
    t: NDArray[np.int64],
    p: NDArray[np.bool_],
    duration: int,
    sensor: Sensor,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """The events that their pixel was ready for."""
    span = duration + 1
    key = np.sort((pixel * span + t) * 2 + p)
    while len(key):
        where, when = np.divmod(key >> 1, span)
        early = np.zeros(len(key), dtype=bool)
        early[1:] = (np.diff(where) == 0) & (np.diff(when) < sensor.refractory_us)
        # One behind an early event may be in time once that one is gone: drop runs from their head.
        early[1:] &= ~early[:-1]
        if not early.any():
            break
        key = key[~early]
    where, when = np.divmod(key >> 1, span)
    return where, when, (key & 1).astype(bool)


def _sorted_events(
    pixel: NDArray[np.int64],
    t: NDArray[np.int64],
    p: NDArray[np.bool_],
    duration: int,
    sensor: Sensor,
    recordings: int,
) -> list[NDArray[np.void]]:
    """One array a recording, by time, then pixel, then polarity."""
    size = sensor.height * sensor.width
    recording, place = np.divmod(pixel, size)
    key = np.sort(((recording * (duration + 1) + t) * size + place) * 2 + p)
    rest, place = np.divmod(key >> 1, size)
    recording, when = np.divmod(rest, duration + 1)
    events = np.empty(len(key), dtype=EVENT)
    events["t"] = when
    events["y"], events["x"] = np.divmod(place, sensor.width)
    events["p"] = key & 1
    return np.split(events, np.searchsorted(recording, np.arange(1, recordings)))
