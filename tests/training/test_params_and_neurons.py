"""Bad parameters and bad neurons: one line that says what, where, and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from pydantic import ValidationError
from torch import nn

from benchmarks.errors import InputError
from benchmarks.evidence.analysis import declared
from benchmarks.params import Matched, NeuronParams, Params, read
from benchmarks.records.selection import CONTROLS
from benchmarks.training import contract, neurons
from benchmarks.yamlfile import parse_yaml
from tests.called import call_command
from tests.small import ROOT, small_profile


class WrongShape(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, drive: torch.Tensor) -> torch.Tensor:
        return (drive.sum(0) > 0).float()


class Graded(WrongShape):
    def forward(self, drive: torch.Tensor) -> torch.Tensor:
        return drive.relu()


class InMemoryOrder(WrongShape):
    """Says that the order in memory changes nothing, and looks at memory."""

    any_layout = True

    def forward(self, drive: torch.Tensor) -> torch.Tensor:
        stored = torch.as_strided(drive, drive.shape, torch.empty(drive.shape).stride())
        return drive - drive.detach() + (stored > 0).to(drive.dtype)


class NotANumber(WrongShape):
    def forward(self, drive: torch.Tensor) -> torch.Tensor:
        return drive * float("nan")


class Boolean(WrongShape):
    def forward(self, drive: torch.Tensor) -> torch.Tensor:
        return drive > 1


class Plain(WrongShape):
    """A newcomer's neuron: no state, no library."""

    def forward(self, drive: torch.Tensor) -> torch.Tensor:
        soft = drive.sigmoid()
        return soft - soft.detach() + (drive > 1).float()  # in this order it is exactly 0 or 1


HERE = "tests.training.test_params_and_neurons"


def build(path: str, match: bool = False, **args: object) -> neurons.Build:
    spec = NeuronParams.model_validate({"class": path, "args": args, "match": match})
    return neurons.builder(spec, Matched())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"training": {"epochs": "many"}}, ["training.epochs", "integer", "'many'"]),
        ({"training": {"epoch": 3}}, ["training.epoch: unknown key", "epochs"]),
        ({"trainings": {}}, ["trainings: unknown key", "training"]),
        ({"seeds": [-1]}, ["seeds.0", "greater than or equal to 0"]),
        ({"neuron": {"a.b": {"class": "x:Y"}}}, ["neuron.a.b", "pattern"]),
        ({"neuron": {"a": {"class": "no colon"}}}, ["neuron.a.class", "pattern"]),
        ({"matched": {"reset": "hard"}}, ["matched.reset", "'zero' or 'subtract'", "'hard'"]),
        ({"datasets": None}, ["datasets", "array"]),
        ({"seeds": [0, 0, 1]}, ["seeds: 0 is given twice"]),
        ({"datasets": ["dvs_digits"] * 2}, ["datasets: 'dvs_digits' is given twice"]),
        ({"training": {"epochs": True}}, ["training.epochs", "integer", "True"]),
        ({"training": {"batch": "64"}}, ["training.batch", "integer", "'64'"]),
        ({"training": {"weight_decay": float("inf")}}, ["training.weight_decay", "finite"]),
        (
            {"neuron": {"a": {"class": "x:Y", "args": {"clip": float("inf")}}}},
            ["neuron.a.args: args of neurons are finite"],
        ),
        ({"tuning": {"neurons": ["b"], "seeds": [9]}}, ["tuning names b, no key of neuron"]),
        ({"tuning": {"neurons": ["aia"]}}, ["tuning names neurons, but no seeds"]),
        ({"training": {"channels": [0]}}, ["training.channels.0", "greater than or equal to 1"]),
        ({"training": {"steps": 10**20}}, ["training.steps", "less than or equal to"]),
    ],
)
def test_a_fault_in_params_is_named_by_file_key_and_expectation(
    change: dict[str, object], said: list[str], tmp_path: Path
) -> None:
    _, profile = small_profile(tmp_path)
    written = yaml.safe_load(profile.params.read_text()) | change
    profile.params.write_text(yaml.safe_dump(written))
    with pytest.raises(InputError) as caught:
        read(profile.params)
    for words in [str(profile.params), *said]:
        assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "found {" not in str(caught.value)  # a whole section


