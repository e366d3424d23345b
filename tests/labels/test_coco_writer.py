"""A COCO JSON a split: what is in it, under which ids, and that what came from COCO is there whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from negmine.errors import ExportError, LabelError
from negmine.labels.formats import label_writer
from negmine.labels.plan import ExportImage, FileEntry, Origin, Plan, SourceLabel, StoredFile
from negmine.structures import GroundTruth

SIZE_WH = (80, 60)
CATEGORIES = ({"id": 7, "name": "van", "keypoints": ["nose"], "skeleton": []}, {"id": 3, "name": "car"})


def image(name: str, truth: GroundTruth | None = None, **others: Any) -> ExportImage:
    stored = StoredFile(Path(f"{name}.jpg"), "00")
    return ExportImage(name, stored, SIZE_WH, truth=truth or GroundTruth.empty(), **others)


def labelled(
    name: str,
    number: object,
    annotations: Sequence[Mapping[str, object]] = (),
    categories: Sequence[Mapping[str, object]] = CATEGORIES,
    **others: Any,
) -> ExportImage:
    """An image out of a COCO data set."""
    entry = {"id": number, "file_name": f"sub/{name}.png", "license": 4, "flickr_url": "u"}
    document = {"info": {"year": 1}, "licenses": [{"id": 4}], "categories": categories}
    return image(name, label=SourceLabel(FileEntry(entry, annotations, document)), **others)


def planned(images: Sequence[ExportImage], names: Sequence[str] = ("cat", "dog"), key: str = "roboflow") -> Plan:
    return label_writer(key).plan(images, class_names=names, folder="out")


def written(images: Sequence[ExportImage], folder: str = "train", names: Sequence[str] = ("cat", "dog")) -> Any:
    content = planned(images, names)[f"{folder}/_annotations.coco.json"]
    assert isinstance(content, bytes)
    return json.loads(content)


def test_no_images_are_a_train_split_without_any() -> None:
    assert list(planned([], ["cat"])) == ["train/_annotations.coco.json"]
    assert written([]) | {"info": None} == {
        "info": None,
        "licenses": [],
        "categories": [
            {"id": 1, "name": "cat", "supercategory": "object"},
            {"id": 2, "name": "dog", "supercategory": "object"},
        ],
        "images": [],
        "annotations": [],
    }


def test_an_image_without_objects_is_listed_without_annotations() -> None:
    document = written([image("a"), image("b")])
    assert document["images"] == [
        {"license": 1, "id": 1, "file_name": "a.jpg", "width": 80, "height": 60},
        {"license": 1, "id": 2, "file_name": "b.jpg", "width": 80, "height": 60},
    ]
    assert document["annotations"] == []
    (unstated,) = document["licenses"]
    assert unstated["id"] == 1 and "not stated" in unstated["name"] and document["info"]["description"]


def test_the_time_of_an_image_is_written_where_it_is_known() -> None:
    origins = [Origin("ab", "rtsp://gate", "cd", taken_ms=1_790_000_000_123), Origin("ab", "a.jpg", "cd")]
    known, unknown = written([image(f"i{i}", origin=each) for i, each in enumerate(origins)])["images"]
    assert known["date_captured"] == "2026-09-21 14:13:20" and "date_captured" not in unknown


def test_an_id_that_readers_would_take_for_another_is_refused() -> None:
    for number in (2**53, 2**70):
        with pytest.raises(ExportError, match=rf"would go up to {number + 1}, and readers take ids from {2**53} on"):
            written([labelled("a", number), image("negative")])
    with pytest.raises(ExportError, match="smaller"):
        written([labelled("a", 2**53 - 1), image("negative")])
    assert written([labelled("a", 2**53 - 1)])["images"][0]["id"] == 2**53 - 1


def test_objects_have_corner_and_size_in_pixels() -> None:
    truth = GroundTruth.of([[1, 2, 11.5, 22], [0, 0, 80, 60]], ["dog", "cat"], crowd=[False, True])
    first, second = written([image("a"), image("b", truth)])["annotations"]
    assert first == {
        "id": 1,
        "image_id": 2,
        "category_id": 2,
        "bbox": [1.0, 2.0, 10.5, 20.0],
        "area": 210.0,
        "segmentation": [],
        "iscrowd": 0,
    }
    assert (second["id"], second["category_id"], second["area"], second["iscrowd"]) == (2, 1, 4800.0, 1)


def test_a_box_under_a_pixel_is_one_since_trainers_drop_it() -> None:
    (found,) = written([image("a", GroundTruth.of([[79.9, 10.4, 80, 10.6]], ["cat"]))])["annotations"]
    assert (found["bbox"], found["area"]) == ([79.0, 10.0, 1.0, 1.0], 1.0)


def test_what_cannot_be_written_is_named() -> None:
    with pytest.raises(LabelError, match=r"a, object 0 \(cow\): its class is none of the 2"):
        written([image("a", GroundTruth.of([[0, 0, 9, 9]], ["cow"]))])
    with pytest.raises(LabelError, match=r"a, object 0 \(cat\).* no area inside"):
        written([image("a", GroundTruth.of([[80, 0, 99, 9]], ["cat"]))])


def test_every_split_is_a_folder_as_roboflow_calls_it() -> None:
    plan = planned([image("a"), image("b", splits=("val",)), image("c", splits=("train", "test"))])
    assert sorted(plan) == [
        "test/_annotations.coco.json",
        "test/c.jpg",
        "train/_annotations.coco.json",
        "train/a.jpg",
        "train/c.jpg",
        "valid/_annotations.coco.json",
        "valid/b.jpg",
    ]


def test_coco_itself_has_a_folder_of_images_and_a_json_for_each_split() -> None:
    assert sorted(planned([image("a"), image("b")], key="coco")) == ["annotations.json", "images/a.jpg", "images/b.jpg"]
    assert sorted(planned([image("a"), image("b", splits=("val", "test"))], key="coco")) == [
        "annotations/instances_test.json",
        "annotations/instances_train.json",
        "annotations/instances_val.json",
        "images/test/b.jpg",
        "images/train/a.jpg",
        "images/val/b.jpg",
    ]


def test_entries_of_a_coco_data_set_are_whole() -> None:
    annotation = {
        "id": 90, "image_id": 5, "category_id": 3, "bbox": [1, 2, 3, 4], "area": 6.5, "iscrowd": 0, "ignore": 1,
        "segmentation": {"size": [60, 80], "counts": "abc"}, "keypoints": [1, 2, 2], "attributes": {"rotation": 30.0},
    }  # fmt: skip
    document = written([labelled("a", 5, [annotation]), image("negative")])
    assert document["annotations"] == [annotation]
    assert document["categories"] == list(CATEGORIES)
    assert document["info"] == {"year": 1} and [each["id"] for each in document["licenses"]] == [4, 5]
    ours = {"license": 5, "id": 6, "file_name": "negative.jpg", "width": 80, "height": 60}
    theirs = {"id": 5, "file_name": "a.jpg", "license": 4, "flickr_url": "u", "width": 80, "height": 60}
    assert document["images"] == [theirs, ours]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ([30, 10], [30, 10, 31]),
        ([2.0, 1], [2, 1, 3]),
        ([0, -4], [0, -4, 1]),
        ([5, 5], [1, 2, 3]),  # of two files
        ([5, "six"], [1, 2, 3]),
        ([1.5, 2], [1, 2, 3]),
        ([True, 2], [1, 2, 3]),
        ([float("nan"), 2], [1, 2, 3]),
    ],
)
def test_ids_are_kept_where_they_are_unique_whole_numbers(own: list[object], expected: list[int]) -> None:
    annotations = [[{"id": number, "category_id": 3, "bbox": [1, 1, 2, 2]}] for number in own]
    images = [labelled(f"i{i}", number, annotations[i]) for i, number in enumerate(own)]
    document = written([*images, image("negative")])
    assert [each["id"] for each in document["images"]] == expected
    assert [each["id"] for each in document["annotations"]] == expected[:2]
    assert [each["image_id"] for each in document["annotations"]] == expected[:2]


def test_an_annotation_without_an_id_gets_the_next() -> None:
    annotations = [{"bbox": [1, 1, 2, 2]}, {"id": 4, "bbox": [1, 1, 2, 2]}]
    assert [each["id"] for each in written([labelled("a", 1, annotations)])["annotations"]] == [5, 4]


def test_splits_share_the_categories_of_all_files() -> None:
    others = ({"id": 3, "name": "car"}, {"id": 9, "name": "bus"})
    images = [labelled("a", 1), labelled("b", 1, categories=others, splits=("val",)), image("c", splits=("test",))]
    for folder in ("train", "valid", "test"):
        assert [each["id"] for each in written(images, folder)["categories"]] == [7, 3, 9]


def test_an_id_of_two_classes_is_refused() -> None:
    images = [labelled("a", 1), labelled("b", 2, categories=[{"id": 3, "name": "bus"}])]
    with pytest.raises(ExportError, match="category 3 is car in one COCO file of the data set, and bus in another"):
        written(images)


def test_the_same_images_give_the_same_bytes() -> None:
    images = [labelled("a", 5, [{"id": 1, "bbox": [1, 1, 2, 2]}]), image("ü\ud800")]
    assert planned(images) == planned(images)
    assert written(images)["images"][1]["file_name"] == "ü\ud800.jpg"
