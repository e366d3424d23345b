"""The log-average miss rate (LAMR): a curve of miss rate against false positives per image as one number."""

from __future__ import annotations

import numpy as np

from negmine.evaluating.metrics.curve import DetectionCurve
from negmine.structures import FloatArray

REFERENCE_FPPI: tuple[float, ...] = tuple(10 ** (exponent / 4) for exponent in range(-8, 1))  # 0.01 to 1
_LEAST = 1e-10  # a miss rate of 0 has no logarithm


def log_average_miss_rate(fppi: FloatArray, miss_rate: FloatArray) -> float:
    """The geometric mean of the miss rates at nine FPPI values, evenly spaced in log space from 0.01 to 1.

    Dollar, Wojek, Schiele, Perona, "Pedestrian Detection: An Evaluation of the State of the Art", PAMI 2012, computed
    as the authors' code does: the miss rate at a value is that of the last point with this FPPI or less. So a curve
    that ends earlier keeps its last miss rate, and one that begins later has a miss rate of 1 before. A miss rate of 0
    counts as 1e-10.

    Args:
        fppi: [K] false positives per image, rising.
        miss_rate: [K] share of the objects that is not found, falling.
    """
    index = np.searchsorted(fppi, np.array(REFERENCE_FPPI), side="right")  # points at or under each value
    return float(geometric_mean_rate(np.concatenate([[1.0], miss_rate])[index]))


def geometric_mean_rate(miss_rates: FloatArray) -> FloatArray:
    """The geometric mean [...] of miss rates [..., R]; one of 0 counts as 1e-10."""
    return np.asarray(np.exp(np.log(np.maximum(miss_rates, _LEAST)).mean(axis=-1)))


def curve_lamr(curve: DetectionCurve) -> float | None:
    """The log-average miss rate of a curve; None if there is no object to miss, or no image."""
    if not curve.objects or not curve.images:
        return None
    return log_average_miss_rate(curve.fppi, 1 - curve.recall)
