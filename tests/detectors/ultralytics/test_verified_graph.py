"""A detector with its verifier as one ONNX graph: it finds what the Python path finds, and says what it is."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from firing import pictures, write_firing_checkpoint
from test_verified import config, verifier_for, written

import negmine
from negmine.detectors.config import DetectorConfig
from negmine.detectors.letterbox import PADDING, letterbox, scale_boxes
from negmine.detectors.onnx.detector import OnnxDetector
from negmine.detectors.open import open_detector
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.detectors.ultralytics.verified_graph import picture_boxes, suppressed
from negmine.detectors.weights_files import hash_weights
from negmine.errors import ConfigError, WeightsError
from negmine.structures import Detections, Image

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

Inputs = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Exported:
    """A checkpoint, its verifier, both as one file, and that file opened."""

    weights: Path
    verifier: str
    out: Path
    session: Any


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    """From an architecture to a random one, which fires, with a verifier of random coefficients."""
    made: dict[str, Exported] = {}

    def find(architecture: str) -> Exported:
        if architecture not in made:
            folder = tmp_path_factory.mktemp(architecture)
            weights = write_firing_checkpoint(
                folder / "best.pt", names=["lamp", "sign"], spread=0.1, architecture=architecture
            )
            verifier = written(verifier_for(weights, seed=1, intercept=1.0, shift=0.5), folder)
            negmine.export_verifier(weights, verifier, out=folder / "best.onnx")
            session = onnxruntime.InferenceSession(folder / "best.onnx", providers=["CPUExecutionProvider"])
            made[architecture] = Exported(weights, verifier, folder / "best.onnx", session)
        return made[architecture]

    return find


def prepared(image: Image) -> Inputs:
    """[1, 3, H, W], as a program without negmine would."""
    return (letterbox(image, 96)[None, :, :, ::-1].transpose(0, 3, 1, 2) / 255).astype(np.float32)


def on_input(found: Detections, image: Image) -> npt.NDArray[np.float64]:
    """[M, 6]: detections in pixels of the input, as the graph gives them."""
    height, width = prepared(image).shape[2:]
    origin = scale_boxes(np.array([[0.0, 0, width, height]]), (height, width), image.shape)[0]
    scale = np.array([width, height]) / (origin[2:] - origin[:2])
    boxes = (found.boxes_xyxy.reshape(-1, 2, 2) - origin[:2]) * scale
    return np.column_stack([boxes.reshape(-1, 4), found.scores, found.class_ids])


def rows_of(output: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The detections [M, 6] in [300, 6], of which the others are zeros."""
    count = int((output[:, 4] > 0).sum())
    assert output.shape == (300, 6) and not output[count:].any()
    return output[:count].astype(np.float64)


def same(rows: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> None:
    """Random weights make boxes out of sums that cancel, so the last digits of their sides count for more."""
    assert rows.shape == expected.shape
    np.testing.assert_allclose(rows[:, 4:], expected[:, 4:], atol=1e-3)
    np.testing.assert_allclose(rows[:, :4], expected[:, :4], atol=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["yolo11n", "yolov8n", "yolov10n", "yolo26n"])
def test_the_graph_finds_what_python_finds(export: Callable[[str], Exported], architecture: str) -> None:
    """Flat and tall images, one at a time; and two at a time, of which one is grey and has nothing to find."""
    made, images = export(architecture), pictures(7)
    python = open_detector(config(made.weights, verifier=made.verifier))
    expected = [on_input(found, image) for image, found in zip(images, python.predict(images), strict=True)]
    assert sum(map(len, expected)) > 20
    for image, found in zip(images, expected, strict=True):
        rows = rows_of(made.session.run(None, {"images": prepared(image)})[0][0])
        same(rows, found)
    grey = np.full((200, 130, 3), PADDING, dtype=np.uint8)
    assert len(python.predict([grey])[0]) == len(rows_of(made.session.run(None, {"images": prepared(grey)})[0][0]))
    both = made.session.run(None, {"images": np.concatenate([prepared(grey), prepared(images[2])])})[0]
    assert both.shape == (2, 300, 6)
    same(rows_of(both[1]), expected[2])


@pytest.mark.slow
def test_an_image_without_detections_gives_zeros(export: Callable[[str], Exported], tmp_path: Path) -> None:
    made = export("yolo11n")
    out = negmine.export_verifier(made.weights, made.verifier, out=tmp_path / "high.onnx", conf=0.9999).out
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    output = session.run(None, {"images": np.concatenate([prepared(pictures(1)[0])] * 2)})[0]
    assert output.shape == (2, 300, 6) and not output.any()


@pytest.mark.slow
def test_the_same_arguments_give_the_same_bytes_which_say_what_they_are(
    export: Callable[[str], Exported], tmp_path: Path
) -> None:
    made = export("yolo11n")
    result = negmine.export_verifier(made.weights, made.verifier, out=tmp_path / "again.onnx", iou=0.7)
    assert (tmp_path / "again.onnx").read_bytes() == made.out.read_bytes()
    assert (result.sha256, result.bytes) == (hash_weights(made.out), made.out.stat().st_size)
    said = made.session.get_modelmeta().custom_metadata_map
    assert ast.literal_eval(said["names"]) == {0: "lamp", 1: "sign"} and ast.literal_eval(said["imgsz"]) == [96, 96]
    assert (said["stride"], said["conf"], said["iou"]) == ("32", "0.25", "0.7")
    assert said["verifier"] == hash_weights(Path(made.verifier))
    assert [each.shape for each in made.session.get_outputs()] == [["batch", 300, 6]]
    assert [each.shape for each in made.session.get_inputs()] == [["batch", 3, "height", "width"]]


@pytest.mark.slow
def test_negmine_scans_with_it_and_says_where_it_ends(export: Callable[[str], Exported]) -> None:
    """On square images the letterboxes of both are the same; a lower threshold than that of the file is noted."""
    made = export("yolo11n")
    square = [np.asarray(cv2.resize(image, (96, 96)), dtype=np.uint8) for image in pictures(5)]
    detector = open_detector(DetectorConfig(str(made.out), device="cpu"))
    assert isinstance(detector, OnnxDetector) and detector.notes == ()
    assert (detector.identity.settings["imgsz"], detector.class_names) == ([96, 96], {0: "lamp", 1: "sign"})
    python = open_detector(config(made.weights, verifier=made.verifier)).predict(square)
    assert sum(map(len, python)) > 0
    for one, other in zip(detector.predict(square), python, strict=True):
        np.testing.assert_allclose(one.boxes_xyxy, other.boxes_xyxy, atol=5e-3)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-3)
        assert one.class_ids.tolist() == other.class_ids.tolist()
    (note,) = open_detector(DetectorConfig(str(made.out), conf=0.1, device="cpu")).notes
    assert "was exported at conf 0.25, and finds nothing below it" in note


