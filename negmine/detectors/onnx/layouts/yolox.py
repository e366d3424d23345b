"""The layout of YOLOX as its `tools/export_onnx.py` writes it, without `--decode_in_inference`.

Ge et al. 2021, https://arxiv.org/abs/2107.08430; the functions follow `preproc` in `yolox/data/data_augment.py`,
`demo_postprocess` in `yolox/utils/demo_utils.py` and `postprocess` in `yolox/utils/boxes.py` of
https://github.com/Megvii-BaseDetection/YOLOX.
"""

from __future__ import annotations

import numpy as np

from negmine.detectors.onnx.layouts.base import PAD, Decoding, Layout, Outputs, Tensor, corners, resized, suppressed
from negmine.structures import Detections, FloatArray, Image

_STRIDES = (8, 16, 32)
_LONGEST = 20.0  # exp() of more is wider than any image


def prepare_yolox(image: Image, input_wh: tuple[int, int]) -> Tensor:
    """Resize to fit, put into the top left corner, pad with 114; BGR 0 to 255, [3, height, width]."""
    (width, height), ratio = input_wh, _ratio((image.shape[1], image.shape[0]), input_wh)
    small = resized(image, (max(int(image.shape[1] * ratio), 1), max(int(image.shape[0] * ratio), 1)))
    padded = np.full((height, width, 3), PAD, dtype=np.uint8)
    padded[: small.shape[0], : small.shape[1]] = small
    return np.ascontiguousarray(padded.transpose(2, 0, 1), dtype=np.float32)


def decode_yolox(outputs: Outputs, decoding: Decoding) -> Detections:
    """From the grid to boxes: centre (x + cell) * stride, sides exp(w) * stride, score objectness * best class.

    Args:
        outputs: one, [A, 5 + C]: x, y, w, h, objectness, classes of each cell, fine to coarse stride, row by row.
        decoding: sizes and thresholds.
    """
    rows = outputs[0].astype(np.float64)
    cells, strides = _grid(decoding.input_wh)
    sides = np.exp(np.minimum(rows[:, 2:4], _LONGEST))
    boxes = np.concatenate([(rows[:, :2] + cells) * strides, sides * strides], axis=1)
    class_ids = rows[:, 5:].argmax(axis=1)
    scores = np.clip(rows[:, 4] * rows[:, 5:].max(axis=1), 0, 1)
    xyxy = corners(boxes) / _ratio(decoding.size_wh, decoding.input_wh)
    return suppressed(xyxy, scores, class_ids, decoding, most=None)


def _classes(outputs: Outputs, input_wh: tuple[int, int]) -> int | None:
    shape = outputs[0].shape
    fits = len(outputs) == 1 and len(shape) == 2 and shape[0] == len(_grid(input_wh)[0]) and shape[1] > 5
    return shape[1] - 5 if fits else None


def _ratio(size_wh: tuple[int, int], input_wh: tuple[int, int]) -> float:
    return min(input_wh[0] / size_wh[0], input_wh[1] / size_wh[1])


def _grid(input_wh: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Column and row [A, 2] and stride [A, 1] of every cell."""
    cells, strides = [], []
    for stride in _STRIDES:
        xs, ys = np.meshgrid(np.arange(input_wh[0] // stride), np.arange(input_wh[1] // stride))
        cells.append(np.stack([xs, ys], axis=2).reshape(-1, 2).astype(np.float64))
        strides.append(np.full((xs.size, 1), stride, dtype=np.float64))
    return np.concatenate(cells), np.concatenate(strides)


YOLOX = Layout(
    name="yolox",
    expected="one output [1, A, 5 + classes], a row for each cell at the strides 8, 16 and 32",
    iou=0.65,  # nmsthre in yolox/exp/yolox_base.py
    imgsz=640,
    prepare=prepare_yolox,
    classes=_classes,
    decode=decode_yolox,
)
