"""One annotation: its box, its marks, its category; what stands for no object, and what cannot be read."""

from __future__ import annotations

import pytest

from negmine.labels.coco_annotation import CocoAnnotation
from negmine.labels.coco_json import Id

NAMES: dict[Id, str] = {1: "dog", 2: "car"}
SQUARE = [10, 20, 30, 20, 30, 40, 10, 40]


def of(**entry: object) -> CocoAnnotation:
    return CocoAnnotation.of({"id": 5, "category_id": 1, "bbox": [1, 2, 3, 4], **entry}, NAMES)


def problem_of(**entry: object) -> str:
    annotation = of(**entry)
    assert annotation.problem is not None
    return annotation.problem


def test_a_box_has_corners_and_a_class() -> None:
    annotation = of()
    assert (annotation.box_xyxy, annotation.class_name) == ((1, 2, 4, 6), "dog")
    assert not annotation.is_crowd and not annotation.is_placeholder and annotation.problem is None


@pytest.mark.parametrize("bbox", [[], [0, 0, 0, 0], [0.0, 0, 0.0, 0], [-1, -1, -1, -1]])
@pytest.mark.parametrize("category", [1, 0, None, "background"])
def test_a_box_of_nothing_is_a_placeholder_whatever_its_category_is(bbox: object, category: object) -> None:
    annotation = of(bbox=bbox, category_id=category, segmentation=[], area=0)
    assert annotation.is_placeholder and annotation.problem is None


@pytest.mark.parametrize("bbox", [[0, 0, 0, 1], [1, 1, 0, 0], [-1, -1, 0, 0]])
def test_another_box_without_size_is_none(bbox: object) -> None:
    assert not of(bbox=bbox).is_placeholder


@pytest.mark.parametrize("segmentation", [[SQUARE], {"counts": [5, 5], "size": [2, 5]}])
def test_a_box_of_nothing_that_has_a_shape_is_an_object_of_unknown_place(segmentation: object) -> None:
    assert "there is a segmentation" in problem_of(bbox=[0, 0, 0, 0], segmentation=segmentation)


@pytest.mark.parametrize("bbox", [[], [0, 0, 0, 0]])
@pytest.mark.parametrize(
    ("entry", "reason"),
    [({"keypoints": [0, 0, 0, 5, 6, 2]}, "there are keypoints"), ({"area": 12.5}, "there is an area of 12.5")],
)
def test_a_box_of_nothing_that_has_key_points_or_an_area_is_an_object_of_unknown_place(
    bbox: object, entry: dict[str, object], reason: str
) -> None:
    assert reason in problem_of(bbox=bbox, **entry)


@pytest.mark.parametrize("entry", [{"keypoints": [0, 0, 0]}, {"keypoints": []}, {"area": 0.0}, {"area": -1}])
def test_a_box_of_nothing_with_empty_key_points_or_area_stays_a_placeholder(entry: dict[str, object]) -> None:
    assert of(bbox=[0, 0, 0, 0], **entry).is_placeholder


@pytest.mark.parametrize("bbox", [None, []])
@pytest.mark.parametrize("segmentation", [[SQUARE], [[12, 20, 15, 20, 15, 22], SQUARE], [[10.0, 20, 30, 40, 20, 30]]])
def test_polygons_without_a_box_have_an_extent(bbox: object, segmentation: object) -> None:
    assert of(bbox=bbox, segmentation=segmentation).box_xyxy == (10, 20, 30, 40)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"bbox": None}, "four numbers x, y, width, height, found none"),
        ({"bbox": None, "segmentation": []}, "found none"),
        ({"bbox": None, "segmentation": {"counts": "x", "size": [1, 1]}}, "run-length encoded"),
        ({"bbox": None, "segmentation": [[1, 2, 3, 4]]}, "found no bbox and [1, 2, 3, 4]"),
        ({"bbox": None, "segmentation": [[1, 2, 3, 4, 5, 6, 7]]}, "found no bbox and [1, 2, 3"),
        ({"bbox": None, "segmentation": [SQUARE, ["1"]]}, 'found no bbox and ["1"]'),
        ({"bbox": None, "segmentation": [[1, 2, 3, 4, 5, float("nan")]]}, "NaN"),
        (
            {"bbox": ["12.5", "1", "2", "3"]},
            'found text "12.5" in ["12.5", "1", "2", "3"]; write numbers without quotes',
        ),
        ({"bbox": [1, 2, 3, None]}, "found [1, 2, 3, null]; correct it"),
        ({"bbox": {"x": 1}}, 'found {"x": 1}'),
        ({"bbox": "1,2,3,4"}, 'found "1,2,3,4"'),
        ({"category_id": "1"}, 'category "1" is text, and the categories have numbers for ids; write both alike'),
        ({"category_id": 3}, "category 3 is not among the categories"),
        ({"category_id": None}, "category null is not among the categories"),
    ],
)
def test_what_was_found_is_said(entry: dict[str, object], reason: str) -> None:
    assert reason in problem_of(**entry)


@pytest.mark.parametrize("bbox", [[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 0.5], [0, 0.5, 1.0, 0.5]])
def test_shares_of_the_image_are_no_pixels(bbox: object) -> None:
    assert "as if its sides were shares" in problem_of(bbox=bbox)


@pytest.mark.parametrize("bbox", [[0, 0, 1, 1], [5, 5, 0.5, 0.5], [0.5, 0.5, 1.5, 0.5]])
def test_small_objects_are_no_shares(bbox: object) -> None:
    assert of(bbox=bbox).bbox == bbox


def test_a_number_where_the_categories_have_texts_is_said() -> None:
    problem = CocoAnnotation.of({"category_id": 1, "bbox": [1, 2, 3, 4]}, {"1": "dog"}).problem
    assert problem == "category 1 is a number, and the categories have texts for ids; write both alike"


def test_a_whole_float_is_a_category() -> None:
    assert of(category_id=2.0).class_name == "car"


@pytest.mark.parametrize("flag", ["iscrowd", "ignore", "IsGroupOf"])
@pytest.mark.parametrize(
    ("value", "is_crowd"),
    [
        (0, False), (1, True), (0.0, False), (1.0, True), (False, False), (True, True), (None, False),
        ("0", False), ("1", True), ("0.0", False), ("false", False), ("False", False), ("TRUE", True), (" 1 ", True),
    ],
)  # fmt: skip
def test_marks_are_read_as_people_write_them(flag: str, value: object, is_crowd: bool) -> None:
    assert of(**{flag: value}).is_crowd is is_crowd


@pytest.mark.parametrize("value", ["", "no", "2", 2, -1, 0.5, float("nan"), [], {}, [1]])
def test_other_marks_are_not_guessed(value: object) -> None:
    assert problem_of(iscrowd=value).startswith("expected iscrowd to be 0 or 1, found ")


def test_any_mark_makes_a_crowd_and_every_mark_is_checked() -> None:
    assert of(iscrowd=0, ignore=1).is_crowd
    assert "expected ignore" in problem_of(iscrowd=1, ignore="perhaps")
