"""Our events are the field's: tonic bins them to the same frames."""

from __future__ import annotations

import numpy as np
import tonic

from benchmarks.events.embedded.simulate import EVENT
from benchmarks.events.frames import to_frames


def test_tonic_bins_our_events_to_the_same_frames() -> None:
    generator = np.random.default_rng(3)
    duration_us, steps, size = 100_000, 10, 32
    events = np.zeros(5_000, dtype=EVENT)
    events["t"] = np.sort(generator.integers(0, duration_us, 5_000))
    events["t"][0] = 0  # tonic counts its windows from the first event
    for axis in ("x", "y"):
        events[axis] = generator.integers(0, size, 5_000)
    events["p"] = generator.random(5_000) < 0.5
    window = duration_us // steps
    theirs = tonic.transforms.ToFrame((size, size, 2), time_window=window, include_incomplete=True)
    ours = to_frames(events, duration_us, steps, size, size)
    assert ours.sum() == 5_000
    assert np.array_equal(theirs(events), ours)
