"""What pyproject.toml declares is what the code imports, no more and no less."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
OURS = {"aia", "baselines", "benchmarks", "tests"}
# imported as -> distributed as, where the names differ
DISTRIBUTIONS = {
    "PIL": "pillow",
    "distributed": "dask",
    "dv_processing": "dv-processing",
    "pydantic_core": "pydantic",  # which pins it, and sends whoever raises errors there
    "pynvml": "nvidia-ml-py",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
# not imported, but run: commands, plugins, stubs
RUN = {"dvc", "pytest-benchmark"}
RUN_BY_TESTS = {"mypy", "pandas-stubs", "pytest-xdist", "ruff", "types-pyyaml"}
IMPORTED_BY_OTHERS = {"nirtorch"}  # by snntorch and SpikingJelly, for NIR


def names(requirements: list[str]) -> set[str]:
    found = {re.split(r"[\[<>=;~! ]", each, maxsplit=1)[0].lower() for each in requirements}
    return found - {PROJECT["name"]}


def imported(*folders: str) -> set[str]:
    """The distributions that files below these folders import, anywhere in them."""
    found = {
        module.partition(".")[0]
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        for module in _modules(ast.parse(path.read_text()))
    }
    return {DISTRIBUTIONS.get(m, m) for m in found - OURS - set(sys.stdlib_module_names)}


def _modules(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                yield from (alias.name for alias in aliases)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
            case ast.Call(
                func=ast.Attribute(attr="importorskip"), args=[ast.Constant(value=str(module)), *_]
            ):
                yield module


DECLARED = names(PROJECT["dependencies"])
OPTIONAL = names([each for name, extra in EXTRAS.items() if name != "test" for each in extra])


@pytest.fixture(scope="module")
def code() -> set[str]:
    return imported("aia", "baselines", "benchmarks")


@pytest.fixture(scope="module")
def tests() -> set[str]:
    return imported("tests")


def test_the_code_imports_only_what_is_declared(code: set[str]) -> None:
    assert set() == code - DECLARED - OPTIONAL


def test_tests_import_only_what_is_declared(tests: set[str]) -> None:
    assert tests - DECLARED - OPTIONAL - names(EXTRAS["test"]) == {"py7zr"}  # where it is there


def test_everything_declared_is_used(code: set[str], tests: set[str]) -> None:
    assert DECLARED - code - RUN == set()
    assert OPTIONAL - names(EXTRAS["docs"]) - code - IMPORTED_BY_OTHERS == set()
    assert names(EXTRAS["test"]) - code - tests - RUN_BY_TESTS == set()
