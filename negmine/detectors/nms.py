"""The best boxes of one image, without torch: Ultralytics' non-maximum suppression, by the same arithmetic.

It follows `non_max_suppression` in `ultralytics/utils/nms.py`, `Detect.postprocess` in
`ultralytics/nn/modules/head.py` of https://github.com/ultralytics/ultralytics, and `nms` of
https://github.com/pytorch/vision. Its limits of time and of 30,000 boxes are gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from negmine.structures import IntArray

Rows = npt.NDArray[np.float32]

_CLASS_APART = 7680  # pixels between the boxes of two classes, Ultralytics' own


def best_of_raw(output: Rows, conf: float, iou: float, class_ids: Sequence[int] | None, most: int) -> Rows:
    """Suppress the raw output of a model.

    Args:
        output: [4 + C, N], centre x, centre y, width, height in pixels of the picture, and a score for each class.
        conf: boxes that do not score above are dropped.
        iou: overlap above which the lower score is dropped.
        class_ids: that are kept; None for all.
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
    apart = boxes + (labels.astype(np.float32) * _CLASS_APART)[:, None]
    kept = nms(apart, best, iou, most)
    return np.column_stack([boxes[kept], best[kept], labels[kept].astype(np.float32)])


def best_of_candidates(output: Rows, conf: float, class_ids: Sequence[int] | None, most: int) -> Rows:
    """Pick the best of a model that needs no suppression, as its head does.

    Args:
        output: [N, 4 + C], x1, y1, x2, y2 in pixels of the picture, and a score for each class.
        conf, class_ids, most: as of `best_of_raw`.

    Returns:
        As `best_of_raw` does; a box may be there for several classes.
    """
    scores = output[:, 4:]
    first = _falling(scores.max(axis=1))[:most]
    pairs = scores[first].ravel()
    best = _falling(pairs)[: min(most, len(output))]
    best = best[pairs[best] > conf]
    places, labels = first[best // scores.shape[1]], best % scores.shape[1]
    rows = np.column_stack([output[places, :4], pairs[best], labels.astype(np.float32)])
    return rows if class_ids is None else rows[np.isin(labels, class_ids)]


def nms(boxes_xyxy: npt.NDArray[Any], scores: npt.NDArray[Any], iou: float, most: int | None = None) -> IntArray:
    """Indices of the boxes that overlap no better one by more than `iou`, by falling score; ties in their order.

    Args:
        boxes_xyxy: [N, 4] of any float type, which is computed in.
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
