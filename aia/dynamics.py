"""Leaky integrate-and-fire over time: the mathematics, once.

For every unit, time steps t = 1..T, all quantities dimensionless:

    h(t) = decay * v(t-1) + I(t)          membrane potential before the spike, v(0) = 0
    s(t) = 1 if h(t) >= threshold else 0  spike
    v(t) = h(t) * (1 - s(t))              hard reset ("zero")
    v(t) = h(t) - threshold * s(t)        soft reset ("subtract")

``decay`` is the part of the membrane potential kept from one time step to the next (1 is a
non-leaky integrate-and-fire neuron). In the backward pass the derivative of the step function is
replaced by that of the arctangent surrogate of width ``alpha`` (Fang et al., ICCV 2021):

    ds/dh = alpha / 2 / (1 + (pi / 2 * alpha * (h - threshold))^2)

With ``detach_reset`` no gradient flows through the s(t) of the reset.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

Reset = Literal["zero", "subtract"]


class LIFParameters(NamedTuple):
    """Options of the dynamics; dimensionless, the same for every unit."""

    decay: float = 0.5  # membrane potential kept per time step, 0..1
    threshold: float = 1.0  # firing threshold, > 0
    reset: Reset = "zero"  # hard ("zero") or soft ("subtract")
    detach_reset: bool = True  # no gradient through the reset
    surrogate_width: float = 2.0  # alpha of the arctangent surrogate


def check(p: LIFParameters) -> LIFParameters:
    """Return ``p``. Raises ValueError for an option outside its range."""
    if not 0 <= p.decay <= 1:
        raise ValueError(f"decay must lie in 0..1, not {p.decay}")
    if not p.threshold > 0:
        raise ValueError(f"threshold must be positive, not {p.threshold}")
    if p.reset not in ("zero", "subtract"):
        raise ValueError(f"reset must be 'zero' or 'subtract', not {p.reset!r}")
    if not p.surrogate_width > 0:
        raise ValueError(f"surrogate_width must be positive, not {p.surrogate_width}")
    return p


class _Spike(torch.autograd.Function):
    """Heaviside step forward, derivative of the arctangent backward."""

    @staticmethod
    def forward(ctx: Any, above: Tensor, alpha: float) -> Tensor:
        ctx.save_for_backward(above)
        ctx.alpha = alpha
        return (above >= 0).to(above.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (above,) = ctx.saved_tensors
        slope = ctx.alpha / 2 / (1 + (math.pi / 2 * ctx.alpha * above).square())
        return gradients[0] * slope, None


def spike(above: Tensor, alpha: float) -> Tensor:
    """1 where ``above`` (membrane potential minus threshold, any shape) >= 0, with surrogate."""
    out: Tensor = _Spike.apply(above, alpha)
    return out


def lif(drive: Tensor | Sequence[Tensor], p: LIFParameters) -> Tensor:
    """Spikes of leaky integrate-and-fire units.

    Args:
        drive: ``[T, ...]``, floating point, or its T parts; the input I(t) of each unit.
        p: the options of the dynamics.

    Returns:
        ``[T, ...]`` of 0 and 1 in the dtype of ``drive``.
    """
    if isinstance(drive, Tensor):
        if drive.shape[0] == 0:
            return drive.clone()
        drive = drive.unbind(0)
    spikes, _ = lif_from(torch.zeros_like(drive[0]), drive, p)
    return spikes


def lif_from(v: Tensor, drive: Sequence[Tensor], p: LIFParameters) -> tuple[Tensor, Tensor]:
    """As :func:`lif`, from a membrane potential ``v`` on; also returns the one at the end."""
    spikes = []
    for current in drive:
        h = p.decay * v + current
        s = spike(h - p.threshold, p.surrogate_width)
        r = s.detach() if p.detach_reset else s
        v = h * (1 - r) if p.reset == "zero" else h - p.threshold * r
        spikes.append(s)
    return torch.stack(spikes), v
