"""Figures of the selected records: what to draw, and where it is put.

Everything here is deterministic: the same records give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
from matplotlib.figure import Figure

from benchmarks.evidence.tuning import Tuned
from benchmarks.presenting.figures import contact_sheet, drawing, looks
from benchmarks.presenting.figures import leads as lead_figures
from benchmarks.presenting.figures import speed as drawing_speed
from benchmarks.presenting.figures.networks import accuracy_by_network
from benchmarks.presenting.figures.svg import FONTS, svg
from benchmarks.profile import Profile
from benchmarks.progress import Progress, silent
from benchmarks.records.files import write_atomic_bytes
from benchmarks.records.selection import Selection, load
from benchmarks.throughput.summaries import speeds_of_profile
from benchmarks.throughput.timings import Speeds
from benchmarks.wording import slug

matplotlib.rcdefaults()  # also where a matplotlibrc lies in the working directory
_DPI = 140
STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "font.sans-serif": FONTS,
    "svg.fonttype": "none",
    "svg.hashsalt": "aia-bench",
}
# kind of figure -> what draws it for one data set
PER_DATASET: dict[str, Callable[..., Figure | None]] = {
    "accuracy_spikes": drawing.accuracy_spikes,
    "curves": drawing.curves,
    "spikes_by_step": drawing.spikes_by_step,
    "association": drawing.association,
    "networks": accuracy_by_network,
}


class Caption(NamedTuple):
    """What is said of a kind of figure."""

    title: str
    shows: str  # to who cannot see it
    reading: str


CAPTIONS = {
    "accuracy_spikes": Caption(
        "Accuracy against spikes",
        "test accuracy over spikes a test sample, a mark a neuron and seed",
        "Up is more accurate, left is fewer spikes. A small mark is one seed, a large mark the "
        "mean over seeds. Marks that overlap are neurons that these seeds do not tell apart. A "
        "network with graded outputs has no spikes and is a dotted line at its accuracy.",
    ),
    "curves": Caption(
        "Learning curves",
        "train loss and validation accuracy over epochs, a line a neuron",
        "Lines are means over seeds; where there are few neurons, bands reach from the least to "
        "the greatest seed. A neuron "
        "that is only faster leads early and is caught up later; a curve that still rises at the "
        "last epoch was cut off by the budget.",
    ),
    "spikes_by_step": Caption(
        "Spikes by layer and time step",
        "spikes a sample over time steps, a panel a layer, a line a neuron",
        "Means over seeds, each layer on its own scale. Every sample starts from a membrane "
        "potential of zero, so the first step differs from the others.",
    ),
    "tuned": Caption(
        "Accuracy by learning rate",
        "validation accuracy over the learning rate, a panel a data set, a line a neuron",
        "Validation accuracy at the best epoch, means over seeds; all neurons began with "
        "the same rates. A ring marks the rate that a neuron was given in the tuned tables: its "
        "best. A ring at an end of the axis means that a better rate may lie beyond.",
    ),
    "lead_by_rate": Caption(
        "Lead over LIF by learning rate",
        "lead in validation accuracy over the learning rate, a panel a data set, a line for "
        "the neuron under test and each control",
        "Validation accuracy minus that of LIF at the same rate: means with 95 % intervals over "
        "the seeds that rates were chosen on. The grey band is one point each way, the smallest "
        "difference of interest; the dotted line is LIF's own best rate. A lead that is there only "
        "left of it is one over a LIF that was trained too slowly. Of two seeds bars reach from "
        "one to the other; long intervals go on beyond the panel.",
    ),
    "lead_by_epoch": Caption(
        "Lead over LIF by epoch",
        "lead in validation accuracy over epochs, a panel a data set, a line for the neuron "
        "under test and each control",
        "Validation accuracy after each epoch minus that of LIF after as many: means over the "
        "seeds of the verdicts, with 95 % intervals as a band for the neuron under test and on the "
        "right, after the last epoch, for all. The grey band is one point each way. A lead that "
        "shrinks as training goes on is one in speed.",
    ),
    "association": Caption(
        "Association coefficients before and after training",
        "histograms of the coefficients before and after training, a row a neuron, a column a "
        "layer",
        "One count a channel or unit, all seeds together. Left of the dotted line a coefficient "
        "is switched off by the rectifier, gets no gradient and stays where it was drawn. Neurons "
        "whose coefficients are not trained are left out.",
    ),
    "networks": Caption(
        "Accuracy by network and split",
        "test accuracy over the number of weights, a panel a split, a mark a neuron with its "
        "interval",
        "Means with 95 % intervals over seeds or folds where there are three or more. The dotted "
        "line is what was published of the neuron under test; which split it stands for is not "
        "known.",
    ),
    "samples": Caption(
        "What the data look like",
        "frames of events, a row a class, a column a time step",
        "One test sample of each class, one row a class, one column a time step. Blue pixels "
        "brightened, orange ones darkened, dark ones did both; white saw no event.",
    ),
    "throughput": Caption(
        "Speed",
        "bars of times and rates, a panel each for inference and training of neuron and "
        "network, a bar a neuron",
        "Medians over rounds, the thin line spans the 5 % to the 95 % quantile, of a record that "
        "kept no rounds the quartiles; an arrow means that it goes on beyond the axis. Elements "
        "are those of the drive, all time steps counted.",
    ),
    "scaling": Caption(
        "Time against size",
        "time of forward and backward over time steps, batch and channels, a line a neuron "
        "and backend",
        "Forward and backward of the neuron alone by time steps, batch and channels, medians with "
        "the same quantiles; both axes are logarithmic. Dashed: what moving each tensor once would "
        "take. A flat line to the left is the cost of launching, not of computing.",
    ),
    "roofline": Caption(
        "Networks against the device's bounds",
        "arithmetic a second over arithmetic per byte moved, a mark a network, below the "
        "device's bounds",
        "Arithmetic of the synapses a second against arithmetic per byte that must move. No point "
        "can lie above the line: left of its bend memory is the bound, right of it arithmetic.",
    ),
}
_PIXELS = ("samples",)  # kinds that are smaller as PNG; the others are SVG
_Drawing = tuple[str, str, Callable[[], Figure | None]]  # kind, what it is about, what draws it
RATES, EPOCHS = "learning rates", "epochs"
# kinds of which one figure holds all data sets -> what it is about
OVER_ALL = {"tuned": RATES, "lead_by_rate": RATES, "lead_by_epoch": EPOCHS}


def write_figures(
    profile: Profile,
    selection: Selection,
    tuned: Tuned | None,
    progress: Progress = silent,
) -> list[Path]:
    """Draw everything there are records for; returns the paths.

    Raises InputError for records or throughput files that are not valid.
    """
    drawings = [
        *_of_cells(profile, selection, tuned),
        *_of_speeds(speeds_of_profile(profile), selection),
    ]
    written: list[Path] = []
    with matplotlib.rc_context(STYLE):
        for done, (kind, about, draw) in enumerate(drawings, start=1):
            written += _save(draw(), profile.figures, kind, about)
            progress(done, len(drawings), f"{kind}, {about}")
    return written


def _of_cells(profile: Profile, selection: Selection, tuned: Tuned | None) -> Iterator[_Drawing]:
    cells, colours = load(profile.runs, selection), looks.colours(selection.neurons)
    for dataset in selection.datasets:
        for kind, draw in PER_DATASET.items():
            yield kind, dataset, partial(draw, cells, dataset, colours)
        sheet = profile.data / f"{dataset}.npz"
        yield "samples", dataset, partial(contact_sheet.samples, sheet, dataset)
    yield "tuned", RATES, lambda: drawing.tuned(tuned, colours) if tuned else None
    yield "lead_by_rate", RATES, lambda: lead_figures.by_rate(tuned, colours) if tuned else None
    yield "lead_by_epoch", EPOCHS, partial(lead_figures.by_epoch, cells, tuned, colours)


def _of_speeds(speeds: Speeds, selection: Selection) -> Iterator[_Drawing]:
    """Three figures a device; neurons that are timed but not trained come last."""
    neurons = tuple(dict.fromkeys([*selection.neurons, *(t.neuron for t in speeds.all)]))
    colours = looks.colours(neurons)
    machines = {machine.device: machine for machine in speeds.machines}
    for device in speeds.devices:
        timed = [t for t in speeds.main if t.device == device]
        every = [t for t in speeds.every if t.device == device]
        machine = machines[device]
        yield "throughput", device, partial(drawing.throughput, timed, neurons, colours)
        yield "scaling", device, partial(drawing_speed.scaling, every, colours)
        yield "roofline", device, partial(drawing_speed.roofline, timed, machine, colours)


def figure_path(out: Path, kind: str, about: str) -> Path:
    """Where the figure ``kind`` of a data set, a device or all learning rates is put."""
    return out / f"{kind}_{slug(about)}{'.png' if kind in _PIXELS else '.svg'}"


def _save(figure: Figure | None, out: Path, kind: str, about: str) -> list[Path]:
    """A figure that has nothing to show takes its old file away."""
    path = figure_path(out, kind, about)
    if figure is None:
        path.unlink(missing_ok=True)
        return []
    write_atomic_bytes(path, png(figure) if kind in _PIXELS else svg(figure).encode("utf-8"))
    return [path]


def png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
    return file.getvalue()
