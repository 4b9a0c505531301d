"""Neurons of other libraries that are timed but never trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NorseLIF(nn.Module):
    """Norse's leaky integrate-and-fire unit without synaptic current, step by step.

    Norse integrates v += dt / tau (I - v): a step of ``1 - decay`` with the drive scaled back, so
    that v = decay v + I. Its surrogate is the SuperSpike function. Raises ImportError without
    norse, ValueError for a soft reset.
    """

    def __init__(
        self, channels: int, decay: float = 0.5, threshold: float = 1.0, reset: str = "zero"
    ) -> None:
        super().__init__()
        from norse.torch.functional.lif_box import LIFBoxParameters

        if reset != "zero" or decay >= 1:
            raise ValueError("norse's LIFBox resets to zero and leaks")
        self.scale = 1 / (1 - decay)
        self.parameters_of_lif = LIFBoxParameters(
            tau_mem_inv=torch.as_tensor(1000.0 * (1 - decay)), v_th=torch.as_tensor(threshold)
        )

    def forward(self, drive: Tensor) -> Tensor:
        """``[T, B, C, ...]`` to spikes of the same shape."""
        from norse.torch.functional.lif_box import LIFBoxFeedForwardState, lif_box_feed_forward_step

        state = LIFBoxFeedForwardState(v=torch.zeros_like(drive[0]))
        spikes = []
        for current in (self.scale * drive).unbind(0):
            s, state = lif_box_feed_forward_step(current, state, self.parameters_of_lif)
            spikes.append(s)
        return torch.stack(spikes)
