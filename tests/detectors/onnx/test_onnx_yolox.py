"""A real YOLOX, against a slow decoding by hand."""

from __future__ import annotations

import math
import re
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from onnx_graphs import opened

from negmine.boxes import box_iou
from negmine.detectors.onnx.layouts import prepare_yolox
from negmine.images import decode_image
from negmine.structures import Image

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

PHOTOGRAPH = "images/kangaroo/images/00001.jpg"  # two girls, and between them two kangaroos


def by_hand(path: Path, image: Image, *, conf: float, iou: float) -> list[tuple[list[float], float, int]]:
    """What YOLOX finds, cell by cell and pair by pair."""
    height, width = image.shape[:2]
    ratio = min(416 / height, 416 / width)
    small = cv2.resize(image, (int(width * ratio), int(height * ratio)), interpolation=cv2.INTER_LINEAR)
    tensor = np.full((1, 3, 416, 416), 114, dtype=np.float32)
    tensor[0, :, : small.shape[0], : small.shape[1]] = small.transpose(2, 0, 1)
    (out,) = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"images": tensor})
    found, row = [], 0
    for stride in (8, 16, 32):
        for y in range(416 // stride):
            for x in range(416 // stride):
                dx, dy, w, h, objectness, *classes = (float(v) for v in out[0, row])
                row += 1
                best = max(range(80), key=classes.__getitem__)
                if objectness * classes[best] >= conf:
                    cx, cy, w, h = (dx + x) * stride, (dy + y) * stride, math.exp(w) * stride, math.exp(h) * stride
                    box = [v / ratio for v in (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)]
                    found.append((box, objectness * classes[best], best))
    assert row == 3549
    kept: list[tuple[list[float], float, int]] = []
    for box, score, label in sorted(found, key=lambda each: -each[1]):
        if all(other[2] != label or overlap(box, other[0]) <= iou for other in kept):
            kept.append((box, score, label))
    sides = (width, height, width, height)
    return [([min(max(v, 0), side) for v, side in zip(b, sides, strict=True)], s, c) for b, s, c in kept]


def overlap(a: list[float], b: list[float]) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(w, 0) * max(h, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


@pytest.mark.parametrize(("conf", "iou"), [(0.25, None), (0.02, 0.4)])
def test_yolox_finds_what_its_grid_decoded_by_hand_says(real_data: Path, conf: float, iou: float | None) -> None:
    weights = real_data / "weights/yolox_nano.onnx"
    image = decode_image((real_data / PHOTOGRAPH).read_bytes())
    (found,) = opened(weights, "yolox", conf=conf, iou=iou).predict([image])
    expected = by_hand(weights, image, conf=conf, iou=iou or 0.65)
    assert len(found) == len(expected) > 4
    np.testing.assert_allclose(found.boxes_xyxy, [box for box, _, _ in expected], atol=1e-3)
    np.testing.assert_allclose(found.scores, [score for _, score, _ in expected], atol=1e-6)
    assert found.class_ids.tolist() == [number for _, _, number in expected]


def test_yolox_finds_the_people_and_animals_of_a_photograph(real_data: Path) -> None:
    """COCO knows no kangaroo: it takes one for another animal, where the kangaroo is."""
    detector = opened(real_data / "weights/yolox_nano.onnx", "yolox", conf=0.5)
    (found,) = detector.predict([decode_image((real_data / PHOTOGRAPH).read_bytes())])
    words = [detector.class_names[int(number)] for number in found.class_ids]
    assert words.count("person") >= 2 and words.count("dog") == 2
    animals = found.boxes_xyxy[[word == "dog" for word in words]]
    kangaroos = voc_boxes(real_data / "images/kangaroo/annots/00001.xml")
    assert (box_iou(animals, kangaroos).max(axis=1) > 0.5).all()


def voc_boxes(path: Path) -> npt.NDArray[np.float64]:
    numbers = {key: re.findall(rf"<{key}>(\d+)", path.read_text()) for key in ("xmin", "ymin", "xmax", "ymax")}
    return np.array(list(numbers.values()), dtype=np.float64).T


def test_yolox_letterboxes_into_the_top_left_corner_without_changing_colours() -> None:
    image = np.full((10, 20, 3), (1, 2, 3), np.uint8)
    tensor = prepare_yolox(image, (64, 64))
    assert tensor.shape == (3, 64, 64) and tensor.dtype == np.float32
    assert tensor[:, 0, 0].tolist() == tensor[:, 31, 63].tolist() == [1, 2, 3]
    assert tensor[:, 32, 0].tolist() == [114, 114, 114]
    tall = prepare_yolox(np.zeros((30, 20, 3), np.uint8), (64, 64))  # 64 / 30 times 20 is 42.7
    assert tall[0, 0, 41:43].tolist() == [0, 114]
