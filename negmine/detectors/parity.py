"""Parity of two ways to run the same weights: whether they find the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from negmine.boxes import box_iou
from negmine.structures import Detections, FloatArray

LOWEST_SCORE = 0.05  # below it, scores are noise
LOWEST_NOISE = 0.001  # noise that still shows whether two models compute the same, where there is nothing else
_IOU, _SCORE = 0.99, 0.01  # the same detection overlaps by so much, and its score is that close
_SAME_IOU = 0.5  # in lower precision: the same object
_LOST = 0.05  # in lower precision: the share of detections that may come or go


@dataclass(frozen=True, slots=True)
class Parity:
    """How two detectors compare on the same images.

    Attributes:
        compared: detections of the original that had to be found again; not those that may be missing.
        difference: the first thing that differs, in words; None if nothing does.
    """

    compared: int
    difference: str | None


def compare(
    original: Sequence[Detections], converted: Sequence[Detections], conf: float, lowest: float = LOWEST_SCORE
) -> Parity:
    """Look for a match of every detection, both ways: same class, IoU >= 0.99, score within 0.01.

    Args:
        original, converted: for each image the detections down to the lower of `conf` and `lowest`.
        conf: detections that score at least this and `lowest` are compared; where the original has none, all down to
            `lowest`. Those within 0.01 of that threshold may be missing.
        lowest: `LOWEST_SCORE`, or `LOWEST_NOISE` where nothing scores that much.
    """
    for threshold in dict.fromkeys((max(conf, lowest), lowest)):
        compared = sum(int((found.scores > threshold + _SCORE).sum()) for found in original)
        difference = _first_difference(original, converted, threshold)
        if compared or difference is not None:
            return Parity(compared, difference)
    return Parity(0, None)


def describe_differences(original: Sequence[Detections], converted: Sequence[Detections]) -> str:
    """How much of the original a model of lower precision finds, in words: same class, IoU >= 0.5."""
    again, extra, changes = 0, 0, [0.0]
    for theirs, ours in zip(original, converted, strict=True):
        overlaps = _overlaps(theirs, ours)
        same = overlaps >= _SAME_IOU
        found, partner = same.any(axis=1), overlaps.argmax(axis=1) if len(ours) else np.zeros(len(theirs), dtype=int)
        again += int(found.sum())
        extra += int((~same.any(axis=0)).sum())
        changes += np.abs(theirs.scores[found] - ours.scores[partner[found]]).tolist()
    images = f"{len(original)} image{'' if len(original) == 1 else 's'}"
    return (
        f"on {images} it finds {again} of the {sum(map(len, original))} detections, and {extra} others; "
        f"scores differ by up to {max(changes):.2f}"
    )


def beyond_rounding(
    original: Sequence[Detections], converted: Sequence[Detections], conf: float, lowest: float = LOWEST_SCORE
) -> bool | None:
    """Whether more differs than lower precision explains; None where too little is found to tell.

    That is where, of all detections of both, more than one and more than 5 % have no match in the other: same class,
    IoU >= 0.5. A single detection without a match tells nothing.

    Args:
        original, converted: see `compare`.
        conf: see `compare`; a match may score lower.
        lowest: see `compare`.
    """
    for threshold in dict.fromkeys((max(conf, lowest), lowest)):
        matched = _matched(original, converted, threshold)
        lost = matched.count(False)
        if any(matched) or lost > 1:
            return lost > max(1, _LOST * len(matched))
    return None


def _first_difference(original: Sequence[Detections], converted: Sequence[Detections], threshold: float) -> str | None:
    for theirs, ours in zip(original, converted, strict=True):
        for one, other, who in ((theirs, ours, "the original"), (ours, theirs, "the converted model")):
            index = _first_unmatched(one, other, threshold)
            if index is not None:
                return (
                    f"only {who} finds class {int(one.class_ids[index])} at score {one.scores[index]:.3f} "
                    f"in {np.round(one.boxes_xyxy[index]).astype(int).tolist()}"
                )
    return None


def _first_unmatched(one: Detections, other: Detections, threshold: float) -> int | None:
    """The first detection that exceeds the threshold by more than the tolerance, and has no match in the other."""
    same = (
        (one.class_ids[:, None] == other.class_ids[None])
        & (np.abs(one.scores[:, None] - other.scores[None]) <= _SCORE)
        & (box_iou(one.boxes_xyxy, other.boxes_xyxy) >= _IOU)
    )  # [N, M]
    unmatched = np.flatnonzero((one.scores > threshold + _SCORE) & ~same.any(axis=1))
    return int(unmatched[0]) if len(unmatched) else None


def _matched(original: Sequence[Detections], converted: Sequence[Detections], threshold: float) -> list[bool]:
    """For each detection of both that scores above the threshold, whether the other finds it too."""
    matched: list[bool] = []
    for theirs, ours in zip(original, converted, strict=True):
        same = _overlaps(theirs, ours) >= _SAME_IOU
        for one, axis in ((theirs, 1), (ours, 0)):
            matched += np.logical_or.reduce(same, axis=axis)[one.scores > threshold].tolist()
    return matched


def _overlaps(one: Detections, other: Detections) -> FloatArray:
    """IoU of each detection of one with each of the other, [N, M]; 0 for another class."""
    overlaps = box_iou(one.boxes_xyxy, other.boxes_xyxy)
    return np.where(one.class_ids[:, None] == other.class_ids[None], overlaps, 0.0)
