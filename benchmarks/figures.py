"""Figures of the selected records: what to draw, and where it is put.

Everything here is deterministic: the same records give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from benchmarks import contact_sheet, drawing
from benchmarks.records import write_atomic_bytes
from benchmarks.selection import Selection, load
from benchmarks.timings import read_timings

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
}
SMALL_AS_SVG = ("accuracy_spikes",)


def write_figures(
    runs: Path, data: Path, throughput: Path, selection: Selection, out: Path
) -> list[Path]:
    """Draw everything there are records for into ``out``; returns the paths.

    Raises InputError for records or throughput files that are not valid.
    """
    cells = load(runs, selection)
    colours = drawing.colours(selection.neurons)
    written: list[Path] = []
    with matplotlib.rc_context(STYLE):
        for dataset in selection.datasets:
            for kind, draw in PER_DATASET.items():
                written += _save(draw(cells, dataset, colours), out, kind, dataset)
            samples = contact_sheet.samples(data / f"{dataset}.npz", dataset)
            written += _save(samples, out, "samples", dataset)
        timings = [t for t in read_timings(throughput) if t.neuron in selection.neurons]
        for device in dict.fromkeys(t.device for t in timings):
            here = [t for t in timings if t.device == device]
            figure = drawing.throughput(here, selection.neurons, colours)
            written += _save(figure, out, "throughput", device)
    return written


def figure_path(out: Path, kind: str, about: str) -> Path:
    """Where the figure ``kind`` of a data set or a device is put."""
    return out / f"{kind}_{re.sub(r'[^a-z0-9_]+', '-', about.lower()).strip('-')}.png"


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
