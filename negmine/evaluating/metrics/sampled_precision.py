"""Average precision in many samples of the images at once, from detections that COCO's evaluation matched once."""

from __future__ import annotations

import numpy as np

from negmine.evaluating.metrics.average_precision import ClassMatches
from negmine.structures import BoolArray, FloatArray, IntArray

_RECALLS = np.linspace(0.0, 1.0, 101)
_CELLS = 1 << 22  # of an array, so that memory does not grow with the number of samples


def sampled_average_precision(matches: ClassMatches, weights: IntArray) -> FloatArray:
    """The average precision of one class in each sample, as COCO defines it.

    Args:
        matches: of the class.
        weights: [B, I] how often each sample holds each image.

    Returns:
        [B, 2]: at IoU 0.5, and the mean over IoU 0.5 to 0.95; NaN where a sample holds no object.
    """
    order = np.argsort(-matches.scores, kind="stable")
    images, true, ignored = matches.images[order], matches.true[:, order], matches.ignored[:, order]
    numbers = np.array(list(matches.objects), dtype=np.int64)
    objects = weights[:, numbers] @ np.array(list(matches.objects.values()), dtype=np.int64)
    step = max(_CELLS // max(len(images), 1), 1)
    found = np.full((len(weights), len(true)), np.nan)
    for start in range(0, len(weights), step):
        rows = slice(start, start + step)
        drawn = weights[rows][:, images]  # [B, N]
        for level, (hits, skipped) in enumerate(zip(true, ignored, strict=True)):
            found[rows, level] = _mean_precision(drawn, hits & ~skipped, ~hits & ~skipped, objects[rows])
    return np.stack([found[:, 0], found.mean(axis=1)], axis=1)


def _mean_precision(drawn: IntArray, true: BoolArray, false: BoolArray, objects: IntArray) -> FloatArray:
    """Mean precision [B] over 101 recalls; NaN where there is no object."""
    hits = np.flatnonzero(true)
    found = np.cumsum(drawn[:, hits], axis=1)  # [B, T]: precision falls between two hits, so these decide
    wrong = np.cumsum(np.where(false, drawn, 0), axis=1)[:, hits]
    precision = found / np.maximum(found + wrong, 1)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]  # at this recall or more
    best = np.concatenate([best, np.zeros((len(drawn), 1))], axis=1)
    recall = found / np.maximum(objects, 1)[:, None]
    index = (
        np.stack([np.searchsorted(row, _RECALLS, side="left") for row in recall]) if len(drawn) else np.zeros((0, 101))
    )
    means = np.take_along_axis(best, index.astype(np.int64), axis=1).mean(axis=1)
    return np.where(objects > 0, means, np.nan)
