"""Average precision (AP) as COCO defines it, by COCO's own evaluation library. No other module imports it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from pycocotools import mask  # type: ignore[import-untyped]
from pycocotools.cocoeval import COCOeval  # type: ignore[import-untyped]

from negmine.structures import BoolArray, FloatArray

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


def average_precision(images: Sequence[ClassBoxes]) -> AveragePrecision | None:
    """The average precision of one class.

    Detections in images without an object of the class are false positives. The best 100 detections of an image count.

    Args:
        images: in any order; it decides between equal scores.

    Returns:
        None if there is no object to find.
    """
    if not any((~(image.difficult | image.crowd)).any() for image in images):
        return None
    evaluation = _ClassEvaluation(image for image in images if len(image.scores) or len(image.objects_xyxy))
    with redirect_stdout(io.StringIO()):  # it prints how long it took
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"]  # [IoU, recall, 1, 1, 1]
    return AveragePrecision(float(precision[0].mean()), float(precision.mean()))


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

    def __init__(self, images: Iterable[ClassBoxes]) -> None:
        super().__init__(iouType="bbox")
        self._images = dict(enumerate(images))
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
