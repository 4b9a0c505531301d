"""Samples of a split as tensors on the device that computes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.events import Split
from benchmarks.training import augment


def batches(split: Split, size: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Frames ``[T, B, 2, H, W]`` float32 and labels ``[B]`` in the order they are stored."""
    for start in range(0, len(split.labels), size):
        yield take(split, slice(start, start + size), device)


def take(split: Split, which: slice | Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Some samples of a split on the device; the cast to float happens there.

    ``which``: a slice, or int64 indices on the CPU.
    """
    held = None if device.type == "cpu" else _held(split, device)
    if held is None:
        rows = which if isinstance(which, slice) else which.numpy()
        frames = torch.from_numpy(np.ascontiguousarray(split.frames[rows].swapaxes(0, 1)))
        return frames.to(device).float(), torch.from_numpy(split.labels[rows]).to(device)
    frames, labels = (of[which if isinstance(which, slice) else which.to(device)] for of in held)
    ordered = torch.contiguous_format
    return frames.swapaxes(0, 1).to(torch.float32, memory_format=ordered), labels


@functools.lru_cache(maxsize=3)  # train, validation and test of one cell
def _held(split: Split, device: torch.device) -> tuple[Tensor, Tensor] | None:
    """Frames uint8 and labels of a split in a GPU's memory; None if it has no such room to spare.

    Copied there batch by batch, a small network would wait for them most of the time.
    """
    free, _ = torch.cuda.mem_get_info(device)
    if int(np.prod(split.frames.shape)) > free // 4:
        return None
    return torch.from_numpy(split.frames[:]).to(device), torch.from_numpy(split.labels).to(device)


@dataclass(frozen=True)
class Batch:
    """Samples of one update and what augmentation does to them."""

    split: Split
    chosen: Tensor  # [B] indices into the split
    draws: augment.Draws
    kind: augment.Kind
    device: torch.device

    def part(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Frames ``[T, b, 2, H, W]`` and labels ``[b]`` of some places of the batch."""
        frames, labels = take(self.split, self.chosen[places], self.device)
        if self.kind == augment.KINDS["none"]:
            return frames, labels
        return augment.apply(frames, self.draws.of(places)), labels
