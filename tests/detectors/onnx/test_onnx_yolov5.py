"""The layout of YOLOv5: boxes known by hand, and outputs of other layouts that have the same shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx_graphs import Array, graph, opened, raw, rows

from negmine.detectors.batches import predict_each
from negmine.detectors.config import DetectorConfig
from negmine.detectors.onnx.recognise import told_layout
from negmine.detectors.open import open_detector
from negmine.errors import BoxError, ConfigError, WeightsError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

CELLS = 64 + 16 + 4  # of an input of 64x64
IMAGE = np.zeros((64, 128, 3), np.uint8)  # halved to 64x32, between rows 16 and 48 of the input


def anchors(*found: tuple[float, ...], count: int = 3 * CELLS, classes: int = 1) -> Array:
    """[1, N, 5 + C]: rows cx, cy, w, h, objectness and scores; the rest lie on a grid and find nothing."""
    out = np.zeros((1, count, 5 + classes), np.float32)
    out[0, :, :4] = [(8 * (index % 8) + 4, 8 * (index // 8 % 8) + 4, 10, 13) for index in range(count)]
    if found:
        out[0, : len(found)] = found
    return out


def chosen(*found: tuple[float, ...], count: int = 300) -> Array:
    """[1, N, 6]: rows x1, y1, x2, y2, score, class of an end-to-end model, the rest zeros."""
    out = np.zeros((1, count, 6), np.float32)
    if found:
        out[0, : len(found)] = found
    return out


def cells(*found: tuple[float, ...], rest: tuple[float, ...] = (0.3, -0.2, -0.5, 0.4)) -> Array:
    """[1, A, 6] of a YOLOX, not decoded: offsets in cells, logarithms of sides in strides."""
    out = np.zeros((1, CELLS, 6), np.float32)
    out[0, :, :4] = rest
    if found:
        out[0, : len(found)] = found
    return out


def test_no_boxes_no_detections(tmp_path: Path, names: Callable[..., str]) -> None:
    detector = opened(graph(tmp_path / "a.onnx", {"out": anchors()}), "yolov5", class_names=names("lamp"))
    assert len(detector.predict([IMAGE])[0]) == 0 and detector.identity.settings["iou"] == 0.45


def test_scores_are_objectness_times_class_and_boxes_pixels_of_the_letterboxed_input(
    tmp_path: Path, names: Callable[..., str]
) -> None:
    found = [
        (32, 32, 16, 8, 0.9, 0.1, 1.0),
        (34, 32, 16, 8, 0.8, 0.0, 1.0),  # of the same class, with an IoU of 14 / 18
        (34, 32, 16, 8, 0.8, 0.9, 0.1),
        (8, 18, 20, 8, 0.5, 0.8, 0.0),
        (50, 40, 9, 9, 0.9, 0.2, 0.1),  # 0.18
    ]
    path = graph(tmp_path / "a.onnx", {"out": anchors(*found, classes=2)})
    detector = opened(path, "yolov5", class_names=names("lamp", "sign"))
    assert rows(detector.predict([IMAGE])[0]) == [
        ([48, 24, 80, 40], 0.9, 1),
        ([52, 24, 84, 40], 0.72, 0),
        ([0, 0, 36, 12], 0.4, 0),
    ]


@pytest.mark.parametrize(
    "others",
    [
        {"p3": np.zeros((1, 3, 8, 8, 6), np.float32), "p4": np.zeros((1, 3, 4, 4, 6), np.float32)},  # before v6.2
        {"masks": np.zeros((1, 5, 16, 16), np.float32)},
    ],
)
def test_maps_and_masks_beside_the_boxes_are_not_read(
    tmp_path: Path, names: Callable[..., str], others: dict[str, Array]
) -> None:
    out = anchors((32, 32, 16, 8, 0.9, 1.0))
    if "masks" in others:  # five coefficients for each box
        out = np.concatenate([out, np.full((1, 3 * CELLS, 5), -7, np.float32)], axis=2)
    detector = opened(graph(tmp_path / "a.onnx", {"out": out} | others), "yolov5", class_names=names("lamp"))
    assert rows(detector.predict([IMAGE])[0]) == [([48, 24, 80, 40], 0.9, 0)]


@pytest.mark.parametrize("count", [CELLS, 3 * CELLS])
@pytest.mark.parametrize("classes", ["{0: 'lamp'}", "{0: 'lamp', 1: 'sign', 2: 'tree'}"])
def test_a_file_that_says_its_names_alone_is_known_by_its_outputs(tmp_path: Path, count: int, classes: str) -> None:
    scores = (1.0,) * classes.count(":")
    out = anchors((32, 32, 16, 8, 0.9, *scores), count=count, classes=len(scores))
    detector = open_detector(DetectorConfig(str(graph(tmp_path / "a.onnx", {"out": out}, names=classes)), device="cpu"))
    assert detector.identity.settings["layout"] == "yolov5"
    assert rows(detector.predict([IMAGE])[0]) == [([48, 24, 80, 40], 0.9, 0)]


@pytest.mark.parametrize(
    "out",
    [
        raw((32, 32, 16, 8, 0.9), classes=1),
        raw((32, 32, 16, 8, 0.9, 0.2)),
        chosen((10, 20, 30, 40, 0.9, 0)),
        chosen((10, 20, 30, 40, 0.9, 1)),
        raw(*[(32, 32, 16, 8, 0.9, 200, -3)] * 12, classes=3),  # more in each column than Ultralytics' detectors give
    ],
)
def test_what_ultralytics_wrote_without_a_task_is_left_to_it(tmp_path: Path, out: Array) -> None:
    path = graph(tmp_path / "a.onnx", {"out": out}, names="{0: 'lamp'}")
    assert told_layout(DetectorConfig(str(path)), None) is None


def test_outputs_that_may_be_of_two_layouts_are_asked_about(tmp_path: Path) -> None:
    path = graph(tmp_path / "a.onnx", {"out": chosen()}, names="{0: 'lamp'}")
    with pytest.raises(
        WeightsError, match=r"\[300, 6\] may be of the layout ultralytics or yolov5; say .*--onnx-layout"
    ):
        open_detector(DetectorConfig(str(path)))
    assert opened(path, "ultralytics").identity.settings["layout"] == "ultralytics"
    assert opened(path, "yolov5").identity.settings["layout"] == "yolov5"


def test_outputs_of_no_layout_are_refused(tmp_path: Path) -> None:
    path = graph(tmp_path / "a.onnx", {"out": anchors((32, 32, 16, 8, 4.5, 1.0))}, names="{0: 'lamp'}")
    with pytest.raises(WeightsError, match=r"the outputs \[252, 6\] fit no layout"):
        open_detector(DetectorConfig(str(path)))


def test_a_file_without_names_is_told_what_it_may_be(tmp_path: Path) -> None:
    path = graph(tmp_path / "a.onnx", {"out": anchors((32, 32, 16, 8, 0.9, 1.0))})
    with pytest.raises(WeightsError, match=r"name its classes with --class-names .* --onnx-layout yolov5, or"):
        open_detector(DetectorConfig(str(path)))
    with pytest.raises(ConfigError, match=r"has 1 classes, found 2 names in its metadata"):
        open_detector(DetectorConfig(str(graph(path, {"out": anchors()}, names="['lamp', 'sign']"))))


@pytest.mark.parametrize(
    ("named", "out", "message"),
    [
        ("ultralytics", anchors((32, 32, 16, 8, 0.9, 1.0)), r"x2 < x1 .*choose another --onnx-layout: yolov5 fits"),
        ("ultralytics", anchors((9, 9, 20, 20, 0.9, 1.0)), r"in it .*: yolov5 fits"),  # in order, if it is corners
        ("ultralytics", anchors(count=9 * CELLS), r"in it a box with x2 < x1"),
        ("ultralytics", chosen((10, 20, 30, 40, 0.9, 0.4), (30, 30, 9, 9, 0.9, 0.4)), r"in it .*: yolov5 fits"),
        ("ultralytics", chosen((10, 20, 30, 40, 7, 1)), r"in it a score of 7, where 0 to 1 was expected"),
        ("ultralytics", raw((32, 32, 16, 8, 90.5), classes=1), r"in it a score of 90.5"),
        ("ultralytics", raw((32, 32, -16, 8, 0.9), classes=1), r"width or height below 0"),
        ("ultralytics", anchors(classes=2), r"\[252, 7\]; choose another --onnx-layout: yolov5 fits"),
        ("yolov5", chosen((10, 20, 30, 40, 0.9, 3)), r"a score of 3, .*: ultralytics fits"),
        ("yolov5", chosen((10, 20, 30, 40, 0.9, 0)), r"300 rows of corners.*: ultralytics fits"),
        ("yolov5", raw((32, 32, 16, 8, 0.9), classes=1), r"\[5, 12\]; choose another --onnx-layout: ultralytics fits"),
        ("yolov5", cells((0.5, 0.5, 1, 1, 0.9, 0.9)), r"below 0: .*: yolox fits"),
        ("yolov5", cells((0.1, 0.2, 0.5, -0.5, 0, 0), rest=(0.3, 0.2, 0.5, 0.4)), r"in one corner .*: yolox"),
        ("yolov5", anchors((0.5, 0.5, 0.2, 0.1, 0.9, 1.0)), r"boxes in fractions of the input"),
        ("yolov5", anchors((900, 32, 16, 8, 0.9, 1.0)), r"far outside an input of 64x64 pixels"),
        ("yolox", anchors(count=CELLS), r"far outside .*: yolov5 fits"),
        ("yolox", cells((0.5, 0.5, 1, 1, 2.5, 0.9)), r"a score of 2.5"),
        ("ssd", anchors(), r"choose another --onnx-layout: yolov5 fits"),
    ],
)  # fmt: skip
def test_values_that_are_not_of_the_named_layout_are_refused_with_what_fits(
    tmp_path: Path, names: Callable[..., str], named: str, out: Array, message: str
) -> None:
    with pytest.raises(WeightsError, match=rf"a.onnx is not of the layout {named}: .*{message}") as caught:
        opened(graph(tmp_path / "a.onnx", {"out": out}), named, class_names=names("lamp"))
    assert "\n" not in str(caught.value)


def test_a_yolox_stays_a_yolox(tmp_path: Path, names: Callable[..., str]) -> None:
    """Its first cell is at stride 8; a side is e times the stride."""
    path = graph(tmp_path / "a.onnx", {"out": cells((4, 2.5, 1, 0, 0.9, 1.0))})
    (found,) = opened(path, "yolox", class_names=names("lamp")).predict([np.zeros((64, 64, 3), np.uint8)])
    assert rows(found) == [([21.127, 16, 42.873, 24], 0.9, 0)]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"boxes": [(30, 20, 10, 40)], "labels": np.array([1]), "scores": [0.9]}, r"x2 < x1"),
        ({"boxes": [(0.1, 0.2, 0.3, 0.4)], "labels": np.array([1]), "scores": [0.9]}, r"boxes in fractions"),
        ({"boxes": [[(10, 20, 30, 40)]], "scores": [[(0.1, 0.9)]]}, r"boxes in pixels"),
        ({"boxes": [[(0.1, 0.2, 0.3, 0.4)]], "scores": [[(-4.0, 3.0)]]}, r"a score of -4"),
    ],
)
def test_boxes_of_an_ssd_that_cannot_be_are_refused(
    tmp_path: Path, names: Callable[..., str], outputs: dict[str, object], message: str
) -> None:
    arrays = {key: np.asarray(each, np.int64 if key == "labels" else np.float32) for key, each in outputs.items()}
    with pytest.raises(WeightsError, match=rf"not of the layout ssd: .*{message}"):
        opened(graph(tmp_path / "a.onnx", arrays), "ssd", class_names=names("lamp"))


def test_values_that_one_image_alone_gives_are_said_of_it(tmp_path: Path, names: Callable[..., str]) -> None:
    """The scores are ten times the colours of the image's top left pixel: black and noise up to a tenth are right."""
    path = graph(tmp_path / "a.onnx", {"out": [np.array([[[32], [32], [16], [8]]], np.float32), "16,0"]})
    model = onnx.load(path)
    rest = onnx.numpy_helper.from_array(np.zeros((1, 7, 11), np.float32), "rest")
    ten = onnx.numpy_helper.from_array(np.array([[[1]] * 4 + [[10]] * 3], np.float32), "ten")
    model.graph.initializer.extend([rest, ten])
    model.graph.node.append(onnx.helper.make_node("Mul", ["out", "ten"], ["more"]))
    model.graph.node.append(onnx.helper.make_node("Concat", ["more", "rest"], ["whole"], axis=2))
    model.graph.output[0].name = "whole"
    path.write_bytes(model.SerializeToString())
    config = DetectorConfig(
        str(path), onnx_layout="ultralytics", class_names=names("red", "green", "blue"), device="cpu"
    )
    detector = open_detector(config, lambda _: iter([IMAGE]))
    good, bad = predict_each(detector, [np.full_like(IMAGE, 20), np.full_like(IMAGE, 250)])
    assert not isinstance(good, BoxError) and good.scores.tolist() == pytest.approx([0.784], abs=1e-3)
    assert isinstance(bad, BoxError) and "a.onnx, read with the layout ultralytics, gave a score of 9.8" in str(bad)
