"""Counting: every detection of an evaluation as a row of arrays, and what one score threshold brings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from negmine.evaluating.match import ClassArray, CodeArray, MatchedDetections, code_of
from negmine.evaluating.metrics.curve import DetectionCurve
from negmine.matching import FALSE_POSITIVES, Kind
from negmine.structures import BoolArray, FloatArray

FppiOver = Literal["backgrounds", "labelled"]
_FALSE_POSITIVE_CODES = np.array([code_of(kind) for kind in FALSE_POSITIVES], dtype=np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class ScoredDetections:
    """Every detection as a row, [N] each.

    Attributes:
        scores: of the detections.
        codes: the kind of each, as `code_of` gives it.
        classes: index of the class of each, -1 for a class that the data does not list.
        images: index of the image of each.
        counted: whether the image is one of those that FPPI is counted on.
        object_counts: objects to find, by index of the class.
        fppi_images: number of images that FPPI is counted on.
        fppi_over: which images these are.
    """

    scores: FloatArray
    codes: CodeArray
    classes: ClassArray
    images: npt.NDArray[np.int32]
    counted: BoolArray
    object_counts: Mapping[int, int]
    fppi_images: int
    fppi_over: FppiOver

    @classmethod
    def of(cls, matched: MatchedDetections) -> ScoredDetections:
        """All detections of a detector."""
        images = matched.images
        over: FppiOver = "backgrounds" if any(image.without_targets for image in images) else "labelled"
        counted = [image.without_targets or over == "labelled" for image in images]
        lengths = [len(image.scores) for image in images]
        return cls(
            scores=np.concatenate([np.zeros(0), *(image.scores for image in images)]),
            codes=np.concatenate([np.zeros(0, dtype=np.uint8), *(image.codes for image in images)]),
            classes=np.concatenate([np.zeros(0, dtype=np.int32), *(image.classes for image in images)]),
            images=np.repeat(np.arange(len(images), dtype=np.int32), lengths),
            counted=np.repeat(np.array(counted, dtype=np.bool_), lengths),
            object_counts=_object_counts(matched),
            fppi_images=sum(counted),
            fppi_over=over,
        )

    @property
    def objects(self) -> int:
        """Number of objects to find."""
        return sum(self.object_counts.values())

    @property
    def class_indices(self) -> list[int]:
        """The judged classes."""
        return list(self.object_counts)

    @property
    def false_positives(self) -> BoolArray:
        """Mask [N]."""
        return np.isin(self.codes, _FALSE_POSITIVE_CODES)

    def is_kind(self, kind: Kind) -> BoolArray:
        """Mask [N]."""
        return np.asarray(self.codes == code_of(kind))

    def of_class(self, index: int) -> ScoredDetections:
        """The rows of one class."""
        own = self.classes == index
        return ScoredDetections(
            self.scores[own],
            self.codes[own],
            self.classes[own],
            self.images[own],
            self.counted[own],
            {index: self.object_counts[index]},
            self.fppi_images,
            self.fppi_over,
        )

    def curve(self) -> DetectionCurve:
        """True positives of all images against the false positives of those that FPPI is counted on."""
        return DetectionCurve.of(
            self.scores[self.is_kind(Kind.TRUE_POSITIVE)],
            self.scores[self.false_positives & self.counted],
            objects=self.objects,
            images=self.fppi_images,
        )


@dataclass(frozen=True, slots=True)
class ThresholdCounts:
    """What one score threshold brings.

    Attributes:
        true_positives, false_positives: in all images.
        fppi: false positives per image, on the images that it is counted on; 0 if there are none.
        images_with_fp: number of those images with at least one false positive.
        recall: None if there is no object.
        precision: None if nothing was found.
        kinds: number of false positives of each kind, in all images.
    """

    true_positives: int
    false_positives: int
    fppi: float
    images_with_fp: int
    recall: float | None
    precision: float | None
    kinds: Mapping[str, int]

    @classmethod
    def of(cls, detections: ScoredDetections, conf: float) -> ThresholdCounts:
        """Count the detections that score `conf` or more."""
        over = detections.scores >= conf
        false, true = detections.false_positives & over, detections.is_kind(Kind.TRUE_POSITIVE) & over
        counted = false & detections.counted
        true_positives, false_positives = int(true.sum()), int(false.sum())
        found = true_positives + false_positives
        return cls(
            true_positives=true_positives,
            false_positives=false_positives,
            fppi=int(counted.sum()) / max(detections.fppi_images, 1),
            images_with_fp=len(np.unique(detections.images[counted])),
            recall=true_positives / detections.objects if detections.objects else None,
            precision=true_positives / found if found else None,
            kinds={str(kind): int((detections.is_kind(kind) & over).sum()) for kind in FALSE_POSITIVES},
        )


def _object_counts(matched: MatchedDetections) -> dict[int, int]:
    """The objects of each judged class that should be found, by index of the class."""
    counts = Counter(
        name
        for image in matched.images
        for name, ignored in zip(image.truth.class_names, image.truth.difficult | image.truth.crowd, strict=True)
        if not ignored
    )
    return {matched.data_classes.index(name): counts[name] for name in matched.judged}
