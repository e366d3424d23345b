"""What file another tool's verdicts and labels are taken from, and that taking it up again changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from banks import MakeBank, contents
from tool_files import TARGET, coco, cvat, fiftyone, negatives, states, task, write, write_csv

from negmine.bank.browsing import in_crop
from negmine.errors import BankError, TruthError
from negmine.importing.import_file import import_file


def test_a_file_without_rows_changes_nothing(small_bank: Path, tmp_path: Path) -> None:
    before = contents(small_bank)
    result = import_file(write_csv(tmp_path / "v.csv", []), small_bank)
    assert (result.entries, result.verdicts, result.unmatched) == (0, {}, ())
    assert contents(small_bank) == before


def test_importing_again_changes_nothing(small_bank: Path, tmp_path: Path) -> None:
    one, two = negatives(small_bank)
    file = write(tmp_path / "tasks.json", [task("a.png", [TARGET], sha256=one.source_sha256)])
    verdicts = write_csv(tmp_path / "v.csv", [(two.sha256, "accepted")])
    import_file(file, small_bank)
    import_file(verdicts, small_bank)
    before = contents(small_bank)
    again = import_file(file, small_bank)
    assert (again.labelled, again.unchanged, again.withdrawn) == (0, 1, ())
    assert import_file(verdicts, small_bank).verdicts == {}
    assert contents(small_bank) == before


def test_the_figures_of_a_repeated_import_agree(small_bank: Path, tmp_path: Path) -> None:
    one, two = negatives(small_bank)
    box = in_crop(TARGET, one.rect, one.size_wh)
    assert box is not None
    x1, y1, x2, y2 = box
    drawn = {
        "images": [
            {"id": i, "file_name": f"{each.sha256}.jpg", "width": each.size_wh[0], "height": each.size_wh[1]}
            for i, each in enumerate((one, two))
        ],
        "annotations": [
            {"id": i, "image_id": 0, "category_id": 1, "bbox": [x1, y1, x2 - x1, y2 - y1]} for i in range(2)
        ],
        "categories": [{"id": 1, "name": "sign"}],
    }
    file = write(tmp_path / "coco.json", drawn)
    first = import_file(file, small_bank)
    assert (first.labelled, first.unchanged, first.objects) == (2, 0, 2) and first.withdrawn == (one.sha256,)
    again = import_file(file, small_bank)
    assert (again.labelled, again.unchanged, again.objects) == (0, 2, 2)


def test_skipped_entries_are_named_in_the_order_of_the_file(small_bank: Path, tmp_path: Path) -> None:
    one, _ = negatives(small_bank)
    rows = [("abcd1234", "acepted"), ("abcd5678", "accepted"), ("abcd9abc", "no"), (one.sha256, "accepted")]
    result = import_file(write_csv(tmp_path / "v.csv", rows), small_bank)
    assert [what.split(" (")[0] for what, _ in result.skipped] == ["line 2", "line 3", "line 4"]
    assert not result.is_useless
    assert import_file(write_csv(tmp_path / "v.csv", rows[:3]), small_bank).is_useless


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "hash;score\n", "a column verdict or state"),
        ("a.csv", "", "found none"),
        ("a.json", "{", "cannot be read as JSON"),
        ("a.json", "[1]", "JSON of another kind"),
        ("a.json", "[" * 100_000, "cannot be read as JSON"),
        ("a.xml", "<annotation/>", "first element is annotations"),
        ("a.xml", '<!DOCTYPE a [<!ENTITY b "c">]><annotations/>', "DTD"),
        ("a.txt", "x", "is a file of type .txt"),
    ],
)
def test_what_is_no_such_file_is_refused(small_bank: Path, tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(TruthError, match=message.replace(".", r"\.")):
        import_file(tmp_path / name, small_bank)


def test_what_is_odd_in_a_file_is_named_and_stops_nothing(small_bank: Path, tmp_path: Path) -> None:
    one, two = negatives(small_bank)
    odd = task("000.png", [TARGET])
    odd["annotations"] = [{"result": [{"id": [], "type": "rectanglelabels", "value": {"x": 10**400, "y": "1"}}]}]
    unlabelled = {"result": [{"type": "keypointlabels", "value": {"x": 1, "y": 1, "keypointlabels": ["a"]}}]}
    tasks: list[object] = [odd, 7, {"data": {}, "annotations": 3}, {**task("a", []), "annotations": [unlabelled]}]
    tasks.append(task("http://[x/000.png", [TARGET]))
    tasks.append(task("a\0b", [TARGET], sha256="zz"))
    result = import_file(write(tmp_path / "tasks.json", [task("c", []), *tasks]), small_bank)
    assert (len(result.unplaced), len(result.unusable), len(result.unmatched)) == (1, 2, 4)
    huge = fiftyone("000.png", [], [TARGET])
    huge["samples"][0]["ground_truth"]["detections"][0]["bounding_box"][0] = 10**400  # type: ignore[index]
    assert len(import_file(write(tmp_path / "samples.json", huge), small_bank).unplaced) == 1
    huge_side = cvat('<box label="a" xtl="inf" ytl="1" xbr="2" ybr="2"/>').replace('"200"', f'"{"9" * 5000}"')
    (tmp_path / "cvat.xml").write_text(huge_side)
    assert len(import_file(tmp_path / "cvat.xml", small_bank).unplaced) == 1
    assert {*states(small_bank)} == {one.sha256, two.sha256}


def test_no_bank_is_made(tmp_path: Path) -> None:
    with pytest.raises(BankError, match="does not exist"):
        import_file(write_csv(tmp_path / "v.csv", []), tmp_path / "no-bank")
    assert not (tmp_path / "no-bank").exists()


def test_labels_survive_a_scan_with_others(make_bank: MakeBank, tmp_path: Path) -> None:
    """A scan replaces its own labels, and keeps those that were imported."""
    bank = make_bank(1)
    import_file(write(tmp_path / "coco.json", coco([TARGET])), bank)
    assert negatives(bank) == []
    make_bank(1)  # scans the same image again, without labels
    assert negatives(bank) == []
