"""Accumulated spiking flow: its gradient, its scales, and which neurons it trains."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from aia import AIA, LIF, variants
from baselines import controls
from benchmarks.errors import InputError
from benchmarks.params import Matched, NeuronParams, Params, Training
from benchmarks.profile import Profile
from benchmarks.records.files import record_path
from benchmarks.running.cells import run_cell
from benchmarks.training import checkpoints
from benchmarks.training.asf import FlowScales, flow_logits
from benchmarks.training.blocks import Block, Network, Pooling
from benchmarks.training.contract import check_neuron
from benchmarks.training.networks import build_network
from benchmarks.training.state import Cell
from tests.aia import formulas
from tests.aia.formulas import DOUBLE, MOMENTUM, coefficients, random, some_spikes
from tests.small import small_profile

LIBRARY = "spikingjelly.activation_based.neuron"
OF_READINGS: list[tuple[type[LIF], formulas.Formula]] = [
    (AIA, formulas.aia),
    (variants.AIAHidden, formulas.aia),
    (variants.AIASigned, formulas.signed),
    (variants.AIAGated, formulas.gated),
    (variants.AIACoincidence, formulas.coincidence),
    (variants.AIACoincidenceSigned, formulas.coincidence_signed),
    (variants.AIACached, formulas.cached),
    (variants.AIATrainingOnly, formulas.aia),
    (controls.GainFrozen, formulas.aia),
    (controls.CachedFrozen, formulas.cached),
]
WITHOUT_STOP: list[tuple[type[LIF], formulas.Formula]] = [
    (controls.GainPlain, formulas.aia),
    (controls.HiddenPlain, formulas.aia),
    (controls.SignedPlain, formulas.signed),
    (controls.TrainingOnlyPlain, formulas.aia),
]
PASSING_BY_STEP = ("GatedPlain", "CoincidencePlain", "CoincidenceSignedPlain", "CachedPlain")


def made(cls: type[LIF]) -> Any:
    more = {"momentum": MOMENTUM} if issubclass(cls, variants.AIACached) else {}
    neuron: Any = cls(4, **more).double()
    neuron.coefficient.data = coefficients()
    return neuron


def linear(outputs: int, inputs: int, seed: int) -> nn.Linear:
    synapse = nn.Linear(inputs, outputs, bias=False, dtype=DOUBLE)
    synapse.weight.data = random(outputs, inputs, seed=seed)
    return synapse


def with_scales(network: Network, *values: float, threshold: float = 1.0) -> FlowScales:
    scales = FlowScales(network, threshold)
    assert scales.values.tolist() == [1.0] * len(values)
    scales.values[:] = torch.tensor(values, dtype=DOUBLE)
    return scales


class Flow(torch.autograd.Function):
    """Counts forward, the slope where the drive is above 0 backward."""

    @staticmethod
    def forward(ctx, drive, seen, counts, scale):  # type: ignore[no-untyped-def]
        ctx.open = scale * (seen > 0).to(drive.dtype)
        return counts.clone()

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def, override]
        return ctx.open * gradient, None, None, None


@pytest.mark.parametrize(
    ("cls", "formula", "sg"),
    [(c, f, Tensor.detach) for c, f in OF_READINGS]
    + [(c, f, lambda x: x) for c, f in WITHOUT_STOP],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_the_gradient_is_that_of_its_formula(
    cls: type[LIF], formula: formulas.Formula, sg: Any
) -> None:
    """Each time step carries an equal share of the flow, by which their sum is the accumulated."""
    steps, neuron, first, second = 8, made(cls), linear(5, 6, 2), linear(4, 5, 3)
    for synapse in (first, second):
        synapse.weight.data = 2 * synapse.weight.data + 0.5
    readout, frames = linear(3, 4, 5), some_spikes(steps, 20, 6)
    network = Network({"a": Block(first, LIF(5)), "b": Block(second, neuron)}, readout)
    scales = with_scales(network, 0.3, 0.6, threshold=2.0)
    found = flow_logits(network, frames, scales, epoch=1)

    w1, w2, a, out = (
        v.detach().clone().requires_grad_()
        for v in (first.weight, second.weight, neuron.coefficient, readout.weight)
    )
    n, s = frames.sum(0), formulas.spikes_of(list(frames @ first.weight.detach().T))
    drive = n @ w1.T
    n = Flow.apply(drive, drive, s.sum(0), 0.3)
    parts = s + (n - n.detach()) / steps
    terms = formula(parts[:, :, None, :] * w2, a, sg)
    drive = torch.stack(terms).sum(0)
    n = Flow.apply(drive, drive, formulas.spikes_of(terms).detach().sum(0), 0.6)
    expected = n @ out.T / (steps * 2.0)
    leaves = [(first.weight, w1), (second.weight, w2), (readout.weight, out)]
    if neuron.coefficient.requires_grad:
        leaves.append((neuron.coefficient, a))
    assert scales.values.tolist() == [0.3, 0.6]
    same(found, expected, *leaves)


def same(found: Tensor, expected: Tensor, *leaves: tuple[Tensor, Tensor]) -> None:
    """The same logits, and the same gradients at pairs of leaves."""
    assert found.any()
    assert torch.allclose(found, expected, rtol=1e-12)
    for logits in (found, expected):
        (logits * random(*logits.shape, seed=9)).sum().backward()
    for one, other in leaves:
        assert one.grad is not None
        assert other.grad is not None
        assert other.grad.abs().sum() > 0
        assert torch.allclose(one.grad, other.grad, rtol=1e-9, atol=1e-12)


def behind_pooling(pooling: Pooling) -> tuple[Network, Tensor]:
    """4 x 4 pixels, a convolution, pooling to 2 x 2, a linear layer; and frames for it."""
    convolution = nn.Conv2d(2, 3, 3, padding=1, bias=False, dtype=DOUBLE)
    convolution.weight.data = random(3, 2, 3, 3, seed=2)
    blocks = {"a": Block(convolution, LIF(3)), "b": Block(linear(4, 12, 12), LIF(4), pooling)}
    return Network(blocks, linear(3, 4, 5)), some_spikes(8, 5, 2, 4, 4)


def leaves_of(network: Network) -> list[tuple[Tensor, Tensor]]:
    return [(p, p.detach().clone().requires_grad_()) for p in network.parameters()]


def test_pooling_units_that_fire_are_a_layer_of_their_own() -> None:
    network, frames = behind_pooling(Pooling(nn.AvgPool2d(2), 3, 0.75))
    found = flow_logits(network, frames, with_scales(network, 0.3, 0.5, 0.6), epoch=1)
    with torch.no_grad():
        one = network.blocks["a"](frames)
        pooled = network.blocks["b"].incoming(one)
        two = network.blocks["b"](one)
    leaves = leaves_of(network)
    w1, w2, out = (copy for _, copy in leaves)
    drive = nn.functional.conv2d(frames.sum(0), w1, padding=1)
    n = Flow.apply(drive, drive, one.sum(0), 0.3)
    drive = nn.functional.avg_pool2d(n, 2).flatten(1)
    n = Flow.apply(drive, drive, pooled.sum(0), 0.5)
    drive = n @ w2.T
    n = Flow.apply(drive, drive, two.sum(0), 0.6)
    assert pooled.any()
    same(found, n @ out.T / 8, *leaves)


def test_behind_a_maximum_the_gate_sees_the_drive_that_was_there() -> None:
    network, frames = behind_pooling(Pooling(nn.MaxPool2d(2), 3))
    found = flow_logits(network, frames, with_scales(network, 0.3, 0.6), epoch=1)
    with torch.no_grad():
        one = network.blocks["a"](frames)
        two = network.blocks["b"](one)
        seen = network.blocks["b"].incoming(one).sum(0) @ network.blocks["b"].synapse.weight.T
    leaves = leaves_of(network)
    w1, w2, out = (copy for _, copy in leaves)
    drive = nn.functional.conv2d(frames.sum(0), w1, padding=1)
    n = Flow.apply(drive, drive, one.sum(0), 0.3)
    drive = nn.functional.max_pool2d(n, 2).flatten(1) @ w2.T
    assert (drive > 0).ne(seen > 0).any()
    n = Flow.apply(drive, seen, two.sum(0), 0.6)
    same(found, n @ out.T / 8, *leaves)


def test_logits_are_those_of_the_spiking_network_over_its_threshold() -> None:
    training = Training(network="vgg_author", width=0.0625, initial_gain=6.0, rule="asf")
    network = build_network(lambda n: variants.AIAHidden(n, 1.0, 2.0), training, 5, 24, (1, 2))
    generator = torch.Generator().manual_seed(3)
    frames = torch.poisson(torch.full((6, 3, 2, 24, 24), 1.0), generator=generator)
    scales = with_scales(network, *[1.0] * 7, threshold=2.0)
    logits = flow_logits(network, frames, scales, epoch=0)
    assert torch.allclose(logits, network(frames) / 2, rtol=1e-5)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


def test_a_scale_averages_each_batchs_spikes_over_drive() -> None:
    scales = FlowScales(Network({"a": Block(linear(1, 1, 0), LIF(1))}, linear(1, 1, 0)))
    batches = [
        ([[4.0, 1.0], [-2.0, 6.0]], [[2.0, 3.0], [0.0, 5.0]], 0.6 * 7 / 10 + 0.4 * 1.0),
        ([[-1.0, 0.0]], [[0.0, 0.0]], 0.6 * 1.0 + 0.4 * 0.82),  # nothing drove
        ([[9e-4, 1.0]], [[0.0, 2.0]], 0.6 * 1.0 + 0.4 * 0.928),  # next to nothing
        ([[3.0, 8.0]], [[3.0, 0.0]], 0.6 * 3 / 11 + 0.4 * 0.9712),
    ]
    for drive, counts, expected in batches:
        scales.move(0, torch.tensor(drive), torch.tensor(counts))
        assert scales.values.tolist() == pytest.approx([expected], rel=1e-12)


def test_scales_move_at_each_batch_of_every_fifth_epoch_before_they_are_used() -> None:
    network = Network({"a": Block(linear(4, 6, 2), LIF(4))}, linear(3, 4, 5))
    frames, moved = some_spikes(8, 7, 6), []
    for epoch in (0, 0, *range(1, 12)):
        scales = FlowScales(network)
        scales.values[:] = 0.5
        network.zero_grad()
        flow_logits(network, frames, scales, epoch).sum().backward()
        gradient = network.blocks["a"].synapse.weight.grad
        moved.append((epoch, float(scales.values), gradient.clone()))
    at_rest = [m for m in moved if m[0] % 5]
    (first, scale, gradient), *others = [m for m in moved if m[0] % 5 == 0]
    assert {m[1] for m in at_rest} == {0.5}
    assert [first, *(m[0] for m in others)] == [0, 0, 5, 10]
    assert scale != 0.5
    assert torch.allclose(gradient / scale, at_rest[0][2] / 0.5)


def spec_of(path: str, **args: Any) -> NeuronParams:
    return NeuronParams.model_validate({"class": path, "args": args, "match": not args})


def asf_takes(path: str, **args: Any) -> None:
    check_neuron(spec_of(path, **args), Matched(), "mine", 4, "asf")


class AlsoLearnsAThreshold(AIA):
    """More than the accumulated drive knows of."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.above = nn.Parameter(torch.zeros(()))

    def forward(self, drive: Tensor) -> Tensor:
        return super().forward(drive - self.above)


