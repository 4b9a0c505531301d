"""A folded network -> a NIR graph (Pedersen et al., Nature Communications 2024), package nir.

NIR's LIF is tau dv/dt = (v_leak - v) + r I with a reset to v_reset at v_threshold. Stepped by
DT with tau = DT / (1 - decay), r = tau / DT and v_leak = v_reset = 0 it is
v(t) = decay v(t-1) + I(t), the suite's LIF with hard reset; a decay of 1 is NIR's IF with
r = 1 / DT. SpikingJelly and snnTorch step NIR graphs by 1e-4 s as well. NIR's convolutions have a
bias: it is 0. The graph ends in the readout, whose output is to be averaged over time steps.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import nir
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from aia import LIF, fold
from benchmarks.errors import InputError
from benchmarks.params import Params
from benchmarks.training.blocks import Block, Network
from benchmarks.training.networks import build_network
from benchmarks.training.neurons import builder

DT = 1e-4  # s, of NIR's reference implementations


def to_nir(network: Network, size: int) -> nir.NIRGraph:
    """The graph of a network of plain LIF neurons for frames ``[2, size, size]``.

    Raises InputError for a neuron that has no counterpart in NIR.
    """
    added = network.wiring or network.last_pool or network.scale != 1
    if added or any(block.pooling or block.norm for block in network.blocks.values()):
        raise InputError("only network matched can be exported; this one pools or normalises")
    shape: tuple[int, ...] = (2, size, size)
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input(input_type={"input": np.array(shape)})}
    for name, block in network.blocks.items():
        assert isinstance(block, Block)
        if isinstance(block.synapse, nn.Linear) and len(shape) > 1:
            nodes[f"{name}_flatten"] = nir.Flatten(
                input_type={"input": np.array(shape)}, start_dim=0, end_dim=-1
            )
            shape = (int(np.prod(shape)),)
        nodes[f"{name}_synapse"], shape = _synapse(block.synapse, shape)
        nodes[f"{name}_neuron"] = _neuron(block.neuron, shape, name)
    nodes["readout"], shape = _synapse(network.readout, shape)
    nodes["output"] = nir.Output(output_type={"output": np.array(shape)})
    names = list(nodes)
    return nir.NIRGraph(nodes=nodes, edges=list(itertools.pairwise(names)))


def check_exports(params: Params, alias: str) -> None:
    """Raise InputError, before anything trains, for a network that will have no graph."""
    training = params.training
    build = builder(params.neuron_named(alias), params.matched)
    side = training.size or 32
    network = fold(build_network(build, training, 2, side, (0, 0)))
    assert isinstance(network, Network)
    to_nir(network, side)


def write_nir(network: Network, size: int, path: Path) -> None:
    """Write :func:`to_nir` to ``path``, whole or not at all."""
    graph = to_nir(network, size)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".nir") as folder:
        written = Path(folder, "network.nir")
        nir.write(written, graph)
        written.replace(path)


def _synapse(synapse: nn.Module, shape: tuple[int, ...]) -> tuple[nir.NIRNode, tuple[int, ...]]:
    """The synapse as a node, and the shape of what it puts out."""
    if isinstance(synapse, nn.Linear):
        weight = _array(synapse.weight)
        if synapse.bias is None:
            return nir.Linear(weight=weight), (len(weight),)
        return nir.Affine(weight=weight, bias=_array(synapse.bias)), (len(weight),)
    assert isinstance(synapse, nn.Conv2d)
    assert not isinstance(synapse.padding, str)
    weight = _array(synapse.weight)
    bias = np.zeros(len(weight), weight.dtype) if synapse.bias is None else _array(synapse.bias)
    node = nir.Conv2d(
        input_shape=shape[1:],
        weight=weight,
        stride=synapse.stride,
        padding=synapse.padding,
        dilation=synapse.dilation,
        groups=synapse.groups,
        bias=bias,
    )
    sides = zip(
        shape[1:],
        synapse.kernel_size,
        synapse.stride,
        synapse.padding,
        synapse.dilation,
        strict=True,
    )
    out = ((side + 2 * pad - dil * (k - 1) - 1) // step + 1 for side, k, step, pad, dil in sides)
    return node, (len(weight), *out)


def _neuron(neuron: nn.Module, shape: tuple[int, ...], name: str) -> nir.NIRNode:
    if type(neuron) is not LIF:
        raise InputError(
            f"{name}: {type(neuron).__name__} has no counterpart in NIR; "
            "only plain LIF and neurons that fold into it can be exported"
        )
    p = neuron.parameters_of_lif
    if p.reset != "zero":
        raise InputError(f"{name}: NIR knows no soft reset; train with reset: zero to export")
    threshold, zero = np.full(shape, p.threshold), np.zeros(shape)
    if p.decay == 1:
        return nir.IF(r=np.full(shape, 1 / DT), v_threshold=threshold, v_reset=zero)
    tau = DT / (1 - p.decay)
    return nir.LIF(
        tau=np.full(shape, tau),
        r=np.full(shape, tau / DT),
        v_leak=zero,
        v_threshold=threshold,
        v_reset=zero,
    )


def _array(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.detach().cpu().numpy()
    return array
