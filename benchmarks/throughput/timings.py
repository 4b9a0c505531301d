"""Throughput files of pytest-benchmark -> rows."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import wording
from benchmarks.errors import InputError

WORK = {  # what was timed -> its name in tables, figures and messages
    "neuron_forward": "neuron, inference",
    "neuron_training_forward": "neuron, forward for training",
    "neuron_forward_backward": "neuron, forward and backward",
    "training_step": "network, training step",
    "inference": "network, inference",
}
# of the main table, with their units
PER_ELEMENT = {
    what: f"{WORK[what]}, ns per element and step"
    for what in ("neuron_forward", "neuron_forward_backward")
}
PER_SAMPLE = {what: f"{WORK[what]}, samples/s" for what in ("training_step", "inference")}
TITLES = PER_ELEMENT | PER_SAMPLE
NETWORK = tuple(PER_SAMPLE)
MAIN = "main"
_RESAMPLES = 10_000
_EDGES = (0.05, 0.95)  # between which quantiles a time is said to lie


@dataclass(frozen=True)
class Timing:
    """One timed thing on one device: ``low <= median <= high``, the 5 % and 95 % quantiles of all
    rounds. Of a file that kept no rounds they are the ``quartiles``."""

    device: str
    what: str
    neuron: str
    backend: str
    shape: str
    median: float  # ns per element and step, or samples/s
    low: float
    high: float
    bound: float | None  # in the same unit: what the device's memory or arithmetic allows
    rounds: int
    kept_bytes: float | None  # kept for the backward pass, bytes per element and step
    dtype: str = "float32"
    series: str = MAIN  # what this size belongs to: the table, or what is varied
    seconds: float = 0.0  # median of one call
    peak_bytes: float | None = None  # most held at a time, per element and step or per sample
    joules: float | None = None  # per call of a neuron, per sample of a network
    flops: float | None = None  # of one call of a network
    bytes_moved: float | None = None  # of one call
    threads: int | None = None
    gpu: bool = False
    kernels: str = ""  # of a GPU, that ran: which implementation it was
    commit: str = ""  # whose source was timed, with a plus if it was changed since
    quartiles: bool = False

    @property
    def work(self) -> str:
        """``what`` as a person reads it."""
        return WORK.get(self.what, self.what)

    @property
    def sizes(self) -> list[int]:
        """``shape`` as numbers."""
        lengths: list[int] = ast.literal_eval(self.shape)
        return lengths

    @property
    def size(self) -> str:
        """``shape`` as a person reads it: 10x16x32x32x32."""
        return "x".join(map(str, self.sizes))


@dataclass(frozen=True)
class Machine:
    """What the bounds of one device were when it was timed."""

    device: str
    copy_gb_per_s: float
    matmul_gflop_per_s: float


@dataclass(frozen=True)
class StepRatio:
    """A training step of AIA over one of LIF on a device: median ratio and its interval.

    At ``batch``, or at the profile's; ``graph``: each step replayed as one CUDA graph. ``draws``:
    networks of each neuron, their steps taken in turn; in older files, processes.
    """

    device: str
    ratio: float
    low: float
    high: float
    pairs: int
    draws: int
    batch: int | None = None
    graph: bool = False

    @property
    def at(self) -> str:
        """At which batch and how run, as a person reads it behind a comma."""
        batch = "" if self.batch is None else f", batch {self.batch:,}"
        return f"{batch}, CUDA graph" if self.graph else batch


@dataclass(frozen=True)
class Speeds:
    """Everything that the throughput files below a folder say."""

    all: list[Timing]
    costs: list[StepRatio]
    machines: list[Machine]

    @property
    def main(self) -> list[Timing]:
        """The main table: one size, each neuron as it comes; of several backends the first."""
        seen: dict[tuple[str, str, str], Timing] = {}
        for timing in self.all:
            if timing.what in TITLES and timing.series == MAIN:
                seen.setdefault((timing.device, timing.what, timing.neuron), timing)
        return list(seen.values())

    @property
    def every(self) -> list[Timing]:
        """Everything once: of what a quick and a full run timed both, the full run's."""
        last = {
            (t.device, t.what, t.neuron, t.backend, t.shape, t.dtype, t.series): t for t in self.all
        }
        return list(last.values())

    @property
    def devices(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(timing.device for timing in self.all))


def speed_writer(what: str) -> Callable[[float], str]:
    """How a time or a rate is written; a GPU's nanoseconds are thousandths."""
    return "{:,.0f}".format if what in NETWORK else wording.digits


def in_figures(timing: Timing) -> str:
    """The median and between which quantiles the rounds lie, quartiles in round brackets."""
    form = speed_writer(timing.what)
    left, right = "()" if timing.quartiles else "[]"
    return f"{form(timing.median)} {left}{form(timing.low)}, {form(timing.high)}{right}"


def read_speeds(folder: Path) -> Speeds:
    """All throughput files below ``folder``. Raises InputError for one that is not ours."""
    return together(map(speeds_of, files(folder)))


def together(speeds: Iterable[Speeds]) -> Speeds:
    """What several files say, in their order."""
    of_files = list(speeds)
    return Speeds(
        [timing for each in of_files for timing in each.all],
        [cost for each in of_files for cost in each.costs],
        [machine for each in of_files for machine in each.machines],
    )


