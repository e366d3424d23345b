"""The curves of a detector before and after a retraining, with bands by bootstrap.

A band holds nine in ten of the curves of samples of the images (`negmine.evaluating.metrics.bootstrap`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from negmine.evaluating.image_scores import ImageScores, on_the_same_images
from negmine.evaluating.intervals import counted_groups, figure_samples, fppi_interval, observed_first
from negmine.evaluating.metrics.bootstrap import interval
from negmine.evaluating.metrics.sampled_curve import SampledCurve
from negmine.structures import FloatArray, IntArray

_POINTS = 60  # of a curve
_LOWEST = 0.05  # score that curves begin at: detectors are not used under it
_RANGE = 0.6  # of recall, that the curves go down from the best recall


@dataclass(frozen=True, slots=True)
class BandPoint:
    """A point of a curve, and the 90 % interval of its value; inf where that has no end."""

    at: float
    value: float
    low: float
    high: float

    def to_list(self) -> list[float | None]:
        """JSON values; None for what has no end."""
        return [each if math.isfinite(each) else None for each in (self.at, self.value, self.low, self.high)]


@dataclass(frozen=True, slots=True)
class Curves:
    """The curves of one detector.

    Attributes:
        fppi_at_recall: false positives per image, by recall.
        fppi_at_score: false positives per image that score so much or more, by score.
        recall_at_score: by score.
    """

    fppi_at_recall: tuple[BandPoint, ...]
    fppi_at_score: tuple[BandPoint, ...]
    recall_at_score: tuple[BandPoint, ...]

    def to_dict(self) -> dict[str, object]:
        """JSON values: rows of recall or score, the value, and both ends of its interval."""
        return {name: [point.to_list() for point in getattr(self, name)] for name in self.__dataclass_fields__}


def curves_of(scores: Sequence[ImageScores], *, conf: float, seed: int) -> list[Curves]:
    """The curves of detectors on the images that all of them have, over the same recalls and scores.

    Args:
        scores: of each.
        conf: the user's score, which they were kept down to.
        seed: of the samples, which all detectors share.
    """
    aligned = on_the_same_images(scores)
    weights = observed_first(figure_samples(aligned[0], seed=seed))
    best = max(_best_recall(each) for each in aligned)
    recalls = np.linspace(max(best - _RANGE, 0.02), best, _POINTS) if best > 0 else np.zeros(0)
    lowest = max(_LOWEST, *(_lowest(each, conf) for each in aligned))
    thresholds = np.linspace(lowest, 1.0, _POINTS)
    return [_curves(each, weights, recalls, thresholds) for each in aligned]


def _curves(scores: ImageScores, weights: IntArray, recalls: FloatArray, thresholds: FloatArray) -> Curves:
    sampled, groups = SampledCurve(scores, weights), counted_groups(scores)
    images = np.maximum(sampled.images, 1)[:, None]
    at_recall = sampled.false_at(recalls) / images if len(recalls) else np.zeros((len(weights), 0))
    at_score = np.stack([sampled.fppi(float(conf)) for conf in thresholds], axis=1)
    found = np.stack([sampled.recall(float(conf)) for conf in thresholds], axis=1)
    return Curves(
        tuple(_fppi_point(at, at_recall[:, index], groups) for index, at in enumerate(recalls)),
        tuple(_fppi_point(at, at_score[:, index], groups) for index, at in enumerate(thresholds)),
        tuple(
            BandPoint(float(at), float(found[0, index]), *interval(found[1:, index]))
            for index, at in enumerate(thresholds)
        ),
    )


def _fppi_point(at: float, values: FloatArray, groups: int) -> BandPoint:
    return BandPoint(float(at), float(values[0]), *fppi_interval(values, groups))


def _best_recall(scores: ImageScores) -> float:
    return len(scores.true) / max(int(scores.objects.sum()), 1)


def _lowest(scores: ImageScores, conf: float) -> float:
    """The score down to which all false positives were kept: that of the lowest true positive, or the user's."""
    return float(scores.true.min(initial=conf))
