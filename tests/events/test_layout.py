"""Files of an extracted tree become recordings with the right class, part and number."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from benchmarks.errors import InputError
from benchmarks.events.published.catalogue import SETS
from benchmarks.events.published.entries import RealSet
from benchmarks.events.published.layout import REHEARSAL, Entry, entries, is_rehearsal, present
from tests.events.small_sets import (
    ncars_recordings,
    recordings,
    small_ncars,
    two_classes,
    write_tree,
)

PETS = recordings(size=1)


def small(name: str, **counts: tuple[int, ...]) -> RealSet:
    classes = SETS[name].classes[: len(next(iter(counts.values())))]
    return dataclasses.replace(
        SETS[name], classes=classes, counts={k.strip("_"): v for k, v in counts.items()}
    )


def seen(found: list[Entry]) -> list[tuple[str | None, int, int, int]]:
    return [(entry.part, entry.label, entry.id, entry.trial) for entry in found]


@pytest.mark.parametrize("above", ["", "one", "one/two/three"])
def test_nesting_does_not_matter(tmp_path: Path, above: str) -> None:
    write_tree(tmp_path / above, PETS)
    found = entries(two_classes(), tmp_path)
    assert seen(found) == [(None, label, number, 0) for label in (0, 1) for number in range(3)]
    assert found[0].path == tmp_path / above / "cat" / "cifar10_cat_0.aedat"


def test_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    write_tree(tmp_path, {f"cat/cifar10_cat_{n}.aedat": b"" for n in (10, 9, 100)})
    found = entries(small("cifar10dvs_aedat2", _=(0, 0, 0, 3)), tmp_path)
    assert [entry.id for entry in found] == [9, 10, 100]


def test_the_two_archives_of_cifar10dvs_are_not_mixed(tmp_path: Path) -> None:
    write_tree(tmp_path, PETS)
    aedat4 = dataclasses.replace(two_classes(), format="aedat4")
    with pytest.raises(InputError, match=r"no recording .*looked for dog/cifar10_dog_0.aedat4"):
        entries(aedat4, tmp_path)


def test_a_format_that_no_reader_has_is_refused_with_the_nearest(tmp_path: Path) -> None:
    odd = dataclasses.replace(SETS["ncars"], name="lab", format="aedat5")
    with pytest.raises(InputError, match="unknown format of N-CARS 'aedat5'; did you mean 'aedat"):
        entries(odd, tmp_path)


def test_where_recordings_are_missing_the_example_is_of_the_set_itself(tmp_path: Path) -> None:
    for form, suffix in (("dat", "dat"), ("raw", "raw")):
        lab = dataclasses.replace(small_ncars(), name="lab", format=form)
        with pytest.raises(InputError, match=rf"train/cars/0001\.{suffix}"):
            entries(lab, tmp_path)


def test_ncars_keeps_its_parts_apart(tmp_path: Path) -> None:
    write_tree(tmp_path / "Prophesee_Dataset_n_cars", ncars_recordings())
    found = entries(small_ncars(), tmp_path)
    background, cars = 0, 1
    assert seen(found) == [
        ("test", background, 0, 0),
        ("test", cars, 0, 0),
        ("train", background, 0, 0),
        ("train", background, 1, 0),
        ("train", cars, 0, 0),
        ("train", cars, 1, 0),
    ]


def test_nmnist_is_read_from_train_and_test(tmp_path: Path) -> None:
    names = ["Train/0/00002.bin", "Train/0/00022.bin", "Train/1/00004.bin", "Test/1/00003.bin"]
    write_tree(tmp_path, dict.fromkeys([*names, "Test/0/00001.bin"], b""))
    found = entries(small("nmnist", train=(2, 1), test=(1, 1)), tmp_path)
    assert seen(found) == [
        ("test", 0, 1, 0),
        ("test", 1, 3, 0),
        ("train", 0, 2, 0),
        ("train", 0, 22, 0),
        ("train", 1, 4, 0),
    ]


def test_ncaltech101_ignores_what_is_no_recording(tmp_path: Path) -> None:
    names = ["BACKGROUND_Google/image_0001.bin", "Faces_easy/image_0001.bin"]
    other = [
        "__MACOSX/Faces_easy/image_0002.bin",
        "Faces_easy/._image_0001.bin",
        "Faces_easy/notes.txt",
        "Caltech101_annotations/Faces/annotation_0001.bin",
    ]
    write_tree(tmp_path / "Caltech101", dict.fromkeys(names + other, b""))
    found = entries(small("ncaltech101", _=(1, 1)), tmp_path)
    assert seen(found) == [(None, 0, 1, 0), (None, 1, 1, 0)]


def test_symbols_of_poker_are_told_by_their_names(tmp_path: Path) -> None:
    names = ["xclub02i.aedat", "xclub01.aedat", "xheart03.aedat", "club03.aedat", "xclub04j.aedat"]
    write_tree(tmp_path / "poker_dvs", dict.fromkeys(names, b""))
    found = entries(dataclasses.replace(SETS["pokerdvs"], counts={"": (2, 0, 1, 0)}), tmp_path)
    assert seen(found) == [(None, 0, 1, 0), (None, 0, 2, 0), (None, 2, 3, 0)]


def test_nmnist_is_read_as_slayer_numbers_it(tmp_path: Path) -> None:
    files = dict.fromkeys(["1.bs2", "2.bs2", "60001.bs2", "7.bs2", "Train/1/00009.bin"], b"")
    files["train1K.txt"] = b"#sample #class\r\n1\t1\r\n2\t0\r\n3\t1\r\n"
    files["test100.txt"] = b"#sample #class\r\n60001\t0\r\n60002\t0\r\n"
    files["notes.txt"] = b"7\t1\r\n"
    write_tree(tmp_path, files)
    chosen = dataclasses.replace(SETS["nmnist"], classes=("0", "1"))
    assert seen(present(chosen, tmp_path)) == [
        ("test", 0, 1, 0),
        ("train", 0, 2, 0),
        ("train", 1, 1, 0),
        ("train", 1, 9, 0),
    ]
    write_tree(tmp_path, {"Train/1/00001.bin": b""})
    with pytest.raises(InputError, match="the same recording as"):
        present(chosen, tmp_path)


LABELS = b"class,startTime_usec,endTime_usec\r\n1,100,200\r\n2,300,400\r\n2,500,600\r\n"


def test_a_recording_of_gestures_is_one_entry_a_trial(tmp_path: Path) -> None:
    lights = ["user23_led", "user24_led", "user24_natural"]
    files = {f"DvsGesture/{name}.aedat": b"" for name in lights}
    files |= {f"DvsGesture/{name}_labels.csv": LABELS for name in lights}
    write_tree(tmp_path, files)
    found = entries(small("dvs_gesture", train=(1, 2), test=(2, 4)), tmp_path)
    assert seen(found)[:6] == [
        ("test", 0, 24, 0),
        ("test", 0, 24, 0),
        ("test", 1, 24, 1),
        ("test", 1, 24, 1),
        ("test", 1, 24, 2),
        ("test", 1, 24, 2),
    ]
    assert seen(found)[6:] == [("train", 0, 23, 0), ("train", 1, 23, 1), ("train", 1, 23, 2)]


@pytest.mark.parametrize("labels", [None, b"", b"class,startTime_usec\nten,1\n", b"class\n12\n"])
def test_gestures_without_good_labels_are_refused_by_name(
    tmp_path: Path, labels: bytes | None
) -> None:
    write_tree(tmp_path, {"user01_led.aedat": b""})
    if labels is not None:
        write_tree(tmp_path, {"user01_led_labels.csv": labels})
    with pytest.raises(InputError) as caught:
        entries(SETS["dvs_gesture"], tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_missing_recordings_are_counted_by_class_and_part(tmp_path: Path) -> None:
    files = ncars_recordings()
    del files["n-cars_train/cars/obj_000001_td.dat"]
    write_tree(tmp_path, files)
    with pytest.raises(InputError, match="train cars: found 1, expected 2") as caught:
        entries(small_ncars(), tmp_path)
    assert f"data get ncars --part --from {tmp_path}" in str(caught.value)


def test_a_recording_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    write_tree(tmp_path, PETS)
    write_tree(tmp_path / "copy", {"cat/cifar10_cat_1.aedat": b""})
    with pytest.raises(InputError, match=r"the same recording as .*; keep one"):
        entries(two_classes(), tmp_path)


def test_a_rehearsal_is_held_to_its_own_counts(tmp_path: Path) -> None:
    write_tree(tmp_path, {"cat/cifar10_cat_0.aedat": b"", "dog/cifar10_dog_0.aedat": b""})
    (tmp_path / REHEARSAL).write_text(json.dumps({"counts": {"": [1, 1]}}))
    assert len(entries(two_classes(), tmp_path)) == 2
    assert is_rehearsal(tmp_path)
    (tmp_path / "cat" / "cifar10_cat_0.aedat").unlink()
    with pytest.raises(InputError, match="cat: found 0, expected 1"):
        entries(two_classes(), tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"counts": {"": [1]}}', '{"counts": {"test": [1, 1]}}']
)
def test_a_rehearsal_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    write_tree(tmp_path, PETS)
    (tmp_path / REHEARSAL).write_text(text)
    with pytest.raises(InputError, match="make the tree again"):
        entries(two_classes(), tmp_path)
