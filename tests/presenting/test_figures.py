from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.errors import InputError
from benchmarks.presenting.figures import drawing
from benchmarks.presenting.figures.contact_sheet import samples
from benchmarks.presenting.figures.looks import colours
from benchmarks.presenting.figures.svg import svg
from benchmarks.presenting.figures.write import RATES, STYLE, figure_path, write_figures
from benchmarks.profile import Profile
from benchmarks.records.selection import Selection, load
from benchmarks.throughput.timings import Timing
from tests.made_records import NEURONS, failed, made, selection, write, write_profile
from tests.presenting.test_tables import write_grid

ONE = Selection(("dvs_digits",), ("snntorch_lif", "aia"), (0, 1))


MANY = (*NEURONS, "snntorch_lif_defaults", "spikingjelly_lif_defaults", *"abcdefgh")


def test_every_kind_of_figure_is_drawn_for_every_data_set(tmp_path: Path) -> None:
    chosen = Selection(("dvs_digits", "dvs_motion"), NEURONS, (0, 1))
    profile = write_profile(tmp_path, chosen)
    tuned = write_grid(profile, chosen, {"aia": 0.01})
    names = {path.name for path in write_figures(profile, chosen, tuned)}
    kinds = ("accuracy_spikes", "curves", "spikes_by_step", "association")
    assert names >= {f"{kind}_{dataset}.svg" for kind in kinds for dataset in chosen.datasets}
    assert {
        "throughput_made-cpu.svg",
        "tuned_learning-rates.svg",
        "samples_dvs_digits.png",
    } <= names
    for path in profile.figures.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_an_svg_is_whole_and_keeps_every_text_to_the_letter(tmp_path: Path) -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.plot([1 / 3, 2 / 3], [0, 1], "o-")
    axes.set_xticks([1 / 3, 2 / 3], ["0.00125", "a < b & 'c'"])
    with matplotlib.rc_context(STYLE):
        text = svg(figure)
    root = ElementTree.fromstring(text)
    texts = {"".join(element.itertext()) for element in root.iter() if "text" in element.tag}
    assert {"0.00125", "a < b & 'c'"} <= texts
    references = re.findall(
        r"#([\w-]+)", " ".join(v for e in root.iter() for v in e.attrib.values())
    )
    ids = {element.get("id") for element in root.iter()}
    assert {name for name in references if not re.fullmatch(r"[0-9a-f]{6}", name)} <= ids
    assert not re.search(r"<[^>]*\d\.\d{3}", text)


def test_the_same_records_give_the_same_bytes_and_no_time_stamp(tmp_path: Path) -> None:
    profile = write_profile(tmp_path, ONE)
    tuned = write_grid(profile, ONE, {})
    first, second = (
        {p.name: p.read_bytes() for p in write_figures(profile, ONE, tuned)} for _ in range(2)
    )
    assert first == second
    assert not any(
        b"dc:date" in content or b"matplotlib v" in content for content in first.values()
    )


def test_a_neuron_looks_the_same_whatever_else_is_selected() -> None:
    every, alone = colours(NEURONS), colours(("mine", "aia"))
    assert alone["aia"] == every["aia"]
    assert len({look.colour for look in every.values()}) == len(NEURONS)
    assert len({look.marker for look in every.values()}) == len(NEURONS)
    assert alone["mine"] not in every.values()


def test_no_two_of_many_neurons_look_alike() -> None:
    looks = colours((*MANY, *(f"mine_{k}" for k in range(20))))
    assert len({(look.colour, look.marker, look.hollow) for look in looks.values()}) == len(looks)


def test_a_librarys_defaults_are_drawn_as_their_matched_twin_hollow() -> None:
    looks = colours(MANY)
    matched, defaults = looks["snntorch_lif"], looks["snntorch_lif_defaults"]
    assert (matched.colour, matched.marker) == (defaults.colour, defaults.marker)
    assert (matched.hollow, defaults.hollow) == (False, True)
    assert not colours(("snntorch_lif_defaults",))["snntorch_lif_defaults"].hollow


def test_what_there_is_no_record_of_is_not_drawn_and_loses_its_old_file(tmp_path: Path) -> None:
    profile = write_profile(tmp_path, ONE)
    write_figures(profile, ONE, write_grid(profile, ONE, {}))
    old = figure_path(profile.figures, "curves", "dvs_digits")
    rates = figure_path(profile.figures, "tuned", RATES)
    assert old.exists()
    assert rates.exists()
    for seed in ONE.seeds:
        write(profile.runs, *(failed("dvs_digits", neuron, seed) for neuron in ONE.neurons))
    write_figures(profile, ONE, None)
    assert not old.exists()
    assert not rates.exists()


