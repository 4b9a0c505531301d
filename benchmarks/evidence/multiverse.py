"""Every claim with every reading in the subject's place: in how many of them does it hold?

What the paper's neuron is, is open (evidence/readings.py), so a claim that holds in a single
reading says as much of the choice of that reading as of the paper (a multiverse analysis: Steegen,
Tuerlinckx, Gelman and Vanpaemel, Perspectives on Psychological Science 2016). Predicates, statistic
and seeds are those of evidence/claims/judging.py; readings are not corrected for one another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from benchmarks.evidence.claims.specs import BothWays, ClaimSpec, Differs, Reaches
from benchmarks.evidence.claims.verdicts import ClaimVerdict, verdicts
from benchmarks.evidence.readings import READINGS, Reading
from benchmarks.evidence.tuning import Tuned
from benchmarks.records.selection import CONTROLS, SUBJECT, Cells


@dataclass(frozen=True)
class Put:
    """A claim with one reading in the subject's place."""

    reading: str
    settled: str  # why the reading's definition answers it; "" where records do
    verdict: ClaimVerdict | None  # None where the definition answers
    against: tuple[str, ...]  # what it is held against
    shared_controls: tuple[str, ...]  # those among them that are the subject's, not its own
    own_rates: bool  # all at their own best learning rates, or all at the shared one

    @property
    def tested(self) -> bool:
        return self.verdict is not None and self.verdict.status != "not tested here"

    @property
    def holds(self) -> bool:
        return self.verdict is not None and self.verdict.status == "reproduced"


@dataclass(frozen=True)
class ClaimInReadings:
    """A claim in all selected readings."""

    claim: str  # its id
    puts: tuple[Put, ...]

    @property
    def tested(self) -> list[Put]:
        return [put for put in self.puts if put.tested]

    @property
    def holding(self) -> list[Put]:
        return [put for put in self.puts if put.holds]

    @property
    def alone(self) -> str:
        """The one reading of several in which it holds; empty where none or more do."""
        return self.holding[0].reading if len(self.holding) == 1 < len(self.tested) else ""


def multiverse(
    specs: Iterable[ClaimSpec], cells: Cells, tuned: Tuned | None
) -> list[ClaimInReadings]:
    """The claims that rest on records, each in every selected reading.

    Raises InputError if two records of a pair were not trained under matched conditions.
    """
    readings = {name: r for name, r in READINGS.items() if name in cells.selection.neurons}
    return [
        ClaimInReadings(
            spec.id, tuple(_put(spec, name, r, cells, tuned) for name, r in readings.items())
        )
        for spec in specs
        if spec.rests_on == "records"
    ]


def _put(spec: ClaimSpec, name: str, reading: Reading, cells: Cells, tuned: Tuned | None) -> Put:
    predicate = with_controls_of(reading, spec.predicate, cells.selection.neurons)
    against = predicate.against if isinstance(predicate, Differs) else ()
    shared = tuple(
        c for c in CONTROLS if c in against and reading.controls.get(c) != c and name != SUBJECT
    )
    cells, own = at_rates(cells, tuned, {name, *against})
    settled = reading.settled.get(predicate.name, "")
    if settled:
        return Put(name, settled, None, against, shared, own)
    # what follows from a verdict is worded for the subject
    follows = spec.follows if name == SUBJECT else {}
    changed = spec.model_copy(update={"predicate": predicate, "follows": follows})
    (verdict,) = verdicts([changed], cells.first(seeds_of(cells, name)), name)
    return Put(name, "", verdict, against, shared, own)


def seeds_of(cells: Cells, neuron: str) -> int:
    """Of the selected seeds, the first so many of which it has on every data set that it is on."""
    has = [
        {r.seed for r in records}
        for d in cells.selection.datasets
        if (records := cells.of(d, neuron))
    ]
    absent = (n for n, seed in enumerate(cells.selection.seeds) if any(seed not in h for h in has))
    return next(absent, len(cells.selection.seeds))


def with_controls_of(
    reading: Reading, predicate: object, selected: Collection[str]
) -> Differs | Reaches | BothWays:
    """The predicate with the reading's own controls in the place of the subject's, where it has
    them and they are selected."""
    match predicate:
        case Differs():
            own = tuple(reading.control(n, selected) for n in predicate.against)
            return predicate.model_copy(update={"against": own})
        case BothWays():
            own = tuple(reading.control(n, selected) for n in predicate.beside)
            return predicate.model_copy(update={"beside": own})
        case Reaches():
            return predicate
    raise TypeError(f"{type(predicate).__name__} rests on a definition, not on records")


def at_rates(cells: Cells, tuned: Tuned | None, neurons: set[str]) -> tuple[Cells, bool]:
    """The cells at own best rates where all selected ones of ``neurons`` were tuned, else the
    shared rate's: a tuned neuron is not held against one that was not."""
    selected = neurons & {*cells.selection.neurons}
    if tuned is not None and selected <= {*tuned.cells.selection.neurons}:
        return tuned.cells, True
    return cells, False
