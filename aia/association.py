"""What AIA adds to a neuron: an internal association that weighs the drive, learned in training.

For output unit i with presynaptic spikes s_j(t), weights w_ij and association coefficient a_i:

    y_i(t) = sum_j w_ij s_j(t)
    I_i(t) = y_i(t) + relu(a_i) * sg(y_i(t))

sg is the stop-gradient. This is the published code of the paper's first version (arXiv v1), there
on one hidden layer; whether it is the neuron of the paper that appeared is open. Of that one's
abstract, relu(a_i) w_ij may be the "weighted weights", sg the "intermediate caches" (inferred).
Therefore

    dL/da_i    = [a_i > 0] * sum_t delta_i(t) y_i(t)    no drive, no associative learning
    dL/dw_ij   = sum_t delta_i(t) s_j(t)                through the first term alone
    dL/ds_j(t) = sum_i delta_i(t) w_ij                  through the first term alone

where delta_i(t) = dL/dI_i(t). Two forms of the same function:

- :func:`on_drive` takes y and is the definition;
- :func:`through_conv2d` and :func:`through_linear` move the association into the weights,
  W' = W + relu(a) * sg(W), which costs nothing per activation, and makes folding exact: the
  folded network multiplies by the very W' that training multiplied by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Of the coefficients' normal distribution, from an author's early public training script.
COEFFICIENT_MEAN = 0.2339
COEFFICIENT_STD = 0.3971


def on_drive(y: Tensor, a: Tensor) -> Tensor:
    """I = y + relu(a) sg(y); y ``[T, B, C, ...]``, a ``[C]``, returns the shape of y."""
    gain: Tensor = F.relu(a).view(-1, *[1] * (y.dim() - 3))
    return y + gain * y.detach()


def on_drive_by_step(y: Tensor, a: Tensor) -> list[Tensor]:
    """The T time steps of :func:`on_drive`; a compiler then sums a's gradient over T in registers.

    y ``[T, B, C, D]``, a ``[C]``; T tensors ``[B, C, D]``.
    """
    gain = F.relu(a).view(1, -1, 1).expand_as(y[0])
    return [y_t + gain * y_t.detach() for y_t in y.unbind(0)]


def scaled(weight: Tensor, a: Tensor) -> Tensor:
    """W' = W + relu(a) W by output channel; weight ``[C, ...]`` or bias ``[C]``, a ``[C]``."""
    return scaled_signed(weight, F.relu(a))


def scaled_signed(weight: Tensor, a: Tensor) -> Tensor:
    """W' = W + a W by output channel; shapes as of :func:`scaled`."""
    gain: Tensor = a.view(-1, *[1] * (weight.dim() - 1))
    return (gain * weight).add_(weight)  # in place: one call less to memory in each layer


def to_coefficient(to_weight: Tensor, weight: Tensor, a: Tensor) -> Tensor:
    """dL/da of W' = W + relu(a) sg(W), from dL/dW'; both ``[C, ...]``, a ``[C]``."""
    each = to_coefficient_signed(to_weight, weight, a)
    through_relu: Tensor = torch.ops.aten.threshold_backward(each, a, 0)
    return through_relu


def to_coefficient_signed(to_weight: Tensor, weight: Tensor, a: Tensor) -> Tensor:
    """dL/da of W' = W + a sg(W); shapes as of :func:`to_coefficient`."""
    # whatever order the gradient is stored in, it is summed in the weights' own
    each: Tensor = (to_weight.contiguous() * weight).sum(tuple(range(1, weight.dim())))
    return each


class OnWeights(NamedTuple):
    """Who computes :func:`scaled` and :func:`to_coefficient`, and the gain that they have."""

    scaled: Callable[[Tensor, Tensor], Tensor]
    to_coefficient: Callable[[Tensor, Tensor, Tensor], Tensor]
    gain: Callable[[Tensor], Tensor] = F.relu  # of coefficients, both [C]


def _as_it_is(a: Tensor) -> Tensor:
    return a


BY_TORCH = OnWeights(scaled, to_coefficient)
SIGNED = OnWeights(scaled_signed, to_coefficient_signed, _as_it_is)  # of I = y + a sg(y)


