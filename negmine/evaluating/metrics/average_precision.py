"""Average precision (AP) as COCO defines it, by COCO's own evaluation library. No other module imports it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from pycocotools import mask  # type: ignore[import-untyped]
from pycocotools.cocoeval import COCOeval  # type: ignore[import-untyped]

from negmine.structures import BoolArray, FloatArray, IntArray

MAX_DETECTIONS = 100  # the best of one class in one image: COCO's own limit
_CATEGORY = 1
_ANY_AREA = [0.0, 1e10]


class AveragePrecision(NamedTuple):
    """Area under the precision-recall curve, sampled at 101 recalls."""

    ap50: float  # at IoU 0.5
    ap50_95: float  # mean over IoU 0.5, 0.55, ..., 0.95


@dataclass(frozen=True, slots=True, eq=False)
class ClassBoxes:
    """The boxes of one class in one image.

    Attributes:
        found_xyxy: [N, 4] pixels, detections.
        scores: [N].
        objects_xyxy: [M, 4] pixels.
        difficult: [M] ignored; a detection that overlaps it by the IoU threshold is neither true nor false.
        crowd: [M] the same, by the share of the detection that is inside.
    """

    found_xyxy: FloatArray
    scores: FloatArray
    objects_xyxy: FloatArray
    difficult: BoolArray
    crowd: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class ClassMatches:
    """What COCO's evaluation makes of the detections of one class: N rows, at 10 IoU thresholds.

    Attributes:
        average: the average precision.
        scores: [N].
        images: [N] index of the image of each.
        true: [10, N] whether it finds an object.
        ignored: [10, N] whether it is neither true nor false.
        objects: number of objects to find, by index of the image.
    """

    average: AveragePrecision
    scores: FloatArray
    images: IntArray
    true: BoolArray
    ignored: BoolArray
    objects: Mapping[int, int]


def average_precision(images: Sequence[ClassBoxes]) -> AveragePrecision | None:
    """The average precision of one class.

    Detections in images without an object of the class are false positives. The best 100 detections of an image count.

    Args:
        images: in any order; it decides between equal scores.

    Returns:
        None if there is no object to find.
    """
    matches = class_matches(dict(enumerate(images)))
    return None if matches is None else matches.average


def class_matches(images: Mapping[int, ClassBoxes]) -> ClassMatches | None:
    """Match the detections of one class as `average_precision` does.

    Args:
        images: by their index; their order decides between equal scores.

    Returns:
        None if there is no object to find.
    """
    objects = {number: int((~(image.difficult | image.crowd)).sum()) for number, image in images.items()}
    if not any(objects.values()):
        return None
    used = {number: image for number, image in images.items() if len(image.scores) or len(image.objects_xyxy)}
    evaluation = _ClassEvaluation(used)
    with redirect_stdout(io.StringIO()):  # it prints how long it took
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"]  # [IoU, recall, 1, 1, 1]
    rows = [each for each in evaluation.evalImgs if each is not None]
    none = np.zeros((len(evaluation.params.iouThrs), 0))
    return ClassMatches(
        AveragePrecision(float(precision[0].mean()), float(precision.mean())),
        np.concatenate([np.zeros(0), *(row["dtScores"] for row in rows)]),
        np.repeat([row["image_id"] for row in rows], [len(row["dtScores"]) for row in rows]).astype(np.int64),
        np.concatenate([none, *(row["dtMatches"] for row in rows)], axis=1) > 0,
        np.concatenate([none, *(row["dtIgnore"] for row in rows)], axis=1) > 0,
        objects,
    )


def mean_average_precision(classes: Iterable[AveragePrecision | None]) -> AveragePrecision | None:
    """The mean over the classes that have objects, as COCO takes it; None if none has."""
    known = [each for each in classes if each is not None]
    if not known:
        return None
    return AveragePrecision(*(float(np.mean(values)) for values in zip(*known, strict=True)))


class _ClassEvaluation(COCOeval):  # type: ignore[misc]
    """COCO's evaluation of one class, fed with arrays instead of files.

    COCO's results loader fails if there is no detection, and COCO ignores only crowds. Here a difficult object is a
    crowd except for its overlap: it matches any number of detections, by IoU.
    """

    def __init__(self, images: Mapping[int, ClassBoxes]) -> None:
        super().__init__(iouType="bbox")
        self._images = images
        self.params.imgIds = list(self._images)
        self.params.catIds = [_CATEGORY]
        self.params.maxDets = [MAX_DETECTIONS]
        self.params.areaRng, self.params.areaRngLbl = [_ANY_AREA], ["all"]

    def _prepare(self) -> None:
        """Fill in the boxes that COCO would look up in its files. Ids start at 1, since 0 means no match."""
        for number, image in self._images.items():
            ignored = image.difficult | image.crowd
            self._gts[number, _CATEGORY] = [
                {"id": i, "ignore": int(skip), "iscrowd": int(skip), "area": _area(box)}
                for i, (box, skip) in enumerate(zip(image.objects_xyxy, ignored, strict=True), 1)
            ]
            self._dts[number, _CATEGORY] = [
                {"id": i, "score": float(score), "area": _area(box)}
                for i, (box, score) in enumerate(zip(image.found_xyxy, image.scores, strict=True), 1)
            ]

    def computeIoU(self, imgId: int, catId: int) -> object:
        """[N, M] overlap of the best detections, by falling score, with the objects."""
        image = self._images[imgId]
        if not len(image.scores) or not len(image.objects_xyxy):
            return []
        best = np.argsort(-image.scores, kind="stable")[:MAX_DETECTIONS]
        found, objects = _xywh(image.found_xyxy[best]), _xywh(image.objects_xyxy)
        return mask.iou(found, objects, image.crowd.astype(np.uint8).tolist())


def _area(box_xyxy: FloatArray) -> float:
    return float((box_xyxy[2] - box_xyxy[0]) * (box_xyxy[3] - box_xyxy[1]))


def _xywh(boxes_xyxy: FloatArray) -> FloatArray:
    return np.concatenate([boxes_xyxy[:, :2], boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]], axis=1)
