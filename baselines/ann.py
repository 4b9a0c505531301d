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


class Linear(nn.Module):
    """I(t) as it is: the network is one linear map of the events summed over time.

    ``[T, B, C, ...]`` to the same; what such a map can tell is a set's floor above chance.
    """

    graded = True

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, drive: Tensor) -> Tensor:
        return drive.clone()


class TemporalConvolution(nn.Module):
    """relu(W * relu(I)), W a convolution over time with kernel 3: behind a spatial convolution this
    is a (2+1)-D one (Tran et al., CVPR 2018), which sees movement and does not spike.

    ``[T, B, C, ...]`` to the same; each output depends on the time steps t - 1, t and t + 1.
    """

    graded = True

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.over_time = nn.Conv2d(channels, channels, (3, 1), padding=(1, 0), bias=False)

    def forward(self, drive: Tensor) -> Tensor:
        pixels = F.relu(drive).reshape(*drive.shape[:3], -1)
        seen = self.over_time(pixels.permute(1, 2, 0, 3))  # [B, C, T, pixels]
        return F.relu(seen).permute(2, 0, 1, 3).reshape(drive.shape)


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
