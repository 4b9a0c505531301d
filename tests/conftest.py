from __future__ import annotations

import os
from pathlib import Path

# before triton is imported: without a GPU its kernels are interpreted
if not Path("/dev/nvidiactl").exists():
    os.environ["TRITON_INTERPRET"] = "1"
from benchmarks.profile import kernels_folder

# before torch: the tests share compiled kernels with the command line
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(kernels_folder()))

import pytest
import torch

# folders with files that take long: begun first, lest one worker be left with them at the end
LONG = ("running", "throughput", "training", "aia", "presenting", "events", "golden", "evidence")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name not in LONG)


@pytest.fixture(autouse=True)
def _alike_on_every_worker() -> None:
    """One thread, and draws that do not depend on which tests ran before."""
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(7)
