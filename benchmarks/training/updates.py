"""One update: a batch forward, its loss backward, the optimizer's step."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.params import Training
from benchmarks.training import asf
from benchmarks.training.batches import Batch
from benchmarks.training.distributed import Group
from benchmarks.training.state import DivergedError, State


def update(
    state: State, model: nn.Module, training: Training, batch: Batch, group: Group
) -> tuple[float, int, float]:
    """One update; returns the loss, the samples that were right and the gradient's 2-norm.

    The loss is the whole batch's mean over samples. Raises DivergedError.
    """
    state.optimizer.zero_grad(set_to_none=True)
    whole = len(batch.chosen)
    share = group.share(torch.arange(whole))
    parts = share.tensor_split(min(training.accumulate, max(1, len(share))))
    loss_sum, right = 0.0, 0
    for number, places in enumerate(parts):
        frames, labels = batch.part(places)
        with _synchronised(model, last=number == len(parts) - 1):
            if training.rule == "asf":
                logits = asf.flow_logits(state.network, frames, state.scales, state.epoch)
            else:
                logits = model(frames)
            loss = loss_of(logits, labels, training) * (len(labels) / whole)
            state.scaler.scale(loss * group.size if group.size > 1 else loss).backward()
        loss_sum += float(loss.detach())
        right += int((logits.detach().argmax(1) == labels).sum())
    value, hits = group.sums(loss_sum, right)
    if not math.isfinite(value):
        raise DivergedError(f"the loss became {value}")
    state.scaler.unscale_(state.optimizer)
    norm = float(gradient_norm(state.network))
    if not math.isfinite(norm):
        if not state.scaler.is_enabled():
            raise DivergedError(f"the gradient's norm became {norm}")
        norm = 0.0  # the scaler leaves this update out and scales less
    state.scaler.step(state.optimizer)
    state.scaler.update()
    return value, int(hits), norm


def _synchronised(model: nn.Module, last: bool) -> AbstractContextManager[None]:
    """Gradients of processes are summed once a batch, in its last part."""
    if last or not isinstance(model, nn.parallel.DistributedDataParallel):
        return nullcontext()
    context: AbstractContextManager[None] = model.no_sync()
    return context


def gradient_norm(network: nn.Module) -> Tensor:
    """2-norm over all gradients."""
    return torch.nn.utils.get_total_norm(
        [p.grad for p in network.parameters() if p.grad is not None]
    )


def loss_of(logits: Tensor, labels: Tensor, training: Training) -> Tensor:
    """Mean over samples; of the squared errors to one-hot, the sum over classes."""
    if not len(labels):
        return 0 * logits.sum()
    if training.loss == "mse":
        target = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
        return F.mse_loss(logits, target, reduction="sum") / len(labels)
    return F.cross_entropy(logits, labels)
