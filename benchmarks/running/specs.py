"""What DVC watches instead of source files: hashes that a comment does not change."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import torch

from benchmarks.params import Params
from benchmarks.profile import Profile
from benchmarks.progress import Progress
from benchmarks.records.files import as_json, write_atomic
from benchmarks.training.contract import check_named
from benchmarks.training.host import arithmetic_on, device_name, here
from benchmarks.training.neurons import source_hash
from benchmarks.training.protocol import protocol_hash


def write_specs(params: Params, profile: Profile, progress: Progress) -> None:
    """One file for the protocol, one for the tuning grid, one a neuron, one for this checkout.

    Files of neurons that are gone are removed.

    Raises InputError, before anything is trained, for a neuron that breaks the contract.
    """
    neurons = profile.specs / "neurons"
    for done, alias in enumerate(params.neuron, start=1):
        check_named(alias, params)
        progress(done, len(params.neuron), alias)
    for alias, neuron in params.neuron.items():
        spec = {"class": neuron.class_, "hash": source_hash(neuron, params.matched)}
        write_atomic(neurons / f"{alias}.json", as_json(spec))
    for file in neurons.glob("*.json"):
        if file.stem not in params.neuron:
            file.unlink()
    protocol = {
        "hash": protocol_hash(params.training),
        "learning_rate": params.training.learning_rate,
        "arithmetic": arithmetic_on(torch.device(here())),
    }
    write_atomic(profile.specs / "protocol.json", as_json(protocol))
    write_atomic(profile.tuned / "grid.json", as_json(params.tuning))
    checkout = profile.specs / "checkout.json"
    write_atomic(checkout, as_json(_checkout(checkout)))


def _checkout(path: Path) -> dict[str, str]:
    """What times depend on besides the source: the device, and a name that is each checkout's own.

    By that name DVC does not take the times that came with a clone for times of its machine.
    """
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {
        "device": device_name(torch.device(here())),
        "checkout": known.get("checkout") or uuid.uuid4().hex,
    }
