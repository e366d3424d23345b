"""One image from detections to negatives, where classes were not judged in it or in a part of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from negmine.boxes import Rect
from negmine.datasets.open import open_truth
from negmine.matching import Kind
from negmine.mining.config import CropConfig, CropPolicy, OutputSize, ScanConfig
from negmine.mining.judge import Classes, judge
from negmine.structures import Detections, GroundTruth

WH = (200, 100)
CLASSES = Classes({0: "cat", 1: "dog"}, {0: "cat", 1: "dog"}, judged=frozenset({"cat", "dog"}))
POLICIES = get_args(CropPolicy)


def judged(truth: GroundTruth, boxes: list[tuple[float, ...]], ids: list[int], crop: CropPolicy) -> tuple[Any, int]:
    """What each detection is, with the reason why it gives no negative; and the number of negatives."""
    config = ScanConfig(crop=CropConfig(crop=crop, size=OutputSize("none"), min_side_px=8))
    detections = Detections(np.array(boxes), np.full(len(ids), 0.9), np.array(ids))
    found, negatives = judge(np.zeros((WH[1], WH[0], 3), np.uint8), detections, truth, CLASSES, config)
    return [(each.kind, each.skipped) for each in found], len(negatives)


@pytest.mark.parametrize("crop", POLICIES)
def test_an_image_known_to_be_empty_gives_its_false_positives(crop: CropPolicy) -> None:
    assert judged(GroundTruth.empty(), [(10, 10, 20, 20)], [0], crop) == ([(Kind.BACKGROUND, None)], 1)


@pytest.mark.parametrize("crop", POLICIES)
def test_an_image_in_which_a_class_is_not_judged_gives_no_negative_of_any(crop: CropPolicy) -> None:
    truth = GroundTruth.of([(0, 0, *WH)], ["cat"], crowd=[True])
    kinds, negatives = judged(truth, [(10, 10, 20, 20), (0, 0, 200, 100), (150, 10, 170, 30)], [0, 0, 1], crop)
    skipped = "holds_target" if crop == "image" else "touches_target"
    assert (kinds, negatives) == ([(Kind.IGNORED, None), (Kind.IGNORED, None), (Kind.BACKGROUND, skipped)], 0)


@pytest.mark.parametrize("crop", [each for each in POLICIES if each != "image"])
def test_a_crop_beside_a_region_to_ignore_holds_no_pixel_of_it(crop: CropPolicy) -> None:
    truth = GroundTruth.of([(0, 0, 100, 100)] * 2, ["cat", "dog"], crowd=[True, True])
    boxes: list[tuple[float, ...]] = [(10, 10, 20, 20), (70, 40, 110, 60), (95, 10, 125, 40), (150, 40, 170, 60)]
    kinds, negatives = judged(truth, boxes, [0, 1, 0, 1], crop)
    ignored, touching, free = (Kind.IGNORED, None), (Kind.BACKGROUND, "touches_target"), (Kind.BACKGROUND, None)
    assert (kinds, negatives) == (
        [ignored, ignored, touching, free],
        1,
    )  # 3/4 of the second lie inside, 1/6 of the third


def test_coco_annotations_to_ignore_act_as_crowds_do(tmp_path: Path) -> None:
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 60, 100], "ignore": 1},
        {"id": 2, "image_id": 1, "category_id": 3, "bbox": [60, 0, 40, 100]},
    ]
    categories = [{"id": i, "name": name} for i, name in enumerate(["cat", "dog", "DontCare"], 1)]
    document = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": annotations, "categories": categories}
    (tmp_path / "coco.json").write_text(json.dumps(document))
    (tmp_path / "a.jpg").touch()
    truth = open_truth(tmp_path / "coco.json", images=[tmp_path / "a.jpg"]).read(tmp_path / "a.jpg", WH)
    assert truth is not None
    kinds, negatives = judged(truth, [(10, 10, 20, 20), (70, 10, 80, 20), (70, 30, 80, 40)], [0, 0, 1], "region")
    assert (kinds, negatives) == ([(Kind.IGNORED, None)] * 3, 0)


def mined_as_cat(boxes: list[tuple[float, ...]], ids: list[int], classes: Classes) -> tuple[Any, list[Rect]]:
    """What each detection of a cat is, and the rectangles of the negatives, where only cats are mined."""
    config = ScanConfig(crop=CropConfig(size=OutputSize("none"), min_side_px=8))
    detections = Detections(np.array(boxes), np.full(len(ids), 0.9), np.array(ids))
    only = replace(classes, mined=[0])
    found, negatives = judge(np.zeros((WH[1], WH[0], 3), np.uint8), detections, GroundTruth.empty(), only, config)
    return [(each.class_name, each.skipped) for each in found], [each.rect for each in negatives]


UNLISTED = Classes({0: "cat", 1: "dog"}, {0: "cat", 1: "dog"}, judged=None)


def test_a_crop_keeps_clear_of_what_is_found_of_a_class_that_is_not_mined() -> None:
    """The cat alone gives the square from 20 to 80; the dog begins at 60, and no column from there on is taken."""
    alone = mined_as_cat([(40, 40, 60, 60)], [0], UNLISTED)
    assert alone == ([("cat", None)], [Rect(20, 20, 80, 80)])
    found, (rect,) = mined_as_cat([(40, 40, 60, 60), (60, 0, 199, 99)], [0, 1], UNLISTED)
    assert found == [("cat", None)]  # the dog is nobody's false positive
    assert (rect.x1, rect.x2) == (20, 60)


def test_a_false_positive_on_a_class_that_is_not_mined_gives_no_negative() -> None:
    found = mined_as_cat([(40, 40, 60, 60), (50, 50, 90, 90)], [0, 1], UNLISTED)
    assert found == ([("cat", "near_other_class")], [])


def test_what_the_labels_list_is_judged_by_them_whether_it_is_mined_or_not() -> None:
    found, (rect,) = mined_as_cat([(40, 40, 60, 60), (60, 0, 199, 99)], [0, 1], CLASSES)
    assert found == [("cat", None)]
    assert rect == Rect(20, 20, 80, 80)


def test_a_crop_keeps_clear_of_what_is_found_of_a_class_that_the_labels_do_not_list() -> None:
    only_cats = Classes({0: "cat", 1: "dog"}, {0: "cat"}, judged=frozenset({"cat"}))
    config = ScanConfig(crop=CropConfig(size=OutputSize("none"), min_side_px=8))
    detections = Detections(np.array([(40, 40, 60, 60), (60, 0, 199, 99)]), np.full(2, 0.9), np.array([0, 1]))
    image = np.zeros((WH[1], WH[0], 3), np.uint8)
    found, (negative,) = judge(image, detections, GroundTruth.empty(), only_cats, config)
    assert [each.kind for each in found] == [Kind.BACKGROUND, Kind.UNJUDGED]
    assert (negative.rect.x1, negative.rect.x2) == (20, 60)
