"""Networks at the scale of the paper and of the literature on the same data sets.

- ``vgg_author``: after an early public training script of one of the paper's authors:
  convolutions 64-64, average pool, 128-128-256, max pool, a hidden linear layer of 1,024; 3 x 3
  average pooling of the input, which is scaled by 4; no bias, no normalisation. Its pooling units
  fire at 0.75. Ours are those of the average pool: they integrate without leak; a maximum over
  spikes is a spike already.
- ``vgg11``: 64-128, pool, 256-256, pool, 512-512, pool, 512-512, pool, readout, each convolution
  with batch normalisation, as in TET (Deng et al., ICLR 2022) and TEBN (Duan et al., NeurIPS 2022)
  at 48 x 48 and T = 10.
- ``sew_resnet18``: ResNet-18 with spike-element-wise addition (Fang et al., NeurIPS 2021), a 3 x 3
  convolution first; what an addition gives is a count of spikes, so the synapses behind it do
  multiply.

Normalisation takes all time steps of a batch together. Time steps T, frames ``[T, B, 2, H, W]``.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from benchmarks.errors import InputError
from benchmarks.params import Training
from benchmarks.training.blocks import Layer, Plan, Pooling, Wiring

_POOLING_THRESHOLD = 0.75  # of the author's pooling units
_INPUT_SCALE = 4.0  # of the author's input


def _vgg_author(training: Training, classes: int, size: int) -> Plan:
    wide = _widths(training)
    first = Pooling(nn.AvgPool2d(3), 2)
    average = Pooling(nn.AvgPool2d(2), wide(64), _POOLING_THRESHOLD)
    largest = Pooling(nn.MaxPool2d(2), wide(256))
    layers: dict[str, Layer] = {}
    before = 2
    for number, (channels, pooling) in enumerate(
        ((64, first), (64, None), (128, average), (128, None), (256, None)), start=1
    ):
        synapse = nn.Conv2d(before, wide(channels), 3, padding=1, bias=False)
        layers[f"conv{number}"] = Layer(synapse, pooling)
        before = wide(channels)
    side = _left(size, 3, 2, 2)
    hidden = nn.Linear(before * side * side, wide(1024), bias=False)
    layers["linear1"] = Layer(hidden, largest)
    return Plan(layers, nn.Linear(wide(1024), classes, bias=False), scale=_INPUT_SCALE)


def _vgg11(training: Training, classes: int, size: int) -> Plan:
    wide = _widths(training)
    layers: dict[str, Layer] = {}
    before, number = 2, 0
    for stage, pair in enumerate(((64, 128), (256, 256), (512, 512), (512, 512))):
        for place, channels in enumerate(pair):
            number += 1
            pooling = Pooling(nn.AvgPool2d(2), before) if stage and not place else None
            layers[f"conv{number}"] = _normalised(before, wide(channels), pooling=pooling)
            before = wide(channels)
    side = _left(size, 2, 2, 2, 2)
    return Plan(layers, nn.Linear(before * side * side, classes), last_pool=nn.AvgPool2d(2))


def _sew_resnet18(training: Training, classes: int, size: int) -> Plan:
    wide = _widths(training)
    layers = {"stem": _normalised(2, wide(64))}
    wiring: dict[str, Wiring] = {}
    before, source = wide(64), "stem"
    for stage, channels in enumerate((64, 128, 256, 512), start=1):
        for place in (1, 2):
            name, stride = f"stage{stage}_{place}", 2 if stage > 1 and place == 1 else 1
            skip = source
            if stride > 1 or before != wide(channels):
                skip = f"{name}_skip"
                layers[skip] = _normalised(before, wide(channels), side=1, stride=stride)
                wiring[skip] = Wiring(source)
            layers[f"{name}a"] = _normalised(before, wide(channels), stride=stride)
            wiring[f"{name}a"] = Wiring(source)
            layers[f"{name}b"] = _normalised(wide(channels), wide(channels))
            wiring[f"{name}b"] = Wiring(f"{name}a", skip)
            before, source = wide(channels), f"{name}b"
    _left(size, 2, 2, 2)
    return Plan(
        layers, nn.Linear(before, classes), last_pool=nn.AdaptiveAvgPool2d(1), wiring=wiring
    )


def _normalised(
    before: int, channels: int, side: int = 3, stride: int = 1, pooling: Pooling | None = None
) -> Layer:
    synapse = nn.Conv2d(before, channels, side, stride=stride, padding=side // 2, bias=False)
    return Layer(synapse, pooling, nn.BatchNorm2d(channels))


def _widths(training: Training) -> Callable[[int], int]:
    return lambda channels: max(1, round(training.width * channels))


def _left(size: int, *divisors: int) -> int:
    """Pixels of a side after pooling. Raises InputError if none is left."""
    left = size
    for divisor in divisors:
        left //= divisor
    if left < 1:
        raise InputError(f"frames of {size} x {size} pixels are too small for this network")
    return left


PLANS: dict[str, Callable[[Training, int, int], Plan]] = {
    "vgg_author": _vgg_author,
    "vgg11": _vgg11,
    "sew_resnet18": _sew_resnet18,
}
