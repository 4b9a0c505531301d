"""Figures of speed beyond bars: time against size, networks against the device's bounds."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.presenting.figures.looks import NARROW, WIDE, Look, Looks, panels_of
from benchmarks.throughput.timings import MAIN, NETWORK, Machine, Timing

# series -> the axis of [T, B, C, H, W] that it varies, and what the axis is called
_VARIED = {"T": (0, "time steps T"), "batch": (1, "batch"), "channels": (2, "channels")}
_BOTH = "neuron_forward_backward"
_STYLES = ("-", ":", "-.")  # of a neuron's backends, as they come; "--" is the bound's


def scaling(timings: list[Timing], looks: Looks) -> Figure | None:
    """ms of a forward and backward pass, one panel for each size that is varied."""
    chosen = [t for t in timings if t.what == _BOTH and t.series in _VARIED]
    if not chosen:
        return None
    figure = Figure(figsize=(WIDE, 4.0), layout="constrained")
    panels = figure.subplots(1, len(_VARIED), sharey=True)
    for axes, (series, (axis, name)) in zip(panels, _VARIED.items(), strict=True):
        _against(axes, [t for t in chosen if t.series == series], axis, looks)
        axes.set_xlabel(name)
    panels[0].set_ylabel("forward and backward, ms")
    handles, labels = [], []
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles.append(handle)
                labels.append(label)
    # handles long enough to show a style's whole pattern
    figure.legend(handles, labels, loc="outside lower center", ncols=3, handlelength=4.5)
    figure.suptitle(chosen[0].device, x=0.01, ha="left", fontsize=9)
    return figure


def _against(axes: Axes, timings: list[Timing], axis: int, looks: Looks) -> None:
    kinds = dict.fromkeys((t.neuron, t.backend) for t in timings)
    styles = {neuron: itertools.cycle(_STYLES) for neuron, _ in kinds}
    for neuron, backend in kinds:
        look: Look = looks[neuron]
        own = sorted(
            (t for t in timings if (t.neuron, t.backend) == (neuron, backend)),
            key=lambda t: t.sizes[axis],
        )
        x = [t.sizes[axis] for t in own]
        scale = [t.seconds / t.median * 1000 for t in own]
        middle = [t.seconds * 1000 for t in own]
        low, high = (
            [getattr(t, q) * s for t, s in zip(own, scale, strict=True)] for q in ("low", "high")
        )
        axes.plot(
            x,
            middle,
            next(styles[neuron]),
            marker=look.marker,
            color=look.colour,
            ms=4,
            lw=look.width,
            label=f"{neuron}, {backend}",
        )
        axes.fill_between(x, low, high, color=look.colour, alpha=0.2, lw=0)
    bound = {t.sizes[axis]: t.bound * t.seconds / t.median * 1000 for t in timings if t.bound}
    x = sorted(bound)
    axes.plot(x, [bound[size] for size in x], "--", color="#000000", lw=1.0, label="memory bound")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")


def roofline(timings: list[Timing], machine: Machine, looks: Looks) -> Figure | None:
    """Networks' GFLOP/s against FLOP per byte, below what memory and arithmetic allow."""
    chosen = [t for t in timings if t.what in NETWORK and t.flops and t.bytes_moved]
    if not chosen or {t.series for t in chosen} != {MAIN}:
        return None
    figure, (axes,) = panels_of(1, 1.6 * NARROW, 3.8)
    intensities = [t.flops / t.bytes_moved for t in chosen if t.flops and t.bytes_moved]
    bend = machine.matmul_gflop_per_s / machine.copy_gb_per_s
    x = np.geomspace(min([*intensities, bend]) / 3, max([*intensities, bend]) * 3, 200)
    roof = np.minimum(x * machine.copy_gb_per_s, machine.matmul_gflop_per_s)
    axes.plot(x, roof, color="#000000", lw=1.2)
    note = f"{machine.copy_gb_per_s:,.0f} GB/s copied, {machine.matmul_gflop_per_s:,.0f} GFLOP/s"
    for timing in chosen:
        look = looks[timing.neuron]
        training = timing.what == "training_step"
        assert timing.flops
        assert timing.bytes_moved
        axes.plot(
            timing.flops / timing.bytes_moved,
            timing.flops / timing.seconds / 1e9,
            look.marker,
            color=look.colour,
            mfc=look.colour if training else "white",
            ms=6,
            label=timing.neuron if training else None,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("FLOP per byte that must move")
    axes.set_ylabel("GFLOP/s")
    axes.set_title(f"{machine.device}: {note}\nfilled: training, hollow: inference", loc="left")
    figure.legend(loc="outside right center")
    return figure
