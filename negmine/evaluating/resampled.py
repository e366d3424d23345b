"""Intervals of every figure of a detector, and of every class, by one bootstrap over images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from negmine.evaluating.at_fppi import score_over
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.count import ScoredDetections
from negmine.evaluating.intervals import FigureIntervals, fppi_interval, interval_values
from negmine.evaluating.match import MatchedDetections
from negmine.evaluating.metrics.average_precision import ClassMatches
from negmine.evaluating.metrics.bootstrap import Interval, interval
from negmine.evaluating.metrics.sampled_precision import sampled_average_precision
from negmine.evaluating.metrics.sampled_rates import ScoredRows, rates_at_fppi, sampled_lamr, thresholds_at_recall
from negmine.matching import Kind
from negmine.structures import BoolArray, FloatArray, IntArray

_PRECISION_DRAWS = 200  # samples that average precision is computed in: each takes ten times what other figures do


@dataclass(frozen=True, slots=True)
class FppiPointInterval:
    """90 % intervals of what a wanted FPPI leaves.

    Attributes:
        wanted: false positives per image.
        threshold: of the score that reaches it; None where a false positive too many may have a score of 1.
        recall: of the recall there; None if there is no object.
    """

    wanted: float
    threshold: Interval | None
    recall: Interval | None

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {"wanted": self.wanted, "threshold": _values(self.threshold), "recall": _values(self.recall)}


@dataclass(frozen=True, slots=True)
class RateIntervals:
    """90 % intervals of figures; None for one that does not exist.

    Attributes:
        fppi: at the threshold.
        images_with_fp: share of images that FPPI is counted on.
        recall, precision: at the threshold.
        lamr, map50, map50_95: of the whole curve.
        at_fppi: at each wanted FPPI.
    """

    fppi: Interval
    images_with_fp: Interval
    recall: Interval | None
    precision: Interval | None
    lamr: Interval | None
    map50: Interval | None
    map50_95: Interval | None
    at_fppi: tuple[FppiPointInterval, ...]

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        names = ("fppi", "images_with_fp", "recall", "precision", "lamr", "map50", "map50_95")
        return {name: _values(getattr(self, name)) for name in names} | {
            "at_fppi": [each.to_dict() for each in self.at_fppi]
        }


@dataclass(frozen=True, slots=True)
class ModelIntervals:
    """90 % intervals of all figures of one model.

    Attributes:
        rates: of all classes together.
        at_recalls: of FPPI at recalls.
        threshold_at_recall: of the threshold that reaches the recall that models are compared at; None if there is no
            such recall, -inf where it may not be reached.
        classes: by judged class.
    """

    rates: RateIntervals
    at_recalls: FigureIntervals
    threshold_at_recall: Interval | None
    classes: Mapping[str, RateIntervals]

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            **self.at_recalls.to_dict(),
            **self.rates.to_dict(),
            "threshold_at_recall": _values(self.threshold_at_recall),
            "classes": {name: each.to_dict() for name, each in self.classes.items()},
        }


def model_intervals(
    matched: MatchedDetections,
    coco: Sequence[ClassMatches | None],
    at_recalls: FigureIntervals,
    weights: IntArray,
    groups: int,
    config: EvalConfig,
    *,
    at_recall: float | None = None,
) -> ModelIntervals:
    """The intervals of all figures of a model.

    Args:
        matched: its detections in all images.
        coco: what COCO's evaluation makes of each judged class.
        at_recalls: of FPPI at recalls.
        weights: [B, I] samples of the images, the same for all models.
        groups: independent images or groups that FPPI is counted on.
        config: thresholds.
        at_recall: the recall that models are compared at; None for no comparison.
    """
    rows = ScoredDetections.of(matched)
    samples = _Samples(matched, weights, groups, config, rows.fppi_over == "labelled")
    few = weights[:_PRECISION_DRAWS]
    averages = [None if each is None else sampled_average_precision(each, few) for each in coco]
    known = [each for each in averages if each is not None]
    of_classes = {
        name: samples.intervals(rows.of_class(index), average)
        for name, index, average in zip(matched.judged, rows.class_indices, averages, strict=True)
    }
    threshold = samples.threshold_at(rows, at_recall)
    return ModelIntervals(samples.intervals(rows, _mean_of(known)), at_recalls, threshold, of_classes)


class _Samples:
    """Samples of the images, in which the figures of any of the detections are computed."""

    def __init__(
        self, matched: MatchedDetections, weights: IntArray, groups: int, config: EvalConfig, over_labelled: bool
    ) -> None:
        images = matched.images
        self._weights, self._groups, self._config = weights, groups, config
        self._times = weights.astype(np.float64)  # whose products are fast
        self._labelled = any(not image.background for image in images)
        counted = np.array([over_labelled or image.without_targets for image in images], dtype=np.int64)
        self._images = (self._times @ counted).astype(np.int64)  # [B] that FPPI is counted on
        numbers = {name: index for index, name in enumerate(matched.data_classes)}
        self._objects = np.zeros((len(images), len(numbers)), dtype=np.int64)
        for place, image in enumerate(images):
            ignored = image.truth.difficult | image.truth.crowd
            for name, skip in zip(image.truth.class_names, ignored, strict=True):
                if name in numbers and not skip:
                    self._objects[place, numbers[name]] += 1

    def intervals(self, rows: ScoredDetections, average: FloatArray | None) -> RateIntervals:
        """The intervals of some of the detections.

        Args:
            rows: those of all classes, or of one.
            average: [B, 2] average precision in the first samples; None if there is no object.
        """
        over, hits = rows.scores >= self._config.conf, rows.is_kind(Kind.TRUE_POSITIVE)
        counted = rows.false_positives & rows.counted
        found, wrong = self._count(rows, hits & over), self._count(rows, rows.false_positives & over)
        images = np.maximum(self._images, 1)
        observed = (counted & over).sum() / max(rows.fppi_images, 1)
        fired = self._times @ (np.bincount(rows.images[counted & over], minlength=len(self._objects)) > 0)
        drawn = self._drawn(rows)
        true, false = (ScoredRows.falling(rows.scores[each], rows.images[each]) for each in (hits, counted))
        is_known = rows.objects > 0
        return RateIntervals(
            fppi=fppi_interval(np.append(observed, self._count(rows, counted & over) / images), self._groups),
            images_with_fp=fppi_interval(np.append(observed, fired / images), self._groups),
            recall=interval(found / np.maximum(drawn["objects"], 1)) if is_known else None,
            precision=_interval(_share(found, found + wrong)) if self._labelled else None,
            lamr=interval(sampled_lamr(true, false, **drawn)) if is_known and rows.fppi_images else None,
            map50=None if average is None else _interval(average[:, 0]),
            map50_95=None if average is None else _interval(average[:, 1]),
            at_fppi=self._at_fppi(rows, true, false),
        )

    def threshold_at(self, rows: ScoredDetections, recall: float | None) -> Interval | None:
        """The interval of the highest threshold that reaches a recall; None if there is no recall to reach."""
        if not recall or not rows.objects:
            return None
        hits = rows.is_kind(Kind.TRUE_POSITIVE)
        true = ScoredRows.falling(rows.scores[hits], rows.images[hits])
        objects = self._drawn(rows)["objects"]
        return interval(thresholds_at_recall(true, weights=self._weights, objects=objects, recall=recall))

    def _at_fppi(self, rows: ScoredDetections, true: ScoredRows, false: ScoredRows) -> tuple[FppiPointInterval, ...]:
        wanted = self._config.at_fppi
        if not rows.fppi_images:
            return tuple(FppiPointInterval(each, None, None) for each in wanted)
        points = rates_at_fppi(true, false, **self._drawn(rows), fppis=np.array(wanted, dtype=np.float64))
        return tuple(
            FppiPointInterval(
                each,
                _threshold(points.excluded[:, column], self._config.floor),
                interval(points.recall[:, column]) if rows.objects else None,
            )
            for column, each in enumerate(wanted)
        )

    def _drawn(self, rows: ScoredDetections) -> dict[str, IntArray]:
        """The samples, the objects of these classes in each, and the images that FPPI is counted on."""
        objects = (self._times @ self._objects[:, rows.class_indices].sum(axis=1)).astype(np.int64)
        return {"weights": self._weights, "objects": objects, "images": self._images}

    def _count(self, rows: ScoredDetections, chosen: BoolArray) -> FloatArray:
        """[B] detections of a mask."""
        per_image = np.bincount(rows.images[chosen], minlength=len(self._objects))
        return np.asarray(self._times @ per_image, dtype=np.float64)


def _threshold(excluded: FloatArray, floor: float) -> Interval | None:
    ends = [score_over(each, floor) for each in interval(excluded)]
    low, high = ends
    return None if low is None or high is None else Interval(low, high)


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """[B]; NaN of nothing."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _interval(values: FloatArray) -> Interval | None:
    """Of the samples that have a value; None if none has."""
    known = values[~np.isnan(values)]
    return interval(known) if len(known) else None


def _mean_of(averages: Sequence[FloatArray]) -> FloatArray | None:
    """The mean over the classes that have objects in a sample; NaN where none has."""
    if not averages:
        return None
    values = np.stack(averages)  # [C, B, 2]
    known = ~np.isnan(values)
    return np.where(known.any(axis=0), np.nansum(values, axis=0) / np.maximum(known.sum(axis=0), 1), np.nan)


def _values(found: Interval | None) -> list[float | None] | None:
    return None if found is None else interval_values(found)
