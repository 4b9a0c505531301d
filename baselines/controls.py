"""Controls that ask: is it the association, or only the gain that comes with it?

- :class:`GainFrozen`: the same random coefficients as AIA's, never trained;
- :class:`GainPlain`: trained coefficients without the stop-gradient;
- :class:`LIFInitScaled`: plain LIF whose initial weights are multiplied once by the gain that
  AIA's random coefficients have on average.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aia import association, backends
from aia.neuron import AIA, LIF


class GainFrozen(AIA):
    """AIA whose coefficients stay as they were drawn."""

    def __init__(self, channels: int, **options: Any) -> None:
        super().__init__(channels, **options)
        drawn = self.coefficient.detach()
        del self.coefficient
        self.register_buffer("coefficient", drawn)


class GainPlain(AIA):
    """I = (1 + relu(a)) y, every gradient through both factors: an ordinary trained gain."""

    any_layout = False  # the coefficients' gradient is a sum over a weight's, or over the drive

    def forward(self, drive: Tensor) -> Tensor:
        gain = (1 + F.relu(self.coefficient)).view(-1, *[1] * (drive.dim() - 3))
        return backends.lif(gain * drive, self.parameters_of_lif)

    def forward_from(self, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """``self(synapse(spikes))`` with the gain moved into the weights; as AIA's."""
        if not isinstance(synapse, nn.Conv2d | nn.Linear):
            raise TypeError(f"gain takes Conv2d or Linear, not {type(synapse).__name__}")
        scaled = {
            name: association.scaled(values, self.coefficient)
            for name, values in synapse.named_parameters()
        }
        y = torch.func.functional_call(synapse, scaled, (spikes.flatten(0, 1),))
        return backends.lif(y.unflatten(0, spikes.shape[:2]), self.parameters_of_lif)


def mean_initial_gain() -> float:
    """E[1 + relu(a)] of AIA's initial coefficients: 1 + m Phi(m/s) + s phi(m/s) = 1.302."""
    m, s = association.COEFFICIENT_MEAN, association.COEFFICIENT_STD
    cdf = 0.5 * (1 + math.erf(m / s / math.sqrt(2)))
    density = math.exp(-((m / s) ** 2) / 2) / math.sqrt(2 * math.pi)
    return 1 + m * cdf + s * density


class LIFInitScaled(LIF):
    """Plain LIF on initial weights multiplied by :func:`mean_initial_gain`."""

    @torch.no_grad()
    def prepare(self, synapse: nn.Module) -> None:
        """Scale the fresh synapse before this neuron, once, before training."""
        for values in synapse.parameters():
            values.mul_(mean_initial_gain())
