"""Whether a converted model finds what its original finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from negmine.boxes import box_iou
from negmine.structures import Detections, FloatArray

LOWEST_SCORE = 0.05  # below, scores are noise in the original too
FAINT = 0.001  # and still tell whether two models do the same, where there is nothing else
_IOU, _SCORE = 0.99, 0.01  # a partner overlaps by so much, and its score is that close
_SAME_IOU = 0.5  # 8-bit weights or half precision: the same thing was found
_LOST = 0.05  # half precision: the share that may have no partner


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two detectors compare on the same images.

    Attributes:
        compared: detections of the original that had to be found again; not those that may be missing.
        difference: the first thing that differs, in words; None where nothing does.
    """

    compared: int
    difference: str | None


def agreement(
    original: Sequence[Detections], converted: Sequence[Detections], conf: float, lowest: float = LOWEST_SCORE
) -> Agreement:
    """Look for a partner of every detection, both ways: same class, IoU >= 0.99, score within 0.01.

    Args:
        original, converted: for each image what was found down to a score of `conf` or `lowest`, the lower one.
        conf: detections are compared that score this or `lowest`, the higher one; where the original has none, all from
            `lowest`. Those within 0.01 of that line may be missing.
        lowest: `LOWEST_SCORE`, or `FAINT` where nothing scores that.
    """
    for line in dict.fromkeys((max(conf, lowest), lowest)):
        compared = sum(int((found.scores > line + _SCORE).sum()) for found in original)
        difference = _first_difference(original, converted, line)
        if compared or difference is not None:
            return Agreement(compared, difference)
    return Agreement(0, None)


def _first_difference(original: Sequence[Detections], converted: Sequence[Detections], line: float) -> str | None:
    for theirs, ours in zip(original, converted, strict=True):
        for one, other, who in ((theirs, ours, "the original"), (ours, theirs, "the converted model")):
            lonely = _without_partner(one, other, line)
            if lonely is not None:
                return (
                    f"{who} alone finds class {int(one.class_ids[lonely])} at score {one.scores[lonely]:.3f} "
                    f"in {np.round(one.boxes_xyxy[lonely]).astype(int).tolist()}"
                )
    return None


def _without_partner(one: Detections, other: Detections, line: float) -> int | None:
    """The first detection that scores `line`, and by more than the tolerance, and has no partner in the other."""
    partners = (
        (one.class_ids[:, None] == other.class_ids[None])
        & (np.abs(one.scores[:, None] - other.scores[None]) <= _SCORE)
        & (box_iou(one.boxes_xyxy, other.boxes_xyxy) >= _IOU)
    )  # [N, M]
    lonely = np.flatnonzero((one.scores > line + _SCORE) & ~partners.any(axis=1))
    return int(lonely[0]) if len(lonely) else None


def differences_in_words(original: Sequence[Detections], converted: Sequence[Detections]) -> str:
    """How much a model of fewer digits finds of what its original finds: same class, IoU >= 0.5."""
    again, extra, changes = 0, 0, [0.0]
    for theirs, ours in zip(original, converted, strict=True):
        overlaps = _overlaps(theirs, ours)
        same = overlaps >= _SAME_IOU
        found, partner = same.any(axis=1), overlaps.argmax(axis=1) if len(ours) else np.zeros(len(theirs), dtype=int)
        again += int(found.sum())
        extra += int((~same.any(axis=0)).sum())
        changes += np.abs(theirs.scores[found] - ours.scores[partner[found]]).tolist()
    return (
        f"on {len(original)} images it finds {again} of {sum(map(len, original))} detections again and {extra} others; "
        f"scores differ by {max(changes):.2f} at most"
    )


def other_than_rounding(original: Sequence[Detections], converted: Sequence[Detections], conf: float) -> bool:
    """Whether more differs than fewer digits explain.

    That is where of all detections of both more than one, and more than 5 %, have no partner in the other: same class,
    IoU >= 0.5.

    Args:
        original, converted: as of `agreement`.
        conf: as of `agreement`; a partner may score lower.
    """
    for line in dict.fromkeys((max(conf, LOWEST_SCORE), LOWEST_SCORE)):
        found_again = _found_again(original, converted, line)
        if found_again:
            return found_again.count(False) > max(1, _LOST * len(found_again))
    return False


def _found_again(original: Sequence[Detections], converted: Sequence[Detections], line: float) -> list[bool]:
    """Of each detection of both that scores above `line`, whether the other has it too."""
    found: list[bool] = []
    for theirs, ours in zip(original, converted, strict=True):
        same = _overlaps(theirs, ours) >= _SAME_IOU
        for one, axis in ((theirs, 1), (ours, 0)):
            found += np.logical_or.reduce(same, axis=axis)[one.scores > line].tolist()
    return found


def _overlaps(one: Detections, other: Detections) -> FloatArray:
    """IoU of each detection of one with each of the other, [N, M]; 0 for another class."""
    overlaps = box_iou(one.boxes_xyxy, other.boxes_xyxy)
    return np.where(one.class_ids[:, None] == other.class_ids[None], overlaps, 0.0)
