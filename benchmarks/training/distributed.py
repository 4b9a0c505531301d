"""One cell on several devices: what torchrun started, and what its processes agree on.

Each process takes its share of every batch. Losses are shares of the whole batch's, and
DistributedDataParallel averages gradients, so each share is multiplied by the number of processes:
the gradient is the one of the whole batch, also where the shares are not equal.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from benchmarks.errors import InputError


@dataclass(frozen=True)
class Group:
    """The processes that train one cell together; a process alone is a group of one."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process measures, writes and prints."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """This process's samples of a batch ``[B]``."""
        return batch[self.rank :: self.size]

    def sums(self, *values: float) -> list[float]:
        """Each value summed over the processes."""
        if self.size == 1:
            return list(values)
        summed = torch.tensor(values, dtype=torch.float64, device=_device())
        dist.all_reduce(summed)
        return [float(value) for value in summed]

    def agreed(self, value: float) -> float:
        """The leading process's value."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=_device())
        dist.broadcast(shared, src=0)
        return float(shared)

    def meet(self) -> None:
        """Wait for the others."""
        if self.size > 1:
            self.sums(0.0)


ALONE = Group()


@contextmanager
def joined() -> Iterator[Group]:
    """The group that torchrun's environment describes, left in order at the end.

    Raises InputError for more processes on a machine than it has GPUs.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    cuda = torch.cuda.is_available()
    if cuda:
        rank, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if rank >= gpus:
            raise InputError(
                f"torchrun started process {rank + 1} where there are {gpus} GPU(s); "
                f"start --nproc-per-node={gpus}, or hide the GPUs by CUDA_VISIBLE_DEVICES="
            )
        torch.cuda.set_device(rank)
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Group(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()


def _device() -> torch.device:
    return torch.device("cuda", torch.cuda.current_device()) if _nccl() else torch.device("cpu")


def _nccl() -> bool:
    return bool(dist.get_backend() == "nccl")
