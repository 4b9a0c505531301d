"""A neuron that would train as something else than it says is refused: one line, a remedy."""

from __future__ import annotations

import inspect
import random
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from snntorch import Leaky
from spikingjelly.activation_based import neuron as sj
from torch import Tensor, nn

from aia import LIF
from benchmarks.errors import InputError
from benchmarks.params import Matched, NeuronParams
from benchmarks.training.contract import check_neuron
from benchmarks.training.neurons import builder, resolve

HERE = __name__


def spikes_of(v: Tensor) -> Tensor:
    soft = torch.sigmoid(4 * (v - 1))
    return soft - soft.detach() + (v >= 1).to(v.dtype)


class Good(nn.Module):
    def __init__(self, channels: int, decay: float = 0.5) -> None:
        super().__init__()
        self.decay = decay

    def forward(self, drive: Tensor) -> Tensor:
        v, spikes = torch.zeros_like(drive[0]), []
        for current in drive:
            v = self.decay * v + current
            spikes.append(spikes_of(v))
            v = v * (1 - spikes[-1].detach())
        return torch.stack(spikes)


class Compiled(Good):
    graphs: ClassVar[list[Any]] = []

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.run = torch.compile(super().forward, backend=self.seen)

    def seen(self, graph: Any, _: Any) -> Any:
        self.graphs.append(graph)
        return graph

    def forward(self, drive: Tensor) -> Tensor:
        out: Tensor = self.run(drive)
        return out


class Noisy(Good):
    """Draws from all three global generators; what it draws depends on the batch's size."""

    def forward(self, drive: Tensor) -> Tensor:
        return super().forward(drive + torch.rand_like(drive) * random.random())


class KeepsState(Good):
    seen = 0.0

    def forward(self, drive: Tensor) -> Tensor:
        out = super().forward(drive + self.seen)
        self.seen = float(out.detach().mean())
        return out


class KeepsStateAtInference(Good):
    seen = 0.0

    def forward(self, drive: Tensor) -> Tensor:
        out = super().forward(drive + (0 if self.training else self.seen))
        self.seen = float(out.detach().mean())
        return out


class OwnGenerator(Good):
    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.generator = torch.Generator().manual_seed(0)

    def forward(self, drive: Tensor) -> Tensor:
        return super().forward(drive + torch.rand(drive.shape, generator=self.generator))


class Mismatched(Good):
    """Its second line of forward raises, within torch."""

    def forward(self, drive: Tensor) -> Tensor:
        weights = torch.ones(7, 7)
        return nn.functional.linear(drive, weights)


class Misuses(LIF):
    """What it gives the suite's own neuron raises there."""

    def forward(self, drive: Tensor) -> Tensor:
        return super().forward([drive])  # type: ignore[arg-type]


class BatchForTime(Good):
    def forward(self, drive: Tensor) -> Tensor:
        return super().forward(drive.transpose(0, 1)).transpose(0, 1)