def test_a_key_given_twice_and_another_encoding_are_refused(tmp_path: Path) -> None:
    _, profile = small_profile(tmp_path)
    written = profile.params.read_text()
    profile.params.write_text(f"{written}seeds: [3]\n")
    with pytest.raises(InputError, match=r"the key 'seeds' is given twice.*line \d+"):
        read(profile.params)
    profile.params.write_bytes(f"# caf\u00e9\n{written}".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        read(profile.params)


def test_a_number_needs_no_dot(tmp_path: Path) -> None:
    _, profile = small_profile(tmp_path)
    written = profile.params.read_text()
    profile.params.write_text(written.replace("epochs: 2", "epochs: 2\n  learning_rate: 1e-3"))
    assert read(profile.params).training.learning_rate == 0.001
    assert parse_yaml("[2E3, -1e+2, 1.5e3, .5e1, e5]") == [2000.0, -100.0, 1500.0, 5.0, "e5"]


def test_a_key_that_is_merged_in_may_be_given_anew() -> None:
    assert parse_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}")["b"] == {"x": 1, "y": 3}


QUICK = {"snntorch_lif", "spikingjelly_plif", "spikingjelly_lif", "aia", "gain_frozen"}
CORE = {*declared().against, declared().subject, *CONTROLS, "aia_signed", "aia_coincidence"}
ZOO = {"snntorch_lif_defaults", "spikingjelly_lif_defaults", "spikingjelly_plif_defaults"}


@pytest.mark.parametrize(
    ("profile", "holds"),
    [
        (".", QUICK),
        ("zoo", ZOO),
        ("core", CORE),
        ("paper", QUICK),
        ("ncars", QUICK),
        ("asf", {"aia_hidden", "hidden_frozen", "spikingjelly_if"}),
    ],
)
def test_the_profiles_of_the_repository_are_valid(profile: str, holds: set[str]) -> None:
    params = read(ROOT / profile / "params.yaml")
    assert holds <= set(params.neuron)
    assert (ROOT / profile / params.root).resolve() == ROOT
    for alias, spec in params.neuron.items():
        contract.check_neuron(
            spec, params.matched, alias, params.training.steps, params.training.rule
        )


def test_every_profile_has_the_same_pipeline() -> None:
    splits = [path.parent.name for path in ROOT.glob("ncars/*/dvc.yaml")]
    assert splits
    alone = ("core", "zoo", "paper", "asf", "ncars")
    for profile in (*alone, *(f"ncars/{split}" for split in splits)):
        assert (ROOT / profile / "dvc.yaml").read_bytes() == (ROOT / "dvc.yaml").read_bytes()


def test_parameters_of_a_few_neurons_are_valid_where_others_are_tuned() -> None:
    few = read(ROOT / "zoo" / "params.yaml").only(["aia", "klif"])
    again = Params.model_validate_json(few.model_dump_json(by_alias=True))
    assert list(again.neuron) == ["aia", "klif"]
    assert again.training == few.training


def test_rates_are_not_chosen_on_seeds_that_the_verdict_rests_on() -> None:
    asked = {"datasets": ["a"], "seeds": [0, 1], "neuron": {"x": {"class": "made:X"}}}
    with pytest.raises(ValidationError, match="chooses rates on seed 1"):
        Params.model_validate({**asked, "tuning": {"seeds": [1, 2], "neurons": ["x"]}})


