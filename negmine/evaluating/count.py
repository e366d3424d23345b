"""Every detection of an evaluation as a row, and what can be counted in the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from negmine.evaluating.match import Evidence
from negmine.evaluating.metrics.curve import DetectionCurve
from negmine.evaluating.predict import ClassArray, CodeArray, code_of
from negmine.matching import FALSE_POSITIVES, Kind
from negmine.structures import BoolArray, FloatArray

FppiOver = Literal["backgrounds", "labelled"]
_FALSE_POSITIVE_CODES = np.array([code_of(kind) for kind in FALSE_POSITIVES], dtype=np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Every detection as a row, [N] each.

    Attributes:
        scores: of the detections.
        codes: what each is, as `code_of` its kind.
        classes: index of the class that each is of, -1 where the data does not list it.
        images: index of the image that each is in.
        counted: whether its image is one of those on which FPPI is taken.
        object_counts: objects to be found, by the index of the class.
        fppi_images: how many images FPPI is taken on.
        fppi_over: which those are.
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
    def of(cls, evidence: Evidence) -> Table:
        """All detections of an evaluation."""
        images = evidence.images
        over: FppiOver = "backgrounds" if any(image.without_targets for image in images) else "labelled"
        counted = [image.without_targets or over == "labelled" for image in images]
        lengths = [len(image.scores) for image in images]
        return cls(
            scores=np.concatenate([np.zeros(0), *(image.scores for image in images)]),
            codes=np.concatenate([np.zeros(0, dtype=np.uint8), *(image.codes for image in images)]),
            classes=np.concatenate([np.zeros(0, dtype=np.int32), *(image.classes for image in images)]),
            images=np.repeat(np.arange(len(images), dtype=np.int32), lengths),
            counted=np.repeat(np.array(counted, dtype=np.bool_), lengths),
            object_counts=_object_counts(evidence),
            fppi_images=sum(counted),
            fppi_over=over,
        )

    @property
    def objects(self) -> int:
        """To be found."""
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

    def of_class(self, index: int) -> Table:
        """The rows of one class."""
        own = self.classes == index
        return Table(
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
        """Hits of all images, false positives of those that are counted."""
        return DetectionCurve.of(
            self.scores[self.is_kind(Kind.TRUE_POSITIVE)],
            self.scores[self.false_positives & self.counted],
            objects=self.objects,
            images=self.fppi_images,
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """What one threshold brings.

    Attributes:
        true_positives, false_positives: in all images.
        fppi: false positives per image, of the images that it is taken on; 0 where there is none.
        images_with_fp: how many of those have one at least.
        recall: None where there is no object.
        precision: None where nothing was found.
        kinds: how many false positives are of which kind, in all images.
    """

    true_positives: int
    false_positives: int
    fppi: float
    images_with_fp: int
    recall: float | None
    precision: float | None
    kinds: Mapping[str, int]

    @classmethod
    def of(cls, table: Table, conf: float) -> Counts:
        """Count the detections that score `conf` or more."""
        over = table.scores >= conf
        wrong, right = table.false_positives & over, table.is_kind(Kind.TRUE_POSITIVE) & over
        counted = wrong & table.counted
        hits, alarms = int(right.sum()), int(wrong.sum())
        return cls(
            true_positives=hits,
            false_positives=alarms,
            fppi=int(counted.sum()) / max(table.fppi_images, 1),
            images_with_fp=len(np.unique(table.images[counted])),
            recall=hits / table.objects if table.objects else None,
            precision=hits / (hits + alarms) if hits + alarms else None,
            kinds={str(kind): int((table.is_kind(kind) & over).sum()) for kind in FALSE_POSITIVES},
        )


def _object_counts(evidence: Evidence) -> dict[int, int]:
    """The objects of each judged class that should be found, by the index of the class."""
    counts = Counter(
        name
        for image in evidence.images
        for name, ignored in zip(image.truth.class_names, image.truth.difficult | image.truth.crowd, strict=True)
        if not ignored
    )
    return {evidence.listed.index(name): counts[name] for name in evidence.class_names}
