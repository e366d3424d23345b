"""From what a detector said to the figures that people compare detectors by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from negmine.evaluating.config import EvalConfig
from negmine.evaluating.count import Counts, FppiOver, Table
from negmine.evaluating.match import Evidence
from negmine.evaluating.metrics.average_precision import (
    AveragePrecision,
    ClassBoxes,
    average_precision,
    mean_average_precision,
)
from negmine.evaluating.metrics.curve import CurvePoint, DetectionCurve
from negmine.evaluating.metrics.lamr import curve_lamr
from negmine.evaluating.predict import SeenImage
from negmine.matching import Kind
from negmine.structures import BoolArray

RECALLS = (0.6, 0.7, 0.8, 0.9)  # at which every model's false positives are told


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """The figures of one class.

    Attributes:
        name: of the class, as the data calls it.
        objects: to be found.
        true_positives: at conf.
        false_positives: at conf, over all images.
        fppi: false positives of this class per image without targets, at conf.
        recall, map50, map50_95, lamr: None where there is no object.
        precision: None where nothing was found.
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
    that are empty. Where there are none, on the labelled images; `fppi_over` says so. A detection counts where its
    score is the threshold or more.

    Attributes:
        name: of the detector.
        sha256: of its weights, hex.
        images: labelled ones, empty ones among them.
        objects: in them, to be found; difficult and crowd ones, and classes that are not judged, are none.
        background_images: images without targets.
        conf: the threshold of the figures that name none.
        fppi: false positives per image; 0 where there is no image.
        fppi_over: what they are counted on.
        images_with_fp: how many of these images have one at least.
        recall: share of the objects that is found; None where there is none.
        precision: share of the true positives in all judged detections, of all images; None where there is none.
        map50, map50_95: COCO's mean average precision over the labelled images; None where there is no object.
        lamr: log-average miss rate; None where there is no object.
        at_recall: the recall that the next two are asked at.
        threshold_at_recall: the highest threshold at which it is reached; None where none reaches it.
        fppi_at_recall: FPPI there; None where it is not reached.
        fppi_at: FPPI at several recalls, by the recall; None where it is not reached.
        kinds: how many false positives are of which kind, at conf, over all images.
        unjudged: detections at conf of classes that are not judged: neither right nor wrong.
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


def figures(evidence: Evidence, config: EvalConfig, *, at_recall: float | None = None) -> ModelFigures:
    """Compute every figure.

    Args:
        evidence: what the detector said.
        config: the threshold, and what was asked of the detector.
        at_recall: the recall at which models are compared; None for no comparison.
    """
    table = Table.of(evidence)
    at_conf = Counts.of(table, config.conf)
    curve = table.curve()
    point = None if at_recall is None else curve.at_recall(at_recall)
    precisions = _average_precisions(evidence, table.class_indices)
    mean = mean_average_precision(precisions)
    return ModelFigures(
        name=evidence.name,
        sha256=evidence.sha256,
        images=sum(not image.background for image in evidence.images),
        objects=table.objects,
        background_images=sum(image.without_targets for image in evidence.images),
        conf=config.conf,
        fppi=at_conf.fppi,
        fppi_over=table.fppi_over,
        images_with_fp=at_conf.images_with_fp,
        recall=at_conf.recall,
        precision=at_conf.precision,
        map50=None if mean is None else mean.ap50,
        map50_95=None if mean is None else mean.ap50_95,
        lamr=curve_lamr(curve),
        at_recall=at_recall,
        threshold_at_recall=None if point is None else point.threshold,
        fppi_at_recall=None if point is None else point.fppi,
        fppi_at={f"{recall:g}": _fppi(curve.at_recall(recall)) for recall in RECALLS},
        kinds=at_conf.kinds,
        unjudged=int((table.is_kind(Kind.UNJUDGED) & (table.scores >= config.conf)).sum()),
        lacking=evidence.lacking,
        classes=tuple(
            _class_figures(evidence, table.of_class(index), config.conf, index, average)
            for index, average in zip(table.class_indices, precisions, strict=True)
        ),
        curve=curve.thinned(),
    )


def recall_at(evidence: Evidence, conf: float) -> float | None:
    """The share of the objects that is found with a score of `conf` or more; None where there is no object."""
    return Counts.of(Table.of(evidence), conf).recall


def curve_of(evidence: Evidence) -> DetectionCurve:
    """Recall and false positives per image at every threshold."""
    return Table.of(evidence).curve()


def fppi_at(evidence: Evidence, recall: float) -> tuple[float | None, float | None]:
    """The highest threshold at which a recall is reached, and the false positives per image there.

    Returns:
        (None, None) where no threshold reaches it, and for a recall of 0, which every threshold reaches.
    """
    point = curve_of(evidence).at_recall(recall)
    return (None, None) if point is None else (point.threshold, point.fppi)


def _fppi(point: CurvePoint | None) -> float | None:
    return None if point is None else point.fppi


def _class_figures(
    evidence: Evidence, table: Table, conf: float, index: int, average: AveragePrecision | None
) -> ClassFigures:
    counts = Counts.of(table, conf)
    return ClassFigures(
        name=evidence.listed[index],
        objects=table.objects,
        true_positives=counts.true_positives,
        false_positives=counts.false_positives,
        fppi=counts.fppi,
        recall=counts.recall,
        precision=counts.precision,
        map50=None if average is None else average.ap50,
        map50_95=None if average is None else average.ap50_95,
        lamr=curve_lamr(table.curve()),
    )


def _average_precisions(evidence: Evidence, indices: Sequence[int]) -> list[AveragePrecision | None]:
    """Of each class, over the labelled images; None where it has no object."""
    boxes: dict[int, list[ClassBoxes]] = defaultdict(list)
    numbers = {name: index for index, name in enumerate(evidence.listed)}
    for image in evidence.images:
        if not image.background:
            objects = np.array([numbers.get(name, -1) for name in image.truth.class_names], dtype=np.int64)
            for index in np.union1d(objects, image.classes):
                boxes[int(index)].append(_boxes_of(image, objects == index, image.classes == index))
    return [average_precision(boxes[index]) for index in indices]


def _boxes_of(image: SeenImage, objects: BoolArray, found: BoolArray) -> ClassBoxes:
    truth = image.truth
    return ClassBoxes(
        image.boxes_xyxy[found],
        image.scores[found],
        truth.boxes_xyxy[objects],
        truth.difficult[objects],
        truth.crowd[objects],
    )
