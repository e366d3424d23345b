"""The rows of YOLOv5, YOLOv6 and YOLOv7, with an objectness before the classes; `layouts.py` says whom it follows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from negmine.detectors.letterbox import scale_boxes
from negmine.detectors.onnx.decoding import Decoding, Outputs, corners_of, times_objectness
from negmine.detectors.onnx.ranges import (
    SURE,
    far_outside,
    in_fractions,
    is_grid,
    wrong_end_to_end,
    wrong_scores,
    wrong_sides,
)
from negmine.structures import Detections, FloatArray

_MOST = 1000  # detections of an image


def decode_yolov5(outputs: Outputs, decoding: Decoding) -> Detections:
    """From the rows to boxes, each with its best class; score objectness * class.

    Args:
        outputs: [N, 5 + C]: centre and sides in pixels of the input, objectness, a score for each class; masks are
            not read.
        decoding: sizes and thresholds.
    """
    rows = _yolov5_rows(outputs).astype(np.float64)
    class_ids, scores = times_objectness(rows)
    boxes = scale_boxes(corners_of(rows[:, :4]), decoding.input_wh[::-1], decoding.size_wh[::-1])
    return decoding.suppress(boxes, scores, class_ids, most=_MOST)


def yolov5_classes(outputs: Outputs, input_wh: tuple[int, int]) -> int | None:
    """The number of classes; None for outputs of another layout. See `GraphLayout.classes`."""
    rows, *others = sorted(outputs, key=lambda output: output.ndim)
    maps = all(output.ndim == 4 and output.shape[-1] == rows.shape[-1] for output in others)  # before they are decoded
    masks = len(others) == 1 and others[0].ndim == 3
    if rows.ndim != 2 or not (maps or masks):
        return None
    classes: int = _yolov5_rows(outputs).shape[1] - 5
    return classes if 0 < classes and classes + 5 < len(rows) else None


def _yolov5_rows(outputs: Outputs) -> npt.NDArray[Any]:
    """The rows [N, 5 + C], without the coefficients of masks."""
    rows, *others = sorted(outputs, key=lambda output: output.ndim)
    masks = others[0].shape[0] if others and others[0].ndim == 3 else 0
    return rows[:, : rows.shape[1] - masks]


def yolov5_doubt(outputs: Outputs, input_wh: tuple[int, int]) -> str | None:
    """What in the outputs cannot be of this layout, in words. See `GraphLayout.doubt`."""
    rows = _yolov5_rows(outputs).astype(np.float64)
    wrong = wrong_scores(rows[:, 4:])
    if wrong is not None:
        return wrong
    boxes, sure = rows[:, :4], times_objectness(rows)[1] >= SURE
    return (
        wrong_sides(boxes, sure)
        or far_outside(boxes, input_wh, sure)
        or in_fractions(boxes, sure)
        or _in_cells(boxes, input_wh)
        or _chosen(rows, input_wh)
    )


def _in_cells(boxes: FloatArray, input_wh: tuple[int, int]) -> str | None:
    """Say that boxes are not decoded: those of a YOLOX are offsets in cells, and logarithms of sides."""
    if (boxes[:, 2:] >= 0).all() or (np.abs(boxes[:, :2]) > np.array(input_wh) / 4).any():
        return None
    return "boxes that all lie in one corner of the input, some with a width or height below 0"


def _chosen(rows: FloatArray, input_wh: tuple[int, int]) -> str | None:
    """Say that six columns are those of an end-to-end model: two corners, the score, and a whole class."""
    if rows.shape[1] != 6 or is_grid(len(rows), input_wh) or not (rows[:, 4] >= SURE).any():
        return None
    if wrong_end_to_end(rows, input_wh) or (rows[:, 2:4] < rows[:, :2]).any() or (rows[:, 5] % 1).any():
        return None
    return f"{len(rows)} rows of corners, a score and a whole class, where a row for every anchor was expected"