@pytest.mark.parametrize(
    "path",
    [
        *(f"{c.__module__}:{c.__name__}" for c, _ in [*OF_READINGS, *WITHOUT_STOP]),
        "baselines.controls:LIFInitScaled",
        "snntorch:Leaky",
        *(f"{LIBRARY}:{name}" for name in ("LIFNode", "IFNode", "ComplementaryLIFNode")),
    ],
)
def test_a_neuron_all_of_which_learns_is_taken(path: str) -> None:
    asf_takes(path)


@pytest.mark.parametrize("name", PASSING_BY_STEP)
def test_a_control_with_a_gradient_for_each_time_step_is_refused(name: str) -> None:
    said = rf"'mine \(baselines.controls:{name}\)': rule asf cannot train it.*set `rule: bptt`"
    with pytest.raises(InputError, match=said):
        asf_takes(f"baselines.controls:{name}")


@pytest.mark.parametrize(
    ("path", "learned"),
    [
        (f"{LIBRARY}:ParametricLIFNode", "node.w"),
        (f"{LIBRARY}:KLIFNode", "node.k"),
        (f"{__name__}:AlsoLearnsAThreshold", "above"),
    ],
)
def test_a_neuron_that_would_stay_unlearned_is_refused(path: str, learned: str) -> None:
    with pytest.raises(InputError, match=rf"gradient to its {learned}; set `rule: bptt`"):
        asf_takes(path)


