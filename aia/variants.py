"""The readings of the paper's association besides :class:`aia.AIA`, each a neuron.

The paper's abstract is known, its equations are not. ``AIA`` is the published code of an earlier
version of the paper (arXiv 2207.11670 v1), put on every hidden layer; whether that is the neuron of
v2 is open. Each neuron here follows another phrase of v2's abstract or that code to the letter (all
inferred). With y_i(t), w_ij, s_j(t), a_i and sg as in :mod:`aia.association`, I_i(t) is

    AIAHidden             as AIA's on fully connected layers, y elsewhere
    AIASigned             y + a sg(y)
    AIAGated              y + relu(a) sg(y) [at least two dendrites are active]
    AIACoincidence        y + relu(a) sg(q),  q_i = (sum_j w_ij s_j)^2 - sum_j (w_ij s_j)^2
    AIACoincidenceSigned  y + a sg(q)
    AIACached             y + relu(a) c,      c(t) = m c(t-1) + (1 - m) sg(y(t)),  c(0) = 0
    AIATrainingOnly       as AIA's in training, y in evaluation

q is the sum of w_ij s_j w_ik s_k over all ordered pairs of different dendrites. ``AIAHidden``,
``AIASigned`` and ``AIATrainingOnly`` fold into a plain LIF exactly; the others keep their
coefficients at inference.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aia import association
from aia.neuron import AIA, LIF


def memory(y: Tensor, momentum: float) -> Tensor:
    """c(t) = m c(t-1) + (1 - m) y(t), c(0) = 0; ``[T, ...]`` to the same shape."""
    cache = torch.zeros_like(y[:1]).sum(0)
    caches = []
    for y_t in y.unbind(0):
        cache = momentum * cache + (1 - momentum) * y_t
        caches.append(cache)
    return torch.stack(caches) if caches else y


def pairs(y: Tensor, spikes: Tensor, synapse: nn.Conv2d | nn.Linear) -> Tensor:
    """q of ``y = synapse(spikes)``; spikes ``[N, ...]``, y and q ``[N, C, ...]``."""
    squares = {"weight": synapse.weight.square()}
    alone: Tensor = torch.func.functional_call(synapse, squares, (spikes.square(),))
    return y.square() - alone


@torch.no_grad()
def active_dendrites(spikes: Tensor, synapse: nn.Conv2d | nn.Linear) -> Tensor:
    """How many inputs of each unit are not 0; ``[N, ...]`` to ``[N, C or 1, ...]``.

    Units of one group see the same inputs; of a single group, C is 1.
    """
    groups = getattr(synapse, "groups", 1)
    ones = {"weight": torch.ones_like(synapse.weight[:groups])}
    seen: Tensor = torch.func.functional_call(synapse, ones, ((spikes != 0).to(spikes.dtype),))
    return seen if groups == 1 else seen.repeat_interleave(len(synapse.weight) // groups, 1)


def _dendrites(synapse: nn.Module) -> nn.Conv2d | nn.Linear:
    """A synapse whose every term is a dendrite's. Raises TypeError and ValueError for another."""
    if not isinstance(synapse, nn.Conv2d | nn.Linear):
        raise TypeError(f"association takes Conv2d or Linear, not {type(synapse).__name__}")
    if synapse.bias is not None:
        raise ValueError("coincidence takes a synapse without bias")
    return synapse


def hold(neuron: nn.Module, values: Tensor) -> None:
    """Put ``values`` ``[C]`` in the place of a neuron's coefficients, never to be trained."""
    del neuron.coefficient
    neuron.register_buffer("coefficient", values)


