"""What the records say: the neuron under test against every other, and the paper's claims.

The paper is arXiv 2207.11670 (ICASSP 2023); its accuracies are those of its abstract.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from benchmarks.rows import why_no_pair
from benchmarks.selection import CONTROLS, LIBRARY_BASELINES, SUBJECT, Cells
from benchmarks.statistics import Estimate, estimate, paired_difference, paired_ratio, verdict

PAPER_ACCURACY = {"dvs_cifar10": ("DVS-CIFAR10", 0.839), "n_cars": ("N-CARS", 0.9564)}

Kind = Literal["baseline", "control", "other"]
Status = Literal[
    "holds here",
    "holds in part",
    "undecided here",
    "does not hold here",
    "no evidence here",
    "not tested here",
]


@dataclass(frozen=True)
class Comparison:
    """The subject's test accuracy minus another neuron's on one data set, paired by seed."""

    dataset: str
    other: str
    kind: Kind
    found: Estimate
    says: str  # ahead, behind, not distinguishable; why there is none where ``found.n`` is 0


@dataclass(frozen=True)
class Claim:
    """A claim of the paper and what these records have to say about it."""

    claim: str
    status: Status
    evidence: str


def kind_of(neuron: str) -> Kind:
    if neuron in LIBRARY_BASELINES:
        return "baseline"
    return "control" if neuron in CONTROLS else "other"


def comparisons(cells: Cells) -> list[Comparison]:
    """The subject against every other selected neuron; none if it is not selected itself.

    Raises InputError if two records of a pair were not trained under matched conditions.
    """
    if SUBJECT not in cells.selection.neurons:
        return []
    made = []
    for dataset, other in cells.selection.groups:
        if other == SUBJECT:
            continue
        pairs = cells.pairs(dataset, SUBJECT, other)
        found = paired_difference(
            [pair.left.accuracy.test for pair in pairs],
            [pair.right.accuracy.test for pair in pairs],
        )
        says = verdict(found) if found.n else why_no_pair(cells, dataset, SUBJECT, other)
        made.append(Comparison(dataset, other, kind_of(other), found, says))
    return made


def spike_ratios(cells: Cells) -> list[Comparison]:
    """As :func:`comparisons`, for the ratio of spikes a sample to those of each baseline."""
    if SUBJECT not in cells.selection.neurons:
        return []
    made = []
    for dataset, other in cells.selection.groups:
        if kind_of(other) != "baseline":
            continue
        pairs = cells.pairs(dataset, SUBJECT, other)
        found = paired_ratio(
            [pair.left.spikes.per_sample for pair in pairs],
            [pair.right.spikes.per_sample for pair in pairs],
        )
        words = {"ahead": "more", "behind": "fewer"}
        side = verdict(found, neutral=1.0)
        says = words.get(side, side) if found.n else why_no_pair(cells, dataset, SUBJECT, other)
        made.append(Comparison(dataset, other, "baseline", found, says))
    return made


def reading(dataset: str, compared: list[Comparison]) -> str:
    """One data set in words."""
    here = [c for c in compared if c.dataset == dataset and c.found.n]
    baselines = [c.says for c in here if c.kind == "baseline"]
    controls = [c.says for c in here if c.kind == "control"]
    if not baselines:
        return "No pair of finished cells with a LIF or PLIF baseline: nothing can be said."
    text = f"Against LIF and PLIF: {tally(baselines)}."
    if not controls:
        return f"{text} Without a control, a lead cannot be credited to the association."
    text += f" Against the controls: {tally(controls)}."
    if "ahead" not in baselines:
        return f"{text} No lead over a baseline shows here."
    if all(says == "ahead" for says in controls):
        return f"{text} The lead over a baseline is one over every control too."
    return (
        f"{text} The lead cannot be credited to learning the association: "
        "at least one control, which lacks a part of it, is not shown to do worse."
    )


def tally(verdicts: list[str]) -> str:
    """``ahead of 2, not distinguishable from 1``."""
    counts = Counter(verdicts)
    words = {"ahead": "of", "behind": "", "not distinguishable": "from", "no interval": "for"}
    parts = [f"{v} {w} {counts[v]}".replace("  ", " ") for v, w in words.items() if counts[v]]
    return ", ".join(parts)


def claims(cells: Cells) -> list[Claim]:
    """Every claim of the abstract that can be put as a predicate over records."""
    return [
        *(_accuracy_claim(cells, dataset) for dataset in PAPER_ACCURACY),
        _in_kind(
            "Better accuracy than LIF and PLIF neurons",
            [c for c in comparisons(cells) if c.kind == "baseline"],
            "ahead",
            "paired differences in test accuracy",
        ),
        _in_kind(
            "Fewer spikes than LIF and PLIF neurons",
            spike_ratios(cells),
            "fewer",
            "paired ratios of spikes a sample",
        ),
        _no_parameter_more(cells),
    ]


def _accuracy_claim(cells: Cells, dataset: str) -> Claim:
    name, promised = PAPER_ACCURACY[dataset]
    text = f"{name}: {100 * promised:.4g} % test accuracy"
    results = cells.results(dataset, SUBJECT) if dataset in cells.selection.datasets else []
    if not results:
        return Claim(text, "not tested here", f"It needs the recorded data set {name}.")
    found = estimate([result.accuracy.test for result in results])
    says = f"{100 * found.mean:.1f} % over {found.n} seeds"
    if verdict(found) == "no interval":
        return Claim(text, "no evidence here", f"{says}; one seed gives no interval.")
    says += f" [{100 * found.low:.1f}, {100 * found.high:.1f}]"
    holds = found.high >= promised
    return Claim(text, "holds here" if holds else "does not hold here", f"{says}.")


def _in_kind(text: str, made: list[Comparison], wanted: str, noun: str) -> Claim:
    """Holds where every comparison with an interval falls on the wanted side."""
    told = [c for c in made if c.found.n > 1]
    if not told:
        return Claim(text, "no evidence here", "No pair of finished cells with two seeds or more.")
    hits = sum(c.says == wanted for c in told)
    counts = Counter(c.says for c in told)
    evidence = (
        f"Of {len(told)} {noun}: {', '.join(f'{v} in {n}' for v, n in sorted(counts.items()))}."
    )
    if hits == len(told):
        return Claim(text, "holds here", evidence)
    if hits:
        return Claim(text, "holds in part", evidence)
    undecided = all(c.says == "not distinguishable" for c in told)
    return Claim(text, "undecided here" if undecided else "does not hold here", evidence)


def _no_parameter_more(cells: Cells) -> Claim:
    """The folded subject has as many parameters as a LIF, and predicts as before the fold."""
    text = "No parameter more at inference"
    baselines = ("snntorch_lif", "spikingjelly_lif")
    datasets = cells.selection.datasets
    pairs = [p for d in datasets for b in baselines for p in cells.pairs(d, SUBJECT, b)]
    subjects = [r for d in datasets for r in cells.results(d, SUBJECT)]
    folds = [result.fold for result in subjects if result.fold is not None]
    if not folds or not pairs:
        return Claim(text, "no evidence here", "It takes a folded cell and a LIF beside it.")
    extra = max(p.left.parameters.inference - p.right.parameters.inference for p in pairs)
    changed = sum(fold.predictions_differ for fold in folds)
    spikes = sum(fold.spikes_differ for fold in folds)
    total = sum(fold.spikes_before for fold in folds)
    more = f"{extra:,} more parameters than" if extra else "as many parameters as"
    evidence = (
        f"Folded into its synapses, {SUBJECT} has {more} LIF; over {len(folds)} cells, folding "
        f"changed {spikes:,} of {total:,} spikes and {changed:,} predictions."
    )
    holds = extra <= 0 and changed == 0
    return Claim(text, "holds here" if holds else "does not hold here", evidence)
