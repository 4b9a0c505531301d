"""Controls that ask: is it the association, or only the gain that comes with it?

For AIA and each reading in :mod:`aia.variants`:

- ``...Frozen``: the same random coefficients, never trained;
- ``...Plain``: trained coefficients without the stop-gradient, so every gradient through both
  terms;
- ``LIFInitScaled...``: plain LIF whose initial weights are multiplied once by the gain that the
  random coefficients have on average.

The scale has no match where the gain hangs on the data. :class:`LIFInitScaled` is the limit of
AIAGated, as ever more dendrites are active, and of AIACached, as a drive goes on; it is what
AIATrainingOnly begins to train with. A coincidence, quadratic in the drive, has none.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from aia import association, backends
from aia.neuron import AIA, LIF
from aia.variants import (
    AIACached,
    AIACoincidence,
    AIACoincidenceSigned,
    AIAGated,
    AIAHidden,
    AIASigned,
    AIATrainingOnly,
    hold,
)


class _Frozen(LIF):
    """Before a reading: its coefficients stay as they were drawn."""

    coefficient: nn.Parameter

    def __init__(self, channels: int, **options: Any) -> None:
        super().__init__(channels, **options)
        hold(self, self.coefficient.detach())


class GainFrozen(_Frozen, AIA):
    """AIA whose coefficients stay as they were drawn."""


class HiddenFrozen(_Frozen, AIAHidden):
    """AIAHidden whose coefficients stay as they were drawn."""


class SignedFrozen(_Frozen, AIASigned):
    """AIASigned whose coefficients stay as they were drawn."""


class GatedFrozen(_Frozen, AIAGated):
    """AIAGated whose coefficients stay as they were drawn."""


class CoincidenceFrozen(_Frozen, AIACoincidence):
    """AIACoincidence whose coefficients stay as they were drawn."""


class CoincidenceSignedFrozen(_Frozen, AIACoincidenceSigned):
    """AIACoincidenceSigned whose coefficients stay as they were drawn."""


class CachedFrozen(_Frozen, AIACached):
    """AIACached whose coefficients stay as they were drawn."""


class TrainingOnlyFrozen(_Frozen, AIATrainingOnly):
    """AIATrainingOnly whose coefficients stay as they were drawn."""


class _Plain(LIF):
    """Before a reading whose association is a gain: I = (1 + g) y, g of ``by``."""

    any_layout = False  # the coefficients' gradient is a sum over a weight's, or over the drive
    by = association.BY_TORCH
    coefficient: nn.Parameter

    def forward(self, drive: Tensor) -> Tensor:
        """``[T, B, C, ...]`` to spikes of the same shape."""
        gain = (1 + self.by.gain(self.coefficient)).view(-1, *[1] * (drive.dim() - 3))
        return backends.lif(gain * drive, self.parameters_of_lif)

    def forward_from(self, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """``self(synapse(spikes))`` with the gain moved into the weights; as AIA's."""
        if not isinstance(synapse, nn.Conv2d | nn.Linear):
            raise TypeError(f"gain takes Conv2d or Linear, not {type(synapse).__name__}")
        scaled = {
            name: self.by.scaled(values, self.coefficient)
            for name, values in synapse.named_parameters()
        }
        y = torch.func.functional_call(synapse, scaled, (spikes.flatten(0, 1),))
        return backends.lif(y.unflatten(0, spikes.shape[:2]), self.parameters_of_lif)

    def accumulated(self, y: Tensor, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """As of AIA: (1 + g) y, linear in y and so in its sum."""
        return (1 + self.by.gain(self.coefficient)).view(-1, *[1] * (y.dim() - 2)) * y


class GainPlain(_Plain, AIA):
    """I = (1 + relu(a)) y, every gradient through both factors: an ordinary trained gain."""


class HiddenPlain(GainPlain, AIAHidden):
    """GainPlain on fully connected layers alone."""


class SignedPlain(_Plain, AIASigned):
    """I = (1 + a) y, every gradient through both factors."""

    by = association.SIGNED


class TrainingOnlyPlain(AIATrainingOnly, GainPlain):
    """GainPlain in training mode, I = y in evaluation mode."""


class GatedPlain(AIAGated):
    """AIAGated without the stop-gradient."""

    stops_gradient = False


class CoincidencePlain(AIACoincidence):
    """AIACoincidence without the stop-gradient."""

    stops_gradient = False


class CoincidenceSignedPlain(AIACoincidenceSigned):
    """AIACoincidenceSigned without the stop-gradient."""

    stops_gradient = False


class CachedPlain(AIACached):
    """AIACached without the stop-gradient: the memory passes gradients to earlier time steps."""

    stops_gradient = False


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
            values.mul_(self.scale())

    def scale(self) -> float:
        """What the weights are multiplied by."""
        return mean_initial_gain()


class LIFInitScaledHidden(LIFInitScaled):
    """LIFInitScaled on fully connected layers alone, as AIAHidden is AIA there."""

    def prepare(self, synapse: nn.Module) -> None:
        """Scale the fresh synapse before this neuron if it is a Linear."""
        if isinstance(synapse, nn.Linear):
            super().prepare(synapse)


class LIFInitScaledSigned(LIFInitScaled):
    """LIFInitScaled by E[1 + a] = 1.2339, as AIASigned starts."""

    def scale(self) -> float:
        """What the weights are multiplied by."""
        return 1 + association.COEFFICIENT_MEAN
