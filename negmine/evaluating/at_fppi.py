"""False positives per image (FPPI) at scores, and the score that reaches a wanted FPPI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from negmine.evaluating.count import ScoredDetections
from negmine.matching import Kind

SCORES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9)  # that FPPI is given at
SCORE_STEP = 1e-5  # scores are compared to five places


@dataclass(frozen=True, slots=True)
class FppiPoint:
    """What is left where no more than a wanted number of false positives per image is borne.

    Attributes:
        wanted: false positives per image.
        threshold: the lowest score that brings no more: just over that of the first false positive too many, or the
            lowest that the detector was asked for. None if a false positive too many has a score of 1, or there is no
            image.
        fppi: false positives per image from that score on.
        recall: share of the objects that is found from that score on; None if there is no object, or no threshold.
    """

    wanted: float
    threshold: float | None
    fppi: float | None
    recall: float | None

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def fppi_point(detections: ScoredDetections, wanted: float, floor: float) -> FppiPoint:
    """The lowest threshold that brings at most a wanted FPPI, and what it leaves.

    Args:
        detections: of all classes, or of one.
        wanted: false positives per image.
        floor: the lowest score that the detector was asked for.
    """
    false = np.sort(detections.scores[detections.false_positives & detections.counted])[::-1]
    threshold = score_over(false[int(wanted * detections.fppi_images + 1e-9) :].max(initial=-1.0), floor)
    if threshold is None or not detections.fppi_images:
        return FppiPoint(wanted, None, None, None)
    hits = detections.scores[detections.is_kind(Kind.TRUE_POSITIVE)]
    recall = float((hits >= threshold).sum() / detections.objects) if detections.objects else None
    return FppiPoint(wanted, threshold, float((false >= threshold).sum() / detections.fppi_images), recall)


def score_over(excluded: float, floor: float) -> float | None:
    """The lowest threshold over a score: one step above it, or the floor; None over a score of 1."""
    threshold = max(round(float(excluded) + SCORE_STEP, 5), floor) if excluded >= 0 else floor
    return threshold if threshold <= 1 else None


def fppi_by_score(detections: ScoredDetections, floor: float) -> Mapping[str, float]:
    """FPPI at each of `SCORES` that is not under the floor, by the score as text."""
    false = detections.scores[detections.false_positives & detections.counted]
    images = max(detections.fppi_images, 1)
    return {f"{score:g}": int((false >= score).sum()) / images for score in SCORES if score >= floor}
