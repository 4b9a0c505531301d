"""claims.yaml, typed and checked: each claim with its source and a predicate over records."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from benchmarks.errors import InputError
from benchmarks.events import check_name
from benchmarks.evidence.analysis import Fraction, Metric
from benchmarks.yamlfile import read_yaml

CLAIMS = Path(__file__).with_name("claims.yaml")

Status = Literal["reproduced", "not reproduced", "undecided", "not tested here"]
Text = Annotated[str, StringConstraints(min_length=1)]
Names = Annotated[tuple[Text, ...], Field(min_length=1)]


def _known(dataset: str) -> str:
    try:
        check_name(dataset)
    except InputError as error:
        raise PydanticCustomError("unknown", "{said}", {"said": str(error)}) from error
    return dataset


Dataset = Annotated[str, AfterValidator(_known)]
Datasets = Annotated[tuple[Dataset, ...], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Differs(_Strict):
    """The subject is better than each other neuron on each data set; of spikes, fewer is better."""

    name: Literal["differs"]
    datasets: Datasets
    against: Names
    margin: Annotated[dict[Metric, Fraction], Field(min_length=1)]  # smallest of interest


class Reaches(_Strict):
    """The subject's test accuracy is ``accuracy`` or more, ``margin`` given."""

    name: Literal["reaches"]
    dataset: Dataset
    accuracy: Fraction
    margin: Fraction


class BothWays(_Strict):
    """More than ``least`` of the units fire more with the association, and more than that less.

    More than ``least`` of the coefficients were raised by training, and more than that lowered.
    """

    name: Literal["both_ways"]
    datasets: Datasets
    least: Fraction
    beside: tuple[Text, ...] = ()  # neurons whose shares are said beside, not judged


class OnlyStimulated(_Strict):
    """The coefficients' gradient is exactly 0 for event-free frames, above 0 for test frames."""

    name: Literal["only_stimulated"]
    datasets: Datasets


class NoParameterMore(_Strict):
    """The folded subject has no parameter more than each other, and predicts as before."""

    name: Literal["no_parameter_more"]
    datasets: Datasets
    against: Names


PREDICATES: dict[str, type[_Strict]] = {
    "differs": Differs,
    "reaches": Reaches,
    "both_ways": BothWays,
    "only_stimulated": OnlyStimulated,
    "no_parameter_more": NoParameterMore,
}


class ClaimSpec(_Strict):
    """One entry of claims.yaml."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    claim: Text
    source: Text
    predicate: Annotated[
        Differs | Reaches | BothWays | OnlyStimulated | NoParameterMore,
        Field(discriminator="name"),
    ]
    rests_on: Literal["records", "definition"] = "records"  # definition: a check, no evidence
    follows: dict[Status, Text] = {}  # status -> what follows from it
    command: Text  # would test it where it is open


def read_claims(path: Path = CLAIMS) -> list[ClaimSpec]:
    """Read and check ``path``.

    Raises InputError naming the file, the key and what was expected there.
    """
    loaded = read_yaml(path, "it belongs to the suite")
    try:
        specs = TypeAdapter(list[ClaimSpec]).validate_python(loaded)
    except ValidationError as error:
        raise InputError(f"{path}: {_explain(error, loaded)}") from error
    twice = [name for name, count in Counter(spec.id for spec in specs).items() if count > 1]
    if twice:
        raise InputError(f"{path}: {twice[0]}: id given twice; expected one claim an id")
    return specs


def _explain(error: ValidationError, loaded: Any) -> str:
    """The first fault as ``id.key: expected, found``."""
    fault = error.errors()[0]
    place = list(fault["loc"])
    if not place:
        return f"top level: expected a list of claims, found {type(loaded).__name__}"
    entry = loaded[place[0]]
    name = entry.get("id") if isinstance(entry, dict) else None
    start = name if isinstance(name, str) else f"claim {int(place[0]) + 1}"
    below = [part for part in place[1:] if part not in PREDICATES]
    key = ".".join(map(str, [start, *below]))
    if fault["type"] == "extra_forbidden":
        section = PREDICATES[str(place[2])] if len(place) > 2 else ClaimSpec
        return f"{key}: unknown key; expected one of {', '.join(section.model_fields)}"
    return f"{key}: {fault['msg'][0].lower()}{fault['msg'][1:]}, found {fault['input']!r}"
