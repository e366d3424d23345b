"""What a detector found where, in each image of an evaluation: for people to look at, and to compare two detectors by.

Figures need scores alone (`negmine.evaluating.image_scores`). Pictures of what a detector no longer finds, or no longer
fires on, need boxes: a few of each image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from negmine.evaluating.image_scores import ImageScores
from negmine.evaluating.match import MatchedDetections, MatchedImage
from negmine.matching import FALSE_POSITIVES, match_detections
from negmine.paths import printable
from negmine.structures import Detections
from negmine.thresholds import MatchConfig

BoxXyxy = tuple[float, float, float, float]

_MOST = 10  # false positives of an image that are kept, the hardest
_FARTHEST = 1e9  # pixels that a box is from the corner, in any image


@dataclass(frozen=True, slots=True)
class Seen:
    """A box in an image.

    Attributes:
        class_name: of the object, or what the detector took it for.
        box_xyxy: pixels of the upright image; of the object where it is one.
        score: of the detection; None for an object that was not found at any score that was kept.
    """

    class_name: str
    box_xyxy: BoxXyxy
    score: float | None

    def at_least(self, conf: float) -> bool:
        """Whether there is a detection that scores `conf` or more."""
        return self.score is not None and self.score >= conf


@dataclass(frozen=True, slots=True)
class SeenImage:
    """An image of an evaluation, and what a detector found in it.

    Attributes:
        sha256: of its bytes, hex.
        path: its file, as text for people.
        counted: whether false positives are counted on it.
        objects: those that are to be found.
        false_positives: the hardest ones.
    """

    sha256: str
    path: str
    counted: bool
    objects: tuple[Seen, ...]
    false_positives: tuple[Seen, ...]

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "sha256": self.sha256,
            "path": self.path,
            "counted": self.counted,
            "objects": [_row(each) for each in self.objects],
            "false_positives": [_row(each) for each in self.false_positives],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> SeenImage:
        """Read back what `to_dict` gave.

        Raises:
            ValueError, KeyError, TypeError: where it is something else.
        """
        return cls(
            sha256=str(document["sha256"]),
            path=str(document["path"]),
            counted=bool(document["counted"]),
            objects=tuple(_of_row(row) for row in _rows(document["objects"])),
            false_positives=tuple(_of_row(row) for row in _rows(document["false_positives"], most=_MOST)),
        )


def seen_images(
    matched: MatchedDetections, scores: ImageScores, lowest: float, config: MatchConfig
) -> tuple[SeenImage, ...]:
    """What a detector found where.

    Args:
        matched: its matched detections.
        scores: of the same images, in the same order: they say where false positives are counted.
        lowest: detections that score less are left out.
        config: the thresholds that they were matched with.
    """
    return tuple(
        SeenImage(
            sha256=image.sha256,
            path=printable(image.path),
            counted=bool(counted),
            objects=_objects(image, matched, lowest, config),
            false_positives=_false_positives(image, matched.data_classes, lowest),
        )
        for image, counted in zip(matched.images, scores.counted, strict=True)
    )


def _objects(image: MatchedImage, matched: MatchedDetections, lowest: float, config: MatchConfig) -> tuple[Seen, ...]:
    truth, judged = image.truth, frozenset(matched.judged)
    wanted = [
        index
        for index, (name, skip) in enumerate(zip(truth.class_names, truth.difficult | truth.crowd, strict=True))
        if name in judged and not skip
    ]
    if not wanted:
        return ()
    detections = Detections(image.boxes_xyxy, image.scores, image.classes.astype(np.int64))
    names = dict(enumerate(matched.data_classes))
    matches = match_detections(detections, truth, names, judged=judged, config=config)
    found = {int(number): float(score) for number, score in zip(matches.objects, image.scores, strict=True)}
    return tuple(
        Seen(truth.class_names[index], _box(truth.boxes_xyxy[index].tolist()), _kept(found.get(index), lowest))
        for index in wanted
    )


def _false_positives(image: MatchedImage, names: Sequence[str], lowest: float) -> tuple[Seen, ...]:
    kinds, boxed = image.kinds, len(image.boxes_xyxy)
    false = [index for index in np.argsort(-image.scores, kind="stable").tolist() if kinds[index] in FALSE_POSITIVES]
    return tuple(
        Seen(names[image.classes[index]], _box(image.boxes_xyxy[index].tolist()), float(image.scores[index]))
        for index in false[:_MOST]
        if index < boxed and image.scores[index] >= lowest
    )


def _kept(score: float | None, lowest: float) -> float | None:
    return None if score is None or score < lowest else score


def _box(values: Sequence[float]) -> BoxXyxy:
    x1, y1, x2, y2 = (round(float(value), 2) for value in values)
    return x1, y1, x2, y2


def _row(seen: Seen) -> list[object]:
    return [seen.class_name, *seen.box_xyxy, seen.score]


def _of_row(row: object) -> Seen:
    if not isinstance(row, list) or len(row) != 6:
        raise ValueError("expected a class, a box and a score")
    name, *box, score = row
    if type(name) is not str or not all(_is_number(each) and abs(each) < _FARTHEST for each in box):
        raise ValueError("expected a class and a box")
    if not (box[0] <= box[2] and box[1] <= box[3]):
        raise ValueError("expected a box that is not inverted")
    if score is not None and not (_is_number(score) and 0 <= score <= 1):
        raise ValueError("expected a score from 0 to 1")
    return Seen(name, _box(box), score)


def _rows(value: object, *, most: int | None = None) -> Iterable[object]:
    if not isinstance(value, list):
        raise TypeError("expected a list")
    if most is not None and len(value) > most:  # all are compared with all
        raise ValueError(f"expected {most} rows at most")
    return value


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
