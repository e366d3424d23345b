"""A score for each class in place of one for all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from negmine.detectors.class_thresholds import ClassThresholds, ThresholdedDetector, read_thresholds
from negmine.detectors.config import PredictionsConfig
from negmine.detectors.function import FunctionDetector
from negmine.detectors.open import open_detector
from negmine.errors import ConfigError
from negmine.structures import Detections, Image

IMAGE = np.zeros((10, 10, 3), dtype=np.uint8)
NAMES = {0: "cat", 4: "dog"}


def detector(*found: tuple[int, float]) -> FunctionDetector:
    def find(image: Image) -> Detections:
        boxes = np.tile([[0.0, 0.0, 5.0, 5.0]], (len(found), 1)).reshape(-1, 4)
        return Detections(
            boxes, np.array([score for _, score in found]), np.array([number for number, _ in found], int)
        )

    return FunctionDetector(find, NAMES, name="two")


def test_nothing_found_stays_nothing() -> None:
    (found,) = ThresholdedDetector(detector(), ClassThresholds("f", {}, 0.5)).predict([IMAGE])
    assert len(found) == 0


def test_each_class_has_its_own_threshold() -> None:
    limits = ClassThresholds("f", {"cat": 0.3, "dog": 0.6})
    wrapped = ThresholdedDetector(detector((0, 0.3), (0, 0.29), (4, 0.59), (4, 0.7)), limits)
    (found,) = wrapped.predict([IMAGE])
    assert found.class_ids.tolist() == [0, 4] and found.scores.tolist() == [0.3, 0.7]
    assert wrapped.identity.settings["conf"] == [0.3, 0.6] and limits.lowest == 0.3
    assert wrapped.identity.settings != detector().identity.settings


def test_classes_that_are_not_listed_have_that_of_others() -> None:
    assert ClassThresholds("f", {"cat": 0.3}, 0.6).by_id(NAMES) == {0: 0.3, 4: 0.6}


@pytest.mark.parametrize(
    ("by_class", "message"),
    [
        ({"cats": 0.5, "dog": 0.5}, r"f has a threshold for cats, .*: it has cat, dog; did you mean 'cat'\?"),
        ({"whale": 0.5}, r"has a threshold for whale, .*; name the file of this detector"),
        ({"cat": 0.5}, "f has no threshold for dog, which the detector has; add it, or `others: SCORE`"),
    ],
)
def test_other_classes_are_refused(by_class: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ThresholdedDetector(detector(), ClassThresholds("f", by_class))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected `thresholds`, a score for each class"),
        ("thresholds: []", "expected `thresholds`"),
        ("thresholds: {cat: 2}", "t.yaml: cat: expected a score from 0 to 1, found 2; correct it"),
        ("thresholds: {cat: high}", "expected a score from 0 to 1, found 'high'"),
        ("thresholds: {cat: true}", "expected a score"),
        ("thresholds: {cat: 0.5}\nothers: -1", "others: expected a score"),
        ("thresholds: {cat: 0.5}\nschema_version: 9", "expected schema_version 1"),
        ("thresholds: [", "cannot read the thresholds t.yaml"),
        ("\xff", "cannot read the thresholds t.yaml"),
        ("thresholds: {a: 0.5, a: 0.1}", "has a twice, the second time in line 1"),
        ('thresholds: {1: 0.5, "1": 0.1}', "it has 1 twice"),
        ("thresholds: {yes: 0.5}", "expected names of classes, found True; put them in quotes"),
        ("thresholds: {null: 0.5}", "expected names of classes, found None"),
    ],
)
def test_what_is_no_file_of_thresholds_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=message):
        read_thresholds(Path("t.yaml"))


def test_a_missing_file_is_said() -> None:
    with pytest.raises(ConfigError, match=r"cannot read the thresholds gone\.yaml: No such file"):
        open_detector(PredictionsConfig("said", thresholds="gone.yaml"))


def test_a_detector_is_opened_with_the_lowest(tmp_path: Path) -> None:
    (tmp_path / "said").mkdir()
    (tmp_path / "said" / "a.txt").write_text("0 0.5 0.5 0.2 0.2 0.1\n1 0.5 0.5 0.2 0.2 0.5\n1 0.5 0.5 0.3 0.3 0.9\n")
    (tmp_path / "said" / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "t.yaml").write_text("thresholds: {cat: 0.05, dog: 0.6}\n")
    opened = open_detector(PredictionsConfig(str(tmp_path / "said"), thresholds=str(tmp_path / "t.yaml")))
    (found,) = opened.predict([IMAGE], [tmp_path / "a.png"])
    assert opened.needs_files and found.scores.tolist() == [0.1, 0.9]
