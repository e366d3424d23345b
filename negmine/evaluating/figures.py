"""The figures that people compare detectors by, from the matched detections of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from negmine.evaluating.config import EvalConfig
from negmine.evaluating.count import FppiOver, ScoredDetections, ThresholdCounts
from negmine.evaluating.match import MatchedDetections, MatchedImage
from negmine.evaluating.metrics.average_precision import (
    AveragePrecision,
    ClassBoxes,
    average_precision,
    mean_average_precision,
)
from negmine.evaluating.metrics.curve import CurvePoint, DetectionCurve
from negmine.evaluating.metrics.equal_recall import equal_recall_point, fppi_at_recalls
from negmine.evaluating.metrics.lamr import curve_lamr
from negmine.matching import Kind
from negmine.structures import BoolArray


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """The figures of one class.

    Attributes:
        name: of the class, as the data spells it.
        objects: number of objects to find.
        true_positives: at conf.
        false_positives: at conf, over all images.
        fppi: false positives of this class per image without targets, at conf.
        recall, map50, map50_95, lamr: None if there is no object.
        precision: None if nothing was found.
    """

    name: str
    objects: int
    true_positives: int
    false_positives: int
    fppi: float
    recall: float | None
    precision: float | None
    map50: float | None
    map50_95: float | None
    lamr: float | None

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """The figures of one model.

    False positives per image (FPPI) are counted on the images without targets: the backgrounds and the labelled images
    that are empty. If there are none, they are counted on the labelled images, and `fppi_over` says so. A detection
    counts if it scores the threshold or more.

    Attributes:
        name: of the detector.
        sha256: of its weights, hex.
        images: number of labelled images, empty ones included.
        objects: number of objects to find in them; difficult and crowd objects, and classes that are not judged, do not
            count.
        background_images: number of images without targets.
        conf: score threshold of the figures at one threshold.
        fppi: false positives per image; 0 if there is no image.
        fppi_over: the images that they are counted on.
        images_with_fp: number of these images with at least one false positive.
        recall: share of the objects that is found; None if there is none.
        precision: share of true positives in the judged detections of all images; None if there is none.
        map50, map50_95: COCO's mean average precision over the labelled images; None if there is no object.
        lamr: log-average miss rate; None if there is no object.
        at_recall: the recall that models are compared at.
        threshold_at_recall: the highest threshold that reaches it; None if none does.
        fppi_at_recall: FPPI at that threshold; None if there is none.
        fppi_at: FPPI at several recalls, by the recall; None where it is not reached.
        kinds: number of false positives of each kind, at conf, over all images.
        unjudged: detections at conf of classes that are not judged, neither true nor false.
        lacking: judged classes that the model does not know; their objects are missed.
        classes: figures by class, in the data's order.
        curve: at most 100 points, from the highest threshold to the lowest.
    """

    name: str
    sha256: str
    images: int
    objects: int
    background_images: int
    conf: float
    fppi: float
    fppi_over: FppiOver
    images_with_fp: int
    recall: float | None
    precision: float | None
    map50: float | None
    map50_95: float | None
    lamr: float | None
    at_recall: float | None
    threshold_at_recall: float | None
    fppi_at_recall: float | None
    fppi_at: Mapping[str, float | None]
    kinds: Mapping[str, int]
    unjudged: int
    lacking: tuple[str, ...]
    classes: tuple[ClassFigures, ...]
    curve: tuple[CurvePoint, ...]

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain | {
            "fppi_at": dict(self.fppi_at),
            "kinds": dict(self.kinds),
            "lacking": list(self.lacking),
            "classes": [each.to_dict() for each in self.classes],
            "curve": [point._asdict() for point in self.curve],
        }


def figures(matched: MatchedDetections, config: EvalConfig, *, at_recall: float | None = None) -> ModelFigures:
    """Compute every figure of one detector.

    Args:
        matched: its matched detections.
        config: the settings that they were matched with.
        at_recall: the recall that models are compared at; None for no comparison.
    """
    detections = ScoredDetections.of(matched)
    at_conf = ThresholdCounts.of(detections, config.conf)
    curve = detections.curve()
    point = None if at_recall is None else equal_recall_point(curve, at_recall)
    precisions = _average_precisions(matched, detections.class_indices)
    mean = mean_average_precision(precisions)
    return ModelFigures(
        name=matched.name,
        sha256=matched.sha256,
        images=sum(not image.background for image in matched.images),
        objects=detections.objects,
        background_images=sum(image.without_targets for image in matched.images),
        conf=config.conf,
        fppi=at_conf.fppi,
        fppi_over=detections.fppi_over,
        images_with_fp=at_conf.images_with_fp,
        recall=at_conf.recall,
        precision=at_conf.precision,
        map50=None if mean is None else mean.ap50,
        map50_95=None if mean is None else mean.ap50_95,
        lamr=curve_lamr(curve),
        at_recall=at_recall,
        threshold_at_recall=None if point is None else point.threshold,
        fppi_at_recall=None if point is None else point.fppi,
        fppi_at=fppi_at_recalls(curve),
        kinds=at_conf.kinds,
        unjudged=int((detections.is_kind(Kind.UNJUDGED) & (detections.scores >= config.conf)).sum()),
        lacking=matched.lacking,
        classes=tuple(
            _class_figures(matched.data_classes[index], detections.of_class(index), config.conf, average)
            for index, average in zip(detections.class_indices, precisions, strict=True)
        ),
        curve=curve.thinned(),
    )


def figures_at_equal_recall(matched: Sequence[MatchedDetections], config: EvalConfig) -> tuple[ModelFigures, ...]:
    """The figures of several detectors, compared at the recall that the first one has at `config.conf`."""
    at_recall = ThresholdCounts.of(ScoredDetections.of(matched[0]), config.conf).recall
    return tuple(figures(each, config, at_recall=at_recall) for each in matched)


def curve_of(matched: MatchedDetections) -> DetectionCurve:
    """Recall and false positives per image at every threshold."""
    return ScoredDetections.of(matched).curve()


def _class_figures(
    name: str, detections: ScoredDetections, conf: float, average: AveragePrecision | None
) -> ClassFigures:
    counts = ThresholdCounts.of(detections, conf)
    return ClassFigures(
        name=name,
        objects=detections.objects,
        true_positives=counts.true_positives,
        false_positives=counts.false_positives,
        fppi=counts.fppi,
        recall=counts.recall,
        precision=counts.precision,
        map50=None if average is None else average.ap50,
        map50_95=None if average is None else average.ap50_95,
        lamr=curve_lamr(detections.curve()),
    )


def _average_precisions(matched: MatchedDetections, indices: Sequence[int]) -> list[AveragePrecision | None]:
    """Average precision of each class over the labelled images; None for a class without objects."""
    boxes: dict[int, list[ClassBoxes]] = defaultdict(list)
    numbers = {name: index for index, name in enumerate(matched.data_classes)}
    for image in matched.images:
        if not image.background:
            objects = np.array([numbers.get(name, -1) for name in image.truth.class_names], dtype=np.int64)
            for index in np.union1d(objects, image.classes):
                boxes[int(index)].append(_boxes_of(image, objects == index, image.classes == index))
    return [average_precision(boxes[index]) for index in indices]


def _boxes_of(image: MatchedImage, objects: BoolArray, found: BoolArray) -> ClassBoxes:
    truth = image.truth
    return ClassBoxes(
        image.boxes_xyxy[found],
        image.scores[found],
        truth.boxes_xyxy[objects],
        truth.difficult[objects],
        truth.crowd[objects],
    )
