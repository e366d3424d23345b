"""Which image of a bank a file is about: by a hash, by the bytes beside the file, or by a path."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from banks import MakeBank
from tool_files import TARGET, coco, negatives, states, write, write_csv, write_rows

from negmine.bank.bank import Bank
from negmine.bank.browsing import from_crop, in_crop
from negmine.boxes import Rect
from negmine.csv_cells import to_cell
from negmine.importing.import_file import import_file


@pytest.mark.parametrize("digits", [4, 6, 7, 12])
def test_a_running_number_that_begins_a_hash_is_no_hash(small_bank: Path, tmp_path: Path, digits: int) -> None:
    one, two = negatives(small_bank)
    rows = [("id", "file", "verdict"), (one.sha256[:digits], str(two.path), "rejected")]
    result = import_file(write_rows(tmp_path / "v.csv", *rows), small_bank)
    agreeing = "rejected" if digits < 7 else "unreviewed"  # else it may be a hash, and contradicts the file
    assert states(small_bank) == {one.sha256: "unreviewed", two.sha256: agreeing}
    assert [what for what, _ in result.unusable] == ([] if digits < 7 else [f"line 2 ({one.sha256[:digits]})"])
    alone = import_file(write_csv(tmp_path / "v.csv", [(one.sha256[:6], "target")]), small_bank)
    assert alone.verdicts == {} and len(alone.unusable) == 1


def test_a_hash_and_a_file_must_agree(small_bank: Path, tmp_path: Path) -> None:
    one, two = negatives(small_bank)
    unknown = "0" * 64
    rows = [
        ("id", "path", "verdict", "sha256"),  # the column sha256 is taken
        ("1", str(one.path), "rejected", one.sha256[:4]),
        ("2", str(two.source), "rejected", two.sha256[:9]),
        ("3", str(one.path), "target", two.sha256),
        ("4", str(two.source), "target", one.sha256),
        ("5", "elsewhere/x.png", "target", one.sha256[:9]),
        ("6", str(one.path), "target", unknown),
        ("7", "elsewhere/x.png", "rejected", one.sha256),
        ("8", "elsewhere/x.png", "target", unknown),
    ]
    result = import_file(write_rows(tmp_path / "v.csv", *rows), small_bank)
    assert states(small_bank) == {one.sha256: "rejected", two.sha256: "rejected"}
    assert [what.split(" (")[0] for what, _ in result.unusable] == ["line 4", "line 5", "line 6", "line 7"]
    assert [what.split(" (")[0] for what, _ in result.unmatched] == ["line 9"]


def test_the_bytes_beside_the_file_tell_which_image_it_is(small_bank: Path, tmp_path: Path) -> None:
    folder = tmp_path / "labelled"
    folder.mkdir()
    shutil.copy(tmp_path / "bank-in" / "001.png", folder / "000.png")
    expected = next(each for each in negatives(small_bank) if each.source.name == "001.png")
    result = import_file(write(folder / "coco.json", coco([TARGET])), small_bank)
    assert result.withdrawn == (expected.sha256,)
    (folder / "000.png").write_bytes(b"another image")
    result = import_file(folder / "coco.json", small_bank)
    assert result.labelled == 0 and "none that the bank knows" in result.unmatched[0][1]


def test_an_image_of_the_same_name_in_another_folder_is_not_meant(small_bank: Path, tmp_path: Path) -> None:
    result = import_file(write(tmp_path / "coco.json", coco([TARGET], "train/000.png")), small_bank)
    assert len(result.unmatched) == 1 and len(states(small_bank)) == 2


@pytest.mark.parametrize("size_wh", [(40, 40), (200, 120), (30, 90)])
def test_into_a_crop_and_back(size_wh: tuple[int, int]) -> None:
    rect, box = Rect(10, 20, 70, 60), (15.0, 30.0, 40.0, 50.0)
    there = in_crop(box, rect, size_wh)
    assert there is not None and from_crop(there, rect, size_wh) == pytest.approx(box)
    assert from_crop((0, 0, 0, 0), rect, size_wh) is None


def test_a_box_on_a_negative_is_one_of_its_source(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(1)
    (one,) = negatives(bank)
    assert one.size_wh == one.rect.size_wh  # not resized
    box = in_crop(TARGET, one.rect, one.size_wh)
    assert box is not None
    document = coco([box], f"{one.sha256}.jpg", one.size_wh)
    assert import_file(write(tmp_path / "crops.json", document), bank).withdrawn == (one.sha256,)
    with Bank(bank) as opened:
        ((x1, y1, x2, y2),) = opened.query("SELECT x1, y1, x2, y2 FROM objects")
    assert (x1, y1, x2, y2) == pytest.approx(TARGET)
    exported = write(tmp_path / "again.json", coco([box], f"000-{one.sha256[:10]}.jpg", one.size_wh))
    for file in (tmp_path / "crops.json", exported):
        again = import_file(file, bank)
        assert again.unchanged == 1 and again.unmatched == ()


@pytest.mark.parametrize("name", ["=1.png", "'=1.png"])
def test_a_name_that_was_kept_from_being_a_formula_is_found(make_bank: MakeBank, tmp_path: Path, name: str) -> None:
    bank = make_bank({"=1.png": [(60, 40, 80, 60, 20)], "'=1.png": [(60, 40, 80, 60, 21)]})
    file = write_rows(tmp_path / "v.csv", ("file", "verdict"), (str(to_cell(name)), "rejected"))
    assert import_file(file, bank).verdicts == {"rejected": 1}
    assert [each.source.name for each in negatives(bank) if each.review == "rejected"] == [name]
