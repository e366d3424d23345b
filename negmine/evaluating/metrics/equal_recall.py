"""Detectors at equal recall: the threshold at which each finds the same share of the objects, and its FPPI there.

Scores of two detectors mean different things, so a comparison at one score threshold favours one of them. At equal
recall, only their false positives differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from negmine.evaluating.metrics.curve import CurvePoint, DetectionCurve

RECALLS = (0.6, 0.7, 0.8, 0.9, 0.95)  # FPPI of every model is reported at these


def equal_recall_point(curve: DetectionCurve, recall: float) -> CurvePoint | None:
    """The highest threshold at which a detector reaches a recall, with its FPPI there.

    Recall moves in steps of one object: the point has the smallest number of true positives that is at least
    `recall * objects`.

    Returns:
        None if no threshold reaches the recall, or if it asks for no object, which every threshold meets.
    """
    needed = math.ceil(recall * curve.objects - 1e-9)
    if needed < 1:
        return None
    index = int(np.searchsorted(curve.true_positives, needed, side="left"))
    if index == len(curve.true_positives):
        return None
    return CurvePoint(float(curve.thresholds[index]), float(curve.fppi[index]), float(curve.recall[index]))


def fppi_at_recalls(curve: DetectionCurve) -> Mapping[str, float | None]:
    """FPPI at each of `RECALLS`, by the recall as text; None where it is not reached."""
    points = {recall: equal_recall_point(curve, recall) for recall in RECALLS}
    return {f"{recall:g}": None if point is None else point.fppi for recall, point in points.items()}
