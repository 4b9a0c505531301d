"""Mutations of valid inputs, and what every reader of them must keep to.

A reader may refuse a mutated file by one line (InputError), or read what is still whole. Anything
else is a fault: another exception, something out of range, a file outside its folder.
"""

from __future__ import annotations

import itertools
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from benchmarks.errors import InputError
from benchmarks.events.published.archives import extract
from benchmarks.params import read as read_params
from benchmarks.records.files import as_json, read_record, sealed
from benchmarks.training import checkpoints, protocol
from benchmarks.training.neurons import builder
from benchmarks.training.state import State
from benchmarks.training.train import fresh_state
from tests.events.recordings import AEDAT4_HERE, FORMATS, made
from tests.events.small_sets import tarred, zipped
from tests.made_records import made as made_record
from tests.small import ROOT, small_profile

_RECORD = sealed(made_record(protocol="3-0123456789abcdef"))
_IDENTITY = {"hashes": {"neuron": "n"}, "arithmetic": "portable"}

Check = Callable[[Path], None]  # reads a mutated file; anything but InputError is a fault


@dataclass
class Tried:
    """How many inputs of each target were refused or read, and what was wrong with others."""

    refused: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def mutated(draw: random.Random, content: bytes) -> bytes:
    """Some bytes flipped, cut, doubled, cleared, put in another place, or a number made extreme."""
    found = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        at = draw.randrange(len(found) + 1)
        end = min(len(found), at + draw.choice((1, 2, 4, 8, 64, 1024)))
        piece = bytes(found[at:end])
        match draw.randrange(7):
            case 0 if at < len(found):
                found[at] ^= 1 << draw.randrange(8)
            case 1:
                del found[at:]
            case 2:
                found[at:at] = piece
            case 3:
                found[at:end] = bytes(len(piece))
            case 4:
                found[at:end] = b"\xff" * len(piece)
            case 5:
                found[at:end] = draw.randbytes(len(piece))
            case 6:
                del found[at:end]
    return bytes(found)


def _reads_events(name: str) -> Check:
    def check(path: Path) -> None:
        recording = FORMATS[name].read(path)
        events = recording.events
        assert (events["t"][1:] >= events["t"][:-1]).all(), "events out of order"
        if len(events):
            assert events["x"].max() < recording.width, "x outside the sensor"
            assert events["y"].max() < recording.height, "y outside the sensor"

    return check


def _unpacks(path: Path) -> None:
    """Whatever is in it, nothing lands outside the folder, and a refused archive leaves nothing."""
    folder = path.parent / "unpacked"
    before = set(path.parent.iterdir())
    try:
        extract(path, folder, lambda done, total, say: None)
    except InputError:
        assert not folder.exists(), "a refused archive left its folder"
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        assert set(path.parent.iterdir()) == before, "something landed outside"


def _reads_record(path: Path) -> None:
    """What is read is what was written: its seal says so."""
    assert read_record(path) == _RECORD, "an edited record was believed"


def _reads_params(path: Path) -> None:
    read_params(path)


def _reads_checkpoint(state: State, epochs: int) -> Check:
    def check(path: Path) -> None:
        """A file that is not what was saved is put aside, and training starts afresh."""
        whole = path.read_bytes()
        taken = checkpoints.load(path, state, _IDENTITY, epochs)
        aside = path.with_name(f"{path.name}.damaged-1")
        assert taken == 0 or not aside.exists()
        if taken == 0:
            if aside.exists():
                assert aside.read_bytes() == whole, "what was put aside is not what was there"
                aside.unlink()
            raise InputError("put aside")
        assert taken == 1, f"epoch {taken} of a file that was saved after 1"

    return check


def _state(folder: Path) -> tuple[State, int]:
    """A small network as after one epoch, and the epochs of its training."""
    params, _ = small_profile(folder)
    training, seeds = params.training, protocol.seeds_of("dvs_digits", 0)
    build = builder(params.neuron_named("lif"), params.matched)
    state = fresh_state(build, training, 10, 32, seeds, torch.device("cpu"))
    state.epoch, state.best_epoch = 1, 0
    state.best = {k: v.clone() for k, v in state.network.state_dict().items()}
    state.curves = {name: [0.5] for name in state.curves}
    return state, training.epochs


def targets(folder: Path) -> dict[str, tuple[bytes, Check]]:
    """Name -> a valid file's content, and what a mutated one must keep to."""
    found: dict[str, tuple[bytes, Check]] = {}
    for name, form in FORMATS.items():
        if name != "aedat4" or AEDAT4_HERE:
            path = folder / f"whole{form.suffix}"
            form.write(path, made(300, form.size))
            found[name] = (path.read_bytes(), _reads_events(name))
    files = {"a/one.bin": b"1" * 500, "a/b/two.bin": bytes(range(256)) * 4}
    inner = {"x/cat.zip": zipped(files), "x/dog.tar.gz": tarred(files), "note.txt": b"hello"}
    for name, content in (("zip", zipped(inner)), ("tar.gz", tarred(inner))):
        found[name] = (content, _unpacks)
    found["record"] = (as_json(_RECORD).encode(), _reads_record)
    found["params"] = ((ROOT / "params.yaml").read_bytes(), _reads_params)
    state, epochs = _state(folder / "profile")
    checkpoints.save(folder / "whole.safetensors", state, _IDENTITY)
    content = (folder / "whole.safetensors").read_bytes()
    found["checkpoint"] = (content, _reads_checkpoint(state, epochs))
    return found


def fuzz(seconds: float, seed: int, folder: Path) -> Tried:
    """Try mutations, one of each target in turn; those of a fault are kept in ``folder``."""
    draw, tried = random.Random(seed), Tried()
    every = targets(folder / "whole")
    end = time.monotonic() + seconds
    for number in itertools.count():
        for name, (whole, check) in every.items():
            if time.monotonic() > end and number:
                return tried
            place = folder / "mutated"
            place.mkdir(exist_ok=True)
            path = place / f"{name}-{number}.{name.partition('-')[0]}"
            path.write_bytes(mutated(draw, whole))
            try:
                check(path)
                tried.read[name] += 1
            except InputError as error:
                tried.refused[name] += 1
                if "\n" in str(error):
                    tried.faults.append(f"{path.name}: several lines: {error}")
            except Exception as error:
                tried.faults.append(f"{path.name}: {type(error).__name__}: {error}")
                shutil.copy(path, folder)
            path.unlink(missing_ok=True)
    raise AssertionError
