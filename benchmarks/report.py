"""One self-contained page from records, tables' rows, figures and manifests."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from benchmarks import claims
from benchmarks.claims import Comparison
from benchmarks.errors import InputError
from benchmarks.figures import figure_path
from benchmarks.profile import Profile
from benchmarks.records import Host, write_atomic
from benchmarks.selection import SUBJECT, Cells, Selection, load
from benchmarks.statistics import smallest_sign_flip_p
from benchmarks.tables import all_tables
from benchmarks.timings import read_timings
from benchmarks.wording import points

# kind of figure -> its title, and how to read it
CAPTIONS = {
    "accuracy_spikes": (
        "Accuracy against spikes",
        "Up is more accurate, left is fewer spikes. A small mark is one seed, a large mark the "
        "mean over seeds. Marks that overlap are neurons that these seeds do not tell apart.",
    ),
    "curves": (
        "Learning curves",
        "Lines are means over seeds, bands reach from the least to the greatest seed. A neuron "
        "that is only faster leads early and is caught up later; a curve that still rises at the "
        "last epoch was cut off by the budget.",
    ),
    "spikes_by_step": (
        "Spikes by layer and time step",
        "Means over seeds, each layer on its own scale. Every sample starts from a membrane "
        "potential of zero, so the first step differs from the others.",
    ),
    "association": (
        "Association coefficients before and after training",
        "One count a channel or unit, all seeds together. Left of the dotted line a coefficient "
        "is switched off by the rectifier, gets no gradient and stays where it was drawn. Neurons "
        "whose coefficients are not trained are left out.",
    ),
    "samples": (
        "What the data look like",
        "One test sample of each class, one row a class, one column a time step. Blue pixels "
        "brightened, orange ones darkened, dark ones did both; white saw no event.",
    ),
    "throughput": (
        "Speed",
        "Medians over rounds, the thin line spans the quartiles; an arrow means that the upper "
        "one lies beyond the axis. Elements are those of the drive, all time steps counted.",
    ),
}
_ORDER = ("accuracy_spikes", "spikes_by_step", "curves", "association")


@dataclass(frozen=True)
class Picture:
    """A figure to embed."""

    about: str  # data set or device
    uri: str


@dataclass(frozen=True)
class Bar:
    """An interval on a shared axis, in percent of its width."""

    left: float
    width: float
    middle: float


@dataclass(frozen=True)
class Line:
    """One comparison as the page shows it."""

    other: str
    kind: str
    text: str
    bar: Bar | None
    says: str


def write_report(profile: Profile, selection: Selection, settings: dict[str, Any]) -> Path:
    """Write the profile's page; ``settings`` is the training section of params.yaml.

    Figures are those that :func:`benchmarks.figures.write_figures` left; absent ones are left out.
    Raises InputError for records, manifests or throughput files that are not valid.
    """
    cells = load(profile.runs, selection)
    timings = read_timings(profile.throughput)
    compared = claims.comparisons(cells)
    devices = dict.fromkeys(t.device for t in timings)
    tables = {table.name: table for table in all_tables(cells, timings)}
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            subject=SUBJECT,
            selection=selection,
            settings=settings,
            differing=_differing(cells, settings),
            counts=_counts(cells),
            summary=_summary(compared),
            axes={d: _axis(d, compared) for d in selection.datasets},
            comparisons={d: _lines(d, compared) for d in selection.datasets},
            readings={d: claims.reading(d, compared) for d in selection.datasets},
            chances=_chances(compared, selection),
            claims=claims.claims(cells),
            tables=tables,
            figures={
                kind: _pictures(profile.figures, kind, selection.datasets)
                for kind in (*_ORDER, "samples")
            },
            throughput=_pictures(profile.figures, "throughput", tuple(devices)),
            order=_ORDER,
            captions=CAPTIONS,
            host=_host(cells.hosts),
            manifests=_manifests(profile.data, selection),
        )
    )
    write_atomic(profile.page, page)
    return profile.page


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _counts(cells: Cells) -> dict[str, int]:
    chosen = cells.selection
    wanted = len(chosen.datasets) * len(chosen.neurons) * len(chosen.seeds)
    failed = sum(record.failure is not None for record in cells.records.values())
    return {
        "wanted": wanted,
        "finished": len(cells.records) - failed,
        "failed": failed,
        "missing": wanted - len(cells.records),
    }


def _differing(cells: Cells, settings: dict[str, Any]) -> list[str]:
    """Settings under which records were made that are not those of params.yaml now."""
    found = {
        f"{key} = {record.settings.get(key)} (now {settings.get(key)})"
        for record in cells.records.values()
        for key in {*record.settings, *settings}
        if record.settings.get(key) != settings.get(key)
    }
    return sorted(found)


def _summary(compared: list[Comparison]) -> list[str]:
    """The answer in one sentence a group of neurons."""
    names = {
        "baseline": "the LIF and PLIF baselines",
        "control": "the controls",
        "other": "other neurons",
    }
    sentences = []
    for kind, name in names.items():
        verdicts = [c.says for c in compared if c.kind == kind and c.found.n]
        if verdicts:
            noun = "comparison" if len(verdicts) == 1 else "comparisons"
            counts = [f"{v} in {verdicts.count(v)}" for v in dict.fromkeys(_SIDES)]
            shown = ", ".join(c for c in counts if not c.endswith(" 0"))
            sentences.append(f"Against {name}, {len(verdicts)} {noun}: {shown}.")
    return sentences


_SIDES = ("ahead", "behind", "not distinguishable", "no interval")


def _axis(dataset: str, compared: list[Comparison]) -> float:
    """Half the width of the axis that the intervals of a data set share, in percentage points."""
    found = [c.found for c in compared if c.dataset == dataset and c.found.n > 1]
    reach = 100 * max((abs(v) for e in found for v in (e.low, e.high)), default=0.01)
    step = 1 if reach <= 5 else 5
    return float(step * math.ceil(reach / step))


def _lines(dataset: str, compared: list[Comparison]) -> list[Line]:
    half = _axis(dataset, compared)
    lines = []
    for c in compared:
        if c.dataset == dataset:
            text = points(c.found) if c.found.n else c.says
            says = c.says if c.found.n else ""
            lines.append(Line(c.other, c.kind, text, _bar(c, half), says))
    return sorted(lines, key=lambda line: ("baseline", "control", "other").index(line.kind))


def _bar(compared: Comparison, half: float) -> Bar | None:
    if compared.found.n < 2:
        return None

    def place(value: float) -> float:
        return round(min(max(50 * (1 + 100 * value / half), 0.0), 100.0), 2)

    low, high = place(compared.found.low), place(compared.found.high)
    return Bar(low, round(high - low, 2), place(compared.found.mean))


def _chances(compared: list[Comparison], selection: Selection) -> dict[str, Any]:
    """What the number of seeds and of intervals allows."""
    intervals = sum(c.found.n > 1 for c in compared)
    return {
        "seeds": len(selection.seeds),
        "least_p": f"{smallest_sign_flip_p(len(selection.seeds)):.2g}",
        "intervals": intervals,
        "by_chance": f"{intervals / 20:.1f}",
    }


def _pictures(folder: Path, kind: str, about: tuple[str, ...]) -> list[Picture]:
    paths = {name: figure_path(folder, kind, name) for name in about}
    return [Picture(name, _data_uri(path)) for name, path in paths.items() if path.exists()]


def _data_uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _host(hosts: list[Host]) -> list[tuple[str, str]]:
    """What the selected cells ran on; more than one value where they did not agree."""
    if not hosts:
        return []
    versions = sorted({f"{k} {v}" for host in hosts for k, v in host.versions.items()})
    dirty = sum(host.dirty for host in hosts)
    hours = sum(host.train_seconds for host in hosts) / 3600
    started = sorted(host.started[:10] for host in hosts)
    rows = {
        "device": _distinct([host.device for host in hosts]),
        "processor": _distinct([host.cpu for host in hosts]),
        "driver": _distinct([host.driver or "none" for host in hosts]),
        "system": _distinct([f"{host.platform}, Python {host.python}" for host in hosts]),
        "packages": ", ".join(versions),
        "threads a cell": _distinct([str(host.threads) for host in hosts]),
        "deterministic algorithms": _distinct([_yes(host.deterministic) for host in hosts]),
        "compiled neurons": _distinct([_yes(host.compiled) for host in hosts]),
        "commit": _distinct([host.commit[:12] for host in hosts]),
        "uncommitted changes": f"in {dirty} of {len(hosts)} cells" if dirty else "none",
        "trained": f"{hours:.2f} hours in all, begun {' to '.join(dict.fromkeys(started))}"
        if len(set(started)) < 3
        else f"{hours:.2f} hours in all, begun {started[0]} to {started[-1]}",
    }
    return list(rows.items())


def _distinct(values: list[str]) -> str:
    return "; ".join(dict.fromkeys(values))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _manifests(data: Path, selection: Selection) -> dict[str, dict[str, Any] | None]:
    """The manifests of the selected data sets, None for one that is not there."""
    found: dict[str, dict[str, Any] | None] = {}
    for dataset in selection.datasets:
        path = data / f"{dataset}.json"
        try:
            found[dataset] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        except ValueError as error:
            raise InputError(
                f"{path}: not JSON ({error}); delete it and write the manifest again"
            ) from error
    return found
