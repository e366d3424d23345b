"""The figures that people compare detectors by, from the matched detections of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from negmine.evaluating.at_fppi import FppiPoint, fppi_by_score, fppi_point
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.count import FppiOver, ScoredDetections, ThresholdCounts
from negmine.evaluating.match import MatchedDetections, MatchedImage
from negmine.evaluating.metrics.average_precision import (
    ClassBoxes,
    ClassMatches,
    class_matches,
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
        precision: None if nothing was found, or no image is labelled.
        at_fppi: at the wanted FPPI, of this class alone.
        fppi_by_score: FPPI at several scores, by the score.
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
    at_fppi: tuple[FppiPoint, ...]
    fppi_by_score: Mapping[str, float]

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain | {
            "at_fppi": [each.to_dict() for each in self.at_fppi],
            "fppi_by_score": dict(self.fppi_by_score),
        }


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
        precision: share of true positives in the judged detections of all images; None if there is none, or no image
            is labelled.
        map50, map50_95: COCO's mean average precision over the labelled images; None if there is no object.
        lamr: log-average miss rate; None if there is no object.
        at_recall: the recall that models are compared at.
        threshold_at_recall: the highest threshold that reaches it; None if none does.
        fppi_at_recall: FPPI at that threshold; None if there is none.
        fppi_at: FPPI at several recalls, by the recall; None where it is not reached.
        at_fppi: recall, and the score that reaches it, at each wanted FPPI.
        fppi_by_score: FPPI at several scores, by the score.
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
    at_fppi: tuple[FppiPoint, ...]
    fppi_by_score: Mapping[str, float]
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
            "at_fppi": [each.to_dict() for each in self.at_fppi],
            "fppi_by_score": dict(self.fppi_by_score),
            "kinds": dict(self.kinds),
            "lacking": list(self.lacking),
            "classes": [each.to_dict() for each in self.classes],
            "curve": [point._asdict() for point in self.curve],
        }


def figures(
    matched: MatchedDetections,
    config: EvalConfig,
    *,
    at_recall: float | None = None,
    coco: Sequence[ClassMatches | None] | None = None,
) -> ModelFigures:
    """Compute every figure of one detector.

    Args:
        matched: its matched detections.
        config: the settings that they were matched with.
        at_recall: the recall that models are compared at; None for no comparison.
        coco: of each judged class, where `coco_matches` was called before.
    """
    detections = ScoredDetections.of(matched)
    at_conf = ThresholdCounts.of(detections, config.conf)
    curve = detections.curve()
    point = None if at_recall is None else equal_recall_point(curve, at_recall)
    coco = coco_matches(matched) if coco is None else coco
    mean = mean_average_precision(None if each is None else each.average for each in coco)
    labelled = sum(not image.background for image in matched.images)
    return ModelFigures(
        name=matched.name,
        sha256=matched.sha256,
        images=labelled,
        objects=detections.objects,
        background_images=sum(image.without_targets for image in matched.images),
        conf=config.conf,
        fppi=at_conf.fppi,
        fppi_over=detections.fppi_over,
        images_with_fp=at_conf.images_with_fp,
        recall=at_conf.recall,
        precision=at_conf.precision if labelled else None,
        map50=None if mean is None else mean.ap50,
        map50_95=None if mean is None else mean.ap50_95,
        lamr=curve_lamr(curve),
        at_recall=at_recall,
        threshold_at_recall=None if point is None else point.threshold,
        fppi_at_recall=None if point is None else point.fppi,
        fppi_at=fppi_at_recalls(curve),
        at_fppi=tuple(fppi_point(detections, wanted, config.floor) for wanted in config.at_fppi),
        fppi_by_score=fppi_by_score(detections, config.floor),
        kinds=at_conf.kinds,
        unjudged=int((detections.is_kind(Kind.UNJUDGED) & (detections.scores >= config.conf)).sum()),
        lacking=matched.lacking,
        classes=tuple(
            _class_figures(matched.data_classes[index], detections.of_class(index), config, found, labelled > 0)
            for index, found in zip(detections.class_indices, coco, strict=True)
        ),
        curve=curve.thinned(),
    )


def figures_at_equal_recall(
    matched: Sequence[MatchedDetections],
    config: EvalConfig,
    coco: Sequence[Sequence[ClassMatches | None]] | None = None,
) -> tuple[ModelFigures, ...]:
    """The figures of several detectors, compared at the recall that the first one has at `config.conf`.

    Args:
        matched: of each detector.
        config: the settings that they were matched with.
        coco: of each, where `coco_matches` was called before.
    """
    coco = [coco_matches(each) for each in matched] if coco is None else coco
    at_recall = ThresholdCounts.of(ScoredDetections.of(matched[0]), config.conf).recall
    return tuple(
        figures(each, config, at_recall=at_recall, coco=of_one) for each, of_one in zip(matched, coco, strict=True)
    )


def curve_of(matched: MatchedDetections) -> DetectionCurve:
    """Recall and false positives per image at every threshold."""
    return ScoredDetections.of(matched).curve()


def coco_matches(matched: MatchedDetections) -> tuple[ClassMatches | None, ...]:
    """What COCO's evaluation makes of each judged class in the labelled images; None for a class without objects."""
    boxes: dict[int, dict[int, ClassBoxes]] = defaultdict(dict)
    numbers = {name: index for index, name in enumerate(matched.data_classes)}
    for place, image in enumerate(matched.images):
        if not image.background:
            objects = np.array([numbers.get(name, -1) for name in image.truth.class_names], dtype=np.int64)
            for index in np.union1d(objects, image.classes):
                boxes[int(index)][place] = _boxes_of(image, objects == index, image.classes == index)
    return tuple(class_matches(boxes[numbers[name]]) for name in matched.judged)


def _class_figures(
    name: str, detections: ScoredDetections, config: EvalConfig, coco: ClassMatches | None, is_labelled: bool
) -> ClassFigures:
    counts = ThresholdCounts.of(detections, config.conf)
    return ClassFigures(
        name=name,
        objects=detections.objects,
        true_positives=counts.true_positives,
        false_positives=counts.false_positives,
        fppi=counts.fppi,
        recall=counts.recall,
        precision=counts.precision if is_labelled else None,
        map50=None if coco is None else coco.average.ap50,
        map50_95=None if coco is None else coco.average.ap50_95,
        lamr=curve_lamr(detections.curve()),
        at_fppi=tuple(fppi_point(detections, wanted, config.floor) for wanted in config.at_fppi),
        fppi_by_score=fppi_by_score(detections, config.floor),
    )


def _boxes_of(image: MatchedImage, objects: BoolArray, found: BoolArray) -> ClassBoxes:
    truth = image.truth
    return ClassBoxes(
        image.boxes_xyxy[found],
        image.scores[found],
        truth.boxes_xyxy[objects],
        truth.difficult[objects],
        truth.crowd[objects],
    )
