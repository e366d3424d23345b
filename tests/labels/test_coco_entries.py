"""The entries of a COCO JSON as they are, and what they say beyond boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from negmine.errors import LabelError
from negmine.labels.base import Feature
from negmine.labels.coco_entries import CocoEntries
from negmine.labels.plan import FileEntry


def entries(folder: Path, *annotations: dict[str, Any], image_id: object = 1) -> CocoEntries:
    box = {"image_id": image_id, "bbox": [10, 20, 30, 40]}
    document = {
        "images": [{"id": image_id, "file_name": "a.jpg"}, {"id": 99, "file_name": "b.jpg"}],
        "annotations": [{"id": i, **box, **annotation} for i, annotation in enumerate(annotations)],
        "categories": [],
        "videos": [],
    }
    path = folder / "coco.json"
    path.write_text(json.dumps(document))
    return CocoEntries(path)


def test_an_image_without_annotations_says_nothing_else(tmp_path: Path) -> None:
    label = entries(tmp_path).label(1)
    assert isinstance(label.content, FileEntry) and label.features == frozenset()
    assert (label.content.image, label.content.annotations) == ({"id": 1, "file_name": "a.jpg"}, [])
    assert label.content.document == {"categories": [], "videos": []}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ({}, set()),
        ({"segmentation": []}, set()),
        ({"segmentation": [[]]}, set()),
        ({"segmentation": None, "keypoints": None, "attributes": None}, set()),
        ({"segmentation": [[10, 20, 40, 20, 40, 60, 10, 60]]}, set()),  # the box, as a polygon
        ({"segmentation": [[10, 20, 10, 60, 40, 60, 40, 20, 10, 20]]}, set()),
        ({"segmentation": [[10, 20, 40, 20, 40, 60, 10, 20]]}, {Feature.MASKS}),  # a triangle
        ({"segmentation": [[25, 20, 40, 40, 25, 60, 10, 40]]}, {Feature.MASKS}),
        ({"segmentation": [[10, 20, 40, 20, 40, 60, 10, 60]] * 2}, {Feature.MASKS}),
        ({"segmentation": {"counts": "abc", "size": [1, 1]}, "iscrowd": 1}, {Feature.MASKS}),
        ({"keypoints": [0, 0, 0]}, set()),  # none of them is labelled
        ({"keypoints": [4, 5, 2]}, {Feature.KEYPOINTS}),
        ({"attributes": {"rotation": 0.0}}, set()),
        ({"attributes": {"rotation": 30.0}}, {Feature.ORIENTED_BOXES}),
    ],
)
def test_what_is_more_than_a_box(tmp_path: Path, annotation: dict[str, Any], expected: set[Feature]) -> None:
    assert entries(tmp_path, {}, annotation).label(1).features == expected


@pytest.mark.parametrize(("stated", "asked"), [(7, 7.0), (7.0, 7), ("7", 7), (7, "7"), ("a", "a")])
def test_an_id_is_found_however_it_is_written(tmp_path: Path, stated: object, asked: object) -> None:
    label = entries(tmp_path, {"keypoints": [4, 5, 2]}, image_id=stated).label(asked)
    assert isinstance(label.content, FileEntry) and label.content.image["id"] == stated
    assert len(label.content.annotations) == 1


def test_a_file_that_has_changed_since_is_one_line(tmp_path: Path) -> None:
    found = entries(tmp_path)
    with pytest.raises(LabelError, match=r"coco\.json has changed since it was read"):
        found.label(3)
    found = entries(tmp_path)
    (tmp_path / "coco.json").write_text("{}")
    with pytest.raises(LabelError, match=r"coco\.json has changed since it was read"):
        found.label(1)
