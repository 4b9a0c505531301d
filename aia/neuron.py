"""Neurons as modules: thin shells over :mod:`aia.dynamics` and :mod:`aia.association`.

The contract of every neuron here: ``neuron(drive) -> spikes``, both ``[T, B, C, ...]``, floating
point, spikes 0 or 1, no state survives the call; built as ``Class(channels, **options)``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aia import association, backends
from aia.dynamics import LIFParameters, Reset, check


class LIF(nn.Module):
    """Leaky integrate-and-fire units; the equations stand in :mod:`aia.dynamics`.

    Raises ValueError for an option outside its range.
    """

    any_layout = True  # the order in memory of what it is given changes no bit

    def __init__(
        self,
        channels: int,
        decay: float = 0.5,
        threshold: float = 1.0,
        reset: Reset = "zero",
        detach_reset: bool = True,
        surrogate_width: float = 2.0,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.parameters_of_lif = check(
            LIFParameters(decay, threshold, reset, detach_reset, surrogate_width)
        )

    def forward(self, drive: Tensor) -> Tensor:
        """``[T, B, C, ...]`` to spikes of the same shape."""
        return backends.lif(drive, self.parameters_of_lif)

    def plain(self) -> LIF:
        """A plain LIF with the same options."""
        return LIF(self.channels, *self.parameters_of_lif)

    def extra_repr(self) -> str:
        return f"{self.channels}, {self.parameters_of_lif}"


class AIA(LIF):
    """LIF with the association "gain" of :mod:`aia.association`.

    ``coefficient`` ``[C]`` is trained and drawn from a normal distribution with the mean and
    standard deviation of an author's early public script. It is gone after :meth:`fold_into`.
    """

    def __init__(
        self,
        channels: int,
        decay: float = 0.5,
        threshold: float = 1.0,
        reset: Reset = "zero",
        detach_reset: bool = True,
        surrogate_width: float = 2.0,
        mean: float = association.COEFFICIENT_MEAN,
        std: float = association.COEFFICIENT_STD,
    ) -> None:
        super().__init__(channels, decay, threshold, reset, detach_reset, surrogate_width)
        self.coefficient = nn.Parameter(torch.empty(channels).normal_(mean, std))

    def forward(self, drive: Tensor) -> Tensor:
        """``[T, B, C, ...]`` to spikes of the same shape."""
        return backends.associated_lif(drive, self.coefficient, self.parameters_of_lif)

    def association_coefficients(self) -> Tensor:
        """``[C]``: by this method a neuron says that it has an association that can be left out,
        by setting them to 0."""
        return self.coefficient

    def forward_from(self, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """``self(synapse(spikes))`` with the association moved into the synapse's weights.

        ``spikes`` ``[T, B, ...]``; ``synapse`` a Conv2d or Linear with as many outputs as this
        neuron has channels. Raises TypeError for another synapse.
        """
        by = backends.on_weights(self.coefficient)
        return super().forward(association.through(synapse, spikes, self.coefficient, by))

    def accumulated(self, y: Tensor, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """The drive summed over time, sum_t I(t), for a rule that trains on such sums.

        ``y`` ``[B, C, ...]``: the output of ``synapse`` for the summed spikes, through which the
        gradient goes; ``spikes`` ``[T, B, ...]``: each time step's. Returns the shape of y. Raises
        NotImplementedError where a sum's gradient says nothing of its terms.
        """
        return association.on_drive(y.unsqueeze(0), self.coefficient).squeeze(0)

    def fold_into(self, synapse: nn.Conv2d | nn.Linear | nn.BatchNorm2d) -> LIF:
        """Scale the synapse by 1 + relu(a) in place; returns the plain LIF that replaces this.

        Of a normalisation behind the synapse, the affine part is scaled.
        """
        association.scale(synapse, self.coefficient, association.BY_TORCH)
        return self.plain().to(synapse.weight.device)
