"""Two data sets in one folder: both have negatives where each names its images, and none takes out the other's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from banks import MakeBank, judge
from data_sets import CLASSES, PLAIN, files, train_of, write_coco, write_voc, write_yolo

from negmine.bank.bank import Bank
from negmine.errors import ExportError
from negmine.exporting.in_place.add import add_to
from negmine.exporting.in_place.manifest import MANIFEST
from negmine.exporting.in_place.take_out import take_out

MakeTwo = Callable[[Path], tuple[Path, Path]]


def two_folders(root: Path) -> tuple[Path, Path]:
    """Two COCO files in one folder, each with a folder of images of its own."""
    first = write_coco(root)
    second = write_coco(root, {"val": PLAIN["train"]})
    return first, second


def with_copy(data: Path) -> tuple[Path, Path]:
    """The file of a data set, and a copy beside it."""
    copy = data.with_stem("other")
    copy.write_bytes(data.read_bytes())
    return data, copy


def one_folder(root: Path) -> tuple[Path, Path]:
    """Two COCO files of the same images."""
    return with_copy(write_coco(root))


def two_yamls(root: Path) -> tuple[Path, Path]:
    """Two descriptions of one folder, with different lists."""
    write_yolo(root).unlink()
    names = list(PLAIN["train"])
    for data, listed in (("one", names[:2]), ("two", names[1:2])):
        (root / f"{data}.txt").write_text("".join(f"./images/train/{name}\n" for name in listed))
        (root / f"{data}.yaml").write_text(f"train: {data}.txt\nval: images/val\nnames: {list(CLASSES)}\n")
    return root / "one.yaml", root / "two.yaml"


def one_list(root: Path) -> tuple[Path, Path]:
    """Two descriptions of one folder, with the same list to train on."""
    first, second = two_yamls(root)
    second.write_text(first.read_text())
    return first, second


def no_lists(root: Path) -> tuple[Path, Path]:
    """Two descriptions of the same folders."""
    return with_copy(write_yolo(root))


@pytest.mark.parametrize("make", [two_folders, one_folder, two_yamls])
@pytest.mark.parametrize("is_first_out", [True, False])
def test_two_data_sets_of_one_folder_have_negatives_at_once(
    small_bank: Path, tmp_path: Path, make: MakeTwo, is_first_out: bool
) -> None:
    root = tmp_path / "data"
    first, second = make(root)
    bare, count = files(root), [train_of(each) for each in (first, second)]
    alone = {each: added_alone(small_bank, each, root) for each in (first, second)}
    for data, (positives, empties) in zip((first, second), count, strict=True):
        assert add_to(small_bank, data).negatives == 2
        assert train_of(data) == (positives, empties + 2)
    before = files(root)
    assert add_to(small_bank, first).written == add_to(small_bank, second).written == 0 and files(root) == before
    out, stays = (first, second) if is_first_out else (second, first)
    result = take_out(out)
    assert not result.kept and result.removed + result.shared == len(alone[out].keys() - bare.keys() - {MANIFEST})
    assert without_manifests(files(root)) == without_manifests(alone[stays])
    assert not take_out(stays).shared and files(root) == bare


def added_alone(bank: Path, data: Path, root: Path) -> dict[str, bytes]:
    """The files of a folder with negatives in this data set alone; they are taken out again."""
    add_to(bank, data)
    found = files(root)
    take_out(data)
    return found


def without_manifests(found: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in found.items() if not name.startswith("negmine-added")}


def test_what_is_rejected_leaves_each_data_set_in_its_turn(make_bank: MakeBank, tmp_path: Path) -> None:
    bank, root = make_bank(1), tmp_path / "data"
    first, second = two_yamls(root)
    bare = files(root)
    for data in (first, second):
        add_to(bank, data)
    with Bank(bank) as opened:
        judge(bank, next(opened.negatives()).id, "rejected")
    assert add_to(bank, first).removed == 0 and files(root).keys() > bare.keys()  # the second has it
    assert add_to(bank, second).removed == 2 and files(root) == bare


def test_a_file_of_two_data_sets_that_somebody_changed_is_refused(small_bank: Path, tmp_path: Path) -> None:
    first, second = two_yamls(tmp_path / "data")
    before = files(tmp_path / "data")
    add_to(small_bank, first)
    label = next(name for name in files(tmp_path / "data").keys() - before.keys() if name.endswith(".txt"))
    (tmp_path / "data" / label).write_text("0 0.5 0.5 0.2 0.2\n")
    with pytest.raises(ExportError, match="was changed since it was added"):
        add_to(small_bank, second)


@pytest.mark.parametrize("make", [one_list, no_lists])
def test_a_data_set_never_touches_what_was_added_to_another(small_bank: Path, tmp_path: Path, make: MakeTwo) -> None:
    root = tmp_path / "data"
    first, second = make(root)
    bare = files(root)
    add_to(small_bank, first)
    added = files(root)
    for work in (lambda: add_to(small_bank, second), lambda: take_out(second)):
        with pytest.raises(
            ExportError, match=rf"another data set \(.*{first.name}.*`negmine export --into {root} --rem"
        ):
            work()
        assert files(root) == added
    take_out(root)  # as the message says
    assert files(root) == bare and add_to(small_bank, second).written > 0


@pytest.mark.parametrize(
    ("make", "linked"), [(write_coco, "images"), (write_yolo, "images/train"), (write_voc, "JPEGImages")]
)
def test_the_manifest_is_beside_the_data_set_where_the_images_are_a_link(
    small_bank: Path, tmp_path: Path, make: Callable[[Path], Path], linked: str
) -> None:
    root, elsewhere = tmp_path / "mine" / "data", tmp_path / "disk"
    data = make(root)
    (root / linked).rename(elsewhere)
    (root / linked).symlink_to(elsewhere)
    before = files(tmp_path)
    result = add_to(small_bank, data)
    assert list(tmp_path.rglob(MANIFEST)) == [root / MANIFEST]
    assert len(list(elsewhere.rglob("*.jpg"))) == result.negatives == 2
    assert make is not write_voc or len((root / "ImageSets" / "Main" / "train.txt").read_text().split()) == 5
    assert add_to(small_bank, data).written == 0
    assert not take_out(data).kept and files(tmp_path) == before


def test_a_newer_manifest_is_refused_and_nothing_deleted(small_bank: Path, tmp_path: Path) -> None:
    data = write_yolo(tmp_path / "data")
    add_to(small_bank, data)
    path = tmp_path / "data" / MANIFEST
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 99'))
    before = files(tmp_path / "data")
    for work in (lambda: add_to(small_bank, data), lambda: take_out(data), lambda: take_out(tmp_path / "data")):
        with pytest.raises(
            ExportError, match=r"by a newer negmine \(format 99, and this one reads 1\); update negmine"
        ):
            work()
    assert files(tmp_path / "data") == before


def test_no_manifest_and_no_folder_stays_where_all_was_rejected(make_bank: MakeBank, tmp_path: Path) -> None:
    bank, data = make_bank(1), write_yolo(tmp_path / "data", {"train": PLAIN["train"]})
    before = files(tmp_path / "data")
    add_to(bank, data)
    with Bank(bank) as opened:
        judge(bank, next(opened.negatives()).id, "rejected")
    assert add_to(bank, data).removed == 2
    assert files(tmp_path / "data") == before


@pytest.mark.parametrize(
    ("train", "val"),
    [("images/train", "images"), ("images/train", "images/train"), ("train.txt", "images"), ("train.txt", "train.txt")],
)
def test_negatives_that_would_be_measured_on_are_refused(
    small_bank: Path, tmp_path: Path, train: str, val: str
) -> None:
    data = write_yolo(tmp_path / "data")
    (tmp_path / "data" / "train.txt").write_text("".join(f"./images/train/{name}\n" for name in PLAIN["train"]))
    data.write_text(f"train: {train}\nval: {val}\nnames: {list(CLASSES)}\n")
    before = files(tmp_path / "data")
    with pytest.raises(ExportError, match=r"would be in val too .*; give val a folder or list of its own"):
        add_to(small_bank, data)
    assert files(tmp_path / "data") == before
