"""Recall against false positives per image (FPPI), as the score threshold moves: one curve from the matched scores.

Matching by falling score is stable under a rising threshold: the kind of a detection depends only on detections that
score at least as much. So detections matched once, at the lowest threshold, give the counts at every other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from negmine.structures import FloatArray, IntArray


class CurvePoint(NamedTuple):
    """What a threshold brings: detections count if they score `threshold` or more."""

    threshold: float
    fppi: float
    recall: float


@dataclass(frozen=True, slots=True, eq=False)
class DetectionCurve:
    """Counts at every threshold that matters.

    Attributes:
        thresholds: [K] the distinct scores, falling.
        true_positives: [K] those with that score or more.
        false_positives: [K] those with that score or more.
        objects: number of objects to find.
        images: number of images that the false positives were counted on.
    """

    thresholds: FloatArray
    true_positives: IntArray
    false_positives: IntArray
    objects: int
    images: int

    @classmethod
    def of(
        cls, true_positive_scores: FloatArray, false_positive_scores: FloatArray, *, objects: int, images: int
    ) -> DetectionCurve:
        """Build from the scores of the true positives and of the false positives, in any order."""
        thresholds = np.unique(np.concatenate([true_positive_scores, false_positive_scores]))[::-1]
        true_positives = _at_least(true_positive_scores, thresholds)
        return cls(thresholds, true_positives, _at_least(false_positive_scores, thresholds), objects, images)

    @property
    def fppi(self) -> FloatArray:
        """[K] false positives per image; 0 if there is no image."""
        return np.asarray(self.false_positives / max(self.images, 1), dtype=np.float64)

    @property
    def recall(self) -> FloatArray:
        """[K] share of the objects that is found; 0 if there is none."""
        return np.asarray(self.true_positives / max(self.objects, 1), dtype=np.float64)

    def thinned(self, most: int = 100) -> tuple[CurvePoint, ...]:
        """At most so many points, from the highest threshold to the lowest.

        Keeps the points at which another object is found, since recall changes only there. If these are too many, keeps
        evenly spaced ones. The first and the last point of the curve are always among them.
        """
        if not len(self.thresholds):
            return ()
        steps = np.flatnonzero(np.diff(self.true_positives, prepend=0))
        kept = np.unique(np.concatenate([[0], steps, [len(self.thresholds) - 1]]))
        if len(kept) > most:
            kept = kept[np.unique(np.linspace(0, len(kept) - 1, most).round().astype(np.int64))]
        rows = zip(self.thresholds[kept], self.fppi[kept], self.recall[kept], strict=True)
        return tuple(CurvePoint(float(t), float(f), float(r)) for t, f, r in rows)


def _at_least(scores: FloatArray, thresholds: FloatArray) -> IntArray:
    """[K] number of scores that reach each threshold."""
    rising = np.sort(scores)
    return np.asarray(len(rising) - np.searchsorted(rising, thresholds, side="left"), dtype=np.int64)
