"""The three data sets, made once for all tests of this folder and all processes that run them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.events import SETS, EventSet, ensure


@pytest.fixture(scope="session")
def event_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return tmp_path_factory.mktemp("events")
    return tmp_path_factory.getbasetemp().parent / "events"


@pytest.fixture(scope="session")
def event_sets(event_cache: Path) -> dict[str, EventSet]:
    return {name: ensure(name, 10, event_cache) for name in SETS}
