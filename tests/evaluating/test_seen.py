"""What a detector found where: objects with the score that found them, and the hardest false positives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from blobs import square_detector
from eval_sets import LEFT, LOW, RIGHT, scene

from negmine.datasets.open import open_truth
from negmine.detectors.base import Detector
from negmine.detectors.function import FunctionDetector
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.data import EvalImages
from negmine.evaluating.image_scores import ImageScores
from negmine.evaluating.predict import predict_and_match
from negmine.evaluating.seen import Seen, SeenImage, seen_images
from negmine.structures import Detections


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return scene(tmp_path)


def seen(root: Path, detector: Detector, lowest: float) -> dict[str, SeenImage]:
    """What a detector sees in the scene, by the name of the image."""
    images = EvalImages(
        sorted((root / "images" / "val").iterdir()),
        open_truth(root / "data.yaml"),
        sorted((root / "backgrounds").iterdir()),
    )
    config = EvalConfig(workers=1)
    (matched,) = predict_and_match([detector], images, config)
    found = seen_images(matched, ImageScores.of(matched, conf=0.25), lowest, config.match)
    return {Path(image.path).stem: image for image in found}


def boxes(rows: tuple[Seen, ...]) -> list[tuple[tuple[float, ...], float | None]]:
    return [(each.box_xyxy, each.score) for each in rows]


def test_objects_and_false_positives_have_boxes_and_scores(root: Path) -> None:
    found = seen(root, square_detector(), 0.1)
    assert boxes(found["a"].objects) == [(LEFT, 0.9), (RIGHT, 0.6)] and found["a"].false_positives == ()
    assert boxes(found["b"].objects) == [(LEFT, 0.3)] and boxes(found["b"].false_positives) == [(LOW, 0.8)]
    assert boxes(found["d"].objects) == [(LEFT, None)]
    assert boxes(found["e"].false_positives) == [(LEFT, 0.7), (LOW, 0.2)] and found["f"].false_positives == ()
    assert [found[name].counted for name in "abcdef"] == [False, False, True, False, True, True]
    every = [each for image in found.values() for each in (*image.objects, *image.false_positives)]
    assert {each.class_name for each in every} == {"lamp"}


def test_what_scores_less_is_left_out(root: Path) -> None:
    found = seen(root, square_detector(), 0.65)
    assert boxes(found["a"].objects) == [(LEFT, 0.9), (RIGHT, None)]
    assert boxes(found["e"].false_positives) == [(LEFT, 0.7)]


def test_of_many_false_positives_the_ten_hardest_are_kept(root: Path) -> None:
    corner = np.arange(30, dtype=np.float64)[:, None] * 3 * [1, 1]
    many = Detections(np.hstack([corner, corner + 2]), np.linspace(0.11, 0.4, 30), np.zeros(30, dtype=int))
    found = seen(root, FunctionDetector(lambda image: many, ["lamp"], name="many"), 0.1)
    for name in "cef":
        assert [each.score for each in found[name].false_positives] == pytest.approx(np.linspace(0.4, 0.31, 10))
        assert found[name].false_positives[0].box_xyxy == (87, 87, 89, 89)


def test_what_is_written_is_read_back(root: Path) -> None:
    for image in seen(root, square_detector(), 0.1).values():
        assert SeenImage.from_dict(json.loads(json.dumps(image.to_dict()))) == image


@pytest.mark.parametrize(
    "row",
    [None, [], ["lamp", 1, 2, 3, 4], [1, 1, 2, 3, 4, 0.5], ["lamp", 1, 2, 3, 1, 0.5], ["lamp", 1, 2, 3, 4, 1.5],
     ["lamp", 1, 2, 3, 4, True], ["lamp", 1, 2, 3, 1e300, 0.5], ["lamp", "1", 2, 3, 4, 0.5]],
)  # fmt: skip
def test_a_row_that_is_damaged_is_refused(row: object) -> None:
    document = {"sha256": "a", "path": "a.png", "counted": True, "objects": [], "false_positives": [row]}
    with pytest.raises((ValueError, TypeError)):
        SeenImage.from_dict(document)
