"""The layout of Ultralytics' exports, for files that lost their metadata and for other trainers of such models.

It follows `LetterBox` in `ultralytics/data/augment.py`, and `non_max_suppression` in `ultralytics/utils/nms.py` and
`scale_boxes` in `ultralytics/utils/ops.py` of https://github.com/ultralytics/ultralytics.
"""

from __future__ import annotations

import numpy as np

from negmine.detectors.onnx.layouts.base import (
    PAD,
    Decoding,
    Layout,
    Outputs,
    Tensor,
    corners,
    on_image,
    resized,
    suppressed,
)
from negmine.structures import Detections, FloatArray, Image

_MOST = 300


def prepare_ultralytics(image: Image, input_wh: tuple[int, int]) -> Tensor:
    """Resize to fit, put into the middle, pad with 114; RGB 0 to 1, [3, height, width]."""
    small_wh, (left, top) = _placed((image.shape[1], image.shape[0]), input_wh)
    padded = np.full((input_wh[1], input_wh[0], 3), PAD, dtype=np.uint8)
    padded[top : top + small_wh[1], left : left + small_wh[0]] = resized(image, small_wh)
    return np.ascontiguousarray(padded[:, :, ::-1].transpose(2, 0, 1), dtype=np.float32) / np.float32(255)


def decode_ultralytics(outputs: Outputs, decoding: Decoding) -> Detections:
    """From the output to boxes, each with its best class.

    Args:
        outputs: one: [4 + C, N] raw, centre and sides in pixels of the input, then a score a class; or [N, 6] of a
            model that needs no suppression, xyxy in pixels of the input, score, class.
        decoding: sizes and thresholds.
    """
    found = outputs[0].astype(np.float64)
    if _is_end_to_end(found.shape):
        boxes, scores = _on_original(found[:, :4], decoding), np.clip(found[:, 4], 0, 1)
        return on_image(boxes, scores, found[:, 5].astype(np.int64), decoding)
    rows = found.T
    class_ids, scores = rows[:, 4:].argmax(axis=1), np.clip(rows[:, 4:].max(axis=1), 0, 1)
    return suppressed(_on_original(corners(rows[:, :4]), decoding), scores, class_ids, decoding, most=_MOST)


def _classes(outputs: Outputs, input_wh: tuple[int, int]) -> int | None:
    shape = outputs[0].shape
    if len(outputs) != 1 or len(shape) != 2:
        return None
    if _is_end_to_end(shape):
        return 0
    return shape[0] - 4 if 4 < shape[0] < shape[1] else None


def _is_end_to_end(shape: tuple[int, ...]) -> bool:
    """Six values a detection; a raw output with six would have as many rows, two classes, and far more columns."""
    return shape[1] == 6


def _placed(size_wh: tuple[int, int], input_wh: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Width and height of an image within the input, and its left and top there."""
    ratio = min(input_wh[0] / size_wh[0], input_wh[1] / size_wh[1])
    small = (max(round(size_wh[0] * ratio), 1), max(round(size_wh[1] * ratio), 1))
    left, top = (round((whole - part) / 2 - 0.1) for whole, part in zip(input_wh, small, strict=True))
    return small, (left, top)


def _on_original(boxes_xyxy: FloatArray, decoding: Decoding) -> FloatArray:
    small_wh, corner = _placed(decoding.size_wh, decoding.input_wh)
    scale = np.array(small_wh * 2) / np.array(decoding.size_wh * 2)  # the sides were rounded, each by itself
    original: FloatArray = (boxes_xyxy - np.array(corner * 2)) / scale
    return original


ULTRALYTICS = Layout(
    name="ultralytics",
    expected="one output, [1, 4 + classes, N] or, of a model that needs no suppression, [1, N, 6]",
    iou=0.7,
    imgsz=640,
    prepare=prepare_ultralytics,
    classes=_classes,
    decode=decode_ultralytics,
)
