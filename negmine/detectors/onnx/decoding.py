"""From the outputs of an ONNX model to detections: what the decoders of all layouts share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from negmine.boxes import clip_boxes
from negmine.detectors.nms import nms_by_class
from negmine.structures import Detections, FloatArray, IntArray

Tensor: TypeAlias = npt.NDArray[np.float32]
Outputs: TypeAlias = Sequence[npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Decoding:
    """What a decoder needs to know besides the outputs.

    Attributes:
        size_wh: of the image, pixels.
        input_wh: of the model's input, pixels.
        conf: detections that score below it are dropped.
        iou: overlap above which the lower score is dropped.
    """

    size_wh: tuple[int, int]
    input_wh: tuple[int, int]
    conf: float
    iou: float

    def detections(self, boxes_xyxy: FloatArray, scores: FloatArray, class_ids: IntArray) -> Detections:
        """Detections that score `conf` or more, clipped to the image; without those that have no area then.

        Args:
            boxes_xyxy: [N, 4] in pixels of the image.
            scores: [N].
            class_ids: [N].
        """
        boxes = clip_boxes(boxes_xyxy, self.size_wh)
        keep = (scores >= self.conf) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        return Detections(boxes[keep], scores[keep], class_ids[keep])

    def suppress(
        self, boxes_xyxy: FloatArray, scores: FloatArray, class_ids: IntArray, *, most: int | None
    ) -> Detections:
        """As `detections`, after NMS within each class; falling scores, `most` at most."""
        sure = scores >= self.conf
        boxes, scores, class_ids = boxes_xyxy[sure], scores[sure], class_ids[sure]
        kept = nms_by_class(boxes, scores, class_ids, self.iou)[:most]
        return self.detections(boxes[kept], scores[kept], class_ids[kept])


def times_objectness(rows: FloatArray) -> tuple[IntArray, FloatArray]:
    """The best class of each row [N, 5 + C], and its score times the objectness."""
    return rows[:, 5:].argmax(axis=1), np.clip(rows[:, 4] * rows[:, 5:].max(axis=1), 0, 1)


def corners_of(boxes_cxcywh: FloatArray) -> FloatArray:
    """[N, 4] from centre and sides to xyxy."""
    centre, half = boxes_cxcywh[:, :2], boxes_cxcywh[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=1)
