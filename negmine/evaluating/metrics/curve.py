"""How recall and false positives per image change with the threshold: one curve from the scores of hits and misses.

Matching by falling score is stable under a rising threshold: what a detection is depends on detections with scores at
least its own alone. So scores that were matched once, at the lowest threshold, give the counts at every other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from negmine.structures import FloatArray, IntArray


class CurvePoint(NamedTuple):
    """What a threshold brings: detections count whose score is `threshold` or more."""

    threshold: float
    fppi: float
    recall: float


@dataclass(frozen=True, slots=True, eq=False)
class DetectionCurve:
    """Counts at every threshold that matters.

    Attributes:
        thresholds: [K] the distinct scores, falling.
        hits: [K] true positives with that score or more.
        alarms: [K] false positives with that score or more.
        objects: how many objects there are to find.
        images: how many images the false positives were counted on.
    """

    thresholds: FloatArray
    hits: IntArray
    alarms: IntArray
    objects: int
    images: int

    @classmethod
    def of(cls, hit_scores: FloatArray, alarm_scores: FloatArray, *, objects: int, images: int) -> DetectionCurve:
        """Build from the scores of the true positives and of the false positives, in any order."""
        thresholds = np.unique(np.concatenate([hit_scores, alarm_scores]))[::-1]
        return cls(thresholds, _at_least(hit_scores, thresholds), _at_least(alarm_scores, thresholds), objects, images)

    @property
    def fppi(self) -> FloatArray:
        """[K] false positives per image; 0 where there is no image."""
        return np.asarray(self.alarms / max(self.images, 1), dtype=np.float64)

    @property
    def recall(self) -> FloatArray:
        """[K] share of the objects that is found; 0 where there is none."""
        return np.asarray(self.hits / max(self.objects, 1), dtype=np.float64)

    def at_threshold(self, threshold: float) -> CurvePoint:
        """What a threshold brings."""
        last = int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1
        if last < 0:
            return CurvePoint(threshold, 0.0, 0.0)
        return CurvePoint(threshold, float(self.fppi[last]), float(self.recall[last]))

    def at_recall(self, recall: float) -> CurvePoint | None:
        """The highest threshold at which so large a share of the objects is found.

        Recall moves in steps of one object: asked for is the least whole number of hits that is the share or more.

        Returns:
            The point; None where no threshold reaches it, or where nothing has to be found (any threshold would do).
        """
        needed = math.ceil(recall * self.objects - 1e-9)
        if needed < 1:
            return None
        index = int(np.searchsorted(self.hits, needed, side="left"))
        if index == len(self.hits):
            return None
        return CurvePoint(float(self.thresholds[index]), float(self.fppi[index]), float(self.recall[index]))

    def thinned(self, most: int = 100) -> tuple[CurvePoint, ...]:
        """At most so many of its points, from the highest threshold to the lowest.

        Kept are the points at which an object more is found, since these decide; of too many, evenly spaced ones, the
        first and the last of all always among them.
        """
        if not len(self.thresholds):
            return ()
        steps = np.flatnonzero(np.diff(self.hits, prepend=0))
        kept = np.unique(np.concatenate([[0], steps, [len(self.thresholds) - 1]]))
        if len(kept) > most:
            kept = kept[np.unique(np.linspace(0, len(kept) - 1, most).round().astype(np.int64))]
        rows = zip(self.thresholds[kept], self.fppi[kept], self.recall[kept], strict=True)
        return tuple(CurvePoint(float(t), float(f), float(r)) for t, f, r in rows)


def _at_least(scores: FloatArray, thresholds: FloatArray) -> IntArray:
    """[K] how many scores reach each threshold."""
    rising = np.sort(scores)
    return np.asarray(len(rising) - np.searchsorted(rising, thresholds, side="left"), dtype=np.int64)
