"""The layouts of Ultralytics and SSD: tiny graphs with boxes known by hand."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx_graphs import graph, opened, raw, rows

from negmine.detectors.onnx.layouts import prepare_ssd, prepare_ssd_raw, prepare_ultralytics
from negmine.detectors.ultralytics.quiet import quiet_ultralytics

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def test_ultralytics_raw_boxes_are_moved_back_from_the_middle_of_the_letterbox(
    tmp_path: Path, names: Callable[..., str]
) -> None:
    """An image of 128x64 is halved to 64x32, and lies between rows 16 and 48 of the input."""
    columns = [
        (32, 32, 16, 8, 0.1, 0.9),
        (33, 32, 16, 8, 0.0, 0.8),
        (33, 32, 16, 8, 0.7, 0.6),
        (8, 18, 20, 8, 0.3, 0.0),
    ]
    path = graph(tmp_path / "a.onnx", {"out": raw(*columns)})
    (found,) = opened(path, "ultralytics", class_names=names("lamp", "sign")).predict(
        [np.zeros((64, 128, 3), np.uint8)]
    )
    assert rows(found) == [
        ([48, 24, 80, 40], 0.9, 1),  # the second has an IoU of 15 / 17 with it, and goes
        ([50, 24, 82, 40], 0.7, 0),  # of another class
        ([0, 0, 36, 12], 0.3, 0),  # -2..18 and 14..22 of the input, cut at the image's edge
    ]


def test_ultralytics_sides_that_were_rounded_are_undone_as_rounded(tmp_path: Path, names: Callable[..., str]) -> None:
    """100x33 becomes 64x21, not 64x21.12, and lies between the rows 21 and 42."""
    path = graph(tmp_path / "a.onnx", {"out": raw((32, 31.5, 64, 21, 0.9, 0.0))})
    (found,) = opened(path, "ultralytics", class_names=names("a", "b")).predict([np.zeros((33, 100, 3), np.uint8)])
    assert rows(found) == [([0, 0, 100, 33], 0.9, 0)]


def test_ultralytics_suppresses_above_its_threshold_alone(tmp_path: Path, names: Callable[..., str]) -> None:
    """Boxes of 10x10 that are moved by 2 have an IoU of 8 / 12."""
    columns = [(20, 20, 10, 10, 0.9, 0.0), (22, 20, 10, 10, 0.8, 0.0)]
    path = graph(tmp_path / "a.onnx", {"out": raw(*columns)})
    image = np.zeros((64, 64, 3), np.uint8)
    for iou, kept in ((None, 2), (0.67, 2), (0.66, 1)):
        assert len(opened(path, "ultralytics", class_names=names("a", "b"), iou=iou).predict([image])[0]) == kept


def test_ultralytics_end_to_end_boxes_are_taken_as_they_are(tmp_path: Path, names: Callable[..., str]) -> None:
    out = np.zeros((1, 300, 6), np.float32)
    out[0, :3] = [(10, 20, 30, 40, 0.9, 1), (10, 20, 30, 40, 0.8, 1), (10, 20, 30, 40, 0.2, 0)]
    detector = opened(graph(tmp_path / "a.onnx", {"out": out}), "ultralytics", class_names=names("lamp", "sign"))
    (found,) = detector.predict([np.zeros((64, 128, 3), np.uint8)])
    assert rows(found) == [([20, 8, 60, 48], 0.9, 1), ([20, 8, 60, 48], 0.8, 1)]


def test_ultralytics_pixels_go_in_as_rgb_shares(tmp_path: Path, names: Callable[..., str]) -> None:
    """The scores of the first column are the colours of the image's top left pixel, which is the input's row 16."""
    first = [np.array([[[32], [32], [16], [8]]], np.float32), "16,0"]
    path = graph(tmp_path / "a.onnx", {"out": first}, shape=(1, 3, 64, 64))
    model = onnx.load(path)
    from onnx import helper, numpy_helper

    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 7, 11), np.float32), "rest"))
    model.graph.node.append(helper.make_node("Concat", ["out", "rest"], ["whole"], axis=2))
    model.graph.output[0].name = "whole"
    path.write_bytes(model.SerializeToString())
    image = np.full((64, 128, 3), (25, 51, 204), np.uint8)  # blue, green, red
    detector = opened(path, "ultralytics", class_names=names("red", "green", "blue"))
    assert rows(detector.predict([image])[0]) == [([48, 24, 80, 40], 0.8, 0)]
    assert rows(detector.predict([image[:, :, ::-1].copy()])[0])[0][2] == 2


def test_ultralytics_letterbox_is_that_of_ultralytics() -> None:
    with quiet_ultralytics():
        from ultralytics.data.augment import LetterBox

        for height, width in ((7, 64), (50, 90), (64, 64), (99, 31), (1, 200)):
            image = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
            expected = LetterBox((64, 96), auto=False)(image=image)[:, :, ::-1].transpose(2, 0, 1) / 255
            np.testing.assert_allclose(prepare_ultralytics(image, (96, 64)), expected, atol=1e-6)


def test_ssd_boxes_after_suppression_are_in_pixels_of_the_input(tmp_path: Path, names: Callable[..., str]) -> None:
    outputs = {
        "boxes": np.array([[0, 0, 32, 16], [16, 16, 80, 32], [0, 0, 8, 8], [0, 0, 8, 8]], np.float32),
        "scores": np.array([0.9, 0.8, 0.7, 0.2], np.float32),
        "labels": np.array([2, 1, 0, 1], np.int64),
    }
    path = graph(tmp_path / "a.onnx", outputs)
    (found,) = opened(path, "ssd", class_names=names("lamp", "sign")).predict([np.zeros((128, 32, 3), np.uint8)])
    assert rows(found) == [([0, 0, 16, 32], 0.9, 1), ([8, 32, 32, 64], 0.8, 0)]  # label 0 is the background


def test_ssd_pixels_go_in_as_rgb_shares(tmp_path: Path, names: Callable[..., str]) -> None:
    """The colours that come in are the scores that come out: red, green, blue, each as a label of its own."""
    boxes, labels = np.tile(np.array([[0, 0, 32, 32]], np.float32), (3, 1)), np.array([1, 2, 3], np.int64)
    path = graph(tmp_path / "a.onnx", {"boxes": boxes, "labels": labels, "scores": ["0,0"]}, names=None)
    model = onnx.load(path)
    next(each for each in model.graph.initializer if each.name == "scores0shape").CopyFrom(
        onnx.numpy_helper.from_array(np.array([3], np.int64), "scores0shape")
    )
    next(node for node in model.graph.node if node.output[0] == "scores").attribute[0].i = 0
    path.write_bytes(model.SerializeToString())
    image = np.full((64, 64, 3), (51, 102, 204), np.uint8)
    (found,) = opened(path, "ssd", class_names=names("red", "green", "blue"), conf=0).predict([image])
    assert [row[1:] for row in rows(found)] == [(0.8, 0), (0.4, 1), (0.2, 2)]


def test_ssd_raw_boxes_are_shares_and_every_class_counts(tmp_path: Path, names: Callable[..., str]) -> None:
    boxes = np.array([[[0.25, 0.5, 0.5, 1.25], [0.25, 0.5, 0.5, 1.0], [0, 0, 0.1, 0.1]]], np.float32)
    scores = np.array([[[0.1, 0.6, 0.3], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]], np.float32)
    for outputs in ({"boxes": boxes, "scores": scores}, {"scores": scores, "boxes": boxes}):
        path = graph(tmp_path / "a.onnx", outputs)
        (found,) = opened(path, "ssd", class_names=names("lamp", "sign")).predict([np.zeros((100, 200, 3), np.uint8)])
        assert rows(found) == [([50, 50, 100, 100], 0.6, 0), ([50, 50, 100, 100], 0.3, 1)]
        (less,) = opened(path, "ssd", class_names=names("lamp", "sign"), iou=0.7).predict(
            [np.zeros((100, 200, 3), np.uint8)]
        )
        assert len(less) == 3  # 0.75 high and 0.5 high: an IoU of 2 / 3


def test_ssd_raw_boxes_that_overlap_by_less_than_half_go_too(tmp_path: Path, names: Callable[..., str]) -> None:
    boxes = np.array([[[0, 0, 0.5, 1], [0, 0, 0.5, 0.47], [0, 0, 0.5, 0.44]]], np.float32)
    scores = np.array([[[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]]], np.float32)
    path = graph(tmp_path / "a.onnx", {"boxes": boxes, "scores": scores})
    (found,) = opened(path, "ssd", class_names=names("lamp")).predict([np.zeros((100, 100, 3), np.uint8)])
    assert found.scores.tolist() == pytest.approx([0.9, 0.7])


def test_ssd_raw_boxes_of_three_classes_are_told_from_the_scores_by_their_name(
    tmp_path: Path, names: Callable[..., str]
) -> None:
    """Both are [1, N, 4] then."""
    boxes = np.array([[[0.25, 0.5, 0.5, 1.0]]], np.float32)
    scores = np.array([[[0.1, 0.2, 0.6, 0.1]]], np.float32)
    path = graph(tmp_path / "a.onnx", {"scores": scores, "boxes": boxes})
    (found,) = opened(path, "ssd", class_names=names("a", "b", "c")).predict([np.zeros((100, 200, 3), np.uint8)])
    assert rows(found) == [([50, 50, 100, 100], 0.6, 1)]


def test_ssd_resizes_to_the_input_whatever_the_shape() -> None:
    image = np.zeros((10, 40, 3), np.uint8)
    image[:, 20:] = (0, 127, 255)
    assert prepare_ssd(image, (8, 8)).shape == (3, 8, 8)
    assert prepare_ssd(image, (8, 8))[:, 3, 7].tolist() == [1, pytest.approx(127 / 255), 0]
    assert prepare_ssd_raw(image, (8, 8))[:, 3, 7].tolist() == [1, 0, -127 / 128]


@pytest.mark.slow
def test_an_export_of_torchvision_gives_the_boxes_of_its_model(tmp_path: Path, names: Callable[..., str]) -> None:
    torch = pytest.importorskip("torch")
    from torchvision.models import get_model

    torch.manual_seed(0)
    builder = "ssdlite320_mobilenet_v3_large"
    model = get_model(builder, weights=None, weights_backbone=None, num_classes=3, detections_per_img=50).eval()
    for module in model.modules():  # the statistics of one batch, so that no two scores are alike
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.inference_mode():
        model.head(list(model.train().backbone(torch.randn(2, 3, 320, 320)).values()))
    model.eval()
    with warnings.catch_warnings(action="ignore"):  # what tracing warns of
        torch.onnx.export(model, ([torch.rand(3, 320, 320)],), tmp_path / "a.onnx", opset_version=17, dynamo=False)
    image = np.random.default_rng(1).integers(0, 256, (320, 320, 3), dtype=np.uint8)
    with torch.inference_mode():
        by_hand = model([torch.from_numpy(image[:, :, ::-1].copy()).permute(2, 0, 1) / 255])[0]
    boxes = by_hand["boxes"].double().numpy()
    kept = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    (found,) = opened(tmp_path / "a.onnx", "ssd", class_names=names("lamp", "sign"), conf=0).predict([image])
    assert len(found) == kept.sum() > 20
    np.testing.assert_allclose(found.boxes_xyxy, boxes[kept], atol=1e-2)
    np.testing.assert_allclose(found.scores, by_hand["scores"].numpy()[kept], atol=1e-5)
