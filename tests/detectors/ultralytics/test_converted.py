"""Converted checkpoints, against the checkpoints themselves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from firing import pictures, write_firing_checkpoint

from negmine.boxes import box_iou
from negmine.detectors.config import DetectorConfig
from negmine.detectors.ultralytics import onnxruntime as onnx_converted
from negmine.detectors.ultralytics import openvino
from negmine.detectors.ultralytics.converted import ConvertedDetector, Runner
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.detectors.ultralytics.tracing import why_not
from negmine.structures import Detections, Image

Load = Callable[[Mapping[str, bytes]], Runner]


@dataclass(frozen=True)
class Model:
    """A checkpoint and what it was converted into."""

    weights: Path
    parts: Mapping[str, bytes]
    load: Load
    package: str

    def open(self, load: Load | None = None, **settings: object) -> tuple[UltralyticsDetector, ConvertedDetector]:
        """The original and the converted detector."""
        config = DetectorConfig(str(self.weights), **{"conf": 0.05, "device": "cpu"} | settings)  # type: ignore[arg-type]
        original = UltralyticsDetector(config)
        runner = (load or self.load)(self.parts)
        return original, ConvertedDetector(original.checkpoint, config, runner, {"backend": "x"}, self.package)


@pytest.fixture(
    scope="module",
    params=[pytest.param(n, marks=pytest.mark.slow) for n in ("openvino", "onnx", "openvino without suppression")],
)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """YOLO11 on either runtime, and YOLOv10 with the head that needs no suppression."""
    end_to_end = request.param.endswith("suppression")
    path = tmp_path_factory.mktemp("firing") / "firing.pt"
    architecture = "yolov10n" if end_to_end else "yolo11n"
    spread = 0.02 if end_to_end else 0.05  # of scores that are all 1 nobody can say which is the best
    weights = write_firing_checkpoint(path, architecture=architecture, without_suppression=end_to_end, spread=spread)
    to_parts = onnx_converted.to_onnx if request.param == "onnx" else openvino.to_openvino
    original = UltralyticsDetector(DetectorConfig(str(weights), device="cpu"))
    assert original.predictor.model.end2end == end_to_end
    with quiet_ultralytics():
        parts = to_parts(original.module)
    if request.param == "onnx":
        return Model(weights, parts, onnx_converted.OnnxRunner, "onnxruntime")
    return Model(weights, parts, openvino.OpenVinoRunner, "openvino")


def same(one: Detections, other: Detections) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("boxes_xyxy", "scores", "class_ids")
    )


def found_again(theirs: Detections, ours: Detections) -> int:
    """How many have a partner of the same class, IoU >= 0.99, score within 0.001."""
    partners = (
        (theirs.class_ids[:, None] == ours.class_ids[None])
        & (np.abs(theirs.scores[:, None] - ours.scores[None]) <= 0.001)
        & (box_iou(theirs.boxes_xyxy, ours.boxes_xyxy) >= 0.99)
    )
    return int(partners.any(axis=1).sum())


def test_no_images_give_no_results(model: Model) -> None:
    assert model.open()[1].predict([]) == []


@pytest.mark.parametrize("settings", [{}, {"imgsz": 150}, {"iou": 0.3, "conf": 0.6}, {"classes": ("3", "5", "7")}])
def test_it_finds_what_the_checkpoint_finds(model: Model, settings: dict[str, object]) -> None:
    original, converted = model.open(**settings)
    images = pictures(7)
    theirs, ours = original.predict(images), converted.predict(images)
    total, again = sum(map(len, theirs)), sum(map(found_again, theirs, ours))
    # among hundreds of overlapping boxes the suppression has its close calls, and one that falls otherwise moves others
    assert total > 10 and again >= 0.95 * total and sum(map(len, ours)) <= 1.05 * total
    assert {number for found in ours for number in found.class_ids.tolist()} <= (
        set(map(int, settings.get("classes", ()))) or set(range(80))
    )


@pytest.mark.slow
def test_neither_the_grouping_of_images_nor_the_number_of_cores_changes_a_bit(model: Model) -> None:
    images = pictures(7)
    one_core = model.open(lambda parts: type(model.load(parts))(parts, cores=1))[1]  # type: ignore[call-arg]
    three = model.open(lambda parts: type(model.load(parts))(parts, cores=3))[1]  # type: ignore[call-arg]
    alone = [one_core.predict([image])[0] for image in images]
    assert all(map(same, alone, one_core.predict(images)))
    assert all(map(same, alone, three.predict(images)))
    assert all(map(same, alone, three.predict(images[::-1] * 3)[13::-1][:7])), "backwards, and three times"


@pytest.mark.slow
def test_at_most_300_detections_an_image_are_kept(model: Model) -> None:
    original, converted = model.open(conf=0.0, imgsz=320)
    (ours,) = converted.predict(pictures(1))
    (theirs,) = original.predict(pictures(1))
    assert len(ours) == len(theirs) <= 300


@pytest.mark.slow
def test_an_image_that_fails_leaves_the_detector_usable(model: Model) -> None:
    converted = model.open()[1]
    images = pictures(4)
    before = converted.predict(images)
    with pytest.raises(Exception, match=r"."):
        converted.predict([*images, np.zeros((8, 8), dtype=np.uint8)[:0]])
    assert all(map(same, before, converted.predict(images)))


@pytest.mark.slow
def test_two_threads_may_use_it(model: Model) -> None:
    converted = model.open()[1]
    before = converted.predict(pictures(7))
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda _: converted.predict(pictures(7)), range(6)):
            assert all(map(same, before, found))


@pytest.mark.slow
def test_it_can_be_given_up_in_the_middle_and_used_again(model: Model) -> None:
    converted = model.open()[1]
    images = pictures(4)
    before = converted.predict(images)
    taken: list[int] = []

    class Images(list[Image]):
        def __iter__(self) -> Iterator[Image]:
            for number, image in enumerate(super().__iter__()):
                taken.append(number)
                if number == 20:
                    converted.give_up()
                yield image

    with pytest.raises(InterruptedError):
        converted.predict(Images(images * 250))
    assert len(taken) == 21
    assert all(map(same, before, converted.predict(images)))


def test_it_says_what_it_is(model: Model) -> None:
    original, converted = model.open(batch=3)
    assert converted.identity.settings == {**original.identity.settings, "backend": "x"}
    assert (converted.identity.name, converted.identity.sha256) == ("firing.pt", original.identity.sha256)
    assert model.package in converted.identity.versions
    assert converted.class_names == original.class_names
    assert (converted.batch_size, converted.trained_imgsz) == (3, 96)
    assert model.open()[1].batch_size >= 8


@pytest.mark.parametrize(
    ("architecture", "reason"),
    [
        ("yolo11n", None),
        ("yolo11n-seg", "'segment'"),
        ("yolo11n-obb", "'obb'"),
        ("yolov8n-rtdetr", "RTDETRDetectionModel"),
    ],
)
def test_only_detectors_of_one_kind_are_converted(
    build_checkpoint: Callable[[str], Path], architecture: str, reason: str | None
) -> None:
    found = why_not(UltralyticsDetector(DetectorConfig(str(build_checkpoint(architecture)), imgsz=64, device="cpu")))
    assert found is None if reason is None else found is not None and reason in found


CHILDREN = """
import signal, subprocess, sys
from negmine.detectors.config import DetectorConfig
from negmine.detectors.ultralytics.openvino import OpenVinoRunner, to_openvino
from negmine.detectors.ultralytics.detector import UltralyticsDetector
module = UltralyticsDetector(DetectorConfig(sys.argv[1], device="cpu")).module
parts = to_openvino(module)
runners = [OpenVinoRunner(parts) for _ in range(4)]
while runners:
    del runners[0]  # the oldest first
signal.signal(signal.SIGCHLD, lambda *_: None)
for _ in range(5):
    subprocess.run([sys.executable, "-c", ""], check=True)
print("alive")
"""


@pytest.mark.slow
def test_children_may_end_when_models_were_let_go_in_any_order(firing_weights: Path) -> None:
    pytest.importorskip("openvino")
    done = subprocess.run(
        [sys.executable, "-c", CHILDREN, str(firing_weights)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr
