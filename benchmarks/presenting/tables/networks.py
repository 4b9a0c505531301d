"""What the same data set gives on other networks and under other splits, recorded earlier."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import params as params_file
from benchmarks import wording
from benchmarks.events.published.catalogue import SETS
from benchmarks.evidence import estimates
from benchmarks.evidence.recordings import over_seeds_and_recordings, right_of
from benchmarks.evidence.statistics import Estimate, estimate, paired_difference, paired_ratio
from benchmarks.params import Training
from benchmarks.presenting.tables.table import Number, Row, Shown, Table, make_table
from benchmarks.records.recorded import PARAMS, folder_of, open_recorded, recorded_names
from benchmarks.records.schema import Result
from benchmarks.records.selection import BASELINE, FROZEN, SUBJECT, Cells

_FOLDS = re.compile(r"(?<=-fold)\d+$|(?<=-blocks)\d+$")  # of ncars-blocks3: the 3


@dataclass(frozen=True)
class _Source:
    """Cells that were trained alike."""

    name: str  # of what is recorded, or "here"
    cells: Cells


def networks(here: Cells) -> Table:
    """Rows for the published sets that are selected, from here and from what is recorded.

    Raises InputError for a recorded profile that is damaged.
    """
    bases = {base for dataset in here.selection.datasets if (base := _base(dataset)) in SETS}
    sources = [_Source("here", here), *_recorded(bases, here.profile)] if bases else []
    groups = [
        (split, source, neuron)
        for source in sources
        for split in _splits(source.cells, bases)
        for neuron in source.cells.selection.neurons
        if _results(source.cells, split, neuron)
    ]
    groups.sort(key=lambda group: (group[0], _weights(group[1].cells, group[0])))
    made = [_row(*group) for group in groups]
    return make_table("networks", "Networks and splits", made, "no published data set")


def _recorded(bases: set[str], own: str) -> Iterator[_Source]:
    for recorded in recorded_names():
        params = params_file.read(folder_of(recorded) / PARAMS)
        if recorded != own and bases & set(map(_base, params.datasets)):
            opened = open_recorded(recorded)
            yield _Source(f"recorded/{recorded}", opened.cells)


def _base(dataset: str) -> str:
    return dataset.partition("-")[0]


def _splits(cells: Cells, bases: set[str]) -> dict[str, list[str]]:
    """Data sets by what they are called without the number of a fold or block."""
    splits: dict[str, list[str]] = {}
    for dataset in cells.selection.datasets:
        if _base(dataset) in bases:
            splits.setdefault(_FOLDS.sub("", dataset), []).append(dataset)
    return splits


def _results(cells: Cells, split: str, neuron: str) -> dict[tuple[str, int], Result]:
    """By (data set, seed); of folds each is a value of its own."""
    return {
        (dataset, record.seed): record.result
        for dataset in _splits(cells, {_base(split)}).get(split, [])
        for record in cells.of(dataset, neuron)
        if record.result is not None
    }


def _weights(cells: Cells, split: str) -> int:
    """At inference, the most of any neuron."""
    of_neurons = (_results(cells, split, neuron) for neuron in cells.selection.neurons)
    return max(r.parameters.inference for results in of_neurons for r in results.values())


@dataclass(frozen=True)
class _Line:
    """A neuron on one split of one source."""

    split: str
    source: str
    training: Training
    neuron: str
    weights: int  # at inference
    test: Estimate
    validation: Estimate
    spikes: Estimate
    ratios: dict[str, Estimate]  # of spikes, to other neurons
    lead: Estimate  # of the subject, in test accuracy
    wide: Estimate  # the same with an interval over recordings too
    over: str  # seeds or folds, in the singular
    device: str


def _row(split: str, source: _Source, neuron: str) -> Row:
    line = _line(split, source, neuron)
    return _raw(line), _shown(line)


def _line(split: str, source: _Source, neuron: str) -> _Line:
    results = _results(source.cells, split, neuron)
    subject = _results(source.cells, split, SUBJECT)
    both = [key for key in results if key in subject] if neuron != SUBJECT else []
    left, right = ([side[key].accuracy.test for key in both] for side in (subject, results))
    (dataset, _), one = next(iter(results.items()))
    return _Line(
        split=split,
        source=source.name,
        training=Training.model_validate(source.cells.of(dataset, neuron)[0].settings),
        neuron=neuron,
        weights=one.parameters.inference,
        test=estimate([r.accuracy.test for r in results.values()]),
        validation=estimate([r.accuracy.validation for r in results.values()]),
        spikes=estimate([r.spikes.per_sample for r in results.values()]),
        ratios={n: _ratio(results, _results(source.cells, split, n)) for n in (BASELINE, FROZEN)},
        lead=paired_difference(left, right),
        wide=_over_recordings(both, subject, results),
        over="fold" if len({dataset for dataset, _ in results}) > 1 else "seed",
        device=", ".join(sorted({host.device for host in source.cells.hosts.values()})),
    )


def _raw(line: _Line) -> dict[str, object]:
    return {
        "split": line.split,
        "from": line.source,
        "network": words_of(line.training),
        "weights": line.weights,
        "epochs": line.training.epochs,
        "neuron": line.neuron,
        "test_mean": line.test.mean,
        "test_low": line.test.low,
        "test_high": line.test.high,
        "over": f"{line.over}s",
        "n": line.test.n,
        "validation_mean": line.validation.mean,
        "spikes_mean": line.spikes.mean,
        **{f"spikes_to_{name}": ratio.mean for name, ratio in line.ratios.items()},
        f"{SUBJECT}_minus": line.lead.mean,
        f"{SUBJECT}_minus_low": line.lead.low,
        f"{SUBJECT}_minus_high": line.lead.high,
        f"{SUBJECT}_minus_low_recordings": line.wide.low,
        f"{SUBJECT}_minus_high_recordings": line.wide.high,
        "device": line.device,
    }


def _shown(line: _Line) -> Shown:
    test, nothing = line.test, wording.NOTHING
    accuracy = f"{estimates.brief(test, 100)}{estimates.interval(test, 100, '.1f')}"
    return {
        "split": line.split,
        "network": words_of(line.training),
        "weights": Number(f"{line.weights:,}", line.weights),
        "neuron": line.neuron,
        "test accuracy, %": Number(f"{accuracy} ({wording.plural(test.n, line.over)})", test.mean),
        "validation, %": Number(estimates.brief(line.validation, 100), line.validation.mean),
        "spikes a sample": Number(f"{line.spikes.mean:,.0f}", line.spikes.mean),
        **{
            f"to {n}": Number("1" if n == line.neuron else estimates.ratio(r), r.mean)
            for n, r in line.ratios.items()
        },
        f"{SUBJECT} minus it, points": _points(line.lead) if line.lead.n else nothing,
        "[also over recordings]": estimates.interval(line.wide, 100, "+.1f").strip() or nothing,
        "device": line.device,
        "from": line.source,
    }


def _ratio(of: dict[tuple[str, int], Result], other: dict[tuple[str, int], Result]) -> Estimate:
    """Of spikes, paired; nan throughout where one of the two has graded outputs."""
    both = [k for k in of if k in other and of[k].spiking and other[k].spiking]
    left, right = ([side[k].spikes.per_sample for k in both] for side in (of, other))
    return paired_ratio(left, right)


def _over_recordings(
    both: list[tuple[str, int]],
    subject: dict[tuple[str, int], Result],
    other: dict[tuple[str, int], Result],
) -> Estimate:
    """Of one split's seeds; folds have other test recordings each, so they tell by themselves."""
    left, right = (
        [bits for key in both if (bits := right_of(of[key])) is not None] for of in (subject, other)
    )
    one_split = len({dataset for dataset, _ in both}) == 1
    if not one_split or not len(left) == len(right) == len(both):
        return estimate([])
    lead = over_seeds_and_recordings(left, right)
    return Estimate(lead.value, float("nan"), lead.low, lead.high, len(both))


def _points(lead: Estimate) -> Number:
    text = wording.signed(100 * lead.mean) + estimates.interval(lead, 100, "+.1f")
    return Number(text, lead.mean)


def words_of(training: Training) -> str:
    """The network of a section ``training`` in a few words."""
    if training.network == "matched":
        channels = "-".join(map(str, training.channels))
        return f"conv {channels}, fc {training.hidden}"
    width = "" if training.width == 1 else f", width {training.width:g}"
    return f"{training.network}{width}"
