"""What one process measures: which neurons, which backend, which sizes. Plain data, no torch."""

from __future__ import annotations

import math
import os
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from benchmarks.params import NeuronParams, Params

VARIABLE = "AIA_BENCH_PLAN"  # how the runner tells a pytest process its plan
LEFT_OUT = "AIA_BENCH_LEFT_OUT"  # and the file for what it left out
COUNTED = "AIA_BENCH_COUNTED"  # and that for how many are done, of how many
OURS = ("aia", "baselines")  # packages whose dynamics AIA_BACKEND moves

# Timed beside a profile's neurons where they are not among them; never trained.
PEERS = {
    "lif": NeuronParams.model_validate({"class": "aia.neuron:LIF", "match": True}),
    "spikingjelly_lif": NeuronParams.model_validate(
        {"class": "spikingjelly.activation_based.neuron:LIFNode", "match": True}
    ),
    "norse_lif": NeuronParams.model_validate(
        {"class": "benchmarks.throughput.peers:NorseLIF", "match": True}
    ),
}


class Shape(NamedTuple):
    """A drive ``[T, B, C, side, side]``."""

    steps: int
    batch: int
    channels: int
    side: int

    @property
    def elements(self) -> int:
        return math.prod(self) * self.side

    @property
    def sizes(self) -> list[int]:
        return [*self, self.side]


class Case(NamedTuple):
    """One size and precision at which a neuron is timed alone."""

    shape: Shape
    dtype: Literal["float32", "bfloat16"] = "float32"
    series: str = "main"  # the table's row, or what is varied: T, batch, channels, precision


def base(cuda: bool) -> Case:
    """The main table's size: far beyond the cache, and of a GPU far beyond the cost of launching.

    Smaller ones are drawn against batch.
    """
    return Case(Shape(10, 512 if cuda else 16, 32, 32))


# the neurons whose time is drawn against T, batch and channels
SCALED = ("aia", "lif", "snntorch_lif", "spikingjelly_lif", "spikingjelly_plif")


def scaling(cuda: bool) -> list[Case]:
    """From sizes where launching is all the time to sizes far beyond the cache."""
    batches = [1, 8, 64, 512] if cuda else [1, 4, 16, 64]
    channels = [8, 32, 128, *([512] if cuda else [])]
    return [
        Case(Shape(10, 1, 8, 8), series="launch"),
        *(Case(Shape(steps, 16, 32, 16), series="T") for steps in (4, 16, 64)),
        *(Case(Shape(10, batch, 32, 32), series="batch") for batch in batches),
        *(Case(Shape(10, 16, count, 16), series="channels") for count in channels),
    ]


# the series of a full run, what matters most first: the end of its time is to cost the least
ORDER = [
    "main",
    "aia and lif in turn",
    "graph",
    "precision",
    "launch",
    "T",
    "batch",
    "channels",
    "largest batch",
]
NO_TIME = "no time left"  # why a benchmark was left out


class Plan(BaseModel):
    """The work of one pytest process, as the runner hands it over."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    params: Params
    timed: tuple[str, ...]  # aliases of params or PEERS
    backend: str  # as PEERS' libraries and ours call it; "" for what each does by itself
    device: Literal["cpu", "cuda"]
    quick: bool
    optional: bool  # a neuron that does not run is left out, with the reason
    deadline: float = math.inf  # seconds since the epoch; what has not begun then is left out

    def rounds(self, round_s: float) -> int:
        """Rounds of ``round_s`` seconds: as many as fit in 1 s (quick: 0.4 s), from 7 to 25."""
        return max(7, min(25, int((0.4 if self.quick else 1.0) / round_s)))

    @property
    def base(self) -> Case:
        """The size at which every neuron is timed."""
        return base(self.device == "cuda")

    @property
    def cases(self) -> list[Case]:
        """Sizes of the neurons alone."""
        if self.quick:
            return [self.base]
        precision = self.base._replace(dtype="bfloat16", series="precision")
        return [self.base, precision, *scaling(self.device == "cuda")]

    def neuron(self, alias: str) -> NeuronParams:
        return self.params.neuron.get(alias) or PEERS[alias]


def is_control(neuron: NeuronParams) -> bool:
    """Whether the neuron is one of the suite's controls, whose dynamics are AIA's or LIF's."""
    return neuron.class_.startswith("baselines.controls:")


def from_environment() -> Plan:
    """The plan of this process."""
    return Plan.model_validate_json(os.environ[VARIABLE])


def library_of(neuron: NeuronParams) -> str:
    """Top-level package of the neuron's class; ``ours`` for this project's."""
    module = neuron.class_.rpartition(":")[0]
    if module.endswith(".py"):
        return "own file"
    package = module.partition(".")[0]
    if neuron.class_ == PEERS["norse_lif"].class_:
        return "norse"
    return "ours" if package in OURS else package
