"""Non-maximum suppression (NMS) without torch, with the arithmetic of Ultralytics.

It follows `non_max_suppression` in `ultralytics/utils/nms.py` and `Detect.postprocess` in
`ultralytics/nn/modules/head.py` of https://github.com/ultralytics/ultralytics, and `nms` of
https://github.com/pytorch/vision. It has no time limit, and no limit of 30,000 boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from negmine.structures import FloatArray, IntArray

Rows = npt.NDArray[np.float32]

_CLASS_OFFSET = 7680  # pixels between the boxes of two classes, Ultralytics' own


def nms_raw(output: Rows, conf: float, iou: float, class_ids: Sequence[int] | None, most: int) -> Rows:
    """NMS within each class, on the raw output of an Ultralytics model.

    Args:
        output: [4 + C, N], centre x, centre y, width, height in pixels of the input, and a score for each class.
        conf: boxes that do not score above it are dropped.
        iou: overlap above which the lower score is dropped.
        class_ids: of the classes to keep; None for all.
        most: boxes to keep.

    Returns:
        [M, 6]: x1, y1, x2, y2, score, class; falling scores.
    """
    (sure,) = (output[4:].max(axis=0) > conf).nonzero()
    scores = output[4:, sure]
    labels, best = scores.argmax(axis=0), scores.max(axis=0)
    if class_ids is not None:
        wanted = np.isin(labels, class_ids)
        sure, labels, best = sure[wanted], labels[wanted], best[wanted]
    centre, half = output[:2, sure], output[2:4, sure] / 2
    boxes = np.concatenate([centre - half, centre + half]).T
    kept = nms(boxes + (labels.astype(np.float32) * _CLASS_OFFSET)[:, None], best, iou, most)
    return np.column_stack([boxes[kept], best[kept], labels[kept].astype(np.float32)])


def top_scores(output: Rows, conf: float, class_ids: Sequence[int] | None, most: int) -> Rows:
    """The best boxes of an end-to-end model, which needs no NMS; picked as its head does.

    Args:
        output: [N, 4 + C], x1, y1, x2, y2 in pixels of the input, and a score for each class.
        conf, class_ids, most: see `nms_raw`.

    Returns:
        As `nms_raw`; a box may be there for several classes.
    """
    scores = output[:, 4:]
    first = _falling(scores.max(axis=1))[:most]
    pairs = scores[first].ravel()
    best = _falling(pairs)[: min(most, len(output))]
    best = best[pairs[best] > conf]
    places, labels = first[best // scores.shape[1]], best % scores.shape[1]
    rows = np.column_stack([output[places, :4], pairs[best], labels.astype(np.float32)])
    return rows if class_ids is None else rows[np.isin(labels, class_ids)]


def nms_by_class(boxes_xyxy: FloatArray, scores: FloatArray, class_ids: IntArray, iou: float) -> IntArray:
    """NMS within each class: indices of the boxes to keep, by falling score; ties in their order.

    Args:
        boxes_xyxy: [N, 4].
        scores: [N].
        class_ids: [N].
        iou: see `nms`.
    """
    kept = [np.zeros(0, dtype=np.int64)]
    for number in np.unique(class_ids):
        members = np.flatnonzero(class_ids == number)
        kept.append(members[nms(boxes_xyxy[members], scores[members], iou)])
    order = np.concatenate(kept)
    return order[np.lexsort((order, -scores[order]))]


def nms(boxes_xyxy: npt.NDArray[Any], scores: npt.NDArray[Any], iou: float, most: int | None = None) -> IntArray:
    """Indices of the boxes that overlap no better box by more than `iou`, by falling score; ties in their order.

    Args:
        boxes_xyxy: [N, 4] of any float type, in which the overlap is computed.
        scores: [N].
        iou: intersection over union.
        most: boxes to keep; None for all.
    """
    order = _falling(scores)
    left = np.arange(len(order))
    x1, y1, x2, y2 = boxes_xyxy[order].T
    areas = (x2 - x1) * (y2 - y1)
    kept: list[int] = []
    with np.errstate(invalid="ignore"):  # two boxes without area
        while len(left) and (most is None or len(kept) < most):
            best, left = left[0], left[1:]
            kept.append(best)
            width = np.minimum(x2[best], x2[left]) - np.maximum(x1[best], x1[left])
            height = np.minimum(y2[best], y2[left]) - np.maximum(y1[best], y1[left])
            shared = np.maximum(width, 0) * np.maximum(height, 0)
            overlap = shared / (areas[best] + areas[left] - shared)
            left = left[~(overlap.astype(np.float64) > iou)]
    return order[kept]


def _falling(values: npt.NDArray[Any]) -> IntArray:
    return np.argsort(-values, kind="stable")
