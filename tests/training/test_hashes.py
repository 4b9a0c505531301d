"""A comment changes no hash; a change of meaning does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import source
from benchmarks.params import Matched, NeuronParams, Training
from benchmarks.records.files import version_of
from benchmarks.source import digest_of_files, without_comments, written_for
from benchmarks.training.neurons import resolve, source_hash
from benchmarks.training.protocol import PROTOCOL, epoch_order, order_hash, protocol_hash, seeds_of

SOURCE = (
    'def f(x):\n    """Says # this."""\n    y = "# no comment"  # a comment\n\n    return x + 1\n'
)


def test_only_comments_and_blanks_are_left_out() -> None:
    assert without_comments(SOURCE) == (
        'def f(x):\n    """Says # this."""\n    y = "# no comment"\n    return x + 1'
    )


def test_a_form_feed_hides_no_code() -> None:
    assert without_comments("x = 1\n\fy = 2\nz = 3  # why\n") == "x = 1\n\fy = 2\nz = 3"
    assert without_comments(SOURCE.replace("\n", "\r\n")) == without_comments(SOURCE)


def test_a_comment_does_not_change_a_files_digest_and_code_does(tmp_path: Path) -> None:
    path = tmp_path / "neuron.py"
    path.write_text(SOURCE)
    before = digest_of_files([path])
    path.write_text(f"# new comment\n\n{SOURCE}")
    assert digest_of_files([path]) == before
    path.write_text(SOURCE.replace("x + 1", "x + 2"))
    assert digest_of_files([path]) != before


def test_a_file_in_the_encoding_that_it_names_has_a_digest(tmp_path: Path) -> None:
    path, plain = tmp_path / "a" / "neuron.py", tmp_path / "neuron.py"
    path.parent.mkdir()
    path.write_bytes("# coding: latin-1\nx = 'ä'\n".encode("latin-1"))
    plain.write_text("x = 'ä'\n", encoding="utf-8")
    assert digest_of_files([path]) == digest_of_files([plain])


def test_a_neuron_of_an_installed_package_is_known_by_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(source, "_VERSIONED", (tmp_path.resolve(),))
    path = tmp_path / "pretended_package.py"
    path.write_text("class Neuron:\n    decay = 0.5\n")
    spec = NeuronParams.model_validate({"class": "pretended_package:Neuron"})
    before = source_hash(spec, Matched())
    path.write_text("class Neuron:\n    decay = 0.9\n")
    forget("pretended_package")
    assert source_hash(spec, Matched()) != before


def forget(package: str) -> None:
    """Import a package anew at the next time, as another process does."""
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


def test_a_file_edited_since_its_import_is_known_as_it_was_imported(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import torch\nclass Mine(torch.nn.Module):\n    x = 1\n")
    spec = NeuronParams.model_validate({"class": f"{file}:Mine"})
    before, imported = source_hash(spec, Matched()), resolve(spec.class_)
    file.write_text(file.read_text().replace("x = 1", "x = 2"))
    assert resolve(spec.class_) is imported
    assert source_hash(spec, Matched()) == before


@pytest.mark.parametrize("change", [{"epochs": 9}, {"rule": "asf"}, {"hidden": 32}])
def test_every_setting_but_the_learning_rate_is_in_the_protocols_hash(
    change: dict[str, object],
) -> None:
    changed = Training(**change)  # type: ignore[arg-type]
    assert protocol_hash(changed) != protocol_hash(Training())
    assert protocol_hash(Training(learning_rate=0.1)) == protocol_hash(Training())


def test_a_rules_version_is_in_its_own_hash_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    bptt, asf = Training(), Training(rule="asf")
    before = protocol_hash(bptt), protocol_hash(asf)
    assert version_of(before[0]) == 3  # that of every recorded baseline but asf's
    monkeypatch.setitem(PROTOCOL, "asf", PROTOCOL["asf"] + 1)
    assert protocol_hash(bptt) == before[0]
    assert version_of(protocol_hash(asf)) == version_of(before[1]) + 1
    assert protocol_hash(asf) != before[1]


def test_a_neurons_hash_knows_its_arguments_and_matched_options() -> None:
    def of(decay: float = 0.5, **keys: object) -> str:
        spec = NeuronParams.model_validate({"class": "aia.neuron:LIF", **keys})
        return source_hash(spec, Matched(decay=decay))

    assert of(match=True) != of(match=False)
    assert of(match=True) != of(decay=0.25, match=True)
    assert of(match=False) == of(decay=0.25, match=False)
    assert of(args={"decay": 0.1}) != of()


def test_a_users_neuron_is_known_by_every_module_of_theirs_that_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "snntorch_mine"  # begins like a library, and is none
    package.mkdir()
    files = {
        "__init__.py": "",
        "base.py": "from .deep import ops\nfrom torch import nn\nclass Base(nn.Module): x = 1\n",
        "deep.py": "import torch\n\nclass ops:\n    y = 2\n",
        "neuron.py": "from snntorch_mine import base\n\nclass Mine(base.Base):\n    pass\n",
        "apart.py": "z = 3\n",
    }
    for name, text in files.items():
        (package / name).write_text(text)
    path = f"{package.name}.neuron:Mine"
    spec = NeuronParams.model_validate({"class": path})

    def now() -> str:
        forget(package.name)
        return source_hash(spec, Matched())

    before = now()
    assert {p.name for p in written_for(resolve(path))} == {"base.py", "deep.py", "neuron.py"} | (
        {"__init__.py"}
    )
    for name, changes in {"deep.py": True, "base.py": True, "apart.py": False}.items():
        (package / name).write_text(files[name].replace("=", "= 10 *"))
        assert (now() != before) == changes, name
        (package / name).write_text(files[name])
    assert now() == before


def test_the_order_of_an_epoch_needs_none_of_those_before_it() -> None:
    seeds = seeds_of("dvs_digits", 3)
    assert epoch_order(seeds.order, 4, 50).tolist() == epoch_order(seeds.order, 4, 50).tolist()
    assert epoch_order(seeds.order, 4, 50).sort().values.tolist() == list(range(50))
    assert epoch_order(seeds.order, 4, 50).tolist() != epoch_order(seeds.order, 5, 50).tolist()
    two = Training(epochs=2)
    assert order_hash(seeds, two, 50) != order_hash(seeds_of("dvs_digits", 4), two, 50)
    assert len(set(vars(seeds).values())) == 5
