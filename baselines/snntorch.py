"""snnTorch's neurons (Eshraghian et al., Proceedings of the IEEE 2023), run as they are.

Any class derived from ``snntorch.SpikingNeuron`` that gives spikes for an input alone is looped
over time with a fresh state for each call, as snnTorch's own tutorials do.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from snntorch import SpikingNeuron, surrogate
from torch import Tensor, nn

VERSION_OF = "snntorch"


def owns(cls: type) -> bool:
    """Whether ``cls`` is a neuron of snnTorch or derived from one."""
    return issubclass(cls, SpikingNeuron)


def matched_options(cls: type, matched: dict[str, Any]) -> dict[str, Any]:
    """The matched options in snnTorch's names, as far as ``cls`` takes them.

    snnTorch never lets a gradient through its reset, and its reset "subtract" acts one step
    late, which differs from the usual soft reset. Raises ValueError for what it cannot match.
    """
    if not matched["detach_reset"]:
        raise ValueError("snnTorch always detaches its reset; detach_reset must be true")
    if matched["surrogate"] != "atan":
        raise ValueError(f"surrogate {matched['surrogate']!r} has no match; known: atan")
    options = {
        "alpha": matched["decay"],
        "beta": matched["decay"],
        "threshold": matched["threshold"],
        "reset_mechanism": matched["reset"],
        "spike_grad": surrogate.atan(alpha=matched["surrogate_width"]),
    }
    takes = inspect.signature(cls).parameters
    return {name: value for name, value in options.items() if name in takes}


class SnnTorchNeuron(nn.Module):
    """``neuron(drive) -> spikes``, ``[T, B, C, ...]``, over a snnTorch neuron."""

    def __init__(self, cls: type, options: dict[str, Any]) -> None:
        super().__init__()
        self.cell = cls(**options, init_hidden=True)
        # the gradient of a cell's own parameters is a sum over the drive
        self.any_layout = not any(p.requires_grad for p in self.parameters())

    def forward(self, drive: Tensor) -> Tensor:
        self.cell.reset_mem()
        spikes = torch.stack([self.cell(current) for current in drive.unbind(0)])
        self.cell.reset_mem()  # frees the graph that the state holds
        return spikes
