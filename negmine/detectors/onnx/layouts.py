"""The layouts of ONNX models: what goes in and comes out of a YOLOX, an Ultralytics model, a YOLOv5, and an SSD.

- yolox: as `tools/export_onnx.py` writes it, without `--decode_in_inference`. Ge et al. 2021,
  https://arxiv.org/abs/2107.08430. The functions follow `preproc` in `yolox/data/data_augment.py`, `demo_postprocess`
  in `yolox/utils/demo_utils.py` and `postprocess` in `yolox/utils/boxes.py` of
  https://github.com/Megvii-BaseDetection/YOLOX.
- ultralytics: for exports that lost their metadata, and for other trainers of such models. It follows `LetterBox` in
  `ultralytics/data/augment.py`, `non_max_suppression` in `ultralytics/utils/nms.py` and `scale_boxes` in
  `ultralytics/utils/ops.py` of https://github.com/ultralytics/ultralytics.
- yolov5: YOLOv5, YOLOv6 and YOLOv7, as their `export.py` writes them. It follows `letterbox` in
  `utils/augmentations.py` and `non_max_suppression` in `utils/general.py` of https://github.com/ultralytics/yolov5.
- ssd, with NMS in the graph, as torchvision exports it, or without. Liu et al. 2016, https://arxiv.org/abs/1512.02325.
  The first follows `torchvision/models/detection/ssd.py` and `transform.py` of https://github.com/pytorch/vision; the
  second `vision/ssd/predictor.py`, `vision/ssd/config` and `vision/ssd/ssd.py` of
  https://github.com/qfgaohao/pytorch-ssd, which many exports for small devices come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from negmine.detectors.config import OnnxLayout
from negmine.detectors.letterbox import PADDING, Letterbox, resize, scale_boxes
from negmine.detectors.onnx.decoding import Decoding, Outputs, Tensor, corners_of, times_objectness
from negmine.detectors.onnx.ranges import (
    SURE,
    far_outside,
    in_fractions,
    in_pixels,
    wrong_corners,
    wrong_end_to_end,
    wrong_scores,
    wrong_sides,
)
from negmine.detectors.onnx.yolov5 import decode_yolov5, yolov5_classes, yolov5_doubt
from negmine.structures import Detections, FloatArray, Image

_YOLOX_STRIDES = (8, 16, 32)
_YOLOX_LONGEST = 20.0  # exp() of more is wider than any image
_ULTRALYTICS_MOST = 300  # detections of an image
_SSD_MOST = 200
_SSD_MEAN, _SSD_SCALE = np.float32(127), np.float32(128)


@dataclass(frozen=True, slots=True)
class GraphLayout:
    """What goes into a model, and what comes out.

    Attributes:
        name: for people.
        expected: the outputs, in words.
        iou: default threshold of the NMS; None where the graph has its own.
        imgsz: default side of the input where the graph takes any, pixels.
        prepare: from an image [H, W, 3] uint8 BGR and a width and height to the input [3, height, width].
        classes: from the outputs for one image, without their batch axis, and the input's width and height to the
            number of classes; 0 if unknown, None for outputs of another layout.
        doubt: from the same outputs and size to what in them cannot be of this layout, in words; None for nothing.
        decode: from the same outputs to detections in pixels of the image.
        takes_batches: whether outputs for several images can be told apart.
    """

    name: str
    expected: str
    iou: float | None
    imgsz: int
    prepare: Callable[[Image, tuple[int, int]], Tensor]
    classes: Callable[[Outputs, tuple[int, int]], int | None]
    doubt: Callable[[Outputs, tuple[int, int]], str | None]
    decode: Callable[[Outputs, Decoding], Detections]
    takes_batches: bool = True


def prepare_yolox(image: Image, input_wh: tuple[int, int]) -> Tensor:
    """Resize to fit, put into the top left corner, pad with 114; BGR 0 to 255, [3, height, width]."""
    (width, height), ratio = input_wh, _yolox_ratio((image.shape[1], image.shape[0]), input_wh)
    small = resize(image, (max(int(image.shape[1] * ratio), 1), max(int(image.shape[0] * ratio), 1)))
    padded = np.full((height, width, 3), PADDING, dtype=np.uint8)
    padded[: small.shape[0], : small.shape[1]] = small
    return np.ascontiguousarray(padded.transpose(2, 0, 1), dtype=np.float32)


def decode_yolox(outputs: Outputs, decoding: Decoding) -> Detections:
    """From the grid to boxes: centre (x + cell) * stride, sides exp(w) * stride, score objectness * best class.

    Args:
        outputs: one, [A, 5 + C]: x, y, w, h, objectness, classes of each cell, fine to coarse stride, row by row.
        decoding: sizes and thresholds.
    """
    rows = outputs[0].astype(np.float64)
    class_ids, scores = times_objectness(rows)
    xyxy = corners_of(_yolox_boxes(rows, decoding.input_wh)) / _yolox_ratio(decoding.size_wh, decoding.input_wh)
    return decoding.suppress(xyxy, scores, class_ids, most=None)


def _yolox_boxes(rows: FloatArray, input_wh: tuple[int, int]) -> FloatArray:
    """Centre and sides in pixels of the input, [A, 4]."""
    cells, strides = _yolox_grid(input_wh)
    sides = np.exp(np.minimum(rows[:, 2:4], _YOLOX_LONGEST))
    return np.concatenate([(rows[:, :2] + cells) * strides, sides * strides], axis=1)


def _yolox_doubt(outputs: Outputs, input_wh: tuple[int, int]) -> str | None:
    rows = outputs[0].astype(np.float64)
    wrong = wrong_scores(rows[:, 4:])
    return wrong or far_outside(_yolox_boxes(rows, input_wh), input_wh, times_objectness(rows)[1] >= SURE)


def _yolox_classes(outputs: Outputs, input_wh: tuple[int, int]) -> int | None:
    shape = outputs[0].shape
    fits = len(outputs) == 1 and len(shape) == 2 and shape[0] == len(_yolox_grid(input_wh)[0]) and shape[1] > 5
    return shape[1] - 5 if fits else None


def _yolox_ratio(size_wh: tuple[int, int], input_wh: tuple[int, int]) -> float:
    return min(input_wh[0] / size_wh[0], input_wh[1] / size_wh[1])


def _yolox_grid(input_wh: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Column and row [A, 2] and stride [A, 1] of every cell."""
    cells, strides = [], []
    for stride in _YOLOX_STRIDES:
        xs, ys = np.meshgrid(np.arange(input_wh[0] // stride), np.arange(input_wh[1] // stride))
        cells.append(np.stack([xs, ys], axis=2).reshape(-1, 2).astype(np.float64))
        strides.append(np.full((xs.size, 1), stride, dtype=np.float64))
    return np.concatenate(cells), np.concatenate(strides)


def prepare_ultralytics(image: Image, input_wh: tuple[int, int]) -> Tensor:
    """Letterbox; RGB 0 to 1, [3, height, width]."""
    padded = Letterbox.into(image.shape, input_wh[::-1]).draw(image)
    return np.ascontiguousarray(padded[:, :, ::-1].transpose(2, 0, 1), dtype=np.float32) / np.float32(255)


def decode_ultralytics(outputs: Outputs, decoding: Decoding) -> Detections:
    """From the output to boxes, each with its best class.

    Args:
        outputs: one: [4 + C, N] raw, centre and sides in pixels of the input, then a score for each class; or [N, 6] of
            an end-to-end model, xyxy in pixels of the input, score, class.
        decoding: sizes and thresholds.
    """

    def on_image(boxes_xyxy: FloatArray) -> FloatArray:
        scaled: FloatArray = scale_boxes(boxes_xyxy, decoding.input_wh[::-1], decoding.size_wh[::-1])
        return scaled

    found = outputs[0].astype(np.float64)
    if _is_end_to_end(found.shape):
        return decoding.detections(on_image(found[:, :4]), np.clip(found[:, 4], 0, 1), found[:, 5].astype(np.int64))
    rows = found.T
    class_ids, scores = rows[:, 4:].argmax(axis=1), np.clip(rows[:, 4:].max(axis=1), 0, 1)
    return decoding.suppress(on_image(corners_of(rows[:, :4])), scores, class_ids, most=_ULTRALYTICS_MOST)


def _ultralytics_classes(outputs: Outputs, input_wh: tuple[int, int]) -> int | None:
    shape = outputs[0].shape
    if len(outputs) != 1 or len(shape) != 2:
        return None
    if _is_end_to_end(shape):
        return 0
    return shape[0] - 4 if 4 < shape[0] < shape[1] else None


def _ultralytics_doubt(outputs: Outputs, input_wh: tuple[int, int]) -> str | None:
    found = outputs[0].astype(np.float64)
    if _is_end_to_end(found.shape):
        return wrong_end_to_end(found, input_wh)
    rows = found.T
    return wrong_scores(rows[:, 4:]) or wrong_sides(rows[:, :4], rows[:, 4:].max(axis=1) >= SURE)


def _is_end_to_end(shape: tuple[int, ...]) -> bool:
    """Six values a detection; a raw output with six would have as many rows, two classes, and far more columns."""
    return shape[1] == 6


def prepare_ssd(image: Image, input_wh: tuple[int, int]) -> Tensor:
    """Resize; RGB 0 to 1, [3, height, width]: the graph does the rest."""
    return _rgb(image, input_wh) / np.float32(255)


def prepare_ssd_raw(image: Image, input_wh: tuple[int, int]) -> Tensor:
    """Resize; RGB, (value - 127) / 128, [3, height, width]."""
    return (_rgb(image, input_wh) - _SSD_MEAN) / _SSD_SCALE


def decode_ssd(outputs: Outputs, decoding: Decoding) -> Detections:
    """Boxes that the graph chose.

    Args:
        outputs: boxes [N, 4] xyxy in pixels of the input, labels [N] whole with 0 the background, scores [N]; in any
            order, since their shapes and types tell them apart.
        decoding: sizes and thresholds.
    """
    boxes, labels, scores = _ssd_outputs(outputs)
    scale = np.array(decoding.size_wh * 2) / np.array(decoding.input_wh * 2)
    objects = labels > 0
    xyxy, sure = boxes.astype(np.float64) * scale, np.clip(scores.astype(np.float64), 0, 1)
    return decoding.detections(xyxy[objects], sure[objects], labels[objects].astype(np.int64) - 1)


def decode_ssd_raw(outputs: Outputs, decoding: Decoding) -> Detections:
    """Boxes of all priors, each as every class that it scores enough for.

    Args:
        outputs: boxes [N, 4] xyxy as fractions of the image, and scores [N, 1 + C] after the softmax, background first;
            in any order where C is not 3, and boxes first where it is.
        decoding: sizes and thresholds.
    """
    boxes, scores = _boxes_first(outputs)
    sure = np.clip(scores[:, 1:].astype(np.float64), 0, 1)
    prior, class_ids = np.nonzero(sure >= decoding.conf)
    xyxy = boxes.astype(np.float64)[prior] * np.array(decoding.size_wh * 2)
    return decoding.suppress(xyxy, sure[prior, class_ids], class_ids, most=_SSD_MOST)


def _ssd_classes(outputs: Outputs, input_wh: tuple[int, int]) -> int | None:
    kinds = sorted((output.ndim, output.dtype.kind) for output in outputs)
    return 0 if kinds == [(1, "f"), (1, "i"), (2, "f")] and _ssd_outputs(outputs)[0].shape[1] == 4 else None


def _ssd_raw_classes(outputs: Outputs, input_wh: tuple[int, int]) -> int | None:
    if len(outputs) != 2 or any(output.ndim != 2 for output in outputs):
        return None
    boxes, scores = _boxes_first(outputs)
    fits = boxes.shape == (len(scores), 4) and scores.shape[1] > 1
    return scores.shape[1] - 1 if fits else None


def _ssd_doubt(outputs: Outputs, input_wh: tuple[int, int]) -> str | None:
    boxes, _, scores = _ssd_outputs(outputs)
    sure = scores >= SURE
    return wrong_scores(scores) or wrong_corners(boxes, sure) or in_fractions(boxes, sure)


def _ssd_raw_doubt(outputs: Outputs, input_wh: tuple[int, int]) -> str | None:
    boxes, scores = _boxes_first(outputs)
    sure = scores[:, 1:].max(axis=1) >= SURE
    return wrong_scores(scores) or wrong_corners(boxes, sure) or in_pixels(boxes, sure)


def _ssd_outputs(outputs: Outputs) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Boxes, labels, scores."""
    boxes = next(output for output in outputs if output.ndim == 2)
    labels = next(output for output in outputs if output.dtype.kind == "i")
    scores = next(output for output in outputs if output.ndim == 1 and output.dtype.kind == "f")
    return boxes, labels, scores


def _boxes_first(outputs: Outputs) -> Outputs:
    return outputs if outputs[0].shape[1] == 4 else outputs[::-1]


def _rgb(image: Image, input_wh: tuple[int, int]) -> Tensor:
    return np.ascontiguousarray(resize(image, input_wh)[:, :, ::-1].transpose(2, 0, 1), dtype=np.float32)


YOLOX = GraphLayout(
    name="yolox",
    expected="one output [1, A, 5 + classes], a row for each cell at the strides 8, 16 and 32",
    iou=0.65,  # nmsthre in yolox/exp/yolox_base.py
    imgsz=640,
    prepare=prepare_yolox,
    classes=_yolox_classes,
    doubt=_yolox_doubt,
    decode=decode_yolox,
)
ULTRALYTICS = GraphLayout(
    name="ultralytics",
    expected="one output, [1, 4 + classes, N] or, of an end-to-end model, [1, N, 6]",
    iou=0.7,
    imgsz=640,
    prepare=prepare_ultralytics,
    classes=_ultralytics_classes,
    doubt=_ultralytics_doubt,
    decode=decode_ultralytics,
)
YOLOV5 = GraphLayout(
    name="yolov5",
    expected="one output [1, N, 5 + classes], boxes in pixels of the input (of a YOLOv7: exported with --grid)",
    iou=0.45,  # iou_thres in detect.py
    imgsz=640,
    prepare=prepare_ultralytics,
    classes=yolov5_classes,
    doubt=yolov5_doubt,
    decode=decode_yolov5,
)
SSD = GraphLayout(
    name="ssd",
    expected="boxes [N, 4], labels [N] and scores [N], or boxes [1, N, 4] and scores [1, N, 1 + classes]",
    iou=None,
    imgsz=300,
    prepare=prepare_ssd,
    classes=_ssd_classes,
    doubt=_ssd_doubt,
    decode=decode_ssd,
    takes_batches=False,
)
SSD_RAW = GraphLayout(
    name="ssd",
    expected=SSD.expected,
    iou=0.45,
    imgsz=300,
    prepare=prepare_ssd_raw,
    classes=_ssd_raw_classes,
    doubt=_ssd_raw_doubt,
    decode=decode_ssd_raw,
)
LAYOUTS: Mapping[OnnxLayout, tuple[GraphLayout, ...]] = MappingProxyType(
    {"yolox": (YOLOX,), "ultralytics": (ULTRALYTICS,), "yolov5": (YOLOV5,), "ssd": (SSD, SSD_RAW)}
)
