"""The cache gives back what was built, or builds it again."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.errors import InputError
from benchmarks.events import SETS, EventSet, Split, ensure, ensure_for, manifest, registry
from benchmarks.params import Training
from benchmarks.records.recorded import open_recorded
from benchmarks.training.host import arithmetic_on


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A small data set named ``tiny``; the list gets the steps of each time it is built."""
    calls: list[int] = []

    def build(steps: int) -> EventSet:
        calls.append(steps)
        parts = [
            Split(
                np.full((2, steps, 2, 4, 4), number, dtype=np.uint8),
                np.array([0, 1]),
                np.array([2 * number, 2 * number + 1]),
            )
            for number in range(3)
        ]
        return EventSet("tiny", ("a", "b"), parts[0], parts[1], parts[2])

    monkeypatch.setitem(SETS, "tiny", build)
    return calls


def test_the_second_call_reads_what_the_first_built(built: list[int], tmp_path: Path) -> None:
    first, second = ensure("tiny", 4, tmp_path), ensure("tiny", 4, tmp_path)
    assert built == [4]
    assert manifest(first) == manifest(second)
    assert second.classes == ("a", "b")
    assert np.array_equal(first.test.frames, second.test.frames)


@pytest.mark.usefixtures("built")
def test_a_complete_cache_is_read_where_no_lock_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ensure("tiny", 4, tmp_path)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EROFS, "read-only", "lock")

    monkeypatch.setattr(registry, "FileLock", refuse)
    assert ensure("tiny", 4, tmp_path).digest == made.digest


def test_other_steps_are_another_file(built: list[int], tmp_path: Path) -> None:
    assert ensure("tiny", 4, tmp_path).train.frames.shape[1] == 4
    assert ensure("tiny", 5, tmp_path).train.frames.shape[1] == 5
    assert built == [4, 5]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text"])
def test_a_damaged_file_is_built_again(damage: str, built: list[int], tmp_path: Path) -> None:
    whole = ensure("tiny", 4, tmp_path)
    (path,) = tmp_path.glob("*.npz")
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 0xFF
    kept = {"cut": content[: len(content) // 2], "empty": b"", "text": b"x" * 99}
    path.write_bytes(bytes(kept.get(damage, content)))
    assert ensure("tiny", 4, tmp_path).digest == whole.digest
    assert built == [4, 4]
    assert ensure("tiny", 4, tmp_path).digest == whole.digest
    assert built == [4, 4]


def test_a_file_that_is_whole_but_not_what_was_built_is_built_again(
    built: list[int], tmp_path: Path
) -> None:
    whole = ensure("tiny", 4, tmp_path)
    (path,) = tmp_path.glob("*.npz")
    with np.load(path) as kept:
        arrays = dict(kept)
    arrays["test_labels"] = arrays["test_labels"][::-1]
    np.savez(path, allow_pickle=False, **arrays)
    assert ensure("tiny", 4, tmp_path).digest == whole.digest
    assert built == [4, 4]


def test_another_size_is_made_of_the_same_events(event_cache: Path) -> None:
    whole, small, picked = (
        ensure("dvs_digits", 10, event_cache, size=size, binning=binning)
        for size, binning in ((None, None), (16, None), (16, "nearest"))
    )
    assert small.test.frames.shape[-2:] == (16, 16)
    assert (small.binning, picked.binning) == ("sum", "nearest")
    assert small.test.frames[:].sum(dtype=int) == whole.test.frames[:].sum(dtype=int)
    assert np.array_equal(picked.test.frames, whole.test.frames[..., ::2, ::2])
    assert len({whole.digest, small.digest, picked.digest}) == 3


def test_a_name_that_is_not_known_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'dvs_digits'"):
        ensure("dvs_digit", 10, tmp_path)


def test_steps_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 steps"):
        ensure("dvs_digits", 0, tmp_path)


@pytest.mark.skipif(
    arithmetic_on(torch.device("cpu")) != "portable", reason="needs portable arithmetic"
)
def test_the_sets_have_the_bits_that_recorded_cells_were_trained_on(
    event_sets: dict[str, EventSet],
) -> None:
    recorded = open_recorded("quick").cells.records
    found = {(name, event_sets[name].digest[:16]) for name in SETS}
    assert found == {(key[0], record.hashes.data) for key, record in recorded.items()}


def test_each_seed_deals_the_same_recordings_out_anew(event_cache: Path) -> None:
    training = Training(split_by_seed=True)
    own = ensure_for("dvs_motion", training, event_cache)
    first, again, second = (
        ensure_for("dvs_motion", training, event_cache, seed=seed) for seed in (0, 0, 1)
    )
    assert first.digest == again.digest
    assert len({own.digest, first.digest, second.digest}) == 3
    assert _recordings(first) == _recordings(second) == _recordings(own)
    tested = [set(made.test.sources.tolist()) for made in (first, second)]
    assert 0.1 < len(tested[0] & tested[1]) / len(tested[0]) < 0.3  # a fifth is tested on
    fixed = ensure_for("dvs_motion", Training(), event_cache, seed=0)
    assert fixed.digest == own.digest


def test_a_recorded_set_has_no_split_of_a_seed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="split_by_seed deals out sets that are made here"):
        ensure_for("ncars", Training(split_by_seed=True), tmp_path, seed=0)


def _recordings(made: EventSet) -> set[tuple[int, int, bytes]]:
    return {
        (int(source), int(label), frames.tobytes())
        for part in made.splits().values()
        for frames, label, source in zip(part.frames, part.labels, part.sources, strict=True)
    }
