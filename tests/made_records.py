"""Records with chosen numbers, for tests of tables, figures and the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.params import Training
from benchmarks.profile import Profile
from benchmarks.records.files import as_json, host_path, record_path, write_atomic
from benchmarks.records.schema import (
    Accuracy,
    Association,
    AssociationEffect,
    Curves,
    Failure,
    Fold,
    Hashes,
    Host,
    Parameters,
    Record,
    Result,
    Specificity,
    Spikes,
    SynOps,
)
from benchmarks.records.selection import Selection

NEURONS = (
    "snntorch_lif",
    "spikingjelly_plif",
    "spikingjelly_lif",
    "aia",
    "gain_frozen",
    "gain_plain",
    "lif_init_scaled",
)
DATASETS = ("dvs_digits", "dvs_vehicles", "dvs_motion")
TRAINING: dict[str, Any] = {"epochs": 4, "channels": [4, 8]}  # of params.yaml
SETTINGS: dict[str, Any] = Training.model_validate(TRAINING).settings()
LAYERS = {"conv1": 4, "conv2": 8, "linear1": 16}  # layer -> channels
STEPS, EPOCHS = 10, 4


def selection(seeds: int = 3, neurons: tuple[str, ...] = NEURONS) -> Selection:
    return Selection(DATASETS, neurons, tuple(range(seeds)))


def made(
    dataset: str = "dvs_digits",
    neuron: str = "aia",
    seed: int = 0,
    test: float = 0.8,
    spikes: float = 1000.0,
    **changes: Any,
) -> Record:
    """A finished cell; ``changes`` replace hashes (by their names) or fields of the record."""
    names = {k: changes.pop(k) for k in list(changes) if k in Hashes.model_fields}
    hashes = {
        "protocol": "p",
        "data": f"d-{dataset}",
        "weights": f"w-{dataset}-{seed}",
        "order": f"o-{dataset}-{seed}",
        "neuron": f"n-{neuron}",
    }
    fields: dict[str, Any] = {
        "dataset": dataset,
        "neuron": neuron,
        "seed": seed,
        "neuron_class": f"made:{neuron}",
        "neuron_args": {},
        "classes": ["a", "b"],
        "hashes": Hashes(**(hashes | names)),
        "settings": SETTINGS,
        "curves": _curves(test),
        "result": _result(neuron, seed, test, spikes),
        "failure": None,
    }
    return Record(**(fields | changes))


def failed(dataset: str, neuron: str, seed: int) -> Record:
    """A cell whose loss became NaN in its second epoch."""
    failure = Failure(epoch=1, reason="loss is not finite")
    return made(dataset, neuron, seed, result=None, failure=failure)


def write(runs: Path, *records: Record, host: bool = True) -> None:
    for record in records:
        path = record_path(runs, record.dataset, record.neuron, record.seed)
        write_atomic(path, as_json(record))
        if host:
            write_atomic(host_path(path), as_json(made_host()))


def write_profile(folder: Path, chosen: Selection, **changes: Any) -> Profile:
    """A whole profile: parameters, every selected cell, manifests, contact sheets, times.

    ``changes`` are those of :func:`made`.
    """
    profile = Profile(folder)
    parameters = {
        "datasets": list(chosen.datasets),
        "seeds": list(chosen.seeds),
        "neuron": {neuron: {"class": "aia.neuron:LIF"} for neuron in chosen.neurons},
        "training": TRAINING,
    }
    write_atomic(profile.params, yaml.safe_dump(parameters))
    generator = np.random.default_rng(0)
    for dataset, neuron in chosen.groups:
        for seed in chosen.seeds:
            better = 0.03 if neuron in ("aia", "gain_frozen", "gain_plain") else 0.0
            test = 0.8 + better + 0.01 * seed + float(generator.normal(0, 0.004))
            count = (900 if better else 1000) * float(generator.normal(1, 0.02))
            write(profile.runs, made(dataset, neuron, seed, test, count, **changes))
    for dataset in chosen.datasets:
        write_data(profile.data, dataset)
    write_throughput(profile.throughput, chosen.neurons)
    return profile


def write_data(data: Path, dataset: str) -> None:
    splits = {"train": 100, "validation": 20, "test": 30}
    manifest = {
        "name": dataset,
        "digest": "0123456789abcdef" * 4,
        "classes": ["a", "b"],
        "shape": [STEPS, 2, 16, 16],
        "samples": splits,
        "sources": splits,
        "events_per_sample": dict.fromkeys(splits, 4000.0),
    }
    write_atomic(data / f"{dataset}.json", as_json(manifest))
    frames = np.random.default_rng(1).poisson(0.2, (2, STEPS, 2, 16, 16)).astype(np.uint8)
    np.savez_compressed(data / f"{dataset}.npz", frames=frames, labels=np.array(["a", "b"]))


def write_throughput(folder: Path, neurons: tuple[str, ...], device: str = "Made CPU") -> None:
    """Forward takes 2 ns per element and step; a training step 64 samples in 0.1 s."""
    kinds = {
        "neuron_forward": {"elements": 1000, "samples": None, "bound_ns": 0.5},
        "training_step": {"elements": None, "samples": 64, "bound_ns": None},
    }
    entries = [
        {
            "extra_info": about
            | {"what": what, "neuron": neuron, "backend": "made", "shape": "[10, 64]"},
            "stats": {"median": 2e-6, "data": [1.9e-6, 2e-6, 2.1e-6], "rounds": 3}
            if what == "neuron_forward"
            else {"median": 0.1, "q1": 0.09, "q3": 0.11, "rounds": 7},
        }
        for what, about in kinds.items()
        for neuron in neurons
    ]
    machine = {"aia_device": device, "aia_copy_gb_per_s": 16.0, "aia_matmul_gflop_per_s": 100.0}
    content = {"machine_info": machine, "benchmarks": entries}
    write_atomic(folder / "made-cpu" / "times.json", json.dumps(content))


def _curves(test: float) -> Curves:
    rising = [test * min(1.0, 0.5 + epoch / 4) for epoch in range(EPOCHS)]  # flat at the end
    return Curves(
        train_loss=[2 * 0.5**epoch for epoch in range(EPOCHS)],
        train_accuracy=rising,
        validation_accuracy=rising,
        gradient_norm=[1.0] * EPOCHS,
    )


def _result(neuron: str, seed: int, test: float, spikes: float) -> Result:
    associates = neuron in ("aia", "gain_frozen", "gain_plain")
    plain, coefficients = 1000, sum(LAYERS.values())
    training = plain + (coefficients if neuron in ("aia", "gain_plain") else 0)
    share = spikes / (len(LAYERS) * STEPS)
    return Result(
        best_epoch=EPOCHS - 1,
        accuracy=Accuracy(train=0.99, validation=test, test=test),
        confusion=[[200, 0], [0, 160]],
        spikes=Spikes(
            per_sample=spikes,
            by_layer_and_step={layer: [share] * STEPS for layer in LAYERS},
            firing_rate=dict.fromkeys(LAYERS, 0.1),
            activation_sparsity=0.9,
        ),
        synops=SynOps(effective_acs=5000.0, effective_macs=700.0, dense=90000.0),
        parameters=Parameters(training=training, inference=plain),
        fold=Fold(spikes_before=1000, spikes_differ=0, predictions_differ=0)
        if associates
        else None,
        association=_association(seed, neuron != "gain_frozen") if associates else None,
        association_effect=_effect(neuron, test, spikes) if associates else None,
        specificity={
            layer: Specificity(selectivity=0.3 + 0.01 * seed, information=0.2, silent=0.0)
            for layer in LAYERS
        },
        spiking=neuron != "relu",
    )


def _association(seed: int, trained: bool) -> dict[str, Association]:
    generator = np.random.default_rng(seed)
    found = {}
    for layer, channels in LAYERS.items():
        before = generator.normal(0.2339, 0.3971, channels)
        after = np.where(before > 0, before + 0.2, before) if trained else before
        found[layer] = Association(before=before.tolist(), after=after.tolist())
    return found


def _effect(neuron: str, test: float, spikes: float) -> AssociationEffect:
    trained = neuron != "gain_frozen"
    return AssociationEffect(
        accuracy_without=test - 0.2,
        spikes_per_sample_without=0.6 * spikes,
        potentiated=dict.fromkeys(LAYERS, 0.7),
        depressed=dict.fromkeys(LAYERS, 0.2),
        gradient_without_drive=0.0 if trained else None,
        gradient_with_drive=0.5 if trained else None,
    )


def made_host() -> Host:
    return Host(
        commit="0123456789abcdef0123456789abcdef01234567",
        dirty=False,
        versions={"torch": "2.6.0", "snntorch": "0.9.4"},
        python="3.11.0",
        platform="Linux",
        cpu="Made CPU",
        device="Made CPU",
        driver=None,
        threads=1,
        deterministic=True,
        compiled=True,
        command=["python", "-m", "benchmarks", "cell"],
        started="2026-01-02T03:04:05+00:00",
        train_seconds=10.0,
        train_samples_per_second=500.0,
    )
