"""What a retraining changed on the images that it was measured on, detection by detection.

Both detectors are used at their own score: the start at the user's, the result at the one that keeps the recall. What
fires is compared where false positives are counted, on images without targets; what is found, on all objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from negmine.boxes import box_iou
from negmine.evaluating.seen import Seen, SeenImage
from negmine.thresholds import MatchConfig

What = Literal["went away", "still fires", "newly fires", "lost", "found now", "missed by both"]
_EVERY: tuple[What, ...] = get_args(What)


@dataclass(frozen=True, slots=True)
class Change:
    """One box, before and after.

    Attributes:
        what: became of it.
        path: of the image.
        sha256: of its bytes.
        seen: the box: of the false positive, as it was found by whichever detector fires, or of the object.
        before: its score with the start; None where that has none, or one far under what counts.
        after: its score with the result.
    """

    what: What
    path: str
    sha256: str
    seen: Seen
    before: float | None
    after: float | None

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "image": self.path,
            "class": self.seen.class_name,
            "box_xyxy": list(self.seen.box_xyxy),
            "before": self.before,
            "after": self.after,
        }


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of all false positives and objects.

    Attributes:
        images: that both were measured on.
        objects: to find in them.
        conf_before, conf_after: the score from which a detection counts.
        by_what: the changes of each kind, the surest first.
    """

    images: int
    objects: int
    conf_before: float
    conf_after: float
    by_what: Mapping[What, tuple[Change, ...]]

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "images": self.images,
            "objects": self.objects,
            "conf_before": self.conf_before,
            "conf_after": self.conf_after,
            **{what.replace(" ", "_"): [each.to_dict() for each in found] for what, found in self.by_what.items()},
        }


def changes_between(
    before: Sequence[SeenImage], after: Sequence[SeenImage], *, conf_before: float, conf_after: float
) -> Changes:
    """Compare what two detectors found on the images that both have.

    A false positive fires still where one of the same class overlaps it by half (IoU 0.5).

    Args:
        before: of the start.
        after: of the result.
        conf_before: the score from which a detection of the start counts.
        conf_after: that of the result.
    """
    now = {image.sha256: image for image in after}
    both = [(image, now[image.sha256]) for image in before if image.sha256 in now]
    found: dict[What, list[Change]] = {what: [] for what in _EVERY}
    for old, new in both:
        if old.counted and new.counted:
            for change in _false_positives(old, new, conf_before, conf_after):
                found[change.what].append(change)
        for change in _objects(old, new, conf_before, conf_after):
            found[change.what].append(change)
    return Changes(
        images=len(both),
        objects=sum(len(old.objects) for old, _ in both),
        conf_before=conf_before,
        conf_after=conf_after,
        by_what={what: tuple(sorted(rows, key=_surest_first)) for what, rows in found.items()},
    )


def _false_positives(old: SeenImage, new: SeenImage, conf_before: float, conf_after: float) -> list[Change]:
    pairs = _pairs(old.false_positives, new.false_positives)
    changes = []
    for index, seen in enumerate(old.false_positives):
        later = None if index not in pairs else new.false_positives[pairs[index]]
        if not seen.at_least(conf_before):
            continue
        still = later is not None and later.at_least(conf_after)
        score = None if later is None else later.score
        changes.append(Change("still fires" if still else "went away", old.path, old.sha256, seen, seen.score, score))
    earlier = {second: old.false_positives[first] for first, second in pairs.items()}
    for index, seen in enumerate(new.false_positives):
        before = earlier.get(index)
        if seen.at_least(conf_after) and not (before is not None and before.at_least(conf_before)):
            score = None if before is None else before.score
            changes.append(Change("newly fires", old.path, old.sha256, seen, score, seen.score))
    return changes


def _objects(old: SeenImage, new: SeenImage, conf_before: float, conf_after: float) -> list[Change]:
    changes = []
    for first, second in zip(old.objects, new.objects, strict=False):
        was, is_now = first.at_least(conf_before), second.at_least(conf_after)
        if was and is_now:
            continue
        what: What = "lost" if was else "found now" if is_now else "missed by both"
        changes.append(Change(what, old.path, old.sha256, first, first.score, second.score))
    return changes


def _pairs(before: Sequence[Seen], after: Sequence[Seen]) -> dict[int, int]:
    """Which false positive is which: one to one, the best overlap first."""
    if not before or not after:
        return {}
    iou = box_iou(np.array([each.box_xyxy for each in before]), np.array([each.box_xyxy for each in after]))
    same = np.array([[one.class_name == other.class_name for other in after] for one in before])
    iou = np.where(same, iou, 0.0)
    found: dict[int, int] = {}
    while iou.max() >= MatchConfig().match_iou:
        first, second = divmod(int(iou.argmax()), iou.shape[1])
        found[first] = second
        iou[first, :], iou[:, second] = 0.0, 0.0
    return found


def _surest_first(change: Change) -> tuple[float, str, tuple[float, ...]]:
    score = max(change.before or 0.0, change.after or 0.0)
    return -score, change.path, change.seen.box_xyxy
