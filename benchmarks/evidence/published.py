"""Published accuracies beside our own, with where each was read."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from benchmarks.yamlfile import read_yaml

PATH = Path(__file__).with_name("published.yaml")


class Published(BaseModel):
    """One published number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str  # as the catalogue names it
    method: str
    accuracy: float = Field(gt=0, le=1)  # test accuracy, fraction
    neuron: str  # our neuron that stands beside it
    split: str = ""  # what its source says of the split; "": not looked up
    source: str  # page where the number was read


@cache
def read_published() -> list[Published]:
    """Every published number of published.yaml."""
    loaded = read_yaml(PATH, "get it back with git checkout")
    return TypeAdapter(list[Published]).validate_python(loaded)
