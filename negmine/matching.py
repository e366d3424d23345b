"""The one matcher: which detections are true positives, and what is wrong with the others. Scan and eval share it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from negmine.boxes import box_ioa, box_iou
from negmine.limits import MAX_PAIRS
from negmine.structures import BoolArray, Detections, FloatArray, GroundTruth, IntArray
from negmine.thresholds import MatchConfig


class Kind(StrEnum):
    """What a detection is; every detection is exactly one of these."""

    TRUE_POSITIVE = "true_positive"
    IGNORED = "ignored"  # it matches a difficult or crowd object: neither a true nor a false positive
    UNJUDGED = "unjudged"  # the truth does not list its class, so nobody knows
    BACKGROUND = "background"
    LOCALIZATION = "localization"
    DUPLICATE = "duplicate"
    CONFUSION = "confusion"
    FLICKER = "flicker"  # alone in time, in a video that nobody labelled: likely false


MINED = (Kind.BACKGROUND, Kind.FLICKER)  # a negative may be cut around these
FALSE_POSITIVES = (Kind.BACKGROUND, Kind.LOCALIZATION, Kind.DUPLICATE, Kind.CONFUSION)


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The matched detections of one image.

    Attributes:
        kinds: one `Kind` for each detection, in the caller's order.
        objects: [N] int64, the object that a true positive or ignored detection matched, else -1.
        missed: [M] bool, the objects that should have been found but were not.
    """

    kinds: tuple[Kind, ...]
    objects: IntArray
    missed: BoolArray

    def is_kind(self, kind: Kind) -> BoolArray:
        """Mask [N] of the detections of one kind."""
        return np.array([k is kind for k in self.kinds], dtype=np.bool_)


def match_detections(
    detections: Detections,
    truth: GroundTruth,
    class_names: Mapping[int, str],
    *,
    judged: Collection[str] | None = None,
    config: MatchConfig | None = None,
) -> Matches:
    """Match the detections of one image to its objects, one-to-one, class by class, by falling score.

    A detection takes the free object of its class with the highest IoU >= `match_iou` (equal scores: the earlier
    detection first), as the COCO evaluation does. Otherwise it is ignored if it matches an ignored object of its class:
    a difficult one at that IoU, a crowd by the share of the detection inside it. What is left is a false positive:

    - `duplicate`: IoU >= `match_iou` with an object of its class that a better detection took;
    - `localization`: `background_iou` <= IoU < `match_iou` with an object of its class;
    - `confusion`: IoU >= `background_iou` with objects of other classes only;
    - `background`: IoU < `background_iou` with every object.

    Args:
        detections: N detections.
        truth: M objects; 0 if the image is background.
        class_names: detector class id to the name that the truth uses for it.
        judged: the classes that the truth lists; None if all are judged (a background image).
        config: the thresholds; None for `MatchConfig()`.
    """
    config = config or MatchConfig()
    ignored = truth.difficult | truth.crowd
    names = [class_names.get(int(c)) for c in detections.class_ids]

    kinds = [Kind.UNJUDGED] * len(detections)
    objects = np.full(len(detections), -1, dtype=np.int64)
    taken = np.zeros(len(truth), dtype=np.bool_)
    order = np.argsort(-detections.scores, kind="stable")
    for index, iou, ignored_overlap, own in _rows(detections, truth, names, order):
        if judged is not None and names[index] not in judged:
            continue
        match = _highest(iou, own & ~ignored & ~taken, config.match_iou)
        ignored_match = _highest(ignored_overlap, own & ignored, config.match_iou)
        if match >= 0:
            kinds[index], objects[index], taken[match] = Kind.TRUE_POSITIVE, match, True
        elif ignored_match >= 0:
            kinds[index], objects[index] = Kind.IGNORED, ignored_match
        else:
            kinds[index] = _false_positive_kind(iou, own, own & taken, config)
    return Matches(tuple(kinds), objects, ~taken & ~ignored)


def _rows(
    detections: Detections, truth: GroundTruth, names: Sequence[str | None], order: IntArray
) -> Iterator[tuple[int, FloatArray, FloatArray, BoolArray]]:
    """Each detection in an order, with what it has in common with the M objects: IoU, the overlap that counts with
    ignored ones, and whether the class is the same. A few at a time: files can state any number of both."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(truth.class_names))}
    of_objects = np.array([numbers[name] for name in truth.class_names], dtype=np.int64)
    at_once = max(MAX_PAIRS // max(len(truth), 1), 1)
    for start in range(0, len(order), at_once):
        part = order[start : start + at_once]
        boxes = detections.boxes_xyxy[part]
        iou = box_iou(boxes, truth.boxes_xyxy)  # [n, M]
        ignored_overlap = np.where(truth.crowd[None, :], box_ioa(boxes, truth.boxes_xyxy), iou)
        for row, index in enumerate(part.tolist()):
            name = names[index]
            yield index, iou[row], ignored_overlap[row], of_objects == (-1 if name is None else numbers.get(name, -1))


def _highest(overlap: FloatArray, allowed: BoolArray, threshold: float) -> int:
    """Index of the highest allowed overlap [M] at or over the threshold; -1 if no overlap reaches it."""
    candidates = np.where(allowed & (overlap >= threshold), overlap, -1.0)
    return int(np.argmax(candidates)) if candidates.size and candidates.max() >= 0 else -1


def _false_positive_kind(iou: FloatArray, own: BoolArray, own_taken: BoolArray, config: MatchConfig) -> Kind:
    """What is wrong with an unmatched detection, from its IoU [M] with every object of the image."""
    if (iou[own_taken] >= config.match_iou).any():
        return Kind.DUPLICATE
    if (iou[own] >= config.background_iou).any():
        return Kind.LOCALIZATION
    if (iou[~own] >= config.background_iou).any():
        return Kind.CONFUSION
    return Kind.BACKGROUND
