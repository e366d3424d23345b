"""What a wanted number of false positives per image (FPPI) leaves of recall, in many samples of the images at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from negmine.evaluating.metrics.lamr import REFERENCE_FPPI, geometric_mean_rate
from negmine.structures import FloatArray, IntArray

_CELLS = 1 << 22  # of an array, so that memory does not grow with the number of samples


class ScoredRows(NamedTuple):
    """Scores and the images that they are of, by falling score."""

    scores: FloatArray  # [N]
    images: IntArray  # [N] index of the image of each

    @classmethod
    def falling(cls, scores: FloatArray, images: npt.NDArray[np.int32] | IntArray) -> ScoredRows:
        """Rows in any order; equal scores by image."""
        order = np.lexsort((images, -scores))
        return cls(scores[order], images[order].astype(np.int64))


class RatesAtFppi(NamedTuple):
    """What is left at wanted FPPI."""

    recall: FloatArray  # [B, R] share of the objects that score more than `excluded`; 0 if there is no object
    excluded: FloatArray  # [B, R] the highest score that brings too many false positives; -1 where none does


def rates_at_fppi(
    true: ScoredRows, false: ScoredRows, *, weights: IntArray, objects: IntArray, images: IntArray, fppis: FloatArray
) -> RatesAtFppi:
    """Recall at the lowest threshold that brings at most a wanted FPPI.

    Args:
        true: the true positives.
        false: the false positives on images that FPPI is counted on.
        weights: [B, I] how often each sample holds each image.
        objects: [B] objects to find in each sample.
        images: [B] images of each that FPPI is counted on.
        fppis: [R].
    """
    wide = max(len(true.scores), len(false.scores), 1)
    step = max(_CELLS // wide, 1)
    parts = [
        _part(true, false, weights[rows], objects[rows], np.floor(fppis * images[rows, None] + 1e-9))
        for rows in (slice(start, start + step) for start in range(0, len(weights), step))
    ]
    nothing = np.empty((0, len(fppis)))
    return RatesAtFppi(*(np.concatenate([nothing, *columns]) for columns in zip(*parts, strict=True)))


def sampled_lamr(
    true: ScoredRows, false: ScoredRows, *, weights: IntArray, objects: IntArray, images: IntArray
) -> FloatArray:
    """The log-average miss rate [B] of each sample, as `curve_lamr` gives that of one."""
    reference = np.array(REFERENCE_FPPI)
    found = rates_at_fppi(true, false, weights=weights, objects=objects, images=images, fppis=reference)
    return geometric_mean_rate(1 - found.recall)


def thresholds_at_recall(true: ScoredRows, *, weights: IntArray, objects: IntArray, recall: float) -> FloatArray:
    """The highest threshold [B] at which each sample reaches a recall, as `equal_recall_point` finds that of one.

    Args:
        true: the true positives.
        weights: [B, I] how often each sample holds each image.
        objects: [B] objects to find in each sample.
        recall: over 0.

    Returns:
        [B]; -inf where none reaches it.
    """
    step = max(_CELLS // max(len(true.scores), 1), 1)
    needed = np.maximum(np.ceil(recall * objects - 1e-9), 1)
    places = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(weights), step):
        rows = slice(start, start + step)
        found = np.cumsum(weights[rows][:, true.images], axis=1)
        places.append((found < needed[rows, None]).sum(axis=1))
    return np.append(true.scores, -np.inf)[np.concatenate(places)]


def _part(
    true: ScoredRows, false: ScoredRows, weights: IntArray, objects: IntArray, allowed: FloatArray
) -> tuple[FloatArray, FloatArray]:
    counts = _counts_until(false, weights, allowed)  # [B, F] or the first of them
    index = np.stack([(counts <= column[:, None]).sum(axis=1) for column in allowed.T], axis=1)  # [B, R]
    excluded = np.append(false.scores, -1.0)[np.where(index < counts.shape[1], index, len(false.scores))]
    above = len(true.scores) - np.searchsorted(true.scores[::-1], excluded, side="right")
    found = np.cumsum(weights[:, true.images], axis=1)  # [B, T]
    found = np.concatenate([np.zeros((len(weights), 1), dtype=found.dtype), found], axis=1)
    recall = np.take_along_axis(found, above, axis=1) / np.maximum(objects, 1)[:, None]
    return np.asarray(recall, dtype=np.float64), excluded


def _counts_until(false: ScoredRows, weights: IntArray, allowed: FloatArray) -> IntArray:
    """False positives at each score, down to one that brings more than allowed in every sample; all if none does."""
    most, last = int(allowed.max(initial=0)), len(false.scores)
    number = 2 * most + 50
    while number < last:
        counts = np.cumsum(weights[:, false.images[:number]], axis=1)
        if (counts[:, -1] > allowed.max(axis=1)).all():
            return np.asarray(counts)
        number *= 2
    return np.asarray(np.cumsum(weights[:, false.images], axis=1))
