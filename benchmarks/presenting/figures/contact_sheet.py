"""The contact sheet of a data set: one sample a class over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.errors import InputError

WIDE = 9.2  # inches
_ON, _OFF = (0, 114, 178), (213, 94, 0)  # brightening and darkening events, of Okabe and Ito


def samples(path: Path, dataset: str) -> Figure | None:
    """One test sample a class (rows) over time (columns): blue brightens, orange darkens.

    ``path`` holds ``frames`` uint8 ``[classes, T, 2, H, W]`` and ``labels``. Raises InputError
    for a file that does not.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            frames, labels = file["frames"], [str(label) for label in file["labels"]]
        classes, steps, polarities, height, width = frames.shape
        if polarities != 2 or len(labels) != classes:
            raise ValueError("wrong shape")
    except (ValueError, KeyError, OSError) as error:
        raise InputError(
            f"{path}: not a contact sheet ({error}); delete it and write the manifest again"
        ) from error
    sheet = _contact_sheet(frames)
    left = 0.3 + 0.075 * max(map(len, labels))
    wide = WIDE - left - 0.05
    tall = wide * sheet.shape[0] / sheet.shape[1]
    total = tall + 0.75
    figure = Figure(figsize=(WIDE, total))
    axes = figure.add_axes((left / WIDE, 0.45 / total, wide / WIDE, tall / total))
    axes.imshow(sheet, interpolation="nearest", aspect="auto")
    axes.grid(False)
    axes.set_xticks(
        [width / 2 + k * (width + 1) for k in range(steps)], [str(k + 1) for k in range(steps)]
    )
    axes.set_yticks([height / 2 + k * (height + 1) for k in range(classes)], labels)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set(title=f"{dataset}: one test sample of each class", xlabel="time step")
    return figure


def _contact_sheet(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB image of ``frames`` ``[classes, T, 2, H, W]``, one pixel between the tiles."""
    classes, steps, _, height, width = frames.shape
    strength = np.minimum(frames.astype(float) / max(float(np.quantile(frames, 0.995)), 1.0), 1.0)
    off, on = (strength[:, :, k, :, :, None] for k in (0, 1))
    image = 255 - on * (255 - np.array(_ON)) - off * (255 - np.array(_OFF))
    tiles = np.full((classes, steps, height + 1, width + 1, 3), 200.0)
    tiles[:, :, :height, :width] = np.clip(image, 0, 255)
    whole = tiles.transpose(0, 2, 1, 3, 4).reshape(classes * (height + 1), steps * (width + 1), 3)
    return whole[:-1, :-1].astype(np.uint8)
