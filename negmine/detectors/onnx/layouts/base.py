"""What the layouts of ONNX models share: resizing, non-maximum suppression, and the form of a layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from negmine.detectors.nms import nms
from negmine.structures import Detections, FloatArray, Image, IntArray

Tensor: TypeAlias = npt.NDArray[np.float32]
Outputs: TypeAlias = Sequence[npt.NDArray[Any]]

PAD = 114  # grey, as YOLOX and Ultralytics letterbox with


@dataclass(frozen=True, slots=True)
class Decoding:
    """What a decoder needs to know beside the outputs.

    Attributes:
        size_wh: of the image, pixels.
        input_wh: of the tensor that it was made into, pixels.
        conf: detections that score below are dropped.
        iou: overlap above which the lower score is dropped.
    """

    size_wh: tuple[int, int]
    input_wh: tuple[int, int]
    conf: float
    iou: float


@dataclass(frozen=True, slots=True)
class Layout:
    """What goes into a model, and what comes out.

    Attributes:
        name: for people.
        expected: the outputs, in words.
        iou: default threshold of the suppression; None where the graph has its own.
        imgsz: default side of the input where the graph takes any, pixels.
        prepare: from an image [H, W, 3] uint8 BGR and a width and height to the input [3, height, width].
        classes: from the outputs for one image, without their batch axis, and the input's width and height to the
            number of classes; 0 where that cannot be told, None where they are of another layout.
        decode: from the same outputs to detections in pixels of the image.
    """

    name: str
    expected: str
    iou: float | None
    imgsz: int
    prepare: Callable[[Image, tuple[int, int]], Tensor]
    classes: Callable[[Outputs, tuple[int, int]], int | None]
    decode: Callable[[Outputs, Decoding], Detections]


def resized(image: Image, size_wh: tuple[int, int]) -> Image:
    """Bilinear, as all three do."""
    if (image.shape[1], image.shape[0]) == size_wh:
        return image
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def suppressed(
    boxes_xyxy: FloatArray, scores: FloatArray, class_ids: IntArray, decoding: Decoding, *, most: int | None
) -> Detections:
    """Non-maximum suppression within each class, of what scores `conf` or more; falling score.

    Args:
        boxes_xyxy: [N, 4] in pixels of the image; cut at its edge afterwards, and dropped where that leaves no area.
        scores: [N].
        class_ids: [N].
        decoding: thresholds and the image's size.
        most: detections to keep; None for all.
    """
    sure = scores >= decoding.conf
    boxes, scores, class_ids = boxes_xyxy[sure], scores[sure], class_ids[sure]
    kept = [np.zeros(0, dtype=np.int64)]
    for number in np.unique(class_ids):
        members = np.flatnonzero(class_ids == number)
        kept.append(members[nms(boxes[members], scores[members], decoding.iou)])
    order = np.concatenate(kept)
    order = order[np.lexsort((order, -scores[order]))][:most]
    return on_image(boxes[order], scores[order], class_ids[order], decoding)


def on_image(boxes_xyxy: FloatArray, scores: FloatArray, class_ids: IntArray, decoding: Decoding) -> Detections:
    """Detections that score `conf` or more, cut at the image's edge; without those that have no area then."""
    boxes = boxes_xyxy.clip(0, [*decoding.size_wh, *decoding.size_wh])
    keep = (scores >= decoding.conf) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return Detections(boxes[keep], scores[keep], class_ids[keep])


def corners(boxes_cxcywh: FloatArray) -> FloatArray:
    """[N, 4] from centre and sides to xyxy."""
    centre, half = boxes_cxcywh[:, :2], boxes_cxcywh[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=1)