def test_a_librarys_defaults_are_another_neuron_than_its_matched_options() -> None:
    drive = torch.randn(10, 4, 3, generator=torch.Generator().manual_seed(1)).mul(2)
    params = read(ROOT / "zoo/params.yaml")
    for alias in ("snntorch_lif", "spikingjelly_lif", "spikingjelly_plif"):
        matched, defaults = (
            neurons.builder(params.neuron[name], params.matched)(3)(drive)
            for name in (alias, f"{alias}_defaults")
        )
        assert not torch.equal(matched, defaults), alias


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("WrongShape", "must return the shape of its drive"),
        ("Graded", "spikes must be 0 or 1"),
        ("NotANumber", "returned NaN"),
        ("Boolean", "returned torch.bool; its drive is torch.float32"),
        ("InMemoryOrder", "leave any_layout out"),
    ],
)
def test_a_neuron_that_breaks_the_contract_is_refused(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        contract.check_contract(build(f"{HERE}:{name}"), "mine", 4)


def test_a_plain_module_with_the_right_signature_is_enough() -> None:
    contract.check_contract(build(f"{HERE}:Plain"), "mine", 4)


@pytest.mark.parametrize(
    ("path", "args"),
    [
        ("spikingjelly.activation_based.neuron:IFNode", {}),
        ("spikingjelly.activation_based.neuron:KLIFNode", {}),
        ("spikingjelly.activation_based.neuron:QIFNode", {}),
        ("spikingjelly.activation_based.neuron:EIFNode", {}),
        ("spikingjelly.activation_based.neuron:IzhikevichNode", {}),
        ("spikingjelly.activation_based.neuron:ComplementaryLIFNode", {}),
        ("spikingjelly.activation_based.neuron:GatedLIFNode", {"T": 4}),
        ("spikingjelly.activation_based.neuron:PSN", {"T": 4}),
        ("spikingjelly.activation_based.neuron:SlidingPSN", {"k": 2}),
        ("snntorch:Leaky", {"beta": 0.9}),
        ("snntorch:Synaptic", {"alpha": 0.8, "beta": 0.9}),
        ("snntorch:Alpha", {"alpha": 0.9, "beta": 0.8}),
        ("snntorch:Lapicque", {"beta": 0.9}),
    ],
)
def test_a_librarys_neuron_runs_by_its_import_path(path: str, args: dict[str, object]) -> None:
    contract.check_contract(build(path, **args), path, 4)
    neuron = build(path, **args)(3)
    drive = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(1)).mul(2)
    first = neuron(drive.requires_grad_())
    first.sum().backward()
    assert drive.grad is not None
    assert drive.grad.abs().sum() > 0
    neuron(torch.full((4, 5, 3), 9.0))
    assert torch.equal(neuron(drive), first), "state survived the call"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no.such.module:Neuron", "importing no.such.module failed"),
        ("snntorch:Leeky", "did you mean 'Leaky'"),
        ("spikingjelly.activation_based.neuron:LIFNod", "did you mean 'LIFNode'"),
    ],
)
def test_a_class_that_is_not_there_is_refused_by_name(path: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        build(path)


def test_arguments_that_the_class_does_not_take_are_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"snntorch:Leaky.*betta"):
        build("snntorch:Leaky", betta=0.5)(3)


def test_matched_options_reach_both_libraries() -> None:
    leaky = build("snntorch:Leaky", match=True)(3)
    node = build("spikingjelly.activation_based.neuron:LIFNode", match=True)(3)
    assert float(leaky.cell.beta) == 0.5
    assert leaky.cell.reset_mechanism == "zero"
    assert (node.node.tau, node.node.decay_input, node.node.v_reset) == (2.0, False, 0.0)


def test_the_command_line_answers_bad_input_with_one_line_and_status_2(tmp_path: Path) -> None:
    small_profile(tmp_path)
    done = call_command("--profile", str(tmp_path), "cell", "dvs_digits", "aiaa", "0")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: unknown neuron 'aiaa'; did you mean 'aia'? known: aia, lif"
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cell", "../../x", "aia", "0"), "'../../x' is no name"),
        (("cell", "dvs_digits", "../x", "0"), "'../x' is no name"),
        (("cells", "nope", "aia"), "unknown data set of this profile 'nope'"),
    ],
)
def test_a_cell_that_cannot_be_is_one_line_and_makes_nothing(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    _, profile = small_profile(tmp_path / "here")
    done = call_command("--profile", str(profile.folder), *words)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert said in line
    assert [path.name for path in tmp_path.rglob("*")] == ["here", "params.yaml"]
