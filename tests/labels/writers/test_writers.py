"""What the formats that are only written say of objects, of images without any, and of what the bank knows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from lxml import etree

from negmine.boxes import Rect
from negmine.errors import ExportError, LabelError
from negmine.importing.entry import VERDICTS
from negmine.labels.formats import OBJECT_FORMATS, WRITTEN_FORMATS, label_writer
from negmine.labels.plan import ExportImage, FoundBox, Origin, StoredFile
from negmine.structures import GroundTruth

SIZE_WH = (80, 60)
LAMP = FoundBox("lamp", 0.75, (8.0, 6.0, 24.0, 18.0))
NEGATIVE = Origin(
    "ab" * 32, "/pictures/wall.jpg", "cd" * 32, Rect(10, 20, 90, 80), "unreviewed", (LAMP,), ("best.pt 1",)
)
TRUTH = GroundTruth.of(
    [[8, 6, 24, 18], [0, 0, 80, 60], [40, 30, 41, 31]], ["van", "car", "car"], difficult=[True, False, False]
)


def image(name: str, truth: GroundTruth | None = None, **others: Any) -> ExportImage:
    stored = StoredFile(Path(f"{name}.jpg"), "00")
    return ExportImage(name, stored, SIZE_WH, truth=truth or GroundTruth.empty(), **others)


def planned(key: str, images: Sequence[ExportImage], names: Sequence[str] = ("van", "car")) -> dict[str, bytes]:
    """The files that are not images."""
    plan = label_writer(key).plan(images, class_names=names, folder="out")
    return {name: content for name, content in plan.items() if isinstance(content, bytes)}


def document(key: str, name: str, images: Sequence[ExportImage]) -> Any:
    return json.loads(planned(key, images)[name])


@pytest.mark.parametrize("key", WRITTEN_FORMATS)
def test_no_images_and_negatives_alone_are_written_the_same_way_each_time(key: str) -> None:
    assert planned(key, [])
    images = [image("a", origin=NEGATIVE), image("b", origin=NEGATIVE)]
    plan = label_writer(key).plan(images, class_names=["van"], folder="out")
    if not label_writer(key).holds_images:
        files = [name for name, content in plan.items() if isinstance(content, StoredFile)]
        assert {Path(name).name for name in files} == {"a.jpg", "b.jpg"} and len(files) == 2
    assert plan == label_writer(key).plan(images, class_names=["van"], folder="out")


@pytest.mark.parametrize("key", [key for key in OBJECT_FORMATS if key != "voc"])
def test_an_object_of_no_class_or_without_area_is_named(key: str) -> None:
    for boxes, name, said in (([[0, 0, 9, 9]], "cow", "its class is none of"), ([[80, 0, 99, 9]], "van", "no area")):
        with pytest.raises(LabelError, match=rf"object 0 \({name}\).*{said}"):
            planned(key, [image("a", GroundTruth.of(boxes, [name]))])


def test_darknet_has_lists_of_images_and_an_empty_file_for_each_negative() -> None:
    files = planned("darknet", [image("a", TRUTH), image("n", origin=NEGATIVE), image("v", TRUTH, splits=("val",))])
    assert files["obj.names"] == b"van\ncar\n"
    assert files["obj.data"].splitlines() == [
        b"classes = 2", b"train = train.txt", b"valid = valid.txt", b"names = obj.names", b"backup = ../backup",
    ]  # fmt: skip
    assert files["train.txt"] == b"obj_train_data/a.jpg\nobj_train_data/n.jpg\n"
    assert files["valid.txt"] == b"obj_valid_data/v.jpg\n" and files["obj_train_data/n.txt"] == b""
    assert files["obj_train_data/a.txt"].splitlines()[0] == b"0 0.200000 0.200000 0.200000 0.200000"


@pytest.mark.parametrize("name", ["Zebra\u00b4s", "\u8f66", " van", "a\nb", "", "x" * 201])
def test_a_class_that_darknet_cannot_read_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(ExportError, match=r"Darknet.*rename it with --class-map") as error:
        planned("darknet", [], ["van", name])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["", " a", "a\x01b", "x" * 65])
def test_a_class_that_cvat_does_not_take_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(ExportError, match=r"cannot be written for CVAT.*rename it with --class-map") as error:
        planned("cvat", [], [name])
    assert "\n" not in str(error.value)


def test_cvat_has_boxes_with_marks_and_images_without_any() -> None:
    root = etree.fromstring(planned("cvat", [image("a", TRUTH), image("n", origin=NEGATIVE)])["annotations.xml"])
    assert [each.get("name") for each in root.iter("image")] == ["a.jpg", "n.jpg"]
    assert [len(each) for each in root.iter("image")] == [3, 0]
    box = root.find("image/box")
    assert box is not None and [box.get(side) for side in ("xtl", "ytl", "xbr", "ybr")] == [
        "8.00", "6.00", "24.00", "18.00",
    ]  # fmt: skip
    assert {each.get("name"): each.text for each in box} == {"difficult": "true", "is_crowd": "false"}
    assert [each.text for each in root.iterfind("meta/task/labels/label/name")] == ["van", "car"]


def test_a_task_of_cvat_is_of_one_split() -> None:
    files = planned("cvat", [image("a"), image("v", splits=("val",))])
    assert sorted(files) == ["train/annotations.xml", "val/annotations.xml"]


def test_create_ml_has_the_centre_of_a_box() -> None:
    entries = document("createml", "train/_annotations.createml.json", [image("a", TRUTH), image("n", origin=NEGATIVE)])
    assert entries[0]["annotations"][0] == {
        "label": "van",
        "coordinates": {"x": 16.0, "y": 12.0, "width": 16.0, "height": 12.0},
    }
    assert entries[1] == {"image": "n.jpg", "annotations": []}


def test_datumaro_has_marks_and_what_the_bank_knows() -> None:
    found = document("datumaro", "annotations/train.json", [image("a", TRUTH), image("n", origin=NEGATIVE)])
    labelled, negative = found["items"]
    assert [each["bbox"] for each in labelled["annotations"]] == [[8, 6, 16, 12], [0, 0, 80, 60], [40, 30, 1, 1]]
    assert labelled["annotations"][0]["attributes"] == {"difficult": True, "is_crowd": False}
    assert labelled["attr"] == {"hard_negative": False} and negative["annotations"] == []
    assert negative["attr"]["hard_negative"] and (negative["attr"]["class"], negative["attr"]["score"]) == (
        "lamp",
        0.75,
    )
    assert [each["name"] for each in found["categories"]["label"]["labels"]] == ["van", "car"]


def test_fiftyone_has_tags_and_false_positives_that_are_no_objects() -> None:
    origins = [NEGATIVE, Origin("ab", "w", "cd", Rect(0, 0, 8, 6), "accepted", operation="blur")]
    images = [image("a", TRUTH), *(image(f"n{i}", origin=each) for i, each in enumerate(origins))]
    labelled, negative, variant = document("fiftyone", "samples.json", images)["samples"]
    assert labelled["tags"] == ["train"] and len(labelled["ground_truth"]["detections"]) == 3
    assert labelled["ground_truth"]["detections"][0]["bounding_box"] == [0.1, 0.1, 0.2, 0.2]
    assert negative["tags"] == ["train", "hard_negative"] and negative["ground_truth"]["detections"] == []
    assert negative["false_positives"]["detections"][0]["confidence"] == negative["score"] == 0.75
    assert variant["tags"][2:] == ["variant"] and (variant["state"], variant["score"]) == ("accepted", None)


def test_label_studio_tells_confirmed_from_not_looked_at() -> None:
    accepted = Origin("ef", "b.jpg", "cd", Rect(0, 0, 80, 60), "accepted", (LAMP,))
    images = [image("a", TRUTH), image("n", origin=NEGATIVE), image("y", origin=accepted), image("e")]
    labelled, unseen, confirmed, empty = document("label-studio", "tasks.json", images)
    assert "annotations" not in unseen and unseen["predictions"][0]["score"] == 0.75
    assert unseen["predictions"][0]["result"][0]["value"] == {
        "x": 10.0, "y": 10.0, "width": 20.0, "height": 20.0, "rotation": 0, "rectanglelabels": ["lamp"],
    }  # fmt: skip
    assert confirmed["annotations"] == empty["annotations"] == [{"result": []}] and "predictions" not in empty
    assert len(labelled["annotations"][0]["result"]) == 3 and "score" not in labelled["annotations"][0]["result"][0]
    assert unseen["data"] | {"image": ""} == {
        "image": "", "source": "/pictures/wall.jpg", "sha256": "ab" * 32, "split": "train",
    }  # fmt: skip


def test_label_studio_asks_for_a_verdict_on_negatives_alone() -> None:
    root = etree.fromstring(
        planned("label-studio", [image("a", TRUTH), image("n", origin=NEGATIVE)])["label-config.xml"]
    )
    (choices,) = root.iter("Choices")
    assert choices.attrib == {"name": "verdict", "toName": "image", "choice": "single", "required": "false"}
    assert [VERDICTS[each.attrib["value"]] for each in choices] == ["accepted", "rejected", "target"]
    targets = [image("a", TRUTH), image("t", origin=replace(NEGATIVE, rect=None))]
    assert b"Choices" not in planned("label-studio", targets)["label-config.xml"]


def test_an_image_folder_states_types_that_empty_lists_do_not_show() -> None:
    files = planned("imagefolder", [image("a", TRUTH), image("n", origin=NEGATIVE), image("v", TRUTH, splits=("val",))])
    labelled, negative = map(json.loads, files["train/metadata.jsonl"].splitlines())
    assert labelled["objects"]["bbox"] == [[8, 6, 16, 12], [0, 0, 80, 60], [40, 30, 1, 1]]
    assert labelled["objects"] | {"bbox": 0} == {
        "id": [0, 1, 2], "area": [192, 4800, 1], "bbox": 0, "category": [0, 1, 1],
    }  # fmt: skip
    assert negative["objects"] == {"id": [], "area": [], "bbox": [], "category": []}
    assert (negative["is_negative"], negative["score"], labelled["source"]) == (True, 0.75, "")
    assert json.loads(files["validation/metadata.jsonl"])["image_id"] == 2
    head = yaml.safe_load(files["README.md"].split(b"---\n")[1])
    (config,) = head["configs"]
    assert [each["split"] for each in config["data_files"]] == ["train", "validation"]
    objects = {each["name"]: each for each in config["features"]}["objects"]["struct"]
    assert objects[3]["list"]["dtype"]["class_label"]["names"] == {"0": "van", "1": "car"}


@pytest.mark.parametrize(
    ("truth", "split", "said"), [(None, "val", "the split val holds no object"), (TRUTH, "a-b", "the split a-b cannot")]
)
def test_a_split_that_datasets_cannot_read_is_refused(truth: GroundTruth | None, split: str, said: str) -> None:
    with pytest.raises(ExportError, match=said):
        planned("imagefolder", [image("a", TRUTH), image("v", truth, splits=(split,))])


def test_parquet_refuses_the_name_of_a_split_too() -> None:
    with pytest.raises(ExportError, match="the split a-b cannot be written for `datasets`"):
        planned("parquet", [image("a", TRUTH), image("v", TRUTH, splits=("a-b",))])


def rows(images: Sequence[ExportImage]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(planned("csv", images)["negatives.csv"].decode())))


def test_a_csv_has_a_row_for_each_negative() -> None:
    video = Origin(
        "ab", "clip.mp4/t=1.500,frame=3", "cd", Rect(0, 0, 8, 6), "accepted", video_ms=1500, operation="blur"
    )
    camera = Origin("ab", "rtsp://gate", "cd", Rect(0, 0, 8, 6), taken_ms=1_790_000_000_123)
    first, second, third = rows([image(f"n{i}", origin=each) for i, each in enumerate([NEGATIVE, video, camera])])
    assert (first["file"], first["class"], first["score"], first["runs"]) == (
        "images/n0.jpg", "lamp", "0.75", "best.pt 1",
    )  # fmt: skip
    assert [float(first[side]) for side in ("x1", "y1", "x2", "y2")] == list(LAMP.box_xyxy)
    assert (first["source_x1"], first["video_s"], first["taken"], first["found"]) == ("10", "", "", "1")
    assert (second["video_s"], second["operation"], second["class"], second["state"]) == ("1.5", "blur", "", "accepted")
    assert third["taken"] == "2026-09-21T14:13:20.123Z"


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-lamp", "@SUM(A1)", "\t=1"])
def test_no_cell_of_a_csv_is_a_formula(name: str) -> None:
    origin = Origin("ab", name, "cd", Rect(0, 0, 8, 6), found=(FoundBox(name, 0.5, (0, 0, 4, 4)),))
    (row,) = rows([image("n", origin=origin)])
    for key in ("class", "source"):
        assert row[key][0] in "'\\" and row[key].isprintable()


def test_a_csv_lists_no_image_of_a_data_set() -> None:
    with pytest.raises(ExportError, match="a CSV lists negatives, and a is none"):
        planned("csv", [image("a", TRUTH)])
