"""Recall and false positives of one detector in many samples of its images at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from negmine.evaluating.image_scores import ImageScores
from negmine.structures import FloatArray, IntArray

_CELLS = 1 << 22  # of an array, so that memory does not grow with the number of samples


@dataclass(frozen=True, slots=True, eq=False)
class SampledCurve:
    """A detector's curve in each sample.

    Attributes:
        scores: of the detector.
        weights: [B, I] how often each sample holds each image.
    """

    scores: ImageScores
    weights: IntArray

    @property
    def objects(self) -> IntArray:
        """[B] objects to find."""
        return np.asarray(self.weights @ self.scores.objects)

    @property
    def images(self) -> IntArray:
        """[B] images that false positives are counted on."""
        return np.asarray(self.weights @ self.scores.counted.astype(np.int64))

    def recall(self, conf: float) -> FloatArray:
        """[B] share of the objects that score `conf` or more; 0 if there is no object."""
        found = self._at_least(self.scores.true, self.scores.true_images, conf)
        return np.asarray(found / np.maximum(self.objects, 1), dtype=np.float64)

    def fppi(self, conf: float) -> FloatArray:
        """[B] false positives per image that score `conf` or more; 0 if there is no image."""
        found = self._at_least(self.scores.false, self.scores.false_images, conf)
        return np.asarray(found / np.maximum(self.images, 1), dtype=np.float64)

    def false_at(self, recalls: FloatArray) -> FloatArray:
        """False positives at recalls, as `equal_recall_point` finds them in one sample.

        Args:
            recalls: [R]; one of 0 or less stands for the recall of one object.

        Returns:
            [B, R]; inf where no threshold reaches the recall.
        """
        needed = np.maximum(np.ceil(recalls * self.objects[:, None] - 1e-9), 1)
        parts = [self._part(rows, needed[rows]) for rows in self._parts()]
        return np.concatenate([np.empty((0, len(recalls))), *parts])

    def _part(self, rows: slice, needed: FloatArray) -> FloatArray:
        scores, weights = self.scores, self.weights[rows]
        found = np.cumsum(weights[:, scores.true_images], axis=1)  # [B, T]
        index = np.stack([np.sum(found < column[:, None], axis=1) for column in needed.T], axis=1)  # [B, R]
        reached = index < len(scores.true)
        thresholds = np.append(scores.true, np.inf)[np.where(reached, index, len(scores.true))]
        false = scores.false[scores.false >= thresholds.min(initial=np.inf)]  # no other counts at any of the recalls
        counts = np.cumsum(weights[:, scores.false_images[: len(false)]], axis=1)  # [B, F]
        counts = np.concatenate([np.zeros((len(weights), 1), dtype=counts.dtype), counts], axis=1)
        above = len(false) - np.searchsorted(false[::-1], thresholds, side="left")
        return np.where(reached, np.take_along_axis(counts, above, axis=1), np.inf)

    def _parts(self) -> Iterator[slice]:
        wide = max(len(self.scores.true), len(self.scores.false), 1)
        step = max(_CELLS // wide, 1)
        for start in range(0, len(self.weights), step):
            yield slice(start, start + step)

    def _at_least(self, scores: FloatArray, images: IntArray, conf: float) -> FloatArray:
        per_image = np.bincount(images[scores >= conf], minlength=len(self.scores.keys))
        return np.asarray(self.weights @ per_image, dtype=np.float64)
