"""The event camera does what its equations say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events.embedded.simulate import EVENT, Sensor, simulate, simulate_batch

IDEAL = Sensor(
    width=4,
    height=3,
    mismatch=0.0,
    refractory_us=0,
    time_constant_us=0.0,
    background_rate=0.0,
    hot_fraction=0.0,
)


def generator() -> np.random.Generator:
    return np.random.default_rng(7)


def step(sensor: Sensor, contrast: float) -> NDArray[np.float64]:
    """Every pixel changes by ``contrast`` in log intensity from one frame to the next."""
    frames = np.full((3, sensor.height, sensor.width), 0.5)
    frames[1:] *= np.exp(contrast)
    return frames


@pytest.mark.parametrize("contrast", [0.1, 0.25, 0.5, 0.95, -0.1, -0.5, -1.3])
def test_a_step_gives_one_event_for_each_whole_threshold(contrast: float) -> None:
    events = simulate(step(IDEAL, contrast), 1000, IDEAL, generator())
    expected = int(abs(contrast) / 0.2)
    counts = np.bincount(events["y"] * 4 + events["x"], minlength=12)
    assert counts.tolist() == [expected] * 12
    assert (events["p"] == (contrast > 0)).all()


def test_crossings_are_interpolated_within_the_interval() -> None:
    sensor = replace(IDEAL, width=1, height=1)
    events = simulate(step(sensor, 0.8001), 1000, sensor, generator())
    assert events["t"] == pytest.approx([250, 500, 750, 1000], abs=1)


def test_a_slow_ramp_gives_the_same_events_as_a_step() -> None:
    sensor = replace(IDEAL, width=1, height=1)
    ramp = 0.5 * np.exp(np.linspace(0, 0.95, 40)).reshape(-1, 1, 1)
    assert len(simulate(ramp, 100, sensor, generator())) == 4


def test_on_and_off_have_their_own_thresholds() -> None:
    sensor = replace(IDEAL, threshold_on=0.1, threshold_off=0.4, width=1, height=1)
    there_and_back = 0.5 * np.exp(np.array([0.0, 0.95, -0.3])).reshape(-1, 1, 1)
    events = simulate(there_and_back, 1000, sensor, generator())
    assert [int(events["p"].sum()), int((~events["p"]).sum())] == [9, 3]


def test_no_pixel_fires_again_within_its_refractory_period() -> None:
    sensor = replace(IDEAL, refractory_us=300, background_rate=500.0)
    frames = generator().uniform(0.1, 1.0, (60, 3, 4))
    events = simulate(frames, 500, sensor, generator())
    free = simulate(frames, 500, replace(sensor, refractory_us=0), generator())
    pixel = events["y"] * 4 + events["x"]
    gaps = np.concatenate([np.diff(events["t"][pixel == i]) for i in range(12)])
    assert gaps.min() >= 300
    assert 12 * 10 < len(events) < len(free)


def test_the_refractory_period_keeps_what_one_pixel_after_the_other_would_keep() -> None:
    sensor = replace(IDEAL, refractory_us=700, background_rate=2000.0, width=2, height=1)
    frames = np.full((41, 1, 2), 0.5)
    free = simulate(frames, 1000, replace(sensor, refractory_us=0), generator())
    kept, last = [], {0: -(10**9), 1: -(10**9)}
    for event in free:
        if event["t"] - last[int(event["x"])] >= 700:
            last[int(event["x"])] = int(event["t"])
            kept.append((int(event["t"]), int(event["x"])))
    events = simulate(frames, 1000, sensor, generator())
    assert [(int(e["t"]), int(e["x"])) for e in events] == kept


def test_mismatch_spreads_the_thresholds_and_belongs_to_the_sensor() -> None:
    sensor = Sensor(mismatch=0.1, seed=3)
    on, off = sensor.thresholds()
    assert np.std(on) == pytest.approx(0.02, rel=0.1)
    assert np.mean(off) == pytest.approx(0.2, rel=0.02)
    assert not np.allclose(on, off)
    assert np.array_equal(on, Sensor(mismatch=0.1, seed=3).thresholds()[0])
    assert not np.array_equal(on, Sensor(mismatch=0.1, seed=4).thresholds()[0])


def test_the_low_pass_delays_a_step_and_loses_none_of_it() -> None:
    frames = np.full((60, 3, 4), 0.5)
    frames[1:] *= np.exp(0.95)
    fast = simulate(frames, 1000, IDEAL, generator())
    slow = simulate(frames, 1000, replace(IDEAL, time_constant_us=5000.0), generator())
    assert len(slow) == len(fast)
    # L reaches 0.8 of 0.95 after tau ln(0.95 / 0.15) = 9.2 ms.
    assert slow["t"].max() == pytest.approx(9200, abs=600)
    assert fast["t"].max() <= 1000


def test_a_still_picture_gives_noise_alone_at_its_rate() -> None:
    sensor = Sensor(background_rate=5.0, hot_fraction=0.01, hot_rate=100.0, refractory_us=0)
    frames = np.full((20, 3, 32, 32), 0.4)
    recordings = simulate_batch(frames, 50_000, sensor, generator())
    count = sum(len(events) for events in recordings)
    expected = 20 * 0.1 * (1024 * 5.0 + round(0.01 * 1024) * 100.0)
    assert abs(count - expected) < 4 * np.sqrt(expected)
    on = sum(int(events["p"].sum()) for events in recordings)
    assert abs(on - count / 2) < 4 * np.sqrt(count) / 2
    assert (
        len(
            simulate(
                frames[0], 50_000, replace(sensor, background_rate=0.0, hot_rate=0.0), generator()
            )
        )
        == 0
    )


def test_hot_pixels_are_the_same_in_every_recording() -> None:
    sensor = Sensor(background_rate=0.0, hot_fraction=0.01, hot_rate=200.0)
    frames = np.full((2, 3, 32, 32), 0.4)
    first, second = simulate_batch(frames, 100_000, sensor, generator())
    places = [set(zip(e["x"].tolist(), e["y"].tolist(), strict=True)) for e in (first, second)]
    assert len(places[0]) == 10
    assert places[0] == places[1]


def test_events_are_sorted_and_inside_the_recording() -> None:
    sensor = Sensor()
    events = simulate(generator().uniform(0.1, 1, (30, 32, 32)), 1000, sensor, generator())
    assert events.dtype == EVENT
    assert (np.diff(events["t"]) >= 0).all()
    assert events["t"].min() >= 0
    assert events["t"].max() <= 29_000
    assert events["x"].max() < 32
    assert events["y"].max() < 32


def test_the_same_seed_gives_the_same_events() -> None:
    frames = generator().uniform(0.1, 1, (10, 32, 32))
    sensor = Sensor(background_rate=20.0)
    first, again = (simulate(frames, 1000, sensor, generator()) for _ in range(2))
    other = simulate(frames, 1000, sensor, np.random.default_rng(8))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_a_batch_gives_each_recording_its_own_events() -> None:
    sensor = replace(Sensor(), background_rate=0.0, hot_rate=0.0)
    frames = generator().uniform(0.1, 1, (3, 10, 32, 32))
    frames[1] = 0.5
    batch = simulate_batch(frames, 1000, sensor, generator())
    alone = [simulate(recording, 1000, sensor, generator()) for recording in frames]
    assert [a.tobytes() for a in batch] == [b.tobytes() for b in alone]
    assert len(batch[1]) == 0


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (np.ones((5, 3, 3)), "shape"),
        (np.ones((1, 3, 4)), "two frames"),
        (np.full((3, 3, 4), np.nan), "non-finite"),
        (np.full((3, 3, 4), -1.0), "negative"),
    ],
)
def test_frames_that_no_camera_sees_are_refused(frames: NDArray[np.float64], words: str) -> None:
    with pytest.raises(InputError, match=words):
        simulate(frames, 1000, IDEAL, generator())


def test_a_sensor_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="threshold_on"):
        Sensor(threshold_on=0.0)
    with pytest.raises(InputError, match="hot_fraction"):
        Sensor(hot_fraction=2.0)