class AIAHidden(AIA):
    """AIA on fully connected layers alone: v1's code as it stands (inferred).

    On a convolution it is plain LIF: :meth:`prepare` leaves it no coefficient to train, but zeros
    that fold as AIA's do. Built without a call of it, it is AIA everywhere. That code also has L2
    of 0.0005 on its coefficients and synapses, which is not the neuron's to give: under a loss that
    is a batch's sum, there of 40 samples. In the section ``training``, where the loss is the mean,
    that is ``weight_decay: 0.0000125``. Shapes and errors as of :class:`aia.AIA`.
    """

    def prepare(self, synapse: nn.Module) -> None:
        """See the fresh synapse before this neuron, or the normalisation between, once."""
        if not isinstance(synapse, nn.Linear):
            hold(self, torch.zeros_like(self.coefficient.detach()))


class AIATrainingOnly(AIA):
    """I = y + relu(a) sg(y) in training mode, I = y in evaluation mode.

    "No parameter is added at inference", read literally (inferred): whatever the coefficients
    taught the weights, they are gone then. Shapes and errors as of :class:`aia.AIA`.
    """

    def forward(self, drive: Tensor) -> Tensor:
        """``[T, B, C, ...]`` to spikes of the same shape."""
        return super().forward(drive) if self.training else LIF.forward(self, drive)

    def forward_from(self, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """``self(synapse(spikes))``; ``spikes`` ``[T, B, ...]``. In training mode as AIA's."""
        if self.training:
            return super().forward_from(synapse, spikes)
        return self.forward(synapse(spikes.flatten(0, 1)).unflatten(0, spikes.shape[:2]))

    def accumulated(self, y: Tensor, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """As of AIA in training mode; y in evaluation mode."""
        return super().accumulated(y, synapse, spikes) if self.training else y

    def fold_into(self, synapse: nn.Module) -> LIF:
        """The plain LIF that this is at inference; the synapse stays as it is."""
        return self.plain().to(self.coefficient.device)


class _Associating(LIF):
    """LIF with coefficients ``[C]`` drawn as those of :class:`aia.AIA`."""

    any_layout = False  # the coefficients' gradient is a sum over the drive
    stops_gradient = True  # controls say False

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

    def gain(self, dims: int) -> Tensor:
        """relu(a) ``[C]``, or a where the reading says so, before ``dims`` dimensions of 1."""
        return F.relu(self.coefficient).view(-1, *[1] * dims)

    def sg(self) -> AbstractContextManager[Any]:
        """Within, what is computed is behind the stop-gradient."""
        return torch.no_grad() if self.stops_gradient else nullcontext()

    def accumulated(self, y: Tensor, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """As of AIA: y + g(a) sum_t z(t), z what the gain multiplies behind the stop-gradient."""
        if not self.stops_gradient:
            raise NotImplementedError(
                "without stop-gradient each time step has a gradient of its own"
            )
        with torch.no_grad():
            z = self.summed(y.detach(), synapse, spikes)
        return y + self.gain(y.dim() - 2) * z

    def summed(self, y: Tensor, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """sum_t z(t) ``[B, C, ...]``, of the arguments of :meth:`accumulated`."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its gain multiplies")


class AIASigned(_Associating):
    """I = y + a sg(y): "potentiate or depress the firing of spikes" (inferred).

    A negative coefficient depresses, and is trained, where AIA's relu takes it out of use. Of a
    below -1 the drive changes its sign, the gradient to what is before does not. Shapes and errors
    as of :class:`aia.AIA`.
    """

    any_layout = True  # behind a synapse the coefficients' gradient is a sum over its weights

    def forward(self, drive: Tensor) -> Tensor:
        """``[T, B, C, ...]`` to spikes of the same shape."""
        return super().forward(drive + self.gain(drive.dim() - 3) * drive.detach())

    def gain(self, dims: int) -> Tensor:
        """a ``[C]`` before ``dims`` dimensions of 1."""
        return self.coefficient.view(-1, *[1] * dims)

    def summed(self, y: Tensor, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """Of y itself."""
        return y

    def forward_from(self, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """``self(synapse(spikes))`` with the association moved into the weights; as AIA's."""
        drive = association.through(synapse, spikes, self.coefficient, association.SIGNED)
        return super().forward(drive)

    def fold_into(self, synapse: nn.Conv2d | nn.Linear | nn.BatchNorm2d) -> LIF:
        """Scale the synapse by 1 + a in place; returns the plain LIF that replaces this."""
        association.scale(synapse, self.coefficient, association.SIGNED)
        return self.plain().to(synapse.weight.device)


class AIACached(_Associating):
    """I = y + relu(a) c, with a memory c of ``momentum`` (0..1, kept per time step).

    "Intermediate caches to reduce the volatility of associations", read as memory (inferred).
    Raises ValueError for a momentum outside its range.
    """

    def __init__(self, channels: int, momentum: float = 0.5, **options: Any) -> None:
        super().__init__(channels, **options)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must lie in 0..1 and below 1, not {momentum}")
        self.momentum = momentum

    def forward(self, drive: Tensor) -> Tensor:
        """``[T, B, C, ...]`` to spikes of the same shape."""
        with self.sg():
            c = memory(drive, self.momentum)
        return super().forward(drive + self.gain(drive.dim() - 3) * c)

    def summed(self, y: Tensor, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """Of the memory c: what came late has been remembered less by the last time step."""
        drive = synapse(spikes.flatten(0, 1)).unflatten(0, spikes.shape[:2])
        return memory(drive, self.momentum).sum(0)


class AIACoincidence(_Associating):
    """I = y + relu(a) sg(q): pairs of dendrites that are active at the same time.

    "Only when both dendrites are stimulated at the same time", read literally (inferred).
    ``forward`` alone sees one summed dendrite a unit, hence no pair, and is plain LIF.
    """

    needs_synapse = True  # the bare synapse: nothing may stand between it and the neuron

    def forward_from(self, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """``spikes`` ``[T, B, ...]`` through ``synapse``, a Conv2d or Linear without bias.

        Raises TypeError for another synapse, ValueError for one with a bias.
        """
        dendrites, x = _dendrites(synapse), spikes.flatten(0, 1)
        y = dendrites(x)
        with self.sg():
            z = self.associated(y, x, dendrites)
        drive = y + self.gain(y.dim() - 2) * z
        return super().forward(drive.unflatten(0, spikes.shape[:2]))

    def summed(self, y: Tensor, synapse: nn.Module, spikes: Tensor) -> Tensor:
        """Of :meth:`associated`; errors as of :meth:`forward_from`."""
        dendrites, x = _dendrites(synapse), spikes.flatten(0, 1)
        z: Tensor = self.associated(dendrites(x), x, dendrites).unflatten(0, spikes.shape[:2])
        return z.sum(0)

    def associated(self, y: Tensor, spikes: Tensor, synapse: nn.Conv2d | nn.Linear) -> Tensor:
        """What the gain multiplies, of ``y = synapse(spikes)``; shapes as of :func:`pairs`."""
        return pairs(y, spikes, synapse)


class AIACoincidenceSigned(AIACoincidence):
    """I = y + a sg(q): both "at the same time" and "potentiate or depress" (inferred)."""

    def gain(self, dims: int) -> Tensor:
        """a ``[C]`` before ``dims`` dimensions of 1."""
        return self.coefficient.view(-1, *[1] * dims)


class AIAGated(AIACoincidence):
    """I = y + relu(a) sg(y) where at least two dendrites are active, I = y elsewhere.

    "Only when both dendrites are stimulated at the same time", read weakly (inferred): a dendrite
    is active whose input is not 0, whatever its weight. Shapes and errors as of AIACoincidence.
    """

    def associated(self, y: Tensor, spikes: Tensor, synapse: nn.Conv2d | nn.Linear) -> Tensor:
        """y where the gate is open, else 0."""
        return y * (active_dendrites(spikes, synapse) > 1.5)  # whole numbers, but for rounding