def test_one_seed_and_a_missing_neuron_can_be_drawn(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    write(profile.runs, made(seed=0))
    names = {path.name for path in write_figures(profile, ONE, None)}
    assert "accuracy_spikes_dvs_digits.svg" in names


def test_points_are_where_the_records_say(tmp_path: Path) -> None:
    write(tmp_path, made(seed=0, test=0.6, spikes=100), made(seed=1, test=0.8, spikes=300))
    cells = load(tmp_path, ONE)
    figure = drawing.accuracy_spikes(cells, "dvs_digits", colours(ONE.neurons))
    seeds, mean = _lines(figure)
    assert seeds == [(100, 60), (300, 80)]
    assert mean == [(200, 70)]


def test_coefficients_that_were_not_trained_are_left_out(tmp_path: Path) -> None:
    chosen = selection(1)
    profile = write_profile(tmp_path, chosen)
    cells = load(profile.runs, chosen)
    figure = drawing.association(cells, "dvs_digits", colours(NEURONS))
    assert figure is not None
    labels = " ".join(axes.get_ylabel() for axes in figure.axes)
    assert "gain_plain" in labels
    assert "gain_frozen" not in labels


def _named(figure: Figure | None) -> list[str]:
    assert figure is not None
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_many_neurons_are_named_in_the_order_in_which_their_lines_end(tmp_path: Path) -> None:
    chosen = Selection(("dvs_digits",), MANY, (0, 1))
    for rank, neuron in enumerate(MANY):
        for seed in chosen.seeds:
            write(tmp_path, made(neuron=neuron, seed=seed, test=0.5 + 0.001 * rank))
    figure = drawing.curves(load(tmp_path, chosen), "dvs_digits", colours(MANY))
    assert _named(figure) == list(reversed(MANY))


def test_few_neurons_are_named_in_a_legend(tmp_path: Path) -> None:
    write(tmp_path, *(made(neuron=n, seed=s) for n in ONE.neurons for s in ONE.seeds))
    figure = drawing.curves(load(tmp_path, ONE), "dvs_digits", colours(ONE.neurons))
    assert _named(figure) == list(ONE.neurons)


def test_graded_outputs_are_not_drawn_as_spikes(tmp_path: Path) -> None:
    chosen = Selection(("dvs_digits",), ("snntorch_lif", "relu"), (0,))
    write(tmp_path, made(neuron="snntorch_lif"), made(neuron="relu", test=0.6, spikes=5000))
    cells, looks = load(tmp_path, chosen), colours(chosen.neurons)
    scatter = drawing.accuracy_spikes(cells, "dvs_digits", looks)
    *points, level = _lines(scatter)
    assert all(x == 1000 for line in points for x, _ in line)
    assert {y for _, y in level} == {60}
    steps = drawing.spikes_by_step(cells, "dvs_digits", looks)
    assert _named(steps) == ["snntorch_lif"]


def test_accuracy_by_rate_is_drawn_with_a_ring_at_the_chosen_one(tmp_path: Path) -> None:
    tuned = write_grid(Profile(tmp_path), ONE, {"aia": 0.01, "snntorch_lif": 0.001})
    lif_line, lif_ring, aia_line, aia_ring = _lines(drawing.tuned(tuned, colours(ONE.neurons)))
    rates = (0.0005, 0.001, 0.005, 0.01, 0.1, 0.2)
    assert lif_line == [(rate, 90 if rate == 0.001 else 50) for rate in rates]
    assert aia_line == [(rate, 90 if rate == 0.01 else 50) for rate in rates]
    assert (lif_ring, aia_ring) == ([(0.001, 90)], [(0.01, 90)])


def test_a_far_quantile_does_not_flatten_the_bars() -> None:
    def timing(neuron: str, high: float) -> Timing:
        return Timing("cpu", "neuron_forward", neuron, "made", "[]", 2.0, 1.9, high, 0.5, 7, None)

    timings = [timing("snntorch_lif", 2.1), timing("aia", 200.0)]
    figure = drawing.throughput(timings, ONE.neurons, colours(ONE.neurons))
    assert figure is not None
    assert figure.axes[0].get_xlim()[1] < 3


def test_without_samples_there_is_no_contact_sheet(tmp_path: Path) -> None:
    assert samples(tmp_path / "absent.npz", "absent") is None


def test_a_contact_sheet_shows_each_class_over_time(tmp_path: Path) -> None:
    path = tmp_path / "tiny.npz"
    frames = np.zeros((3, 4, 2, 8, 8), np.uint8)
    frames[0, 0, 1, 0, 0] = 1
    np.savez(path, frames=frames, labels=np.array(["a", "b", "c"]))
    figure = samples(path, "tiny")
    assert figure is not None
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    image = np.asarray(axes.images[0].get_array())
    assert image.shape == (3 * 9 - 1, 4 * 9 - 1, 3)
    assert tuple(image[0, 0]) == (0, 114, 178)
    assert tuple(image[1, 1]) == (255, 255, 255)


def test_a_broken_contact_sheet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.npz"
    path.write_bytes(b"not a zip file")
    with pytest.raises(InputError, match=r"broken\.npz: not a contact sheet"):
        samples(path, "broken")
    np.savez(path, frames=np.zeros((2, 3)), labels=np.array(["a"]))
    with pytest.raises(InputError, match=r"broken\.npz"):
        samples(path, "broken")


def _lines(figure: Figure | None) -> list[list[tuple[float, float]]]:
    assert figure is not None
    return [
        [(round(float(x), 6), round(float(y), 6)) for x, y in line.get_xydata()]
        for line in figure.axes[0].lines
    ]
