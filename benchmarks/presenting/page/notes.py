"""What a page says of its cells: how many, made with what, and what that allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.events.manifests import read_manifest
from benchmarks.evidence.analysis import declared
from benchmarks.evidence.convergence import rising, share_unconverged
from benchmarks.evidence.statistics import method_of, smallest_sign_flip_p
from benchmarks.records.schema import Host
from benchmarks.records.selection import Cells, Selection
from benchmarks.wording import plural


def demonstration(cells: Cells) -> str:
    """Why the records are no evidence; empty where nothing speaks against them."""
    unconverged, finished = share_unconverged(cells.records.values())
    analysis, seeds = declared(), cells.most_seeds()
    reasons = []
    if any(rising(cells, *group) for group in cells.selection.groups):
        reasons.append(
            f"{unconverged} of {plural(finished, 'cell')} not converged (validation accuracy still "
            "gained half a point or more in the last fifth of the epochs)"
        )
    if not analysis.decides(seeds):
        reasons.append(
            f"{plural(seeds, 'seed')} where the declared analysis asks for {analysis.looks[0]}"
        )
    return "; ".join(reasons) if finished else ""


def counts(cells: Cells) -> dict[str, int]:
    chosen = cells.selection
    wanted = len(chosen.datasets) * len(chosen.neurons) * len(chosen.seeds)
    failed = sum(record.failure is not None for record in cells.records.values())
    return {
        "wanted": wanted,
        "finished": len(cells.records) - failed,
        "failed": failed,
        "missing": wanted - len(cells.records),
    }


def differing(cells: Cells, settings: dict[str, Any]) -> list[str]:
    """Settings under which records were made that are not those of params.yaml now."""
    changed = {
        f"{key} = {record.settings.get(key)} (now {settings.get(key)})"
        for record in cells.records.values()
        for key in {*record.settings, *settings}
        if record.settings.get(key) != settings.get(key)
    }
    return sorted(changed)


def chances(selection: Selection) -> dict[str, Any]:
    """What the number of seeds allows."""
    return {
        "seeds": len(selection.seeds),
        "by_t": method_of(len(selection.seeds)) != "sign-flip test",
        "least_p": f"{smallest_sign_flip_p(len(selection.seeds)):.2g}",
    }


def hosts_in_words(hosts: list[Host]) -> list[tuple[str, str]]:
    """What the selected cells ran on; more than one value where they did not agree."""
    if not hosts:
        return []
    versions = sorted({f"{k} {v}" for host in hosts for k, v in host.versions.items()})
    dirty = sum(host.dirty is not False for host in hosts)
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
        "order of sums": _distinct([host.paths.get("products", "not said") for host in hosts]),
        "compiled neurons": _distinct([_yes(host.compiled) for host in hosts]),
        "commit": _distinct([host.commit[:12] for host in hosts]),
        "uncommitted changes": f"in {dirty} of {len(hosts)} cells, or unknown" if dirty else "none",
        "trained": f"{hours:.2f} hours in all, begun {' to '.join(dict.fromkeys(started))}"
        if len(set(started)) < 3
        else f"{hours:.2f} hours in all, begun {started[0]} to {started[-1]}",
    }
    return list(rows.items())


def _distinct(values: list[str]) -> str:
    return "; ".join(dict.fromkeys(values))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def manifests(data: Path, selection: Selection) -> dict[str, dict[str, Any] | None]:
    """The manifests of the selected data sets, None for one that is not there."""
    paths = {dataset: data / f"{dataset}.json" for dataset in selection.datasets}
    return {
        dataset: read_manifest(path) if path.exists() else None for dataset, path in paths.items()
    }
