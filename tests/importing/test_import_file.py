"""Verdicts and labels of other tools, taken into banks of drawn images."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from banks import MakeBank, contents, judge

from negmine.bank.bank import Bank
from negmine.bank.browsing import from_crop, in_crop
from negmine.bank.filters import ConflictRule
from negmine.bank.records import Negative
from negmine.bank.settling import Conflict
from negmine.bank.verify import verify
from negmine.boxes import Rect
from negmine.errors import BankError, TruthError
from negmine.exporting.config import ExportConfig, TargetExportConfig
from negmine.exporting.export import export
from negmine.exporting.targets import export_targets
from negmine.importing.import_file import import_file

TARGET = (60, 40, 80, 60)  # the square of every image of `small_bank`, 200 x 120
ELSEWHERE = (150, 90, 170, 110)


def negatives(bank: Path) -> list[Negative]:
    with Bank(bank) as opened:
        return list(opened.negatives())


def states(bank: Path) -> dict[str, str]:
    return {each.sha256: each.review for each in negatives(bank)}


def write_csv(path: Path, rows: Sequence[tuple[str, str]], head: tuple[str, str] = ("id", "verdict")) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def task(image: str, boxes: Sequence[tuple[float, ...]], **more: object) -> dict[str, object]:
    """A task of Label Studio for an image of 200 x 120, with boxes in pixels."""
    results = [
        {
            "id": f"r{number}", "type": "rectanglelabels", "original_width": 200, "original_height": 120,
            "image_rotation": 0,
            "value": {
                "x": x1 / 2, "y": y1 / 1.2, "width": (x2 - x1) / 2, "height": (y2 - y1) / 1.2, "rotation": 0,
                "rectanglelabels": ["sign"],
            },
        }
        for number, (x1, y1, x2, y2) in enumerate(boxes)
    ]  # fmt: skip
    return {"id": 7, "data": {"image": image, **more}, "annotations": [{"result": results, "was_cancelled": False}]}


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def coco(boxes: Sequence[tuple[float, ...]], name: str = "000.png", size_wh: tuple[int, int] = (200, 120)) -> object:
    return {
        "images": [{"id": 1, "file_name": name, "width": size_wh[0], "height": size_wh[1]}],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": 1, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            for number, (x1, y1, x2, y2) in enumerate(boxes)
        ],
        "categories": [{"id": 1, "name": "sign"}],
    }


def cvat(inner: str, name: str = "000.png") -> str:
    image = f'<image id="0" name="{name}" width="200" height="120">{inner}</image>'
    return f"<annotations><version>1.1</version>{image}</annotations>"


def fiftyone(filepath: str, tags: Sequence[str], boxes: Sequence[tuple[float, ...]] | None = None) -> object:
    found = [
        {"label": "sign", "bounding_box": [x1 / 200, y1 / 120, (x2 - x1) / 200, (y2 - y1) / 120]}
        for x1, y1, x2, y2 in boxes or ()
    ]
    labels = {} if boxes is None else {"ground_truth": {"_cls": "Detections", "detections": found}}
    return {"samples": [{"filepath": filepath, "tags": list(tags), **labels}]}


def test_a_file_without_rows_changes_nothing(small_bank: Path, tmp_path: Path) -> None:
    before = contents(small_bank)
    result = import_file(write_csv(tmp_path / "v.csv", []), small_bank)
    assert (result.entries, result.verdicts, result.unmatched) == (0, {}, ())
    assert contents(small_bank) == before


def test_verdicts_of_a_csv_by_hash_and_by_its_beginning(small_bank: Path, tmp_path: Path) -> None:
    one, two = negatives(small_bank)
    rows = [(one.sha256, "rejected"), (two.sha256[:12], "Target"), ("fffffff", "accepted"), ("xyz", "accepted")]
    result = import_file(write_csv(tmp_path / "v.csv", rows), small_bank)
    assert result.verdicts == {"rejected": 1, "target": 1}
    assert states(small_bank) == {one.sha256: "rejected", two.sha256: "target"}
    assert [where for where, _ in result.unmatched] == ["line 4 (fffffff)"]
    ((where, reason),) = result.unusable
    assert where == "line 5" and "seven or more hex digits" in reason and "'xyz'" in reason


def write_rows(path: Path, *rows: Sequence[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


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


def test_lines_of_a_csv_are_those_of_the_file(small_bank: Path, tmp_path: Path) -> None:
    one, two = negatives(small_bank)
    before = csv.field_size_limit(1000)
    try:
        rows = [("id", "note", "verdict"), (one.sha256, 'a "sign",\nseen', "target"), [], ("", "x", "acepted")]
        result = import_file(write_rows(tmp_path / "v.csv", *rows, (two.sha256, "", "bad")), small_bank)
        assert csv.field_size_limit() == 1000
    finally:
        csv.field_size_limit(before)
    assert [what.split(" (")[0] for what, _ in result.unusable] == ["line 5", "line 6"]
    assert states(small_bank) == {one.sha256: "target", two.sha256: "unreviewed"}


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


def test_a_word_that_is_no_verdict_is_named(small_bank: Path, tmp_path: Path) -> None:
    one, _ = negatives(small_bank)
    result = import_file(write_csv(tmp_path / "v.csv", [(one.sha256, "acepted")]), small_bank)
    ((_, reason),) = result.unusable
    assert "did you mean 'accepted'" in reason and set(states(small_bank).values()) == {"unreviewed"}


def test_skipped_entries_are_named_in_the_order_of_the_file(small_bank: Path, tmp_path: Path) -> None:
    one, _ = negatives(small_bank)
    rows = [("abcd1234", "acepted"), ("abcd5678", "accepted"), ("abcd9abc", "no"), (one.sha256, "accepted")]
    result = import_file(write_csv(tmp_path / "v.csv", rows), small_bank)
    assert [what.split(" (")[0] for what, _ in result.skipped] == ["line 2", "line 3", "line 4"]
    assert not result.is_useless
    assert import_file(write_csv(tmp_path / "v.csv", rows[:3]), small_bank).is_useless


@pytest.mark.parametrize(("rule", "kept"), [("safer", "target"), ("own", "target"), ("theirs", "accepted")])
def test_a_verdict_that_contradicts_the_banks_is_named(small_bank: Path, tmp_path: Path, rule: str, kept: str) -> None:
    one, _ = negatives(small_bank)
    judge(small_bank, one.id, "target")
    result = import_file(write_csv(tmp_path / "v.csv", [(one.sha256, "accepted")]), small_bank, conflicts=rule)
    (conflict,) = result.conflicts
    assert (conflict.sha256, conflict.own, conflict.theirs, conflict.kept) == (one.sha256, "target", "accepted", kept)
    assert states(small_bank)[one.sha256] == kept


@pytest.mark.parametrize("rule", ["safer", "own", "theirs"])
def test_of_two_verdicts_in_one_file_the_safer_holds(small_bank: Path, tmp_path: Path, rule: ConflictRule) -> None:
    one, _ = negatives(small_bank)
    rows = [(one.sha256, "target"), (one.sha256[:9], "accepted"), (one.sha256, "unreviewed")]
    result = import_file(write_csv(tmp_path / "v.csv", rows), small_bank, conflicts=rule)
    assert result.conflicts == (Conflict(one.sha256, "unreviewed", "accepted", "target", "line 3"),)
    assert result.conflicts[0].to_dict()["where"] == "line 3" and result.unusable == ()
    assert states(small_bank)[one.sha256] == "target"


def test_two_verdicts_of_one_task_are_settled_too(small_bank: Path, tmp_path: Path) -> None:
    one, _ = negatives(small_bank)
    sample = fiftyone(str(one.path), ["accepted", "rejected"])
    result = import_file(write(tmp_path / "samples.json", sample), small_bank)
    assert states(small_bank)[one.sha256] == "rejected" and [each.theirs for each in result.conflicts] == ["accepted"]


def test_several_verdicts_against_the_banks_own(small_bank: Path, tmp_path: Path) -> None:
    one, _ = negatives(small_bank)
    judge(small_bank, one.id, "accepted")
    file = write_csv(tmp_path / "v.csv", [(one.sha256, "rejected"), (one.sha256, "accepted"), (one.sha256, "target")])
    own = import_file(file, small_bank, conflicts="own")
    assert [(each.theirs, each.kept) for each in own.conflicts] == [("rejected", "accepted"), ("target", "accepted")]
    assert {each.kept for each in import_file(file, small_bank).conflicts} == {"target"}


def test_the_list_of_a_bank_can_be_edited_and_imported(small_bank: Path, tmp_path: Path) -> None:
    one, two = negatives(small_bank)
    rows = [(one.sha256, "rejected"), (two.sha256, "unreviewed")]
    result = import_file(write_csv(tmp_path / "v.csv", rows, head=("id", "state")), small_bank)
    assert result.verdicts == {"rejected": 1}


FILES = {
    "label-studio.json": lambda boxes: [task("/data/upload/1/0a1b2c3d-000.png", boxes)],
    "coco.json": coco,
    "samples.json": lambda boxes: fiftyone("/elsewhere/bank-in/000.png", [], boxes),
    "cvat.xml": lambda boxes: cvat(
        "".join(f'<box label="sign" xtl="{a}" ytl="{b}" xbr="{c}" ybr="{d}"/>' for a, b, c, d in boxes)
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_labelled_target_is_no_negative_any_more(small_bank: Path, tmp_path: Path, name: str) -> None:
    of_first = next(each for each in negatives(small_bank) if each.source.name == "000.png")
    judge(small_bank, of_first.id, "target")
    file, document = tmp_path / name, FILES[name]([TARGET])
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    result = import_file(file, small_bank)
    assert result.withdrawn == (of_first.sha256,) and (result.labelled, result.objects) == (1, 1)
    assert result.unexplained == result.unmatched == result.unusable == ()
    assert of_first.sha256 not in states(small_bank) and len(states(small_bank)) == 1
    assert verify(small_bank).ok


def test_labels_elsewhere_in_the_image_withdraw_nothing(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(1)
    (one,) = negatives(bank)
    judge(bank, one.id, "target")
    beside = (0, 0, 1, 1) if one.rect.x1 > 1 else (199, 119, 200, 120)
    result = import_file(write(tmp_path / "coco.json", coco([beside])), bank)
    assert result.withdrawn == () and result.labelled == 1
    assert result.unexplained == (one.sha256,)  # a person saw a target there


def test_corrected_labels_replace_those_that_came_before(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(1)
    with Bank(bank) as opened:
        question = "SELECT count(*) FROM objects"
        import_file(write(tmp_path / "a.json", coco([ELSEWHERE, (0, 0, 5, 5)])), bank)
        assert opened.scalar(question) == 2
        import_file(write(tmp_path / "b.json", coco([(0, 0, 5, 5)])), bank)
        assert opened.scalar(question) == 1


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


@pytest.mark.parametrize("size_wh", [(40, 40), (200, 120), (30, 90)])
def test_into_a_crop_and_back(size_wh: tuple[int, int]) -> None:
    rect, box = Rect(10, 20, 70, 60), (15.0, 30.0, 40.0, 50.0)
    there = in_crop(box, rect, size_wh)
    assert there is not None and from_crop(there, rect, size_wh) == pytest.approx(box)
    assert from_crop((0, 0, 0, 0), rect, size_wh) is None


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


def test_labels_of_another_size_are_refused(small_bank: Path, tmp_path: Path) -> None:
    result = import_file(write(tmp_path / "coco.json", coco([TARGET], size_wh=(100, 60))), small_bank)
    assert "100 x 60" in result.unplaced[0][1] and len(states(small_bank)) == 2
    empty = write(tmp_path / "empty.json", coco([], name="001.png", size_wh=(100, 60)))
    assert "100 x 60" in import_file(empty, small_bank).unusable[0][1]
    assert sorted(states(small_bank).values()) == ["target", "unreviewed"]


def region(kind: str, **value: object) -> dict[str, object]:
    return {"id": kind, "type": kind, "value": {kind: ["sign"], **value}}


def odd_regions() -> dict[str, dict[str, object]]:
    box = {"x": 10, "y": 10, "width": 20, "height": 20}
    return {
        "no width": region("rectanglelabels", **{**box, "width": 0}),
        "outside": region("rectanglelabels", **{**box, "x": 150}),
        "key point": region("keypointlabels", x=1, y=1, width=1),
        "mask": region("brushlabels", format="rle", rle=[1]),
        "another size": {**region("rectanglelabels", **box), "original_width": 100, "original_height": 60},
        "no label": region("rectanglelabels", **{**box, "rectanglelabels": []}),
    }


def of_first(bank: Path) -> Negative:
    return next(each for each in negatives(bank) if each.source.name == "000.png")


def add(to: dict[str, object], *results: object) -> list[object]:
    to["annotations"][0]["result"] += results  # type: ignore[index]
    return [to]


@pytest.mark.parametrize("odd", odd_regions())
def test_an_object_without_a_place_marks_what_is_left_of_its_image(small_bank: Path, tmp_path: Path, odd: str) -> None:
    first = of_first(small_bank)
    judge(small_bank, first.id, "accepted")
    document = add(task("000.png", [(0, 0, 1, 1)]), odd_regions()[odd])
    file = write(tmp_path / "tasks.json", document)
    result = import_file(file, small_bank, conflicts="own")
    assert (result.labelled, result.objects, result.withdrawn, result.unusable) == (1, 1, (), ())
    assert states(small_bank)[first.sha256] == "target" and result.verdicts == {"target": 1}
    assert [what for what, _ in result.unplaced] == ["task 7 (000.png)"] and result.unexplained == ()
    assert [(each.own, each.kept) for each in result.conflicts] == [("accepted", "target")]
    before = contents(small_bank)
    assert import_file(file, small_bank).unchanged == 1 and contents(small_bank) == before


def test_a_placed_object_withdraws_beside_one_without_a_place(small_bank: Path, tmp_path: Path) -> None:
    first = of_first(small_bank)
    document = add(task("000.png", [TARGET]), odd_regions()["mask"], None)
    result = import_file(write(tmp_path / "tasks.json", document), small_bank)
    assert result.withdrawn == (first.sha256,) and result.verdicts == {}
    assert "brushlabels" in result.unplaced[0][1] and "not a JSON object" in result.unplaced[0][1]


@pytest.mark.parametrize(("verdict", "named"), [("target", 0), ("accepted", 1)])
def test_a_verdict_counts_beside_an_object_without_a_place(
    small_bank: Path, tmp_path: Path, verdict: str, named: int
) -> None:
    first = of_first(small_bank)
    choice = {"type": "choices", "value": {"choices": [verdict]}}
    document = add(task(f"{first.sha256}.jpg", []), choice, odd_regions()["mask"])
    result = import_file(write(tmp_path / "tasks.json", document), small_bank)
    assert states(small_bank)[first.sha256] == "target" and len(result.conflicts) == named
    assert result.labelled == 0  # it does not say that the image is empty


def unplaced_beside(good: tuple[float, ...]) -> dict[str, object]:
    """Documents of each format with one good box, and one without a place."""
    sample = fiftyone("/elsewhere/bank-in/000.png", [], [good, TARGET])
    sample["samples"][0]["ground_truth"]["detections"][1]["bounding_box"][2] = 0  # type: ignore[index]
    placeholder: dict[str, object] = coco([good, (0, 0, 0, 0)])  # type: ignore[assignment]
    shape = '<box label="sign" xtl="0" ytl="0" xbr="1" ybr="1"/><!-- seen --><points label="sign" points="1,2"/>'
    return {"samples.json": sample, "coco.json": coco([good, (300, 0, 310, 9)]), "b.json": placeholder,
            "cvat.xml": cvat(shape)}  # fmt: skip


@pytest.mark.parametrize("name", unplaced_beside((0, 0, 1, 1)))
def test_every_format_tells_objects_without_a_place(small_bank: Path, tmp_path: Path, name: str) -> None:
    first = of_first(small_bank)
    file, document = tmp_path / name, unplaced_beside((0, 0, 1, 1))[name]
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    result = import_file(file, small_bank)
    assert (result.labelled, result.objects, len(result.unplaced)) == (1, 1, 1)
    assert states(small_bank)[first.sha256] == "target" and result.unusable == ()


def test_tags_and_choices_are_verdicts(small_bank: Path, tmp_path: Path) -> None:
    one, two = negatives(small_bank)
    file = write(tmp_path / "samples.json", fiftyone(str(one.path), ["validation", "rejected"]))
    assert import_file(file, small_bank).verdicts == {"rejected": 1}
    choice = {"type": "choices", "value": {"choices": ["accepted"]}}
    tasks = [{"id": 1, "data": {"image": f"x/{two.path.name}"}, "annotations": [{"result": [choice]}]}]
    assert import_file(write(tmp_path / "tasks.json", tasks), small_bank).verdicts == {"accepted": 1}
    (tmp_path / "cvat.xml").write_text(cvat('<tag label="target"/>', name=one.path.name))
    result = import_file(tmp_path / "cvat.xml", small_bank, conflicts="theirs")
    assert result.verdicts == {"target": 1} and len(result.conflicts) == 1


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({"type": "choices", "value": {"choices": ["acepted"]}}, "found 'acepted'; did you mean 'accepted'"),
        ({"type": "rating", "value": {"rating": 3}}, "neither a region nor a verdict"),
    ],
)
def test_a_choice_that_is_no_verdict_says_nothing_about_objects(
    small_bank: Path, tmp_path: Path, result: dict[str, object], reason: str
) -> None:
    tasks = [{"id": 1, "data": {"image": "000.png"}, "annotations": [{"result": [result]}]}]
    done = import_file(write(tmp_path / "tasks.json", tasks), small_bank)
    assert (done.labelled, [where for where, _ in done.unusable]) == (0, ["task 1 (000.png)"])
    assert reason in done.unusable[0][1]
    with Bank(small_bank) as bank:
        assert bank.scalar("SELECT count(*) FROM truths WHERE hash LIKE 'import/%'") == 0


def test_a_task_that_nobody_opened_says_nothing(small_bank: Path, tmp_path: Path) -> None:
    tasks = [{**task("000.png", []), "annotations": []}, task("000.png", [])]
    tasks[1]["annotations"] = [{"result": [], "was_cancelled": True}]
    result = import_file(write(tmp_path / "tasks.json", tasks), small_bank)
    assert (result.entries, result.silent, result.labelled) == (2, 2, 0)
    (tmp_path / "cvat.xml").write_text(cvat(""))
    assert import_file(tmp_path / "cvat.xml", small_bank).silent == 1


def exported(bank: Path, out: Path) -> list[dict[str, object]]:
    export(bank, out, config=ExportConfig("label-studio"))
    tasks: list[dict[str, object]] = json.loads((out / "tasks.json").read_text())
    return tasks


def test_a_negative_confirmed_in_label_studio_is_accepted_and_not_asked_again(small_bank: Path, tmp_path: Path) -> None:
    first, second = exported(small_bank, tmp_path / "first")
    assert "annotations" not in first and "annotations" not in second
    confirmed = write(tmp_path / "done.json", [{**first, "annotations": [{"result": []}]}])
    assert import_file(confirmed, small_bank).verdicts == {"accepted": 1}
    again = exported(small_bank, tmp_path / "again")
    assert [each.get("annotations") for each in again] == [[{"result": []}], None]
    assert import_file(tmp_path / "again" / "tasks.json", small_bank).verdicts == {}  # its own export says the same


def test_a_whole_image_called_empty_is_exported_as_such(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(1)
    judge(bank, negatives(bank)[0].id, "target")
    result = import_file(write(tmp_path / "done.json", [task("000.png", [])]), bank)
    assert len(result.unexplained) == 1 and result.verdicts == {}  # a whole image has no verdict
    export_targets(bank, tmp_path / "out", config=TargetExportConfig("label-studio"))
    (exported_task,) = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert exported_task["annotations"] == [{"result": []}] and len(exported_task["predictions"][0]["result"]) == 1


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
