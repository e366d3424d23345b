"""The level of a curve of false positives against recall, as one number: what detectors are compared by.

False positives per image (FPPI) at one recall are decided by one object and a handful of images. The level is the mean
of log FPPI over a range of recalls, so a difference of levels is the log of a geometric mean of ratios: log 0.5 is half
as many false positives, whatever the recall.

The width of the range is a judgement. A point, 0.1, 0.2 and 0.3 were compared by drawing 45 backgrounds and 14 labelled
images, and 150 and 40, again and again from 759 real ones: how often equal detectors were called unequal differed by
less than the noise. A point rests on one object, and wide ranges average in recalls that nobody uses.
"""

from __future__ import annotations

import numpy as np

from negmine.evaluating.metrics.sampled_curve import SampledCurve
from negmine.structures import FloatArray

WIDTH = 0.2  # of the range of recalls
STEPS = 9  # recalls in it, evenly spaced, both ends included
LEAST_FALSE = 0.5  # false positives where there are none: zero has no logarithm, and one would be too many
UNREACHED_FPPI = 100.0  # at a recall that no threshold reaches: as many detections as COCO's evaluation takes at most


def recalls_up_to(end: float) -> FloatArray:
    """[`STEPS`] the range of recalls that ends at one, rising; one of 0 or less stands for the recall of one object."""
    return np.asarray(end + np.linspace(-WIDTH, 0, STEPS))


def curve_level(curve: SampledCurve, recalls: FloatArray) -> FloatArray:
    """Mean log FPPI over recalls, in every sample.

    Args:
        curve: of the detector.
        recalls: [R].

    Returns:
        [B]; finite.
    """
    false = curve.false_at(recalls)
    fppi = np.maximum(false, LEAST_FALSE) / np.maximum(curve.images, 1)[:, None]
    return np.asarray(np.log(np.where(np.isinf(false), UNREACHED_FPPI, fppi)).mean(axis=1))
