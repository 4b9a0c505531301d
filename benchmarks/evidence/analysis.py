"""analysis.yaml, typed and checked: what was declared before training, and what follows from it."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)
from scipy.special import ndtr, ndtri

from benchmarks.errors import InputError
from benchmarks.evidence.statistics import least_effect
from benchmarks.wording import plural
from benchmarks.yamlfile import read_yaml

ANALYSIS = Path(__file__).with_name("analysis.yaml")

Metric = Literal["accuracy", "spikes", "synops", "selectivity", "information"]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, StringConstraints(min_length=1)]
Names = Annotated[tuple[Name, ...], Field(min_length=1)]


class Analysis(BaseModel):
    """The declared analysis."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outcome: Metric
    rate: Literal["own", "shared"]
    subject: Name
    against: Names
    datasets: Names
    margin: dict[Metric, Fraction]
    level: Fraction
    power: Fraction
    scatter: dict[Name, Fraction]  # data set -> standard deviation of the paired differences
    looks: Annotated[tuple[Annotated[int, Field(ge=6)], ...], Field(min_length=1)]
    spending: Literal["pocock", "obrien-fleming"]

    @field_validator("looks")
    @classmethod
    def _rising(cls, looks: tuple[int, ...]) -> tuple[int, ...]:
        if any(a >= b for a, b in pairwise(looks)):
            raise ValueError("looks must rise")
        return looks

    def counted(self, seeds: int) -> int:
        """Seeds that count of so many: those up to the last look; all before the first."""
        return max((look for look in self.looks if look <= seeds), default=seeds)

    def alpha(self, seeds: int) -> float:
        """Two-sided level at which so many seeds are tested: what their look newly spends.

        Before the first look it is the whole level, of a demonstration that decides nothing.
        """
        done = [look for look in self.looks if look <= seeds]
        return (
            self.spent(done[-1]) - self.spent(done[-2] if done[1:] else 0) if done else self.level
        )

    def spent(self, seeds: int) -> float:
        """Of the level, what the spending function (Lan and DeMets 1983) has spent by then."""
        share = min(seeds / self.looks[-1], 1.0)
        if share == 0:
            return 0.0
        if self.spending == "pocock":
            return self.level * math.log(1 + (math.e - 1) * share)
        return 2 * (1 - float(ndtr(ndtri(1 - self.level / 2) / math.sqrt(share))))

    def decides(self, seeds: int) -> bool:
        """Whether so many seeds reach the first look; fewer are a demonstration."""
        return seeds >= self.looks[0]

    def plan(self, seeds: int) -> str:
        """What to do where so many seeds left it open."""
        later = [look for look in self.looks if look > seeds]
        if not later:
            return "No more seeds are declared, so it stays open."
        return (
            f"The next declared look is at {later[0]} seeds, at level {self.alpha(later[0]):.3g}; "
            "looking in between would raise the false positives."
        )

    def next_finds(self, seeds: int, sd: float, comparisons: int = 1) -> tuple[int, float] | None:
        """The next look after so many seeds, and the mean difference that it finds with the
        declared power where pairs scatter by ``sd``; None where no look is left.

        As one of so many comparisons that are corrected for one another, at the strictest level.
        """
        later = [look for look in self.looks if look > seeds]
        if not later:
            return None
        level = 1 - self.alpha(later[0]) / comparisons
        return later[0], least_effect(later[0], level, self.power) * sd

    def says(self, seeds: int) -> str:
        """The analysis and where so many seeds stand in it, in one line."""
        looks = " and ".join(map(str, self.looks))
        start = f"Declared analysis: margin {100 * self.margin['accuracy']:g} point of accuracy, "
        start += f"level {self.level:g} over looks at {looks} seeds ({self.spending} spending)"
        if not self.decides(seeds):
            return (
                f"{start}; {plural(seeds, 'seed')}, before the first look: a demonstration at "
                f"level {self.level:g}, not evidence."
            )
        counted = self.counted(seeds)
        left = f", of {seeds} the first {counted} count" if counted < seeds else ""
        return f"{start}; this is the look at {counted}, tested at {self.alpha(seeds):.3g}{left}."


@cache
def declared(path: Path = ANALYSIS) -> Analysis:
    """Read and check ``path``.

    Raises InputError naming the file, the key and what was expected there.
    """
    try:
        return Analysis.model_validate(read_yaml(path, "it belongs to the suite"))
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"])) or "top level"
        raise InputError(
            f"{path}: {key}: {fault['msg'][0].lower()}{fault['msg'][1:]}, found {fault['input']!r}"
        ) from error
