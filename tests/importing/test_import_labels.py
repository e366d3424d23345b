"""Labels of other tools: a negative that shows a labelled object is withdrawn, and no object is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from banks import MakeBank, contents, judge
from tool_files import TARGET, coco, cvat, fiftyone, negatives, of_first, states, task, write

from negmine.bank.bank import Bank
from negmine.bank.verify import verify
from negmine.exporting.config import TargetExportConfig
from negmine.exporting.targets import export_targets
from negmine.importing.import_file import import_file

ELSEWHERE = (150, 90, 170, 110)


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


def test_a_whole_image_called_empty_is_exported_as_such(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(1)
    judge(bank, negatives(bank)[0].id, "target")
    result = import_file(write(tmp_path / "done.json", [task("000.png", [])]), bank)
    assert len(result.unexplained) == 1 and result.verdicts == {}  # a whole image has no verdict
    export_targets(bank, tmp_path / "out", config=TargetExportConfig("label-studio"))
    (exported_task,) = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert exported_task["annotations"] == [{"result": []}] and len(exported_task["predictions"][0]["result"]) == 1


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


@pytest.mark.parametrize("tagged", ["", "box", "sample"])
def test_a_box_with_a_confidence_is_a_label_once_a_person_tags_it(
    small_bank: Path, tmp_path: Path, tagged: str
) -> None:
    first = of_first(small_bank)
    document = fiftyone("/elsewhere/bank-in/000.png", ["target"] if tagged == "sample" else [], [TARGET])
    (box,) = document["samples"][0]["ground_truth"]["detections"]  # type: ignore[index]
    box |= {"confidence": 0.5, "tags": ["target"] if tagged == "box" else []}
    result = import_file(write(tmp_path / "samples.json", document), small_bank)
    assert result.withdrawn == ((first.sha256,) if tagged else ())
    assert (len(result.unplaced), states(small_bank).get(first.sha256)) == ((0, None) if tagged else (1, "target"))


def test_labels_of_another_size_are_refused(small_bank: Path, tmp_path: Path) -> None:
    result = import_file(write(tmp_path / "coco.json", coco([TARGET], size_wh=(100, 60))), small_bank)
    assert "100 x 60" in result.unplaced[0][1] and len(states(small_bank)) == 2
    empty = write(tmp_path / "empty.json", coco([], name="001.png", size_wh=(100, 60)))
    assert "100 x 60" in import_file(empty, small_bank).unusable[0][1]
    assert sorted(states(small_bank).values()) == ["target", "unreviewed"]
