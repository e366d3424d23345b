"""The figures of one model: all of a small scene by hand, then the laws behind them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from blobs import draw, square_detector, voc_xml
from eval_sets import LEFT, LOW, RIGHT, blind_detector, labelled, many_classes, scene

from negmine.datasets.open import open_truth
from negmine.detectors.base import Detector
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.data import EvalImages
from negmine.evaluating.figures import ModelFigures, curve_of, figures
from negmine.evaluating.match import MatchedDetections
from negmine.evaluating.metrics.equal_recall import equal_recall_point
from negmine.evaluating.predict import predict_and_match

CONFIG = EvalConfig(workers=2)


def matched(
    root: Path, detector: Detector | None = None, *, backgrounds: bool = True, **config: object
) -> MatchedDetections:
    images = EvalImages(
        sorted((root / "images" / "val").iterdir()),
        open_truth(root / "data.yaml"),
        sorted((root / "backgrounds").iterdir()) if backgrounds else [],
    )
    (found,) = predict_and_match([detector or square_detector()], images, EvalConfig(workers=2, **config))  # type: ignore[arg-type]
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="module")
def scene_matched(root: Path) -> MatchedDetections:
    return matched(root)


def test_a_model_that_detects_nothing(root: Path) -> None:
    found = figures(matched(root, blind_detector()), CONFIG, at_recall=0.5)
    assert (found.fppi, found.images_with_fp, found.recall, found.precision) == (0, 0, 0, None)
    assert (found.map50, found.map50_95, found.lamr) == (0, 0, 1)
    assert (found.at_recall, found.threshold_at_recall, found.fppi_at_recall) == (0.5, None, None)
    assert set(found.fppi_at.values()) == {None} and not any(found.kinds.values()) and found.curve == ()


def test_no_images_at_all(root: Path) -> None:
    (nothing,) = predict_and_match([square_detector()], EvalImages([], open_truth(root / "data.yaml")), CONFIG)
    found = figures(nothing, CONFIG, at_recall=0.5)
    assert (found.images, found.objects, found.background_images, found.fppi) == (0, 0, 0, 0)
    assert [found.recall, found.precision, found.map50, found.map50_95, found.lamr] == [None] * 5
    assert equal_recall_point(curve_of(nothing), 0.5) is None


def test_the_scene_by_hand(scene_matched: MatchedDetections) -> None:
    found = figures(scene_matched, CONFIG, at_recall=0.5)
    assert (found.images, found.objects, found.background_images) == (4, 4, 3)  # c, e and f hold nothing
    assert found.fppi_over == "backgrounds"
    assert found.fppi == pytest.approx(2 / 3)  # 0.5 on c and 0.7 on e; 0.8 beside a lamp is not on background images
    assert found.images_with_fp == 2
    assert (found.recall, found.precision) == (3 / 4, 3 / 6)
    # By falling score: hit, miss (0.8), hit, miss (0.5), hit over four objects; 26, 25 and 25 of 101 recalls.
    assert found.map50 == pytest.approx((26 + 25 * 2 / 3 + 25 * 3 / 5) / 101)
    assert found.map50_95 == pytest.approx(found.map50)
    # Miss rate 0.75 without a false positive, 0.5 from a third of one per image on, 0.25 from two thirds on.
    assert found.lamr == pytest.approx(math.exp((7 * math.log(0.75) + math.log(0.5) + math.log(0.25)) / 9))
    assert (found.at_recall, found.threshold_at_recall) == (0.5, 0.6)
    assert found.fppi_at_recall == pytest.approx(1 / 3)
    assert found.fppi_at == {
        "0.6": pytest.approx(2 / 3),
        "0.7": pytest.approx(2 / 3),
        "0.8": None,
        "0.9": None,
        "0.95": None,
    }
    assert found.kinds == {"background": 3, "localization": 0, "duplicate": 0, "confusion": 0}
    assert [tuple(point) for point in found.curve] == [
        (0.9, 0, 0.25),
        (0.6, pytest.approx(1 / 3), 0.5),
        (0.3, pytest.approx(2 / 3), 0.75),
        (0.2, 1, 0.75),
    ]


def test_by_class(scene_matched: MatchedDetections) -> None:
    lamp, sign = figures(scene_matched, CONFIG).classes
    assert (lamp.name, lamp.objects, lamp.true_positives, lamp.false_positives) == ("lamp", 4, 3, 3)
    assert (lamp.recall, lamp.precision, lamp.fppi) == (0.75, 0.5, pytest.approx(2 / 3))
    assert (sign.name, sign.objects, sign.false_positives, sign.fppi) == ("sign", 0, 0, 0)
    assert [sign.recall, sign.precision, sign.map50, sign.map50_95, sign.lamr] == [None] * 5


def test_many_classes(tmp_path: Path) -> None:
    root, detector = many_classes(tmp_path, 40)
    found = figures(matched(root, detector, backgrounds=False), CONFIG)
    assert (found.objects, found.fppi, found.recall) == (39, 40, 38 / 39)
    assert (found.kinds["confusion"], found.kinds["background"]) == (1, 40)
    assert [each.map50 for each in found.classes[:3]] == [
        0,
        pytest.approx(0.5),
        pytest.approx(1),
    ]  # the confused one first
    assert (found.classes[-1].objects, found.classes[-1].map50) == (0, None)
    assert found.map50 == pytest.approx(37.5 / 39)  # the class without objects is none of the mean


def test_without_images_without_targets_the_labelled_ones_count(tmp_path: Path) -> None:
    scene(tmp_path)
    (tmp_path / "images/val/c.png").unlink()
    found = figures(matched(tmp_path, backgrounds=False), CONFIG)
    assert (found.fppi_over, found.background_images) == ("labelled", 0)
    assert (found.fppi, found.images_with_fp) == (pytest.approx(1 / 3), 1)


def test_labelled_empty_images_alone_are_enough(root: Path) -> None:
    found = figures(matched(root, backgrounds=False), CONFIG)
    assert (found.fppi_over, found.background_images, found.fppi) == ("backgrounds", 1, 1)


def test_data_of_empty_images_alone(tmp_path: Path) -> None:
    labelled(tmp_path, "val/a", [(LEFT, 90)], [])
    (tmp_path / "data.yaml").write_text("val: images/val\nnames: [lamp]\n")
    found = figures(matched(tmp_path, backgrounds=False), CONFIG, at_recall=None)
    assert (found.fppi, found.recall, found.precision, found.map50, found.lamr) == (1, None, 0, None, None)


def test_kinds_and_unjudged_and_lacking(tmp_path: Path) -> None:
    """A lamp on a sign, a lamp half beside a lamp, and a class that is not judged."""
    labelled(tmp_path, "val/a", [(LEFT, 90), (LOW, 80)], [(1, LEFT), (0, (100, 60, 130, 110))])
    draw(tmp_path / "images/val/b.png", [(*RIGHT, 70)], kind=1)
    (tmp_path / "labels/val/b.txt").write_text("")
    (tmp_path / "data.yaml").write_text("val: images/val\nnames: [lamp, sign]\n")
    both = figures(matched(tmp_path, backgrounds=False), CONFIG)
    assert both.kinds == {"background": 1, "localization": 1, "duplicate": 0, "confusion": 1}
    assert (both.objects, both.unjudged, both.lacking) == (2, 0, ())
    lamps = figures(matched(tmp_path, backgrounds=False, classes=("lamp",)), CONFIG)
    assert lamps.kinds == {"background": 0, "localization": 1, "duplicate": 0, "confusion": 1}
    assert (lamps.objects, lamps.unjudged, lamps.fppi) == (1, 1, 0)
    assert [each.name for each in lamps.classes] == ["lamp"]
    (tmp_path / "data.yaml").write_text("val: images/val\nnames: [lamp, crane]\n")
    crane = figures(matched(tmp_path, backgrounds=False), CONFIG)
    assert (crane.objects, crane.lacking, crane.unjudged) == (2, ("crane",), 1)
    assert crane.map50 is not None and crane.classes[1].map50 == 0


def test_difficult_objects_are_neither_missed_nor_false(tmp_path: Path) -> None:
    for name, difficult, score in (("a", 0, 90), ("b", 1, 80), ("c", 1, 0)):
        draw(tmp_path / f"{name}.png", [(*LEFT, score)] if score else [])
        voc_xml(tmp_path / f"{name}.xml", f"{name}.png", [("lamp", 21, 21, 40, 40)], difficult=difficult)
    images = EvalImages(sorted(tmp_path.glob("*.png")), open_truth(tmp_path))
    (difficult_ones,) = predict_and_match([square_detector()], images, CONFIG)
    found = figures(difficult_ones, CONFIG)
    assert (found.objects, found.recall, found.precision, found.map50) == (1, 1, 1, pytest.approx(1))
    assert found.background_images == 0  # a difficult object is a target


def test_fppi_at_a_recall(scene_matched: MatchedDetections) -> None:
    curve = curve_of(scene_matched)
    assert equal_recall_point(curve, 0.75) == (0.3, pytest.approx(2 / 3), 0.75)
    assert equal_recall_point(curve, 0.25) == (0.9, 0, 0.25)
    assert equal_recall_point(curve, 0.76) is None
    assert equal_recall_point(curve, 0.0) is None


def test_the_document_is_json(scene_matched: MatchedDetections) -> None:
    document = figures(scene_matched, CONFIG, at_recall=0.5).to_dict()
    assert json.loads(json.dumps(document)) == document
    assert {*ModelFigures.__dataclass_fields__} == {*document}
    assert document["curve"][0] == {"threshold": 0.9, "fppi": 0.0, "recall": 0.25}  # type: ignore[index]


@pytest.mark.parametrize("conf", [0.01, 0.2, 0.21, 0.3, 0.5, 0.55, 0.8, 0.9, 1.0])
def test_one_matching_at_the_floor_serves_every_threshold(
    root: Path, scene_matched: MatchedDetections, conf: float
) -> None:
    """Asking the detector for nothing under the threshold changes no figure at the threshold."""
    config = EvalConfig(conf=conf, floor=conf)
    low, high = figures(scene_matched, EvalConfig(conf=conf)), figures(matched(root, conf=conf, floor=conf), config)
    assert (low.fppi, low.recall, low.precision, low.kinds) == (high.fppi, high.recall, high.precision, high.kinds)
    assert low.images_with_fp == high.images_with_fp
