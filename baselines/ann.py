"""Non-spiking references: the same network with graded outputs, no spike and no reset.

``graded`` tells the suite that outputs are not 0 or 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ReLU(nn.Module):
    """relu(I(t)) at each time step, without memory of the last; ``[T, B, C, ...]`` to the same."""

    graded = True

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, drive: Tensor) -> Tensor:
        return F.relu(drive)


class LeakyIntegrator(nn.Module):
    """LIF without spike and reset: v(t) = decay v(t-1) + I(t), output relu(v(t)).

    ``[T, B, C, ...]`` to the same; ``decay`` is the part of v kept per time step, 0..1.
    """

    graded = True

    def __init__(self, channels: int, decay: float = 0.5) -> None:
        super().__init__()
        if not 0 <= decay <= 1:
            raise ValueError(f"decay must lie in 0..1, not {decay}")
        self.channels = channels
        self.decay = decay

    def forward(self, drive: Tensor) -> Tensor:
        v = torch.zeros_like(drive[0])
        out = []
        for current in drive.unbind(0):
            v = self.decay * v + current
            out.append(F.relu(v))
        return torch.stack(out)
