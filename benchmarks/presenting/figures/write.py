"""Figures of the selected records: what to draw, and where it is put.

Everything here is deterministic: the same records give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from benchmarks.evidence.tuning import Tuned
from benchmarks.presenting.figures import contact_sheet, drawing, looks
from benchmarks.presenting.figures import leads as lead_figures
from benchmarks.presenting.figures import speed as drawing_speed
from benchmarks.presenting.figures.networks import accuracy_by_network
from benchmarks.profile import Profile
from benchmarks.records.files import write_atomic_bytes
from benchmarks.records.selection import Selection, load
from benchmarks.throughput.timings import Speeds, read_speeds
from benchmarks.wording import slug

matplotlib.rcdefaults()  # also where a matplotlibrc lies in the working directory
DPI = 140
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
# kind of figure -> its title, and how to read it
CAPTIONS = {
    "accuracy_spikes": (
        "Accuracy against spikes",
        "Up is more accurate, left is fewer spikes. A small mark is one seed, a large mark the "
        "mean over seeds. Marks that overlap are neurons that these seeds do not tell apart. A "
        "network with graded outputs has no spikes and is a dotted line at its accuracy.",
    ),
    "curves": (
        "Learning curves",
        "Lines are means over seeds; where there are few neurons, bands reach from the least to "
        "the greatest seed. A neuron "
        "that is only faster leads early and is caught up later; a curve that still rises at the "
        "last epoch was cut off by the budget.",
    ),
    "spikes_by_step": (
        "Spikes by layer and time step",
        "Means over seeds, each layer on its own scale. Every sample starts from a membrane "
        "potential of zero, so the first step differs from the others.",
    ),
    "tuned": (
        "Accuracy by learning rate",
        "Validation accuracy at the best epoch, means over seeds; all neurons got the same rates. "
        "A ring marks the rate that a neuron was given in the tuned tables: its best. A ring at "
        "an end of the axis means that a better rate may lie beyond.",
    ),
    "lead_by_rate": (
        "Lead over LIF by learning rate",
        "Validation accuracy minus that of LIF at the same rate: means with 95 % intervals over "
        "the seeds that rates were chosen on. The grey band is one point each way, the smallest "
        "difference of interest; the dotted line is LIF's own best rate. A lead that is there only "
        "left of it is one over a LIF that was trained too slowly. Of two seeds bars reach from "
        "one to the other; long intervals go on beyond the panel.",
    ),
    "lead_by_epoch": (
        "Lead over LIF by epoch",
        "Validation accuracy after each epoch minus that of LIF after as many: means over the "
        "seeds of the verdicts, with 95 % intervals as a band for the neuron under test and on the "
        "right, after the last epoch, for all. The grey band is one point each way. A lead that "
        "shrinks as training goes on is one in speed.",
    ),
    "association": (
        "Association coefficients before and after training",
        "One count a channel or unit, all seeds together. Left of the dotted line a coefficient "
        "is switched off by the rectifier, gets no gradient and stays where it was drawn. Neurons "
        "whose coefficients are not trained are left out.",
    ),
    "networks": (
        "Accuracy by network and split",
        "Means with 95 % intervals over seeds or folds where there are three or more. The dotted "
        "line is what was published of the neuron under test; which split it stands for is not "
        "known.",
    ),
    "samples": (
        "What the data look like",
        "One test sample of each class, one row a class, one column a time step. Blue pixels "
        "brightened, orange ones darkened, dark ones did both; white saw no event.",
    ),
    "throughput": (
        "Speed",
        "Medians over rounds, the thin line spans the 5 % to the 95 % quantile, of a record that "
        "kept no rounds the quartiles; an arrow means that it goes on beyond the axis. Elements "
        "are those of the drive, all time steps counted.",
    ),
    "scaling": (
        "Time against size",
        "Forward and backward of the neuron alone by time steps, batch and channels, medians with "
        "the same quantiles; both axes are logarithmic. Dashed: what moving each tensor once would "
        "take. A flat line to the left is the cost of launching, not of computing.",
    ),
    "roofline": (
        "Networks against the device's bounds",
        "Arithmetic of the synapses a second against arithmetic per byte that must move. No point "
        "can lie above the line: left of its bend memory is the bound, right of it arithmetic.",
    ),
}
SMALL_AS_SVG = ("accuracy_spikes",)
RATES, EPOCHS = "learning rates", "epochs"
# kinds of which one figure holds all data sets -> what it is about
OVER_ALL = {"tuned": RATES, "lead_by_rate": RATES, "lead_by_epoch": EPOCHS}


def write_figures(profile: Profile, selection: Selection, tuned: Tuned | None) -> list[Path]:
    """Draw everything there are records for; returns the paths.

    Raises InputError for records or throughput files that are not valid.
    """
    cells, out = load(profile.runs, selection), profile.figures
    colours = looks.colours(selection.neurons)
    written: list[Path] = []
    with matplotlib.rc_context(STYLE):
        for dataset in selection.datasets:
            for kind, draw in PER_DATASET.items():
                written += _save(draw(cells, dataset, colours), out, kind, dataset)
            samples = contact_sheet.samples(profile.data / f"{dataset}.npz", dataset)
            written += _save(samples, out, "samples", dataset)
        over_all = {
            "tuned": drawing.tuned(tuned, colours) if tuned else None,
            "lead_by_rate": lead_figures.by_rate(tuned, colours) if tuned else None,
            "lead_by_epoch": lead_figures.by_epoch(cells, tuned, colours),
        }
        for kind, about in OVER_ALL.items():
            written += _save(over_all[kind], out, kind, about)
        written += _speeds(read_speeds(profile.throughput), selection, out)
    return written


def _speeds(speeds: Speeds, selection: Selection, out: Path) -> list[Path]:
    """Three figures a device; neurons that are timed but not trained come last."""
    neurons = tuple(dict.fromkeys([*selection.neurons, *(t.neuron for t in speeds.all)]))
    colours = looks.colours(neurons)
    machines = {machine.device: machine for machine in speeds.machines}
    written = []
    for device in speeds.devices:
        timed = [t for t in speeds.main if t.device == device]
        every = [t for t in speeds.every if t.device == device]
        figures = {
            "throughput": drawing.throughput(timed, neurons, colours),
            "scaling": drawing_speed.scaling(every, colours),
            "roofline": drawing_speed.roofline(timed, machines[device], colours),
        }
        for kind, figure in figures.items():
            written += _save(figure, out, kind, device)
    return written


def figure_path(out: Path, kind: str, about: str) -> Path:
    """Where the figure ``kind`` of a data set, a device or all learning rates is put."""
    return out / f"{kind}_{slug(about)}.png"


def _save(figure: Figure | None, out: Path, kind: str, about: str) -> list[Path]:
    """PNG, for small ones SVG too; a figure that has nothing to show takes its old file away."""
    path = figure_path(out, kind, about)
    if figure is None:
        path.unlink(missing_ok=True)
        path.with_suffix(".svg").unlink(missing_ok=True)
        return []
    paths = [path, path.with_suffix(".svg")] if kind in SMALL_AS_SVG else [path]
    for target in paths:
        file = io.BytesIO()
        empty = {"Software": None} if target.suffix == ".png" else {"Date": None, "Creator": None}
        figure.savefig(file, format=target.suffix[1:], dpi=DPI, metadata=empty)
        write_atomic_bytes(target, file.getvalue())
    return paths
