"""Augmentation of event frames on the compute device, one draw a sample.

The policy is that of Li et al., "Neuromorphic Data Augmentation for Training Spiking Neural
Networks", ECCV 2022, in the form that the CIFAR10-DVS literature uses: a horizontal flip for half
of the samples; one of roll (up to 5 pixels each way), rotation and shear along x (up to 30 degrees
either way); sometimes a Cutout square of 16 pixels. Every choice is drawn on the CPU from a
generator that is passed in, so all neurons and all devices get the same, and holds for all time
steps of its sample. ``flip_shift`` is a plainer policy for crops, as those of N-CARS: a flip and a
shift of the whole frame, behind which pixels are 0.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.params import Augment

ROLL_PIXELS = 5
SHIFT_PIXELS = 4
DEGREES = 30.0
CUTOUT_PIXELS = 16


@dataclass(frozen=True)
class Kind:
    """What may happen to a sample."""

    flip: bool = False
    shift: bool = False  # up to SHIFT_PIXELS each way
    move: bool = False  # one of roll, rotation and shear
    cutout: bool = False


KINDS: dict[Augment, Kind] = {
    "none": Kind(),
    "flip": Kind(flip=True),
    "flip_shift": Kind(flip=True, shift=True),
    "nda": Kind(flip=True, move=True),
    "nda_cutout": Kind(flip=True, move=True, cutout=True),
}


@dataclass(frozen=True, eq=False)
class Draws:
    """What happens to each of B samples, on the CPU. What does not happen has its neutral value."""

    flip: Tensor  # bool [B], left to right
    shift: Tensor  # int64 [B, 2], pixels down and right
    roll: Tensor  # int64 [B, 2], likewise; what leaves comes in on the other side
    rotation: Tensor  # float64 [B], degrees clockwise on the screen, about the centre
    shear: Tensor  # float64 [B], degrees; below the centre moves right by its tangent
    cutout: Tensor  # float64 [B, 2], centre of the square as a fraction of height and width; or NaN

    def of(self, places: Tensor) -> Draws:
        """Those of some samples of the batch, int64 ``[b]``."""
        return Draws(*(getattr(self, field.name)[places] for field in fields(self)))


def kind_of(name: Augment, flip_keeps_label: bool) -> Kind:
    """The kind ``name`` of `KINDS`, without the flip where it changes what a sample shows."""
    return replace(KINDS[name], flip=KINDS[name].flip and flip_keeps_label)


def draw(generator: torch.Generator, batch: int, kind: Kind) -> Draws:
    """Draws for ``batch`` samples. ``generator``: on the CPU.

    It moves on by the same amount whatever the kind, so what two kinds share is drawn alike.
    """
    flip = torch.rand(batch, generator=generator) < 0.5
    move = torch.randint(3, (batch,), generator=generator)
    roll = torch.randint(-ROLL_PIXELS, ROLL_PIXELS + 1, (batch, 2), generator=generator)
    angles = DEGREES * (2 * torch.rand(2, batch, generator=generator, dtype=torch.float64) - 1)
    centre = torch.rand(batch, 2, generator=generator, dtype=torch.float64)
    shift = torch.randint(-SHIFT_PIXELS, SHIFT_PIXELS + 1, (batch, 2), generator=generator)
    if not kind.move:
        move = torch.full_like(move, -1)
    return Draws(
        flip=flip & kind.flip,
        shift=shift * kind.shift,
        roll=roll * (move == 0)[:, None],
        rotation=angles[0] * (move == 1),
        shear=angles[1] * (move == 2),
        cutout=centre if kind.cutout else torch.full_like(centre, torch.nan),
    )


def apply(frames: Tensor, draws: Draws) -> Tensor:
    """Frames ``[T, B, 2, H, W]`` after flip, move and cutout, in this order, nearest pixels.

    What comes from outside the frame is 0. The frames that come in are left alone.
    """
    steps, batch, polarities, height, width = frames.shape
    source, inside = _sources(draws, height, width, frames.device)
    inside &= ~_cut_out(draws.cutout, height, width).to(frames.device)
    index = source.view(1, batch, 1, -1).expand(steps, -1, polarities, -1)
    moved: Tensor = frames.flatten(3).gather(3, index).view_as(frames)
    return moved * inside[None, :, None]


def resized(frames: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Frames ``[T, B, 2, H, W]`` at ``size`` (pixels, or height and width) by the nearest pixel.

    Nearest is what the CIFAR10-DVS literature takes from 128 x 128 to 48 x 48: most events are
    left out, not added up.
    """
    small = F.interpolate(frames.flatten(0, 1), size=size, mode="nearest")
    out: Tensor = small.unflatten(0, frames.shape[:2])
    return out


def _sources(draws: Draws, height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """For each pixel, which one it is taken from, int64 ``[B, H * W]``, and whether there is one,
    bool ``[B, H, W]``."""
    # In float64, so that devices round alike.
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    down = torch.arange(height, device=device, dtype=torch.float64)[None, :, None] - middle_y
    right = torch.arange(width, device=device, dtype=torch.float64)[None, None, :] - middle_x
    angle, slope = draws.rotation.deg2rad(), draws.shear.deg2rad().tan()
    cosine, sine, slope = (
        value.to(device)[:, None, None] for value in (angle.cos(), angle.sin(), slope)
    )
    shift = draws.shift.to(device)[:, :, None, None]
    y = (cosine * down - sine * right + middle_y).round().long() - shift[:, 0]
    x = (cosine * right + sine * down - slope * down + middle_x).round().long() - shift[:, 1]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    roll = draws.roll.to(device)
    y = (y - roll[:, 0, None, None]) % height
    x = (x - roll[:, 1, None, None]) % width
    x = torch.where(draws.flip.to(device)[:, None, None], width - 1 - x, x)
    return (y * width + x).flatten(1), inside


def _cut_out(centre: Tensor, height: int, width: int) -> Tensor:
    """Whether a pixel lies in the square, bool ``[B, H, W]``; never for a centre that is NaN."""
    half = CUTOUT_PIXELS // 2
    masks = []
    for axis, size in enumerate((height, width)):
        first = (centre[:, axis, None] * size).floor() - half
        place = torch.arange(size)[None]
        masks.append((place >= first) & (place < first + CUTOUT_PIXELS))
    return masks[0][:, :, None] & masks[1][:, None, :]