class StepTakesAll(Good):
    """A library's neuron that takes one step, given all of them as one batch."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.lif = sj.LIFNode()

    def forward(self, drive: Tensor) -> Tensor:
        self.lif.reset()
        out: Tensor = self.lif(drive)
        self.lif.reset()
        return out


class NoSurrogate(Good):
    def forward(self, drive: Tensor) -> Tensor:
        return (drive > 1).to(drive.dtype)


class Infinite(Good):
    def forward(self, drive: Tensor) -> Tensor:
        out = super().forward(drive)
        steep = (drive - drive.detach()).abs().sqrt()
        return out + steep - steep.detach()


class Doubles(Good):
    def forward(self, drive: Tensor) -> Tensor:
        return super().forward(drive).double()


class InPlace(Good):
    def forward(self, drive: Tensor) -> Tensor:
        drive.mul_(0.5)
        return super().forward(drive)


class LateParameters(Good):
    def forward(self, drive: Tensor) -> Tensor:
        if not hasattr(self, "gain"):
            self.gain = nn.Parameter(torch.ones(()))
        return super().forward(self.gain * drive)


class Lazy(Good):
    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.gain = nn.LazyLinear(3)


class Complex(Good):
    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.rotation = nn.Parameter(torch.ones(channels, dtype=torch.complex64))


class Anneals(Good):
    calls = 0

    def forward(self, drive: Tensor) -> Tensor:
        self.calls += 1
        out = super().forward(drive)
        return out.detach() + (drive - drive.detach()) / self.calls


class Carries(Good):
    def forward_from(self, synapse: nn.Module, spikes: Tensor) -> Tensor:
        drive = synapse(spikes.flatten(0, 1)).unflatten(0, spikes.shape[:2])
        self.kept = getattr(self, "kept", 0.0) + drive
        return spikes_of(self.kept)


class FoldsIntoItself(Good):
    def fold_into(self, synapse: nn.Module) -> nn.Module:
        return self


class ComputedCoefficients(Good):
    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.raw = nn.Parameter(torch.zeros(channels))

    def association_coefficients(self) -> Tensor:
        return nn.functional.softplus(self.raw)


class Steps(Good):
    def __init__(self, num_steps: int = 10, decay: float = 0.5) -> None:
        super().__init__(1, decay)


class SoftResetIsMissing(Good):
    def __init__(self, channels: int, decay: float = 0.5, **options: Any) -> None:
        super().__init__(channels, decay)
        if options.get("reset") == "subtract":
            raise NotImplementedError("soft reset is not written yet")
        self.options = options


class OwnSurrogate(Good):
    """An option of a user's that is called as one of the suite's."""

    def __init__(self, channels: int, surrogate: Any = torch.sigmoid) -> None:
        super().__init__(channels)
        surrogate(torch.zeros(1))


class OfSnnTorch(Leaky):
    def __init__(self, channels: int, beta: float = 0.5, **options: Any) -> None:
        assert channels == 3
        super().__init__(beta=beta, **options)


class OfSpikingJelly(sj.LIFNode):
    def __init__(self, channels: int, tau: float = 2.0) -> None:
        assert channels == 3
        super().__init__(tau=tau)


class NoModule:
    def __init__(self, channels: int) -> None: ...

    def __call__(self, drive: Tensor) -> Tensor:
        return spikes_of(drive)


class Swallows(Good):
    def __init__(self, channels: int, decay: float = 0.5, **options: Any) -> None:
        super().__init__(channels, decay)


class PassesOn(LIF):
    def __init__(self, channels: int, **options: Any) -> None:
        super().__init__(channels, **options)


class TauFirst(Good):
    def __init__(self, tau: float = 2.0, decay: float = 0.5) -> None:
        super().__init__(1, decay)


class TauAlone(Good):
    def __init__(self, tau) -> None:  # type: ignore[no-untyped-def]
        super().__init__(1)


class NeedsMore(Good):
    def __init__(self, channels: int, horizon: int) -> None:
        super().__init__(channels)


class TakesNoStepMode(sj.LIFNode):
    """As users derive from SpikingJelly: the constructor has their own arguments."""

    def __init__(self, leak: float = 2.0) -> None:
        super().__init__(tau=leak, decay_input=False)


def _last(neuron: type[nn.Module]) -> int:
    """The number of the last line of its forward."""
    lines, first = inspect.getsourcelines(neuron.forward)
    return first + len(lines) - 1


def try_out(name: str, match: bool = True, **args: Any) -> None:
    spec = NeuronParams.model_validate({"class": name, "args": args, "match": match})
    check_neuron(spec, Matched(), "mine", 6)


@pytest.mark.parametrize("name", ["Good", "Noisy", "PassesOn", "TakesNoStepMode", "OwnSurrogate"])
def test_a_neuron_that_keeps_the_contract_passes(name: str) -> None:
    before = torch.get_rng_state(), random.getstate()
    try_out(f"{HERE}:{name}")
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("KeepsState", "keeps state between calls.*fresh state"),
        ("KeepsStateAtInference", "keeps state between calls"),
        ("OwnGenerator", "keeps state between calls"),
        ("Mismatched", rf"shape \(6, 2, 3, 4, 4\): .*\(test_contract.py:{_last(Mismatched)}\)$"),
        ("Misuses", rf"\(test_contract.py:{_last(Misuses)}\)$"),
        ("BatchForTime", "time comes first, then the batch"),
        ("StepTakesAll", "LIFNode takes time for batch.*step_mode='m'"),
        ("NoSurrogate", "no gradient to its drive.*surrogate"),
        ("Infinite", "not finite.*bound"),
        ("Doubles", "returned torch.float64; its drive is torch.float32"),
        ("InPlace", "changes its drive in place.*copy"),
        ("LateParameters", "parameters at its first call.*constructor"),
        ("Lazy", "has no size before the first call"),
        ("Complex", "'rotation' is torch.complex64.*real"),
        ("NoModule", "no torch.nn.Module; derive"),
        ("Swallows", r"threshold, reset, detach_reset, surrogate_width by its \*\*kwargs"),
        ("Anneals", "another gradient the second time"),
        ("Carries", "forward_from keeps state between calls"),
        ("FoldsIntoItself", "fold_into left a FoldsIntoItself; return the plain LIF"),
        ("ComputedCoefficients", "must return a parameter or buffer of the neuron itself"),
        ("Steps", r"first argument, 'num_steps'"),
        ("SoftResetIsMissing", r"takes threshold, detach_reset, surrogate_width by its"),
        ("TauFirst", r"first argument, 'tau'.*\(self, channels, tau=...\)"),
        ("TauAlone", r"first argument, 'tau'"),
        ("NeedsMore", "needs horizon as well.*--args horizon="),
    ],
)
def test_a_neuron_that_breaks_it_is_one_line_with_its_class_and_a_remedy(
    name: str, said: str
) -> None:
    with pytest.raises(InputError, match=said) as refused:
        try_out(f"{HERE}:{name}")
    assert f"{HERE}:{name}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_nothing_is_compiled_to_try_it() -> None:
    Compiled.graphs.clear()
    try_out(f"{HERE}:Compiled")
    assert not Compiled.graphs
    Compiled(3)(torch.ones(2, 2, 3))
    assert Compiled.graphs


@pytest.mark.parametrize("name", ["OfSnnTorch", "OfSpikingJelly"])
def test_a_class_derived_from_a_librarys_may_take_their_number_of_channels(name: str) -> None:
    try_out(f"{HERE}:{name}", match=False)


def test_a_subclass_of_spikingjelly_without_step_mode_integrates_over_time() -> None:
    spec = NeuronParams.model_validate({"class": f"{HERE}:TakesNoStepMode"})
    neuron = builder(spec, Matched())(3)
    assert neuron(torch.full((8, 2, 3), 0.6)).sum() > 0  # one step alone stays below the threshold


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; sys.exit(3)", "ends the program.*__main__"),
        ("import argparse; p = argparse.ArgumentParser(); p.add_argument('x'); p.parse_args()",
         "ends the program"),
        ("1/0", "failed: division by zero"),
        ("raise ValueError('two\\nlines')", "failed: two lines"),
    ],
)  # fmt: skip
def test_a_file_that_ends_the_program_when_imported_is_refused(
    text: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        resolve(f"{file}:Mine")


def test_a_file_that_parses_arguments_when_imported_does_not_get_the_suites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "compare", "mine.py:Mine"])
    file = tmp_path / "mine.py"
    file.write_text("import argparse\nargparse.ArgumentParser().parse_args()\nclass Mine: ...\n")
    assert resolve(f"{file}:Mine").__name__ == "Mine"
