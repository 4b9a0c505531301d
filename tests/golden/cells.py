"""Tiny cells, one a neuron and one a way to train, and the digests of their records.

``python -m tests.golden.cells`` trains them and prints the digests; with ``--write`` it keeps them.
Names of cells behind it leave the other ones as they are.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks import params
from benchmarks.events.sets import EventSet, Split
from benchmarks.params import NeuronParams, Params
from benchmarks.profile import Profile
from benchmarks.progress import silent
from benchmarks.records.files import as_json
from benchmarks.running import cells
from benchmarks.training import protocol, train
from benchmarks.training.state import Cell

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).with_name("digests.json")
STEPS, SIDE, CLASSES = 4, 12, 3
SAMPLES = {"train": 96, "validation": 24, "test": 24}
SMALL = {"epochs": 2, "batch": 32, "steps": STEPS, "channels": [6, 10], "hidden": 12}
FLOW = {**SMALL, "rule": "asf", "initial_gain": 3.0}
LARGE = {**SMALL, "size": 24, "batch": 48, "augment": "nda_cutout"}
# beyond every neuron under the protocol as it is
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "aia, momentum, cosine, squared error": (
        "aia",
        {**SMALL, "optimizer": "sgd", "schedule": "cosine", "loss": "mse", "weight_decay": 0.001},
    ),
    "aia, accumulated spiking flow": ("aia", FLOW),
    "aia_cached, accumulated spiking flow": ("aia_cached", FLOW),
    "aia_coincidence, accumulated spiking flow": ("aia_coincidence", FLOW),
    "gain_plain, accumulated spiking flow": ("gain_plain", FLOW),
    "aia, accumulated spiking flow, VGG of the author": (
        "aia",
        {**FLOW, "network": "vgg_author", "width": 0.05, "size": 24, "epochs": 6, "loss": "mse"},
    ),
    "aia, VGG with normalisation": ("aia", {**LARGE, "network": "vgg11", "width": 0.08}),
    "spikingjelly_lif, VGG with normalisation": (
        "spikingjelly_lif",
        {**LARGE, "network": "vgg11", "width": 0.08, "accumulate": 2, "recompute": True},
    ),
    "aia, VGG of the author": ("aia", {**LARGE, "network": "vgg_author", "width": 0.05}),
    "aia, ResNet": (
        "aia",
        {**LARGE, "network": "sew_resnet18", "width": 0.05, "augment": "flip_shift"},
    ),
    "snntorch_lif, synapses in bfloat16": ("snntorch_lif", {**SMALL, "precision": "bfloat16"}),
}


def names() -> list[str]:
    return [*_neurons(), *WAYS]


def digest_of(name: str) -> str:
    """First 16 hex digits of the SHA-256 of the cell's record."""
    alias, training = WAYS.get(name, (name, SMALL))
    neuron = _neurons()[alias]
    args = {**neuron.args, **({"T": STEPS} if "T" in neuron.args else {})}
    small = Params(
        datasets=["made_up"],
        seeds=[0],
        neuron={alias: neuron.model_copy(update={"args": args})},
        training=params.Training(**training),
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(train, "ensure_for", return_value=made_up(training.get("size", SIDE))),
    ):
        record = cells.run_cell(Cell("made_up", alias, 0), small, Profile(Path(folder)), silent)
    return hashlib.sha256(as_json(record).encode()).hexdigest()[:16]


def made_up(side: int) -> EventSet:
    """Bars that move in one of three ways, among noise; whole numbers alone."""
    generator = np.random.default_rng(1)
    first, splits = 0, []
    for count in SAMPLES.values():
        labels = np.arange(count) % CLASSES
        frames = (generator.integers(0, 12, (count, STEPS, 2, side, side)) == 0).astype(np.uint8)
        start = generator.integers(0, side, count)
        for sample, label in enumerate(labels):
            for step in range(STEPS):
                place = (start[sample] + (1, 3, -2)[label] * step) % side
                frames[sample, step, step % 2, :, place] += 2
        splits.append(Split(frames, labels, np.arange(first, first + count)))
        first += count
    return EventSet("made_up", ("slow", "fast", "back"), *splits)


def _neurons() -> dict[str, NeuronParams]:
    """Of profiles zoo and core."""
    profiles = (params.read(ROOT / name / "params.yaml") for name in ("zoo", "core"))
    return {alias: neuron for profile in profiles for alias, neuron in profile.neuron.items()}


def main(arguments: list[str]) -> None:
    """Train the cells named, or all, and print or keep their digests."""
    asked = [word for word in arguments if word != "--write"]
    digests = {name: digest_of(name) for name in asked or names()}
    if "--write" in arguments:
        KEPT.write_text(_as_text(_beside(digests) if asked else digests), encoding="utf-8")
    sys.stdout.write(_as_text(digests))


def _beside(digests: dict[str, str]) -> dict[str, str]:
    """All that are kept, with these in their place."""
    found = {**json.loads(KEPT.read_text(encoding="utf-8"))["cells"], **digests}
    return {name: found[name] for name in names() if name in found}


def _as_text(digests: dict[str, str]) -> str:
    kept = {"protocol": protocol.PROTOCOL, "torch": metadata.version("torch"), "cells": digests}
    return json.dumps(kept, indent=1) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
