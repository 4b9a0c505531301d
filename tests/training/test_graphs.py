"""A CUDA graph of an update does what the update does as it comes; on a GPU alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.params import Training
from benchmarks.records.files import read_host, record_path
from benchmarks.records.schema import Record
from benchmarks.running.cells import run_cell
from benchmarks.training import graphs
from benchmarks.training.state import Cell
from tests.small import AIA, LIF, small_profile

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="on a GPU")
NEURONS = {"aia": AIA, "lif": LIF, "leaky": {"class": "snntorch:Leaky", "match": True}}


class Asks(nn.Module):
    """Spikes, after asking the GPU for a number, which no graph can hold."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, drive: torch.Tensor) -> torch.Tensor:
        soft = (self.scale * drive).sigmoid()
        return soft + ((drive >= float(self.scale.detach())).to(drive.dtype) - soft).detach()


def trained(folder: Path, alias: str) -> tuple[Record, dict[str, str]]:
    neurons = {**NEURONS, "asks": {"class": f"{Asks.__module__}:Asks"}}
    params, profile = small_profile(folder, neurons, epochs=3, schedule="cosine")
    record = run_cell(Cell("dvs_digits", alias, 0), params, profile, lambda *_: None)
    host = read_host(record_path(profile.runs, "dvs_digits", alias, 0))
    assert host is not None
    return record, host.paths


@on_a_gpu
@pytest.mark.parametrize("alias", list(NEURONS))
def test_a_graph_trains_as_single_launches_do(
    alias: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replayed, paths = trained(tmp_path / "graph", alias)
    assert paths["update"] == "one CUDA graph"
    monkeypatch.setattr(graphs, "fits", lambda *_: False)
    as_it_comes, paths = trained(tmp_path / "single", alias)
    assert "update" not in paths
    assert replayed.curves.train_loss == pytest.approx(as_it_comes.curves.train_loss, rel=0.02)
    assert replayed.curves.gradient_norm == pytest.approx(
        as_it_comes.curves.gradient_norm, rel=0.05
    )


@on_a_gpu
def test_a_neuron_that_no_graph_can_hold_trains_as_it_comes(tmp_path: Path) -> None:
    record, paths = trained(tmp_path, "asks")
    assert paths["update"] != "one CUDA graph"
    assert record.result is not None
    assert torch.rand(3, device="cuda").isfinite().all(), "the generator draws on"


def test_what_no_graph_can_hold_is_known_beforehand() -> None:
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert graphs.fits(Training(), gpu)
    assert graphs.fits(Training(precision="bfloat16"), gpu)
    assert not graphs.fits(Training(), cpu)
    for other in (
        {"rule": "asf"},
        {"optimizer": "sgd"},
        {"precision": "float16"},
        {"accumulate": 2},
        {"recompute": True},
    ):
        assert not graphs.fits(Training.model_validate(other), gpu), other
