"""ONNX models of other makes, whatever their layout: names, sizes, batches, and what is refused."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_graphs import Array, graph, opened, raw, rows

from negmine.detectors.batches import predict_each
from negmine.detectors.config import DetectorConfig
from negmine.detectors.onnx.detector import OnnxDetector
from negmine.detectors.open import open_detector
from negmine.errors import BoxError, ConfigError, DetectorError, WeightsError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture
def lamp(tmp_path: Path, names: Callable[..., str]) -> Callable[..., OnnxDetector]:
    """A model that always finds one lamp."""
    names("lamp", "sign")

    def build(
        *, shape: tuple[object, ...] = (1, 3, 64, 64), inside: str | None = None, **settings: Any
    ) -> OnnxDetector:
        path = graph(tmp_path / "lamp.onnx", {"out": raw((32, 32, 16, 8, 0.9, 0.3))}, shape=shape, names=inside)
        settings = settings if inside else {"class_names": str(tmp_path / "names.txt")} | settings
        return opened(path, "ultralytics", **settings)

    return build


def test_no_images_no_detections(lamp: Callable[..., OnnxDetector]) -> None:
    assert lamp().predict([]) == []


def test_low_scores_and_other_classes_are_dropped(lamp: Callable[..., OnnxDetector]) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    assert len(lamp(conf=0.91).predict([image])[0]) == 0
    assert len(lamp(classes=("sign",)).predict([image])[0]) == 0
    assert len(lamp(classes=("lamp",)).predict([image])[0]) == 1
    with pytest.raises(ConfigError, match=r"no class tree; it has lamp, sign"):
        lamp(classes=("tree",))


def test_what_changes_a_detection_is_part_of_the_identity(lamp: Callable[..., OnnxDetector]) -> None:
    same = lamp().identity
    assert same == lamp().identity and same.name == "lamp.onnx" and same.settings["iou"] == 0.7
    for settings in ({"conf": 0.5}, {"iou": 0.5}, {"classes": ("lamp",)}, {"inside": "{0: 'lamp', 1: 'tree'}"}):
        assert lamp(**settings).identity.settings != same.settings, settings


def test_tensors_in_a_file_beside_are_part_of_the_identity(lamp: Callable[..., OnnxDetector], tmp_path: Path) -> None:
    alone = lamp().identity.sha256
    (tmp_path / "lamp.onnx.data").write_bytes(b"1")
    one = lamp().identity.sha256
    (tmp_path / "lamp.onnx.data").write_bytes(b"2")
    assert len({alone, one, lamp().identity.sha256}) == 3


@pytest.mark.parametrize("absolute", [True, False])
def test_tensors_outside_the_folder_are_not_read(
    absolute: bool, lamp: Callable[..., OnnxDetector], tmp_path: Path
) -> None:
    lamp()
    model = onnx.load(tmp_path / "lamp.onnx")
    data = next(each for each in model.graph.initializer if each.raw_data)
    (tmp_path / "secret").write_bytes(data.raw_data)
    folder = tmp_path / "given"
    folder.mkdir()
    names = {True: str(tmp_path / "secret"), False: "../secret"}
    for key, value in {"location": names[absolute], "offset": "0", "length": str(len(data.raw_data))}.items():
        data.external_data.add(key=key, value=value)
    data.ClearField("raw_data")
    data.data_location = onnx.TensorProto.EXTERNAL
    (folder / "lamp.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match=r"lamp.onnx cannot be opened by onnxruntime") as caught:
        opened(folder / "lamp.onnx", "ultralytics", class_names=str(tmp_path / "names.txt"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("inside", ["{0: 'lamp', 1: 'sign'}", "['lamp', 'sign']"])
def test_names_inside_the_file_are_used(lamp: Callable[..., OnnxDetector], inside: str) -> None:
    assert dict(lamp(inside=inside).class_names) == {0: "lamp", 1: "sign"} and ast.literal_eval(inside)


def test_a_graph_of_any_size_runs_at_imgsz_and_a_fixed_one_says_its_own(lamp: Callable[..., OnnxDetector]) -> None:
    any_size = ("n", 3, "h", "w")
    assert lamp(shape=any_size, imgsz=64).identity.settings["imgsz"] == [64, 64]
    assert lamp(shape=any_size).identity.settings["imgsz"] == [640, 640]
    assert lamp(shape=(1, 3, 32, 64), imgsz=64).identity.settings["imgsz"] == [64, 32]
    with pytest.raises(ConfigError, match=r"images of 64x64 pixels only, found imgsz 96"):
        lamp(imgsz=96)


def test_a_batch_gives_what_each_image_gives(tmp_path: Path, names: Callable[..., str]) -> None:
    """A graph that hands the first six rows of its input back as boxes and scores: every image has its own."""
    from onnx import TensorProto, helper, numpy_helper

    shape = numpy_helper.from_array(np.array([0, 32, 96], np.int64), "shape")
    build = helper.make_graph(
        [helper.make_node("Reshape", ["images", "shape"], ["whole"]),
         helper.make_node("Slice", ["whole", "begin", "end", "axes"], ["out"])],
        "echo", [helper.make_tensor_value_info("images", TensorProto.FLOAT, ("n", 3, 32, 32))],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [shape, *(numpy_helper.from_array(np.array([v], np.int64), k)
                  for k, v in (("begin", 0), ("end", 6), ("axes", 1)))],
    )  # fmt: skip
    model = helper.make_model(build, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "echo.onnx").write_bytes(model.SerializeToString())
    settings = {"class_names": names("lamp", "sign"), "conf": 0.0, "iou": 1.0}
    images = [np.random.default_rng(i).integers(0, 256, (32 * i, 32 * i, 3), dtype=np.uint8) for i in range(1, 6)]
    batched = opened(tmp_path / "echo.onnx", "ultralytics", batch=3, **settings)
    alone = opened(tmp_path / "echo.onnx", "ultralytics", **settings)
    assert (batched.batch_size, alone.batch_size) == (3, 1)
    one_by_one = [rows(alone.predict([image])[0]) for image in images]
    assert [rows(found) for found in batched.predict(images)] == one_by_one
    assert all(one_by_one) and len({str(each) for each in one_by_one}) == 5


def test_what_is_nan_is_said_of_that_image_alone(tmp_path: Path, names: Callable[..., str]) -> None:
    path = graph(tmp_path / "a.onnx", {"out": raw((32, 32, 16, 8, math.nan, 0))})
    detector = opened(path, "ultralytics", class_names=names("lamp", "sign"))
    (found,) = predict_each(detector, [np.zeros((8, 8, 3), np.uint8)])
    assert isinstance(found, BoxError) and "a.onnx gave NaN" in str(found)


@pytest.mark.parametrize(
    ("layout", "outputs", "message"),
    [
        ("yolox", {"out": np.zeros((1, 85, 7), np.float32)}, r"not of the layout yolox.*found.*\[85, 7\]"),
        ("yolox", {"out": np.zeros((1, 84, 5), np.float32)}, r"not of the layout yolox"),  # no classes
        (
            "ultralytics",
            {"out": np.zeros((1, 84, 85), np.float32), "b": np.zeros(3, np.float32)},
            r"layout ultralytics",
        ),
        ("ultralytics", {"out": np.zeros((1, 3549, 85), np.float32)}, r"layout ultralytics.*choose another"),
        ("ssd", {"out": np.zeros((1, 84, 85), np.float32)}, r"layout ssd.*boxes \[N, 4\], labels"),
        ("ssd", {"b": np.zeros((1, 9, 4), np.float32), "s": np.zeros((1, 8, 3), np.float32)}, r"layout ssd"),
    ],
)
def test_outputs_of_another_layout_are_refused(
    tmp_path: Path, layout: str, outputs: dict[str, Array], message: str
) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        opened(graph(tmp_path / "a.onnx", outputs), layout)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(1, 1, 64, 64), (4, 3, 64, 64), (1, 64, 64, 3)])
def test_inputs_that_are_no_image_are_refused(lamp: Callable[..., OnnxDetector], shape: tuple[int, ...]) -> None:
    with pytest.raises(WeightsError, match=r"lamp.onnx: expected one input of floats"):
        lamp(shape=shape)


def test_class_names_are_asked_for_and_counted(tmp_path: Path, names: Callable[..., str]) -> None:
    two = graph(tmp_path / "two.onnx", {"out": raw((1, 1, 1, 1, 0.5, 0.5))})
    with pytest.raises(
        ConfigError, match=r"two.onnx does not name its classes, of which it has 2; give --class-names FILE"
    ):
        opened(two, "ultralytics")
    with pytest.raises(ConfigError, match=r"has 2 classes, found 3 names in .*names.txt"):
        opened(two, "ultralytics", class_names=names("a", "b", "c"))
    eighty = graph(tmp_path / "coco.onnx", {"out": np.zeros((1, 84, 100), np.float32)})
    coco = opened(eighty, "ultralytics").class_names
    assert (len(coco), coco[0], coco[79]) == (80, "person", "toothbrush")
    outputs = {
        "boxes": np.zeros((1, 4), np.float32),
        "scores": np.ones(1, np.float32),
        "labels": np.array([3], np.int64),
    }
    ssd = graph(tmp_path / "ssd.onnx", outputs | {"boxes": np.array([[0, 0, 9, 9]], np.float32)})
    assert dict(opened(ssd, "ssd", class_names=names("__background__", "lamp")).class_names) == {0: "lamp"}
    with pytest.raises(DetectorError, match=r"gave class 2, and lists only \[0\]"):
        predict_each(opened(ssd, "ssd", class_names=names("lamp")), [np.zeros((9, 9, 3), np.uint8)])


def test_bad_files_and_devices_are_one_line(tmp_path: Path, lamp: Callable[..., OnnxDetector]) -> None:
    (tmp_path / "w.onnx").write_bytes(b"<html>")
    with pytest.raises(WeightsError, match=r"w\.onnx cannot be opened by onnxruntime"):
        opened(tmp_path / "w.onnx", "yolox")
    with pytest.raises(WeightsError, match=r"no weights at .*gone\.onnx"):
        opened(tmp_path / "gone.onnx", "yolox")
    with pytest.raises(ConfigError, match=r"expected a device that is there.*'7x'"):
        lamp(device="7x")
    with pytest.raises(ConfigError, match=r"onnx_layout is for \.onnx files, found .*w\.pt"):
        open_detector(DetectorConfig(str(tmp_path / "w.pt"), onnx_layout="yolox"))
    with pytest.raises(ConfigError, match=r"expected class_names with an onnx_layout"):
        open_detector(DetectorConfig(str(tmp_path / "w.onnx"), class_names="names.txt"))
    with pytest.raises(ConfigError, match=r"expected an onnx_layout of yolox, ultralytics, yolov5, ssd, found 'v7'"):
        DetectorConfig("w.onnx", onnx_layout="v7")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("imgsz", "conf", "expected", "noted"),
    [("[96, 64]", "0.25", 96, True), ("128", "0.05", 128, False), ("[]", "x", 640, False), ("[1e9]", "", 640, False)],
)
def test_an_export_with_a_verifier_says_its_size_and_threshold(
    tmp_path: Path, imgsz: str, conf: str, expected: int, noted: bool
) -> None:
    """Whatever Ultralytics' metadata are beside it, and if they are damaged."""
    found = np.zeros((1, 300, 6), np.float32)
    found[0, 0] = 8, 8, 24, 16, 0.9, 1
    path = graph(
        tmp_path / "v.onnx", {"output0": found}, shape=("batch", 3, "height", "width"), task="detect",
        names="{0: 'lamp', 1: 'sign'}", imgsz=imgsz, conf=conf, verifier="ab" * 32,
    )  # fmt: skip
    detector = open_detector(DetectorConfig(str(path), conf=0.1, device="cpu"))
    assert isinstance(detector, OnnxDetector) and detector.identity.settings["imgsz"] == [expected, expected]
    assert any("was exported at conf 0.25, and finds nothing below it" in note for note in detector.notes) == noted
    image = np.zeros((expected, expected, 3), np.uint8)
    assert rows(detector.predict([image])[0]) == [([8, 8, 24, 16], 0.9, 1)]
