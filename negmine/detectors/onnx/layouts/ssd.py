"""The two layouts of SSD: with the suppression in the graph, as torchvision exports it, and without.

Liu et al. 2016, https://arxiv.org/abs/1512.02325. The first follows `torchvision/models/detection/ssd.py` and
`transform.py` of https://github.com/pytorch/vision; the second `vision/ssd/predictor.py`, `vision/ssd/config` and
`vision/ssd/ssd.py` of https://github.com/qfgaohao/pytorch-ssd, which many exports for small devices come from.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from negmine.detectors.onnx.layouts.base import Decoding, Layout, Outputs, Tensor, on_image, resized, suppressed
from negmine.structures import Detections, Image

_MOST = 200
_MEAN, _SCALE = np.float32(127), np.float32(128)


def prepare_done(image: Image, input_wh: tuple[int, int]) -> Tensor:
    """Resize; RGB 0 to 1, [3, height, width]: the graph does the rest."""
    return _rgb(image, input_wh) / np.float32(255)


def prepare_raw(image: Image, input_wh: tuple[int, int]) -> Tensor:
    """Resize; RGB, (value - 127) / 128, [3, height, width]."""
    return (_rgb(image, input_wh) - _MEAN) / _SCALE


def decode_done(outputs: Outputs, decoding: Decoding) -> Detections:
    """Boxes that the graph chose.

    Args:
        outputs: boxes [N, 4] xyxy in pixels of the input, labels [N] whole with 0 the background, scores [N]; in any
            order, since their shapes and types tell them apart.
        decoding: sizes and thresholds.
    """
    boxes, labels, scores = _parted(outputs)
    scale = np.array(decoding.size_wh * 2) / np.array(decoding.input_wh * 2)
    objects = labels > 0
    xyxy, sure = boxes.astype(np.float64) * scale, np.clip(scores.astype(np.float64), 0, 1)
    return on_image(xyxy[objects], sure[objects], labels[objects].astype(np.int64) - 1, decoding)


def decode_raw(outputs: Outputs, decoding: Decoding) -> Detections:
    """Boxes of all priors, each as every class that it scores enough for.

    Args:
        outputs: boxes [N, 4] xyxy in shares of the image, and scores [N, 1 + C] after the softmax, background first; in
            any order where C is not 3, and boxes first where it is.
        decoding: sizes and thresholds.
    """
    boxes, scores = _boxes_first(outputs)
    sure = np.clip(scores[:, 1:].astype(np.float64), 0, 1)
    prior, class_ids = np.nonzero(sure >= decoding.conf)
    xyxy = boxes.astype(np.float64)[prior] * np.array(decoding.size_wh * 2)
    return suppressed(xyxy, sure[prior, class_ids], class_ids, decoding, most=_MOST)


def _classes_done(outputs: Outputs, input_wh: tuple[int, int]) -> int | None:
    kinds = sorted((output.ndim, output.dtype.kind) for output in outputs)
    return 0 if kinds == [(1, "f"), (1, "i"), (2, "f")] and _parted(outputs)[0].shape[1] == 4 else None


def _classes_raw(outputs: Outputs, input_wh: tuple[int, int]) -> int | None:
    if len(outputs) != 2 or any(output.ndim != 2 for output in outputs):
        return None
    boxes, scores = _boxes_first(outputs)
    fits = boxes.shape == (len(scores), 4) and scores.shape[1] > 1
    return scores.shape[1] - 1 if fits else None


def _parted(outputs: Outputs) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Boxes, labels, scores."""
    boxes = next(output for output in outputs if output.ndim == 2)
    labels = next(output for output in outputs if output.dtype.kind == "i")
    scores = next(output for output in outputs if output.ndim == 1 and output.dtype.kind == "f")
    return boxes, labels, scores


def _boxes_first(outputs: Outputs) -> Outputs:
    return outputs if outputs[0].shape[1] == 4 else outputs[::-1]


def _rgb(image: Image, input_wh: tuple[int, int]) -> Tensor:
    return np.ascontiguousarray(resized(image, input_wh)[:, :, ::-1].transpose(2, 0, 1), dtype=np.float32)


SSD_DONE = Layout(
    name="ssd",
    expected="boxes [N, 4], labels [N] and scores [N], or boxes [1, N, 4] and scores [1, N, 1 + classes]",
    iou=None,
    imgsz=300,
    prepare=prepare_done,
    classes=_classes_done,
    decode=decode_done,
)
SSD_RAW = Layout(
    name="ssd",
    expected=SSD_DONE.expected,
    iou=0.45,
    imgsz=300,
    prepare=prepare_raw,
    classes=_classes_raw,
    decode=decode_raw,
)
