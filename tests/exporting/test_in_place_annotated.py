"""Negatives in a data set that somebody has annotated or changed since: nobody's work is moved or lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from banks import MakeBank, judge
from data_sets import PLAIN, files, write_coco, write_yolo

from negmine.bank.bank import Bank
from negmine.errors import ExportError
from negmine.exporting.in_place.add import TAKEN, add_to
from negmine.exporting.in_place.take_out import take_out


def entries(data: Path) -> dict[str, int]:
    """The ids of the images that were added, by name."""
    return {each["file_name"]: each["id"] for each in json.loads(data.read_text())["images"][len(PLAIN["train"]) :]}


def reject_first(bank: Path) -> str:
    """Reject the first negative; gives the start of its hash, which is in the names of its files."""
    with Bank(bank) as opened:
        first = next(opened.negatives())
    judge(bank, first.id, "rejected")
    return first.sha256[:10]


def annotate(data: Path, image_id: int) -> None:
    """Write a box as an editor does that keeps the rest of the file."""
    box = {"id": 9, "image_id": image_id, "category_id": 7, "bbox": [1, 1, 5, 5]}
    data.write_text(data.read_text().replace('"annotations": [', f'"annotations": [{json.dumps(box)}, '))


def test_an_id_in_a_coco_file_stays_with_its_image(make_bank: MakeBank, tmp_path: Path) -> None:
    bank, data = make_bank(3), write_coco(tmp_path / "data")
    bare = files(tmp_path / "data")
    add_to(bank, data)
    before, rejected = entries(data), reject_first(bank)
    add_to(bank, data)
    assert entries(data) == {name: number for name, number in before.items() if rejected not in name}
    assert len(entries(data)) == 2
    take_out(data)
    assert files(tmp_path / "data") == bare


def test_a_new_image_never_gets_the_id_of_one_that_is_there(make_bank: MakeBank, tmp_path: Path) -> None:
    bank, data = make_bank(1), write_coco(tmp_path / "data")
    add_to(bank, data)
    (before,) = entries(data).values()
    reject_first(bank)
    add_to(make_bank({"other.png": [(30, 30, 60, 60, 50)]}, "other"), data)
    (after,) = entries(data).values()
    assert after > before


def test_an_annotated_image_is_neither_renumbered_nor_deleted(make_bank: MakeBank, tmp_path: Path) -> None:
    bank, data = make_bank(2), write_coco(tmp_path / "data")
    add_to(bank, data)
    rejected = reject_first(bank)
    (name,) = (each for each in entries(data) if rejected in each)
    annotate(data, entries(data)[name])
    before, entry = files(tmp_path / "data"), entries(data)[name]
    with pytest.raises(ExportError, match=rf"has annotations of {Path(name).stem}, .*take the negatives out"):
        add_to(bank, data)
    assert files(tmp_path / "data") == before
    take_out(data)
    add_to(bank, data)
    assert entries(data)[name] == entry and len(entries(data)) == 2


@pytest.mark.parametrize("make", [write_yolo, write_coco])
def test_an_image_that_was_changed_is_left_out_after_it_was_kept(
    make_bank: MakeBank, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    bank, data = make_bank(2), make(tmp_path / "data")
    add_to(bank, data)
    changed = sorted((tmp_path / "data").rglob("*.jpg"))[0]
    changed.write_bytes(changed.read_bytes() + b"\0")
    with pytest.raises(
        ExportError, match=r"was changed since it was added; take the negatives out .* and add them again"
    ):
        add_to(bank, data)
    assert changed in take_out(data).kept
    result = add_to(bank, data)
    assert (result.negatives, list(result.skipped)) == (1, [changed])
    assert result.to_dict()["skipped"] == [{"file": str(changed), "reason": TAKEN}]
    assert changed.read_bytes().endswith(b"\0") and add_to(bank, data).written == 0
