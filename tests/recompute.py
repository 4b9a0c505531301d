"""Every number of the README's section "What was found", from ``recorded/`` alone.

``python tests/recompute.py`` prints them. It reads lines of JSON and imports nothing of this
project, so that what the suite says can be checked without trusting the suite.
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy import stats

Cells = dict[tuple[str, str], dict[int, dict[str, Any]]]  # (data set, neuron) -> seed -> record


def cells(folder: Path) -> tuple[Cells, Cells]:
    """The verdicts' seeds at the shared learning rate, and of tuned neurons at each's own.

    That is the rate that was best, on validation, on other seeds.
    """
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    seeds, at = params["seeds"], defaultdict(lambda: defaultdict(dict))
    for line in (folder / "cells.jsonl").read_text(encoding="utf-8").splitlines():
        r = json.loads(line)
        at[r["settings"]["learning_rate"]][r["dataset"], r["neuron"]][r["seed"]] = r
    shared, own = {}, {}
    for key, of in at[params["training"]["learning_rate"]].items():
        shared[key] = {seed: of[seed] for seed in seeds if seed in of}
        tried = {
            rate: np.mean([r["result"]["accuracy"]["validation"] for r in others])
            for rate in sorted(at)
            if (others := [r for seed, r in at[rate][key].items() if seed not in seeds])
        }
        if tried:
            best = at[max(tried, key=tried.__getitem__)][key]
            own[key] = {seed: best[seed] for seed in seeds if seed in best}
    return shared, own


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval: Student's t below six values, the sign-flip test inverted above."""
    x = np.array(values)
    if len(x) < 6:
        half = stats.t.ppf(0.975, len(x) - 1) * stats.sem(x)
        return x.mean(), x.mean() - half, x.mean() + half
    sums, sizes = np.zeros(1), np.zeros(1)
    for value in x:  # of all subsets, the empty one first
        sums, sizes = np.append(sums, sums + value), np.append(sizes, sizes + 1)
    means = np.sort(sums[1:] / sizes[1:])
    place = math.floor(0.025 * 2 ** len(x) + 1e-9) - 1
    return x.mean(), means[place], means[-1 - place]


def pairs(of: Cells, dataset: str, one: str, other: str, *keys: str) -> list[tuple[float, float]]:
    a, b = of[dataset, one], of[dataset, other]
    both = [(a[s]["result"], b[s]["result"]) for s in sorted(a.keys() & b.keys())]
    return [(reduce(getitem, keys, x), reduce(getitem, keys, y)) for x, y in both]


def lead(of: Cells, dataset: str, one: str, other: str) -> str:
    found = [a - b for a, b in pairs(of, dataset, one, other, "accuracy", "test")]
    mean, low, high = (f"{round(100 * v, 1) + 0:+.1f}".replace("-", "−") for v in interval(found))
    return f"{dataset}: {one} minus {other} {mean} points [{low}, {high}] ({len(found)})"


def spikes(of: Cells, dataset: str, one: str, other: str) -> str:
    logs = [math.log(a / b) for a, b in pairs(of, dataset, one, other, "spikes", "per_sample")]
    mean, low, high = (f"{math.exp(v):.2f}" for v in interval(logs))
    return f"{dataset}: {one} fires {mean} [{low}, {high}] times as many spikes as {other}"


def accuracy(of: Cells, dataset: str, neuron: str) -> str:
    values = [r["result"]["accuracy"]["test"] for r in of[dataset, neuron].values()]
    found = interval(values) if len(values) > 2 else (np.mean(values),)
    return f"{dataset}: {neuron} {' '.join(f'{100 * v:.1f}' for v in found)} % ({len(values)})"


def main(recorded: Path) -> None:
    lines = []
    for profile in ("ncars", "ncars_wide", "ncars_vgg11", "ncars_random"):
        for of in cells(recorded / profile):
            known = (key for key in of if key[1] == "aia" and of[key])
            lines += [f"{profile}, {accuracy(of, *key)}" for key in known]
    for of in (*cells(recorded / "ncars"), cells(recorded / "core")[1]):
        for dataset, other in of:
            if other != "aia" and (dataset, "aia") in of and of[dataset, other]:
                lines += [say(of, dataset, "aia", other) for say in (lead, spikes)]
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main(Path(__file__).parents[1] / "recorded")