def files(folder: Path) -> list[Path]:
    """Of each device quick.json, then times.json, the full run's."""
    return sorted(folder.glob("*/*.json"))


def timings_of(path: Path) -> list[Timing]:
    """The timings of one file. Raises InputError."""
    return speeds_of(path).all


def speeds_of(path: Path) -> Speeds:
    """One file. Raises InputError if it is not pytest-benchmark's JSON with the suite's notes."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise unreadable(path, error) from error
    return speeds_in(content, path)


def speeds_in(content: Mapping[str, Any], where: object) -> Speeds:
    """A file's content; ``where`` is for the message of the InputError."""
    try:
        machine = content["machine_info"]
        device = str(machine["aia_device"])
        rates = float(machine["aia_copy_gb_per_s"]), float(machine["aia_matmul_gflop_per_s"])
        about = {
            "device": device,
            "threads": machine.get("aia_threads"),
            "gpu": machine.get("aia_driver") is not None,
            "commit": _commit(content),
        }
        entries = content["benchmarks"]
        timings = [_timing(about, each) for each in entries if "pairs_s" not in each["extra_info"]]
        taken = [each["extra_info"] for each in entries if "pairs_s" in each["extra_info"]]
        return Speeds(timings, _costs(device, taken), [Machine(device, *rates)])
    except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise unreadable(where, error) from error


def unreadable(where: object, error: Exception) -> InputError:
    return InputError(
        f"{where}: not a throughput file of this suite "
        f"({type(error).__name__}: {error}); delete it and measure again"
    )


def _commit(content: Mapping[str, Any]) -> str:
    """As pytest-benchmark noted it; empty where it found no repository.

    To it results that the pipeline writes are changes too, to us they are not.
    """
    noted = content.get("commit_info", {})
    changed = content["machine_info"].get("aia_dirty", noted.get("dirty"))
    return f"{str(noted.get('id') or '')[:7]}{'+' if changed else ''}"


def _costs(device: str, taken: Iterable[Mapping[str, Any]]) -> list[StepRatio]:
    """AIA against LIF in training steps taken in turn, one cost a batch and way of running them."""
    ratios: dict[tuple[int | None, bool], list[npt.NDArray[np.float64]]] = {}
    for about in taken:
        pairs = about["pairs_s"]  # [networks, steps], or of one [steps]
        ratio = np.atleast_2d(np.array(pairs["aia"]) / np.array(pairs["lif"]))
        ratios.setdefault((about.get("batch"), about.get("graph", False)), []).extend(ratio)
    return [_cost(device, np.array(of_networks), *how) for how, of_networks in ratios.items()]


def _cost(
    device: str, ratios: npt.NDArray[np.float64], batch: int | None, graph: bool
) -> StepRatio:
    """Of the ratios ``[draws, pairs]``.

    The interval is the bootstrap's, 95 %, of the median over pairs: networks are drawn, and of each
    its pairs, since where memory lies gives every network a ratio of its own.
    """
    draws, pairs = ratios.shape
    generator = np.random.default_rng(0)
    which = generator.integers(draws, size=(_RESAMPLES, draws, 1))
    each = generator.integers(pairs, size=(_RESAMPLES, draws, pairs))
    drawn = np.median(ratios[which, each], axis=(1, 2))
    low, high = np.quantile(drawn, (0.025, 0.975))
    middle = float(np.median(ratios))
    return StepRatio(device, middle, float(low), float(high), ratios.size, draws, batch, graph)


def edges_of(stats: Mapping[str, Any]) -> list[float] | None:
    """The quantiles of the rounds, s; None of a file that kept neither the ones nor the others."""
    if rounds := stats.get("data"):
        return [float(edge) for edge in np.quantile(rounds, _EDGES)]
    return stats.get("edges")


def _timing(machine: dict[str, Any], entry: dict[str, Any]) -> Timing:
    about, stats = entry["extra_info"], entry["stats"]
    kept = edges_of(stats)
    edges = kept or (stats["q1"], stats["q3"])
    fast, median, slow = (float(s) for s in (edges[0], stats["median"], edges[1]))
    bound = about.get("bound_ns")
    if about["samples"] is not None:
        count = int(about["samples"])
        low, middle, high = count / slow, count / median, count / fast
        bound = None if bound is None else 1e9 / bound
    else:
        scale = 1e9 / int(about["elements"])
        low, middle, high = fast * scale, median * scale, slow * scale
    return Timing(
        **machine,
        what=str(about["what"]),
        neuron=str(about["neuron"]),
        backend=str(about["backend"]),
        shape=str(about["shape"]),
        median=middle,
        low=low,
        high=high,
        bound=bound,
        rounds=int(stats.get("rounds", 0)),
        kept_bytes=about.get("kept_bytes"),
        dtype=str(about.get("dtype", "float32")),
        series=str(about.get("series", MAIN)),
        seconds=median,
        peak_bytes=about.get("peak_bytes"),
        joules=about.get("joules"),
        flops=about.get("flops"),
        bytes_moved=about.get("bytes_moved"),
        kernels="; ".join(about.get("kernels", [])),
        quartiles=kept is None,
    )
