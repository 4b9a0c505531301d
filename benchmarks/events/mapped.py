"""Frames that stay on disk: rows of a memory map, read when they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class MappedFrames:
    """Some recordings of a store, in an order of their own; nothing is loaded or copied.

    Indexing by a slice or by whole numbers gives an array in memory, so it stands where an array
    ``[n, T, 2, H, W]`` would.
    """

    store: NDArray[np.uint8]  # [N, T, 2, H, W], a memory map
    rows: NDArray[np.int64]  # [n] which recordings
    index: NDArray[np.void]  # [n] hashes and numbers of events, of dtype store.INDEX

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.store.shape[1:])

    @property
    def ndim(self) -> int:
        return self.store.ndim

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        return self.store.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def damaged(self) -> int | None:
        """The first recording whose frames have another hash than when they were made."""
        hashes = zip(self.rows.tolist(), self.index["sha256"], strict=True)
        return next((row for row, kept in hashes if self._hash(row) != kept.tobytes()), None)

    def _hash(self, row: int) -> bytes:
        return hashlib.sha256(self.store[row].tobytes()).digest()

    def __getitem__(self, which: slice | NDArray[np.int64] | Sequence[int]) -> NDArray[np.uint8]:
        """``[k, T, 2, H, W]``."""
        return np.asarray(self.store[self.rows[which]])