def test_every_control_and_reading_is_taken_or_refused_by_name() -> None:
    named = {c.__name__ for c, _ in [*OF_READINGS, *WITHOUT_STOP]} | set(PASSING_BY_STEP)
    learning = {
        name
        for module in (variants, controls)
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__ == module.__name__ and not name.startswith("_")
        if any(p.requires_grad for p in cls(3).parameters())
    }
    assert learning <= named


def small(folder: Path, **training: Any) -> tuple[Params, Profile]:
    hidden = {"class": "aia.variants:AIAHidden", "match": True}
    return small_profile(
        folder, {"hidden": hidden}, rule="asf", epochs=3, initial_gain=3.0, loss="mse", **training
    )


def quiet(done: int, total: int, say: str) -> None: ...


def interrupted(folder: Path) -> tuple[Params, Profile]:
    """Stopped in its second epoch, in which scales do not move."""

    def stop(done: int, total: int, say: str) -> None:
        if say.startswith("epoch 2/"):
            raise KeyboardInterrupt

    params, profile = small(folder)
    with pytest.raises(KeyboardInterrupt):
        run_cell(Cell("dvs_digits", "hidden", 0), params, profile, stop)
    return params, profile


def test_a_cell_leaves_the_same_bytes_twice_and_after_an_interruption(tmp_path: Path) -> None:
    cell, left = Cell("dvs_digits", "hidden", 0), []
    straight = (small(tmp_path / name) for name in ("first", "second"))
    for params, profile in (*straight, interrupted(tmp_path / "resumed")):
        result = run_cell(cell, params, profile, quiet).result
        assert result is not None
        assert result.association is not None
        moved = result.association["linear1"]
        assert moved.before != moved.after
        left.append(record_path(profile.runs, "dvs_digits", "hidden", 0).read_bytes())
    assert left[0] == left[1] == left[2]


def test_a_checkpoint_holds_the_scales_and_those_of_another_network_are_put_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    params, profile = interrupted(tmp_path)
    checkpoint = profile.checkpoints / "dvs_digits-hidden-0.safetensors"
    with safe_open(checkpoint, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert tensors["scales"].shape == (3,)
    assert (tensors["scales"] != 1).all()
    assert json.loads(metadata["state"])["epoch"] == 1
    tensors["scales"] = torch.ones(4, dtype=DOUBLE)
    metadata["digest"] = checkpoints.digest_of(metadata["state"], tensors)
    checkpoint.write_bytes(to_bytes(tensors, metadata))
    run_cell(Cell("dvs_digits", "hidden", 0), params, profile, quiet)
    (line,) = caplog.messages
    assert "scales of another network" in line
