"""SpikingJelly's neurons (Fang et al., Science Advances 2023), run as they are.

Any class of ``spikingjelly.activation_based.neuron`` (or derived from its bases) is built in
multi-step mode and reset around each call.
"""

from __future__ import annotations

import inspect
from typing import Any

from spikingjelly.activation_based import base, functional, surrogate
from torch import Tensor, nn

VERSION_OF = "spikingjelly"


def owns(cls: type) -> bool:
    """Whether ``cls`` is a neuron of SpikingJelly or derived from one."""
    return issubclass(cls, base.MemoryModule | base.MultiStepModule)


def matched_options(cls: type, matched: dict[str, Any]) -> dict[str, Any]:
    """The matched options in SpikingJelly's names, as far as ``cls`` takes them.

    ``tau = 1 / (1 - decay)`` with ``decay_input=False`` gives v = decay * v + I. Raises
    ValueError for a decay of 1 where the class leaks (take IFNode).
    """
    takes = inspect.signature(cls).parameters
    if matched["surrogate"] != "atan":
        raise ValueError(f"surrogate {matched['surrogate']!r} has no match; known: atan")
    if matched["decay"] >= 1 and {"tau", "init_tau"} & set(takes):
        raise ValueError(f"{cls.__name__} cannot have decay 1; take IFNode")
    tau = 1 / (1 - matched["decay"]) if matched["decay"] < 1 else None
    options = {
        "tau": tau,
        "init_tau": tau,
        "decay_input": False,
        "v_threshold": matched["threshold"],
        "v_reset": 0.0 if matched["reset"] == "zero" else None,
        "detach_reset": matched["detach_reset"],
        "surrogate_function": surrogate.ATan(alpha=matched["surrogate_width"]),
    }
    return {name: value for name, value in options.items() if name in takes}


class SpikingJellyNeuron(nn.Module):
    """``neuron(drive) -> spikes``, ``[T, B, C, ...]``, over a SpikingJelly node."""

    def __init__(self, cls: type, options: dict[str, Any]) -> None:
        super().__init__()
        takes = inspect.signature(cls).parameters
        mode = {"step_mode": "m"} if "step_mode" in takes else {}
        self.node = cls(**mode, **options)
        functional.set_step_mode(self.node, "m")  # also where a subclass's constructor takes none
        # the gradient of a node's own parameters is a sum over the drive
        self.any_layout = not any(p.requires_grad for p in self.parameters())

    def forward(self, drive: Tensor) -> Tensor:
        functional.reset_net(self.node)
        # some nodes (GatedLIFNode) know [T, B, C, H, W] alone
        lifted = drive if drive.dim() > 3 else drive.reshape(*drive.shape, 1, 1)
        spikes: Tensor = self.node(lifted).view_as(drive)
        functional.reset_net(self.node)  # frees the graph that the state holds
        return spikes
