"""A plain function as a detector."""

from __future__ import annotations

import numpy as np
import pytest
from detector_members import missing_members

from negmine.detectors.function import FunctionDetector, FunctionResult
from negmine.errors import BoxError, ConfigError, DetectorError
from negmine.structures import Detections, Image

BLACK: Image = np.zeros((4, 6, 3), dtype=np.uint8)


def returning(result: object) -> FunctionDetector:
    return FunctionDetector(lambda image: result, ["cat", "dog"], name="mine")  # type: ignore[arg-type,return-value]


def test_no_images_give_no_results() -> None:
    assert returning(None).predict([]) == []


def test_no_detections_in_any_form_are_no_detections() -> None:
    for nothing in (Detections.empty(), ([], [], []), (np.zeros((0, 4)), np.zeros(0), np.zeros(0))):
        assert len(returning(nothing).predict([BLACK])[0]) == 0


def test_it_is_a_detector() -> None:
    assert missing_members(returning(None)) == []


def test_each_image_gets_its_own_result_in_order() -> None:
    def whole_image(image: Image) -> FunctionResult:
        height, width = image.shape[:2]
        return [[0, 0, width, height]], [0.5], [1]

    detector = FunctionDetector(whole_image, {1: "dog"}, batch_size=3)
    wide, tall = detector.predict([BLACK, np.zeros((9, 2, 3), dtype=np.uint8)])
    assert wide.boxes_xyxy.tolist() == [[0, 0, 6, 4]]  # BLACK is 6 wide and 4 high
    assert tall.boxes_xyxy.tolist() == [[0, 0, 2, 9]]
    assert wide.class_ids.tolist() == [1]
    assert detector.batch_size == 3


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "'mine', for image 0 of its batch: expected Detections or a tuple .*, found NoneType"),
        ([], "found list"),
        (([], []), "found a tuple of 2"),
        (([[0, 0, 1, 1]], [0.5], [7]), r"class 7 has no name; class_names lists \[0, 1\]"),
        (([[0, 0, 1], [1]], [0.5], [1]), "expected arrays of numbers"),
        ((["box"], [0.5], [1]), "expected arrays of numbers"),
    ],
)
def test_what_is_no_detection_is_named(result: object, message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        returning(result).predict([BLACK])


def test_bad_boxes_are_box_errors() -> None:
    with pytest.raises(BoxError, match="not finite"):
        returning(([[0, 0, np.nan, 1]], [0.5], [0])).predict([BLACK])


def test_the_identity_follows_name_and_key() -> None:
    def sha(name: str, key: str | None) -> str:
        return FunctionDetector(lambda image: Detections.empty(), ["a"], name=name, key=key).identity.sha256

    assert sha("a", "1") == sha("a", "1")
    assert len({sha("a", None), sha("a", "1"), sha("a", "2"), sha("b", "1"), sha("a1", None)}) == 5


@pytest.mark.parametrize("names", [[], {}, "cat"])
def test_class_names_are_needed(names: list[str]) -> None:
    with pytest.raises(ConfigError, match="names of the detector's classes"):
        FunctionDetector(lambda image: Detections.empty(), names)


def test_a_batch_holds_one_image_or_more() -> None:
    with pytest.raises(ConfigError, match="found 0"):
        FunctionDetector(lambda image: Detections.empty(), ["a"], batch_size=0)