@pytest.mark.slow
def test_ultralytics_runs_it_as_one_of_its_own(export: Callable[[str], Exported]) -> None:
    made, image = export("yolo11n"), pictures(2)[1]
    (expected,) = open_detector(config(made.weights, verifier=made.verifier)).predict([image])
    with quiet_ultralytics():
        from ultralytics import YOLO

        boxes = YOLO(made.out, task="detect").predict(image, conf=0.25, imgsz=96, device="cpu", verbose=False)[0].boxes
    np.testing.assert_allclose(boxes.xyxy.numpy(), expected.boxes_xyxy, atol=5e-3)
    np.testing.assert_allclose(boxes.conf.numpy(), expected.scores, atol=1e-3)


@pytest.mark.slow
def test_what_cannot_be_one_graph_is_refused_by_name(
    export: Callable[[str], Exported], build_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    made, out = export("yolo11n"), tmp_path / "out.onnx"
    masks = build_checkpoint("yolo11n-seg")
    with pytest.raises(ConfigError, match=r"seg-random\.pt cannot be exported with a verifier: .* task 'segment'"):
        negmine.export_verifier(masks, written(verifier_for(masks), tmp_path), out=out)
    with pytest.raises(WeightsError, match=r"was trained for yolo11n-seg-random\.pt .* found best\.pt"):
        negmine.export_verifier(made.weights, tmp_path / "v.safetensors", out=out)
    with pytest.raises(WeightsError, match=r"ends in \.onnx, found .*out\.pt"):
        negmine.export_verifier(made.weights, made.verifier, out=tmp_path / "out.pt")
    with pytest.raises(ConfigError, match="conf from 0 to 1"):
        negmine.export_verifier(made.weights, made.verifier, out=out, conf=2)
    assert not out.exists()


def test_pictures_end_where_the_grey_begins() -> None:
    """Three rows of grey above and two below; grey inside is a picture's, and an input of grey alone is all picture."""
    inputs = torch.full((2, 3, 9, 7), PADDING / 255)
    inputs[0, :, 3:7] = 0.1
    inputs[0, :, 4] = PADDING / 255
    assert picture_boxes(inputs).tolist() == [[0, 3, 7, 7], [0, 0, 7, 9]]


def test_nms_is_within_a_class_of_an_image() -> None:
    """The second box overlaps the first by 0.81: it goes where it is of the same class, and stays where it is not."""
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 9, 9], [20, 20, 30, 30]]]).repeat(2, 1, 1)
    scores = torch.zeros(2, 2, 3)
    scores[0, 0] = torch.tensor([0.9, 0.8, 0.1])
    scores[1, 0, 0], scores[1, 1, 1] = 0.9, 0.8
    assert suppressed(boxes, scores, 0.7, 0.2).tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 1]]
    assert suppressed(boxes, scores, 0.7, 0.95).tolist() == []
