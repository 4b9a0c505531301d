"""A look into a data set: frames of one recording a class, as a sheet or as an animation."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events.formats import aedat3, read
from benchmarks.events.frames import by_time
from benchmarks.events.published.entries import RealSet
from benchmarks.events.published.layout import Entry
from benchmarks.events.sets import EventSet
from benchmarks.presenting.figures.contact_sheet import samples
from benchmarks.records.files import write_atomic_bytes

_CLASSES = 10  # shown at most
_COLUMNS = 5  # of an animation
_FRAMES_PER_SECOND = 5


def of_real(
    chosen: RealSet, recordings: list[Entry], number: int, steps: int
) -> tuple[NDArray[np.uint8], list[str]]:
    """Frames uint8 ``[classes, T, 2, H, W]`` of the recording ``number`` of each class, and the
    classes' names; of the test part where there is one. Raises InputError if a class has fewer."""
    recordings = [entry for entry in recordings if entry.part != "train"] or recordings
    shown = chosen.classes[:_CLASSES]
    frames = []
    for label, name in enumerate(shown):
        of_class = [entry for entry in recordings if entry.label == label]
        _check_number(chosen.name, name, number, len(of_class))
        frames.append(_frames(chosen, of_class[number], steps))
    return np.stack(frames), list(shown)


def of_embedded(made: EventSet, number: int) -> tuple[NDArray[np.uint8], list[str]]:
    """As :func:`of_real`, for a set that is made here."""
    shown = made.classes[:_CLASSES]
    rows = []
    for label, name in enumerate(shown):
        of_class = np.flatnonzero(made.test.labels == label)
        _check_number(made.name, name, number, len(of_class))
        rows.append(int(of_class[number]))
    return np.asarray(made.test.frames[rows]), list(shown)


def write_picture(frames: NDArray[np.uint8], labels: list[str], title: str, out: Path) -> None:
    """A contact sheet (``.png``: classes by time) or an animation (``.gif``) of ``frames``.

    Blue brightens, orange darkens. Raises InputError for another suffix.
    """
    if out.suffix not in (".png", ".gif"):
        raise InputError(f"--out {out}: give a file that ends in .png or .gif")
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "frames.npz"
        np.savez(packed, frames=frames, labels=np.array(labels))
        sheet = samples(packed, title)
        assert sheet is not None
        sheet.axes[0].set_title(title)
        picture = Path(folder) / f"picture{out.suffix}"
        if out.suffix == ".png":
            sheet.savefig(picture, dpi=150)
        else:
            _animate(sheet, frames.shape, labels, title, picture)
        write_atomic_bytes(out, picture.read_bytes())


def _animate(
    sheet: Figure, shape: tuple[int, ...], labels: list[str], title: str, out: Path
) -> None:
    """The tiles of a contact sheet, one time step after the other."""
    classes, steps, _, height, width = shape
    image = np.asarray(sheet.axes[0].images[0].get_array())

    def tile(label: int, step: int) -> NDArray[np.uint8]:
        top, left = label * (height + 1), step * (width + 1)  # a pixel between the tiles
        return image[top : top + height, left : left + width]

    columns = min(classes, _COLUMNS)
    rows = -(-classes // columns)
    figure = Figure(figsize=(2 * columns, 2.3 * rows), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels:
        panel.axis("off")
    drawn = [panels[label].imshow(tile(label, 0)) for label in range(classes)]
    for panel, name in zip(panels, labels, strict=False):
        panel.set_title(name, fontsize=9)
    writer = PillowWriter(fps=_FRAMES_PER_SECOND)
    with writer.saving(figure, out, dpi=80):
        for step in range(steps):
            for label, shown in enumerate(drawn):
                shown.set_data(tile(label, step))
            writer.grab_frame()


def _frames(chosen: RealSet, entry: Entry, steps: int) -> NDArray[np.uint8]:
    if chosen.format == "aedat3":
        labels = entry.path.with_name(f"{entry.path.stem}_labels.csv")
        _, recording = aedat3.trials(entry.path, labels)[entry.trial]
    else:
        recording = read(entry.path, chosen.format, (chosen.width, chosen.height))
    return by_time(recording.events, steps, chosen.height, chosen.width)


def _check_number(dataset: str, of: str, number: int, there: int) -> None:
    if number >= there:
        raise InputError(
            f"{dataset}: class {of} has {there} recordings to show; give --sample below {there}"
        )
