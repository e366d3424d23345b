"""Wrapped detectors: everything is passed on, and a wrapper changes what it overrides alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
import pytest
from blobs import draw
from detector_members import MEMBERS, missing_members
from firing import pictures

import negmine
from negmine.bank.bank import Bank
from negmine.detectors.base import BaseDetector, Detector, DetectorIdentity, opening_notes
from negmine.detectors.batches import predict_each
from negmine.detectors.config import DetectorConfig, PredictionsConfig
from negmine.detectors.function import FunctionDetector
from negmine.detectors.open import open_detector
from negmine.detectors.wrapper import DetectorWrapper
from negmine.evaluating.evaluate import evaluate
from negmine.mining.config import ScanConfig
from negmine.mining.scan import scan
from negmine.structures import Detections, Image


class Flipped(DetectorWrapper):
    """Runs a detector on mirror images."""

    def __init__(self, detector: Detector) -> None:
        super().__init__(detector, {"flipped": True})

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Detect in the mirror image, and mirror the boxes back."""
        mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in images]
        return [
            Detections(_mirrored(found.boxes_xyxy, image.shape[1]), found.scores, found.class_ids)
            for image, found in zip(images, self.detector.predict(mirrored, paths), strict=True)
        ]


class Halved(DetectorWrapper):
    """A second stage that trusts nothing much."""

    def __init__(self, detector: Detector) -> None:
        super().__init__(detector, {"halved": True})

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Detect, and halve the scores."""
        found = self.detector.predict(images, paths)
        return [Detections(each.boxes_xyxy, each.scores / 2, each.class_ids) for each in found]


def _mirrored(boxes: np.ndarray, width: int) -> np.ndarray:
    return np.column_stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]])


NOTHING = Detections.empty()


class Recorder(BaseDetector):
    """Answers each member with a value of its own, and remembers what was called."""

    class_names = MappingProxyType({3: "sign"})
    identity = DetectorIdentity("recorder", "ab", {"conf": 0.3}, {"torch": "2"})
    batch_size = 7
    device = "cuda:3"
    notes = ("a note",)
    trained_imgsz = 96
    lowest_score = 0.125
    needs_files = True

    def __init__(self) -> None:
        self.calls: list[object] = []

    def check_paths(self, paths: Sequence[Path]) -> None:
        self.calls.append(("check_paths", paths))

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        self.calls.append(("predict", images, paths))
        return [NOTHING] * len(images)

    def give_up(self) -> None:
        self.calls.append("give_up")


@pytest.mark.parametrize("name", MEMBERS)
def test_every_member_of_the_protocol_is_passed_on(name: str) -> None:
    """A member that is added to the protocol fails here until the wrapper passes it on."""
    inner = Recorder()
    wrapper = DetectorWrapper(inner, {})
    assert name in vars(DetectorWrapper), f"DetectorWrapper does not pass {name} on"
    member = getattr(inner, name)
    if not callable(member):
        assert getattr(wrapper, name) == member
        return
    arguments = {"check_paths": [[Path("a.png")]], "predict": [[np.zeros((2, 2, 3))], [Path("a.png")]], "give_up": []}
    expected = Recorder()
    assert getattr(wrapper, name)(*arguments[name]) == getattr(expected, name)(*arguments[name])
    assert len(inner.calls) == 1 and str(inner.calls) == str(expected.calls)


def test_the_settings_of_a_wrapper_join_the_identity() -> None:
    identity = DetectorWrapper(Recorder(), {"tiles": 4}).identity
    assert identity == DetectorIdentity("recorder", "ab", {"conf": 0.3, "tiles": 4}, {"torch": "2"})
    assert Halved(Flipped(Recorder())).identity.settings == {"conf": 0.3, "flipped": True, "halved": True}


def test_a_detector_without_more_than_predict_has_all_defaults() -> None:
    detector = FunctionDetector(lambda image: Detections.empty(), ["sign"])
    assert missing_members(detector) == []
    assert (detector.batch_size, detector.device, detector.notes, detector.trained_imgsz) == (1, None, (), None)
    assert (detector.lowest_score, detector.needs_files, opening_notes(detector)) == (None, False, ())
    detector.check_paths([Path("a.png")])
    detector.give_up()


class Own(negmine.BaseDetector):
    """What the guide to other detectors says to write, and no more."""

    def __init__(self) -> None:
        self._class_names = {0: "sign"}
        self._identity = DetectorIdentity("own", "1")

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[negmine.Detections]:
        return [Detections(np.array([[8.0, 8, 40, 40]]), np.array([0.9]), np.array([0]))] * len(images)


def test_a_class_on_the_exported_base_can_be_scanned_with(tmp_path: Path) -> None:
    draw(tmp_path / "in" / "0.png", [], seed=0)
    assert missing_members(Own()) == []
    result = negmine.scan(tmp_path / "in", Own(), bank=tmp_path / "bank")
    assert (result.scanned, result.added) == (1, 1)


def test_a_mirrored_detector_finds_the_mirror_image(firing_weights: Path) -> None:
    plain = open_detector(DetectorConfig(str(firing_weights), conf=0.3, device="cpu", imgsz=64))
    flipped = Flipped(plain)
    image = pictures(1)[0]
    (ours,), (theirs,) = flipped.predict([image]), plain.predict([np.ascontiguousarray(image[:, ::-1])])
    assert len(ours) > 0 and np.array_equal(ours.scores, theirs.scores)
    assert np.allclose(ours.boxes_xyxy, _mirrored(theirs.boxes_xyxy, image.shape[1]))
    assert opening_notes(flipped) == opening_notes(plain) and "trained at imgsz 96" in opening_notes(flipped)[-1]
    assert flipped.device == "cpu"


def test_a_scan_and_an_evaluation_run_a_wrapped_detector(firing_weights: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), pictures(1)[0])
    plain = open_detector(DetectorConfig(str(firing_weights), conf=0.3, device="cpu"))
    scores = []
    for bank, detector in (("plain", plain), ("halved", Halved(plain))):
        assert scan(tmp_path / "a.png", detector, bank=tmp_path / bank, config=ScanConfig(max_per_image=1)).added == 1
        with Bank(tmp_path / bank) as opened:
            scores += [each.score for each in opened.negatives()]
    assert scores[1] == pytest.approx(scores[0] / 2, abs=1e-4)
    assert scan(tmp_path / "a.png", Halved(plain), bank=tmp_path / "halved").unchanged == 0, "other settings"
    again = scan(tmp_path / "a.png", Halved(plain), bank=tmp_path / "halved", config=ScanConfig(max_per_image=1))
    assert (again.scanned, again.unchanged) == (0, 1)
    assert scan(tmp_path / "a.png", plain, bank=tmp_path / "halved").scanned == 1, "another detector"
    (tmp_path / "data" / "images").mkdir(parents=True)
    (tmp_path / "data" / "labels").mkdir()
    cv2.imwrite(str(tmp_path / "data" / "images" / "a.png"), pictures(1)[0])
    (tmp_path / "data" / "labels" / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "data" / "data.yaml").write_text("train: images\nval: images\nnames: ['5']\n")
    result = evaluate([plain, Halved(plain)], tmp_path / "data" / "data.yaml")
    assert len(result.models) == 2 and result.models[0].to_dict() != result.models[1].to_dict()


def test_a_second_stage_may_be_put_behind_written_predictions(tmp_path: Path) -> None:
    results = [{"image_id": "x", "category_id": 1, "bbox": [1, 1, 10, 10], "score": 0.8}]
    (tmp_path / "results.json").write_text(json.dumps(results))
    (tmp_path / "names.txt").write_text("clock\n")
    written = open_detector(PredictionsConfig(str(tmp_path / "results.json"), class_names=str(tmp_path / "names.txt")))
    second = Halved(written)
    second.check_paths([Path("x.png"), Path("y.png")])
    image = np.zeros((20, 20, 3), dtype=np.uint8)
    found = predict_each(second, [image, image], [Path("x.png"), Path("y.png")])
    assert [each.scores.tolist() for each in found if isinstance(each, Detections)] == [[0.4], []]
    assert second.needs_files and second.lowest_score == 0.8
