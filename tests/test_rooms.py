"""The layout: a room imports rooms below it alone, no two modules each other, none is long."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = (  # upwards
    *("records", "events", "training", "throughput"),
    *("evidence", "presenting", "running", "cli"),
)
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("aia", "baselines", "benchmarks")
    for path in (ROOT / package).rglob("*.py")
}


def floor(module: str) -> int:
    """0 for what lies below all rooms, the neuron and the baselines among it."""
    room = module.removesuffix(".__main__").partition(".")[2].partition(".")[0]
    if module == "benchmarks.__main__":
        return len(ROOMS)
    inside = module.startswith("benchmarks.") and room in ROOMS
    return 1 + ROOMS.index(room) if inside else 0


def imports(module: str) -> set[str]:
    """The modules of this project that a module imports, anywhere in it."""
    nodes = [
        n for n in ast.walk(ast.parse(FILES[module].read_text())) if isinstance(n, ast.ImportFrom)
    ]
    names = {f"{n.module}.{a.name}" for n in nodes for a in n.names} | {
        str(n.module) for n in nodes
    }
    return {name for name in names if name in FILES and FILES[name].name != "__init__.py"} - {
        module
    }


def test_a_room_imports_only_rooms_below_it() -> None:
    upwards = {(m, i) for m in FILES for i in imports(m) if floor(i) > floor(m)}
    assert not upwards
    assert not {
        m for m in FILES if m.startswith("aia") and any("benchmarks" in i for i in imports(m))
    }


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter({module: imports(module) for module in FILES}).prepare()


def test_no_module_is_longer_than_300_lines() -> None:
    long = {m: n for m, p in FILES.items() if (n := len(p.read_text().splitlines())) > 300}
    assert not long


def test_no_function_is_longer_than_40_lines() -> None:
    """Without the lines of its signature; Triton's kernels cannot be split."""
    bodies = {
        (module, node.name): node.end_lineno - node.body[0].lineno + 1
        for module, path in FILES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.end_lineno and module != "aia.kernels"
    }
    assert not {name: lines for name, lines in bodies.items() if lines > 40}
