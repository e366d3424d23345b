"""Intervals of the figures of a detector, and of the differences between two."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from negmine.evaluating.comparing import CompareConfig, Comparison, levels_of
from negmine.evaluating.image_scores import ImageScores
from negmine.evaluating.metrics.bootstrap import DRAWS, Interval, interval, resample
from negmine.evaluating.metrics.curve_level import UNREACHED_FPPI
from negmine.evaluating.metrics.equal_recall import RECALLS
from negmine.evaluating.metrics.sampled_curve import SampledCurve
from negmine.structures import FloatArray, IntArray

_NONE_SEEN = 3.0  # false positives in all images that are still likely where none was seen: -log(0.05)


@dataclass(frozen=True, slots=True)
class FigureIntervals:
    """90 % intervals of figures, or of their differences between two detectors.

    Where no false positive was seen, false positives per image may still be up to three divided by the images (Hanley
    and Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 1983).

    Attributes:
        recall: at the threshold.
        fppi: at the threshold.
        fppi_at_recall: at the recall that detectors are compared at; None if there is none.
        fppi_at: at several recalls, by the recall; inf where it may not be reached.
    """

    recall: Interval
    fppi: Interval
    fppi_at_recall: Interval | None
    fppi_at: Mapping[str, Interval]

    def to_dict(self) -> dict[str, object]:
        """JSON values; None for an end that is not there."""
        at_recall = self.fppi_at_recall
        return {
            "recall": interval_values(self.recall),
            "fppi": interval_values(self.fppi),
            "fppi_at_recall": None if at_recall is None else interval_values(at_recall),
            "fppi_at": {recall: interval_values(each) for recall, each in self.fppi_at.items()},
        }


def interval_values(found: Interval) -> list[float | None]:
    """An interval as JSON values."""
    return [end if math.isfinite(end) else None for end in found]


@dataclass(frozen=True, slots=True, eq=False)
class SampledFigures:
    """The figures of one detector in samples of the images; row 0 is the images as they are.

    Attributes:
        recall: [1 + B] at the threshold.
        fppi: [1 + B] at the threshold.
        fppi_at: [1 + B, R] at the recalls; inf where one is not reached.
        at: the recalls as text; the last may be `at_recall`.
        images: independent images or groups that false positives are counted on.
    """

    recall: FloatArray
    fppi: FloatArray
    fppi_at: FloatArray
    at: tuple[str, ...]
    images: int

    @classmethod
    def of(cls, scores: ImageScores, weights: IntArray, *, conf: float, at_recall: float | None) -> SampledFigures:
        """Those of a detector.

        Args:
            scores: of the detector.
            weights: [B, I] samples, the same for detectors that are compared.
            conf: threshold of recall and FPPI.
            at_recall: the recall that detectors are compared at.
        """
        curve = SampledCurve(scores, observed_first(weights))
        recalls = [*RECALLS, *([at_recall] if at_recall else [])]
        false = curve.false_at(np.array(recalls))
        at = (*(f"{recall:g}" for recall in RECALLS), *(["at_recall"] if at_recall else []))
        images = counted_groups(scores)
        fppi_at = false / np.maximum(curve.images, 1)[:, None]
        return cls(curve.recall(conf), curve.fppi(conf), fppi_at, at, images)

    def intervals(self) -> FigureIntervals:
        """The intervals of the figures."""
        at = {name: fppi_interval(self.fppi_at[:, index], self.images) for index, name in enumerate(self.at)}
        last = at.pop("at_recall", None)
        return FigureIntervals(interval(self.recall[1:]), fppi_interval(self.fppi, self.images), last, at)

    def differences(self, reference: SampledFigures) -> FigureIntervals:
        """The intervals of the differences to another detector in the same samples.

        A recall that is not reached counts as `UNREACHED_FPPI`, so that every sample has a difference.
        """
        own, other = (np.minimum(each.fppi_at, UNREACHED_FPPI)[1:] for each in (self, reference))
        at = {name: interval(own[:, index] - other[:, index]) for index, name in enumerate(self.at)}
        last = at.pop("at_recall", None)
        recall, fppi = self.recall - reference.recall, self.fppi - reference.fppi
        return FigureIntervals(interval(recall[1:]), interval(fppi[1:]), last, at)


def figure_samples(scores: ImageScores, *, draws: int = DRAWS, seed: int = 0) -> IntArray:
    """[draws, I] samples of the images, for all detectors that ran on them."""
    return resample(scores.groups, scores.objects > 0, draws=draws, seed=seed)


def observed_first(weights: IntArray) -> IntArray:
    """[1 + B, I] from [B, I] samples: the images as they are, and then the samples."""
    return np.concatenate([np.ones_like(weights[:1]), weights])


def fppi_interval(fppi: FloatArray, images: int) -> Interval:
    """The interval of false positives per image.

    Args:
        fppi: [1 + B] on the images as they are, and on samples of them.
        images: independent images or groups that false positives are counted on.
    """
    low, high = interval(fppi[1:])
    return Interval(low, max(high, _NONE_SEEN / max(images, 1)) if fppi[0] == 0 else high)


def counted_groups(scores: ImageScores) -> int:
    """Independent images or groups that false positives are counted on."""
    return len({group for group, counted in zip(scores.groups, scores.counted, strict=True) if counted})


@dataclass(frozen=True, slots=True)
class Difference:
    """A model against the first one, on the same images.

    Attributes:
        comparison: on the curve, over recalls up to that of the first model at the threshold; None where that finds
            nothing, or there is nothing to find.
        figures: intervals of the differences of the figures.
    """

    comparison: Comparison | None
    figures: FigureIntervals

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        compared = {} if self.comparison is None else self.comparison.to_dict()
        return compared | {"differences": self.figures.to_dict()}


def intervals_of_models(
    scores: Sequence[ImageScores], weights: IntArray, *, conf: float, at_recall: float | None, seed: int = 0
) -> tuple[tuple[FigureIntervals, ...], tuple[Difference | None, ...]]:
    """The intervals of several models, and how each differs from the first.

    Args:
        scores: of each model on the same images.
        weights: [B, I] `figure_samples` of the images.
        conf: threshold of recall and FPPI.
        at_recall: the recall that they are compared at; where it is None or 0, only figures are compared.
        seed: of the samples that curves are compared in.

    Returns:
        One item for each model; of the differences, the first is None.
    """
    figures = [SampledFigures.of(each, weights, conf=conf, at_recall=at_recall) for each in scores]
    intervals = tuple(each.intervals() for each in figures)
    against: list[Comparison | None] = [None] * (len(scores) - 1)
    if against and at_recall:
        levels, (first, *others) = levels_of(scores, CompareConfig(conf=conf, seed=seed))
        against = [levels.compare(first, level) for level in others]
    differences = [
        Difference(comparison, each.differences(figures[0]))
        for comparison, each in zip(against, figures[1:], strict=True)
    ]
    return intervals, (None, *differences)
