"""params.yaml, typed and checked. The only module that reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from benchmarks.errors import InputError, unknown
from benchmarks.yamlfile import read_yaml

ALIAS = "[A-Za-z0-9_-]+"
Augment = Literal["none", "flip", "flip_shift", "nda", "nda_cutout"]
Rule = Literal["bptt", "asf"]
Alias = Annotated[str, StringConstraints(pattern=f"^{ALIAS}$")]


Several = TypeVar("Several", bound=list[Any] | tuple[Any, ...])


def _each_once(values: Several) -> Several:
    twice = [value for place, value in enumerate(values) if value in values[:place]]
    if twice:
        raise PydanticCustomError("twice", "{value} is given twice", {"value": repr(twice[0])})
    return values


Once = AfterValidator(_each_once)
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Width = Annotated[int, Field(ge=1, le=100_000)]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False
    )


class NeuronParams(_Section):
    """One row of the tables: ``module:Class`` or ``file.py:Class`` and the arguments it gets."""

    class_: Annotated[str, StringConstraints(pattern=r"^([\w.]+|.+\.py):\w+$")] = Field(
        alias="class"
    )
    args: dict[str, Any] = {}
    match: StrictBool = False  # give it the options of the section `matched`

    @field_validator("args")
    @classmethod
    def _finite(cls, args: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(args, allow_nan=False)
        except ValueError:
            raise PydanticCustomError("infinite", "args of neurons are finite") from None
        return args


class Matched(_Section):
    """Neuron options that mean the same in every library."""

    decay: float = Field(0.5, ge=0, le=1)
    threshold: float = Field(1.0, gt=0)
    reset: Literal["zero", "subtract"] = "zero"
    detach_reset: StrictBool = True
    surrogate: Literal["atan"] = "atan"
    surrogate_width: float = Field(2.0, gt=0)


class Training(_Section):
    """The budget and the network: the same for every neuron."""

    rule: Rule = "bptt"
    epochs: int = Field(10, ge=1, le=100_000)
    batch: int = Field(64, ge=1, le=1_000_000)
    learning_rate: float = Field(0.005, gt=0)
    optimizer: Literal["adam", "sgd"] = "adam"
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["constant", "cosine", "step"] = "constant"
    steps: int = Field(10, ge=1, le=100_000)  # time steps T
    channels: tuple[Width, ...] = (16, 32)  # of the convolutions of network `matched`
    hidden: Width = 64  # units of its hidden linear layer
    initial_gain: float = Field(1.0, gt=0)  # times PyTorch's default initial weights
    network: Literal["matched", "vgg_author", "vgg11", "sew_resnet18"] = "matched"
    width: float = Field(1.0, gt=0)  # times the channels of the other networks
    size: int | None = Field(
        None, ge=8, le=4096
    )  # pixels of a side of the frames; none: as recorded
    binning: Literal["sum", "nearest"] | None = None  # of events to `size`; none: the set's usual
    milestones: tuple[Annotated[int, Field(ge=1)], ...] = ()  # epochs, of the schedule `step`
    factor: float = Field(0.1, gt=0)  # of the learning rate at each milestone
    augment: Augment = "none"
    loss: Literal["cross_entropy", "mse"] = "cross_entropy"  # mse: summed, to one-hot
    precision: Literal["float32", "bfloat16", "float16"] = "float32"  # of the synapses
    accumulate: int = Field(1, ge=1, le=1_000_000)  # parts that a batch is computed in
    recompute: StrictBool = False  # neurons run again in the backward pass: less memory, more time
    split_by_seed: StrictBool = False  # each seed deals the sources out anew; embedded sets alone

    @model_validator(mode="after")
    def _possible(self) -> Training:
        if self.rule == "asf" and (self.network in NORMALISED or self.precision != "float32"):
            text = "rule asf takes networks without normalisation, in float32"
            raise PydanticCustomError("impossible", text)
        return self

    def settings(self) -> dict[str, Any]:
        """As plain values. What came later is left out where it says what was done before."""
        return self.model_dump(mode="json", exclude=self.unsaid)

    @property
    def unsaid(self) -> set[str]:
        """Later fields at their defaults: records and hashes are as before they came."""
        fields = type(self).model_fields
        return {name for name in LATER if getattr(self, name) == fields[name].default}


NORMALISED = ("vgg11", "sew_resnet18")  # networks with batch normalisation
LATER = {
    *("network", "width", "size", "binning", "milestones", "factor", "augment", "loss"),
    *("precision", "accumulate", "recompute", "split_by_seed"),
}


class Tuning(_Section):
    """Learning rates that each named neuron gets beside the shared one: equal budgets.

    The best is chosen on ``seeds``, none of which the verdict rests on.
    """

    learning_rates: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Once] = ()
    seeds: Annotated[tuple[Seed, ...], Once] = ()
    neurons: Annotated[tuple[Alias, ...], Once] = ()


class Params(_Section):
    """The whole of params.yaml."""

    root: str = "."  # for dvc.yaml: from the profile's folder to the project's root
    at: str = ""  # for dvc.yaml: from the project's root to the profile's folder
    datasets: Annotated[list[Alias], Field(min_length=1), Once]
    seeds: Annotated[list[Seed], Field(min_length=1), Once]
    neuron: dict[Alias, NeuronParams] = Field(min_length=1)
    matched: Matched = Matched()
    training: Training = Training()
    tuning: Tuning = Tuning()

    @model_validator(mode="after")
    def _known(self) -> Params:
        if missing := sorted(set(self.tuning.neurons) - set(self.neuron)):
            names = {"names": ", ".join(missing)}
            raise PydanticCustomError("unknown", "tuning names {names}, no key of neuron", names)
        if self.tuning.neurons and not self.tuning.seeds:
            raise PydanticCustomError("no seeds", "tuning names neurons, but no seeds")
        if judged := sorted(set(self.tuning.seeds) & set(self.seeds)):
            text = "tuning chooses rates on seed {seed}, which the verdict rests on; give others"
            raise PydanticCustomError("judged", text, {"seed": judged[0]})
        return self

    @property
    def rates(self) -> tuple[float, ...]:
        """The grid that tuning starts with: the shared learning rate and those of `tuning`."""
        return tuple(sorted({self.training.learning_rate, *self.tuning.learning_rates}))

    def at_rate(self, rate: float) -> Params:
        """The same with another learning rate."""
        training = self.training.model_copy(update={"learning_rate": rate})
        return self.model_copy(update={"training": training})

    def with_neuron(self, alias: str, neuron: NeuronParams) -> Params:
        """The same with one neuron more."""
        return self.model_copy(update={"neuron": {**self.neuron, alias: neuron}})

    def tuning_only(self, aliases: list[str]) -> Params:
        """The same with these neurons alone to tune."""
        tuning = self.tuning.model_copy(update={"neurons": tuple(aliases)})
        return self.model_copy(update={"tuning": tuning})

    def only(self, aliases: Iterable[str]) -> Params:
        """The same with these neurons alone and nothing to tune."""
        named = {alias: self.neuron_named(alias) for alias in aliases}
        return self.model_copy(update={"neuron": named, "tuning": Tuning()})

    def neuron_named(self, alias: str) -> NeuronParams:
        """Raises InputError with the nearest alias for one that is not there."""
        if alias not in self.neuron:
            raise unknown("neuron", alias, self.neuron)
        return self.neuron[alias]


def read(path: Path) -> Params:
    """Read and check ``path``.

    Raises InputError naming the file, the key and what was expected there.
    """
    loaded = read_yaml(path, "run from the project's root")
    try:
        # as JSON, strictly: true is no number there, and a list may still become a tuple
        text = json.dumps(loaded, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not plain names, numbers and lists: {error}") from error
    try:
        return Params.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise InputError(f"{path}: {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    """The first fault as ``key: expected, found``."""
    fault = error.errors()[0]
    key = ".".join(str(part) for part in fault["loc"]) or "top level"
    if fault["type"] == "extra_forbidden":
        return f"{key}: unknown key; expected one of {', '.join(_keys_beside(fault['loc']))}"
    said = f"{key}: {fault['msg'][0].lower()}{fault['msg'][1:]}"
    whole = isinstance(fault["input"], dict)  # a section, of which the message names the part
    return said if whole else f"{said}, found {fault['input']!r}"


def _keys_beside(place: tuple[int | str, ...]) -> list[str]:
    """The keys that the section holding ``place`` takes."""
    sections: dict[str, type[BaseModel]] = {
        "neuron": NeuronParams,
        "matched": Matched,
        "training": Training,
        "tuning": Tuning,
    }
    section = sections[str(place[0])] if len(place) > 1 else Params
    return [field.alias or name for name, field in section.model_fields.items()]
