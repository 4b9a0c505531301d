"""The times of a device in one file of lines, without the rounds behind them.

It is what pytest-benchmark's files hold that a table, a figure or a verdict needs: of each file a
line about machine and source, then one a timed thing. Instead of its rounds a thing has their
quantiles; of training steps taken in turn every pair is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.profile import Profile
from benchmarks.records.lines import as_line, lines
from benchmarks.records.recorded import FOLDER, recorded_times
from benchmarks.throughput.timings import (
    Speeds,
    edges_of,
    files,
    read_speeds,
    speeds_in,
    together,
    unreadable,
)

_STATS = ("median", "q1", "q3", "rounds")


def summary(of: Iterable[Path]) -> str:
    """Files of one device that :func:`~benchmarks.throughput.timings.speeds_of` takes."""
    return "".join(as_line(line) for path in of for line in _short(json.loads(path.read_bytes())))


def read_summaries(folder: Path) -> Speeds:
    """Every device's file in ``folder``. Raises InputError for one that is not ours."""
    return together(
        speeds
        for path in sorted(folder.glob("*.jsonl"))
        for speeds in _read(path, path.read_bytes())
    )


def speeds_of_profile(profile: Profile) -> Speeds:
    """A profile's own times, and those recorded under its name of devices that it has none of.

    Raises InputError for a file that is not ours, and for recorded times that were edited.
    """
    own = {path.parent.name for path in files(profile.throughput)}
    others = [
        speeds
        for inside, content in recorded_times(profile.name).items()
        if (path := Path(inside)).stem not in own
        for speeds in _read(FOLDER / profile.name / path, content)
    ]
    return together([read_speeds(profile.throughput), *others])


def _short(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    noted, machine = content.get("commit_info", {}), content["machine_info"]
    yield {
        "datetime": content.get("datetime"),
        "commit_info": {key: noted.get(key) for key in ("id", "dirty")},
        "machine_info": {k: v for k, v in machine.items() if k.startswith("aia_")},
    }
    for entry in content["benchmarks"]:
        stats = {key: entry["stats"][key] for key in _STATS if key in entry["stats"]}
        if (edges := edges_of(entry["stats"])) is not None:
            stats["edges"] = edges
        yield {"extra_info": entry["extra_info"], "stats": stats}


def _read(path: Path, content: bytes) -> Iterator[Speeds]:
    """File by file that went into it."""
    contents: list[dict[str, Any]] = []
    for where, text in lines(path, content):
        try:
            line = json.loads(text)
            if "machine_info" in line:
                contents.append({**line, "benchmarks": []})
            else:
                contents[-1]["benchmarks"].append(line)
        except (ValueError, IndexError, TypeError, AttributeError) as error:
            raise unreadable(where, error) from error
    for each in contents:
        yield speeds_in(each, path)
