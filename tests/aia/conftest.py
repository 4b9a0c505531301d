from __future__ import annotations

import pytest

from aia import compiled


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels of three time steps at most, and of two each beyond: they compile in seconds."""
    monkeypatch.setattr(compiled, "LONGEST", 3)
    monkeypatch.setattr(compiled, "SEGMENT", 2)
