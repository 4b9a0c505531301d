"""Two other readings of the paper's association, kept as ablations (both inferred).

With y_i(t), w_ij, s_j(t), a_i and sg as in :mod:`aia.association`:

- cached: I_i(t) = y_i(t) + relu(a_i) c_i(t), where c_i is an exponential moving average of
  sg(y_i) over time, c(t) = m c(t-1) + (1 - m) sg(y(t)), c(0) = 0: "intermediate caches to reduce
  the volatility of associations", read as memory;
- coincidence: I_i(t) = y_i(t) + relu(a_i) sg(q_i(t)), where
  q_i = (sum_j w_ij s_j)^2 - sum_j (w_ij s_j)^2 is the sum of w_ij s_j w_ik s_k over all pairs of
  different dendrites: "only when both dendrites are stimulated at the same time", read literally.

Neither can be folded into the weights, so both keep their coefficients at inference.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aia import association
from aia.neuron import LIF


def cached(y: Tensor, a: Tensor, momentum: float) -> Tensor:
    """I = y + relu(a) c; y ``[T, B, C, ...]``, a ``[C]``, returns the shape of y."""
    gain = F.relu(a).view(-1, *[1] * (y.dim() - 3))
    cache = torch.zeros_like(y[:1]).sum(0)
    drive = []
    for y_t in y.detach().unbind(0):
        cache = momentum * cache + (1 - momentum) * y_t
        drive.append(cache)
    return y + gain * torch.stack(drive) if drive else y


def coincidence(spikes: Tensor, synapse: nn.Conv2d | nn.Linear) -> tuple[Tensor, Tensor]:
    """y and q of a synapse without bias; ``[N, ...]`` to two of ``[N, C, ...]``.

    Raises ValueError for a synapse with a bias, which is no dendrite.
    """
    if synapse.bias is not None:
        raise ValueError("coincidence takes a synapse without bias")
    y = synapse(spikes)
    with torch.no_grad():
        squares = {"weight": synapse.weight.square()}
        alone = torch.func.functional_call(synapse, squares, (spikes.square(),))
        q = y.square() - alone
    return y, q


class _Associating(LIF):
    """LIF with coefficients ``[C]`` drawn as those of :class:`aia.AIA`."""

    any_layout = False  # the coefficients' gradient is a sum over the drive

    def __init__(
        self,
        channels: int,
        mean: float = association.COEFFICIENT_MEAN,
        std: float = association.COEFFICIENT_STD,
        **options: Any,
    ) -> None:
        super().__init__(channels, **options)
        self.coefficient = nn.Parameter(torch.empty(channels).normal_(mean, std))

    def association_coefficients(self) -> Tensor:
        """As of :class:`aia.AIA`."""
        return self.coefficient


class AIACached(_Associating):
    """Association with a memory of ``momentum`` (0..1, kept per time step)."""

    def __init__(self, channels: int, momentum: float = 0.5, **options: Any) -> None:
        super().__init__(channels, **options)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must lie in 0..1 and below 1, not {momentum}")
        self.momentum = momentum

    def forward(self, drive: Tensor) -> Tensor:
        """``[T, B, C, ...]`` to spikes of the same shape."""
        return super().forward(cached(drive, self.coefficient, self.momentum))


class AIACoincidence(_Associating):
    """Association of pairs of dendrites that are active at the same time.

    ``forward`` alone sees one summed dendrite a unit, hence no pair, and is plain LIF.
    """

    needs_synapse = True  # the bare synapse: nothing may stand between it and the neuron

    def forward_from(self, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """``spikes`` ``[T, B, ...]`` through ``synapse``, a Conv2d or Linear without bias.

        Raises TypeError for another synapse, ValueError for one with a bias.
        """
        if not isinstance(synapse, nn.Conv2d | nn.Linear):
            raise TypeError(f"association takes Conv2d or Linear, not {type(synapse).__name__}")
        y, q = coincidence(spikes.flatten(0, 1), synapse)
        gain = F.relu(self.coefficient).view(-1, *[1] * (y.dim() - 2))
        return super().forward((y + gain * q).unflatten(0, spikes.shape[:2]))