def through(synapse: nn.Module, spikes: Tensor, a: Tensor, by: OnWeights) -> Tensor:
    """:func:`on_drive` of ``synapse(spikes)``, by the gain of ``by``.

    ``spikes`` ``[T, B, ...]`` to ``[T, B, C, ...]``; a ``[C]``. Raises TypeError for a synapse that
    is neither Conv2d nor Linear.
    """
    x = spikes.flatten(0, 1)
    if isinstance(synapse, nn.Conv2d):
        y = through_conv2d(x, synapse, a, by)
    elif isinstance(synapse, nn.Linear):
        y = through_linear(x, synapse, a, by)
    else:
        raise TypeError(f"association takes Conv2d or Linear, not {type(synapse).__name__}")
    drive: Tensor = y.unflatten(0, spikes.shape[:2])
    return drive


@torch.no_grad()
def scale(synapse: nn.Conv2d | nn.Linear | nn.BatchNorm2d, a: Tensor, by: OnWeights) -> None:
    """Weight and bias of ``synapse`` scaled in place; a ``[C]``."""
    for values in (synapse.weight, synapse.bias):
        if values is not None:
            values.copy_(by.scaled(values, a))


def _associated_bias(bias: Tensor, gain: Tensor) -> Tensor:
    """b' = b + g sg(b); both ``[C]``."""
    return bias + gain * bias.detach()


class _Convolution(torch.autograd.Function):
    """A convolution by W', whose gradient to its input goes through W."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        a: Tensor,
        bias: Tensor | None,
        geometry: Any,
        by: OnWeights,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, a)
        ctx.geometry, ctx.has_bias, ctx.by = geometry, bias is not None, by
        out: Tensor = torch.ops.aten.convolution(
            x, by.scaled(weight, a), bias, *geometry[:3], False, [0, 0], geometry[3]
        )
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        x, weight, a = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.geometry
        needed = [ctx.needs_input_grad[0], True, ctx.has_bias]
        to_x, to_weight, to_bias = torch.ops.aten.convolution_backward(
            gradients[0],
            x,
            weight,
            [weight.shape[0]] if ctx.has_bias else None,
            stride,
            padding,
            dilation,
            False,
            [0, 0],
            groups,
            needed,
        )
        if weight.is_contiguous():  # as it is stored, and as the sum over it wants it: copied once
            to_weight = to_weight.contiguous()
        to_a = ctx.by.to_coefficient(to_weight, weight, a) if ctx.needs_input_grad[2] else None
        return to_x, to_weight, to_a, to_bias, None, None


def through_conv2d(x: Tensor, synapse: nn.Conv2d, a: Tensor, by: OnWeights = BY_TORCH) -> Tensor:
    """:func:`on_drive` of ``synapse(x)``; x ``[N, C_in, H, W]`` to ``[N, C, H', W']``.

    Raises ValueError for padding given in words or other than zeros.
    """
    if isinstance(synapse.padding, str) or synapse.padding_mode != "zeros":
        raise ValueError("association takes a convolution padded with a number of zeros")
    geometry = (
        list(synapse.stride),
        list(synapse.padding),
        list(synapse.dilation),
        synapse.groups,
    )
    bias = None if synapse.bias is None else _associated_bias(synapse.bias, by.gain(a))
    out: Tensor = _Convolution.apply(x, synapse.weight, a, bias, geometry, by)
    return out


class _Linear(torch.autograd.Function):
    """A linear layer by W', whose gradient to its input goes through W."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, a: Tensor, by: OnWeights) -> Tensor:
        ctx.save_for_backward(x, weight, a)
        ctx.by = by
        return F.linear(x, by.scaled(weight, a))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None]:
        x, weight, a = ctx.saved_tensors
        delta = gradients[0]
        to_weight = delta.flatten(0, -2).T @ x.flatten(0, -2)
        to_a = ctx.by.to_coefficient(to_weight, weight, a) if ctx.needs_input_grad[2] else None
        return delta @ weight, to_weight, to_a, None


def through_linear(x: Tensor, synapse: nn.Linear, a: Tensor, by: OnWeights = BY_TORCH) -> Tensor:
    """:func:`on_drive` of ``synapse(x)``; x ``[..., D]`` to ``[..., C]``."""
    y: Tensor = _Linear.apply(x, synapse.weight, a, by)
    return y if synapse.bias is None else y + _associated_bias(synapse.bias, by.gain(a))
