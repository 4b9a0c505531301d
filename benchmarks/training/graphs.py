"""Updates of whole batches on a GPU, replayed from one CUDA graph.

The kernels of a small network run for a shorter time than it takes to launch them one by one. A
graph holds those of forward, loss, backward and optimizer, and is launched at once.
"""

from __future__ import annotations

import math
import pickle
import random
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from benchmarks.params import Training
from benchmarks.training.state import DivergedError, State
from benchmarks.training.updates import gradient_norm, loss_of

_WARM = 3  # updates before the capture: by then all that is made once is there


def fits(training: Training, device: torch.device) -> bool:
    """Whether updates are such that a graph can hold them."""
    return (
        device.type == "cuda"
        and training.rule == "bptt"
        and training.optimizer == "adam"  # whose step count and rate can be tensors
        and training.precision != "float16"  # whose scaler asks the GPU what to do next
        and training.accumulate == 1
        and not training.recompute
    )


@dataclass(eq=False)
class GraphedUpdate:
    """Updates of one network by batches of one size.

    ``refused``: why the network's neurons cannot be captured; updates then run as they come.
    """

    state: State
    training: Training
    device: torch.device
    refused: str = ""
    _done: int = 0
    _graph: torch.cuda.CUDAGraph | None = None
    _inputs: tuple[Tensor, Tensor] | None = None
    _sums: Tensor = field(init=False)  # float64 [3]: losses, samples that were right, norms

    def __post_init__(self) -> None:
        self._sums = torch.zeros(3, dtype=torch.float64, device=self.device)

    def __call__(self, frames: Tensor, labels: Tensor) -> None:
        """One update. Frames ``[T, B, 2, H, W]``, labels ``[B]``."""
        if self._inputs is None:
            self._inputs = frames.clone(), labels.clone()
        for kept, new in zip(self._inputs, (frames, labels), strict=True):
            kept.copy_(new)
        if self._done == _WARM and not self.refused:
            self._capture()
        self._done += 1
        if self._graph is not None:
            self._graph.replay()
        else:
            self._warm()

    def sums(self) -> tuple[float, int, float]:
        """Since the last call: losses times samples, samples that were right, gradients' 2-norms.

        Raises DivergedError where one of them is no number.
        """
        losses, right, norms = self._sums.tolist()
        self._sums.zero_()
        for name, value in (("loss", losses), ("gradient's norm", norms)):
            if not math.isfinite(value):
                raise DivergedError(f"the {name} became {value}")
        return losses, int(right), norms

    def _warm(self) -> None:
        """One update as it comes, beside the stream that is captured, as PyTorch asks."""
        beside = torch.cuda.Stream(self.device)
        beside.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(beside):
            self._update()
        torch.cuda.current_stream(self.device).wait_stream(beside)

    def _capture(self) -> None:
        graph, before = torch.cuda.CUDAGraph(), _elsewhere_drawn()
        try:
            with torch.cuda.graph(graph):
                self._update()
        except Exception as error:  # a neuron may do whatever it likes
            self.refused = f"{type(error).__name__}: {error}".splitlines()[0]
            # PyTorch 2.11 leaves the generator in capture, where it draws no more; a copy does
            generator = torch.cuda.default_generators[torch.cuda.current_device()]
            generator.graphsafe_set_state(generator.clone_state())
        else:
            if _elsewhere_drawn() != before:  # a graph would repeat that one number for ever
                self.refused = "it draws from Python's or NumPy's generator"
            else:
                self._graph = graph

    def _update(self) -> None:
        assert self._inputs is not None
        frames, labels = self._inputs
        state = self.state
        state.optimizer.zero_grad(set_to_none=True)
        logits = state.network(frames)
        loss = loss_of(logits, labels, self.training)
        loss.backward()
        norm = gradient_norm(state.network)
        state.optimizer.step()
        right = (logits.detach().argmax(1) == labels).sum()
        seen = torch.stack([loss.detach() * len(labels), right, norm])
        self._sums += seen.double()


def _elsewhere_drawn() -> tuple[object, bytes]:
    """The states of Python's and NumPy's global generators."""
    return random.getstate(), pickle.dumps(np.random.get_state())  # noqa: NPY002
