"""Finding the shift with which retrained weights find, at the user's own score, what the start found there.

All scores sink in a training on negatives. Where the start found k of the objects of a class at `conf`, the shift takes
the k-th best true positive of the new weights over `conf` and leaves the next one under it. In logits, `conf` then lies
between the two as it lay between the same two ranks of the start: two detectors with the same scores need no shift.

On kangaroo (78 objects), where 8 epochs had lowered recall at 0.25 from 0.88 to 0.76, half of the images chose the
shift, 400 times at random. On the other half recall then differed from that of the start by -0.02 on average, with a
root mean square of 0.07. It was -0.12 and 0.13 without a shift, -0.10 and 0.12 with the mean or median shift of true
positives, and -0.03 to -0.10 and 0.07 to 0.11 with recall smoothed by a sigmoid. Half-way between both ranks it was
-0.01 and 0.06, but detectors with the same scores were then shifted too; the k-th score itself lost 0.02 of theirs.

A scale of the logits is not fitted: only the score that is moved to `conf` matters for what is found at `conf`, and a
shift moves it anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from negmine.evaluating.count import ScoredDetections
from negmine.evaluating.match import MatchedDetections, MatchedImage
from negmine.matching import Kind
from negmine.structures import FloatArray
from negmine.training.calibration import STEP, logits, shifted

_BORROWED = 20  # objects that the shift of all classes counts for in that of one; from 10 to 40 the recall hardly moves
_MARGIN = 1.0  # logits that the last wanted object is raised over `conf` by, at most: what is over it needs no raising


@dataclass(frozen=True, slots=True)
class AtConf:
    """What a detector has at one score.

    Attributes:
        objects: to find.
        found: of them.
        false_positives: on the images that false positives are counted on.
        over: the lowest score of an object that is found; None where none is.
        under: the highest score of one that is not; None where none has any.
    """

    objects: int
    found: int
    false_positives: int
    over: float | None = None
    under: float | None = None


@dataclass(frozen=True, slots=True)
class FittedShifts:
    """The shifts that make new weights find what the start found.

    Attributes:
        shifts: to be added to the logits of each judged class, by the data's name of it; whole multiples of `STEP`.
        short: classes that reach the recall of the start at no score, or with many more false positives only.
    """

    shifts: Mapping[str, float]
    short: tuple[str, ...]


def at_conf(matched: MatchedDetections, conf: float) -> Mapping[str, AtConf]:
    """Count what a detector has at a score, by judged class."""
    return {name: _count(rows, conf) for name, rows in _by_class(matched).items()}


def fit_shifts(
    start: Mapping[str, AtConf], trained: MatchedDetections, conf: float, *, max_recall_loss: float = 0.0
) -> FittedShifts:
    """Find the shifts with which new weights find at `conf` what the start found there.

    The fewer objects a class has, the more it takes of the shift of all classes together: with n objects, its own
    counts n and the common one 20. A class without objects takes the common one.

    A shift never goes so far that a class fires clearly more often than it did with the start: at most
    f + 2 sqrt(f + 1) times, for the f false positives that the start has; two standard deviations of such a count. A
    class that cannot reach the recall within that limit is shifted up to the limit, or until its last true positive
    counts, and is named in `short`.

    Args:
        start: what the start has at `conf`, by judged class, on the images of `trained`.
        trained: the matched detections of the new weights, down to a score well under the one that reaches the recall.
        conf: the user's score.
        max_recall_loss: how much recall may be lost, of 1.
    """
    rows = _by_class(trained)
    together = _together([start[name] for name in rows])
    common, common_short = _fit(together, ScoredDetections.of(trained), conf, max_recall_loss)
    shifts: dict[str, float] = {}
    short: list[str] = []
    for name, own_rows in rows.items():
        objects = start[name].objects
        own, is_short = _fit(start[name], own_rows, conf, max_recall_loss) if objects else (common, common_short)
        if len(rows) > 1 and not is_short:
            own = (objects * own + _BORROWED * common) / (objects + _BORROWED)
            own = min(own, _most_shift(start[name], own_rows, conf))
        shifts[name] = math.ceil(own / STEP - 1e-6) * STEP
        short += [name] if is_short else []
    return FittedShifts(shifts, tuple(short))


def calibrated(matched: MatchedDetections, shifts: Mapping[str, float], *, floor: float = 0.0) -> MatchedDetections:
    """The detections with their scores moved, as if the calibrated detector had been run.

    Exact, but for rounding, for a detector of one class, and for independent classes with one shift. With different
    shifts, a detector that keeps the best class of a place alone may now name another there, which this does not know;
    heads with a softmax over several classes, or with a centre-ness, are moved approximately.

    Args:
        matched: detections.
        shifts: of the logits, by the data's name of the class; others keep their scores.
        floor: detections that score less afterwards are dropped.
    """
    by_index = np.array([*(shifts.get(name, 0.0) for name in matched.data_classes), 0.0])  # the last for class -1
    return replace(matched, images=tuple(_moved(image, by_index, floor) for image in matched.images))


def _moved(image: MatchedImage, by_index: FloatArray, floor: float) -> MatchedImage:
    shift = by_index[image.classes]
    scores = np.where(shift == 0, image.scores, shifted(image.scores, shift))
    kept = scores >= floor
    return replace(
        image,
        boxes_xyxy=image.boxes_xyxy[kept[: len(image.boxes_xyxy)]],
        scores=scores[kept],
        classes=image.classes[kept],
        codes=image.codes[kept],
    )


def _by_class(matched: MatchedDetections) -> Mapping[str, ScoredDetections]:
    """The detections of each judged class."""
    detections = ScoredDetections.of(matched)
    return {matched.data_classes[index]: detections.of_class(index) for index in detections.class_indices}


def _count(detections: ScoredDetections, conf: float) -> AtConf:
    true, over = detections.scores[detections.is_kind(Kind.TRUE_POSITIVE)], detections.scores >= conf
    found, missed = true[true >= conf], true[true < conf]
    return AtConf(
        detections.objects,
        len(found),
        int((detections.false_positives & detections.counted & over).sum()),
        float(found.min()) if len(found) else None,
        float(missed.max()) if len(missed) else None,
    )


def _together(classes: Sequence[AtConf]) -> AtConf:
    """What all classes have."""
    over = [each.over for each in classes if each.over is not None]
    under = [each.under for each in classes if each.under is not None]
    return AtConf(
        sum(each.objects for each in classes),
        sum(each.found for each in classes),
        sum(each.false_positives for each in classes),
        min(over, default=None),
        max(under, default=None),
    )


def _fit(start: AtConf, detections: ScoredDetections, conf: float, max_recall_loss: float) -> tuple[float, bool]:
    """The shift for some detections, and whether it falls short of the recall of the start."""
    needed = math.ceil(start.found - max_recall_loss * start.objects - 1e-9)
    if needed < 1:
        return 0.0, False  # the start finds nothing, or all of it may be lost
    found = np.sort(logits(detections.scores[detections.is_kind(Kind.TRUE_POSITIVE)]))[::-1]
    if not len(found):
        return 0.0, True
    wanted = _wanted(start, found, min(needed, len(found)), conf)
    most = _most_shift(start, detections, conf)
    shift = min(wanted, most)
    return shift, int((found + shift >= _logit(conf) - STEP).sum()) < needed


def _wanted(start: AtConf, found: FloatArray, needed: int, conf: float) -> float:
    """The shift that takes so many true positives over `conf`; `found` are their logits, falling."""
    at, last = _logit(conf), float(found[needed - 1])
    margin = 0.0 if start.over is None else _logit(start.over) - at
    if start.under is not None and needed < len(found):  # in the same proportion between two objects
        margin *= (last - float(found[needed])) / (margin + at - _logit(start.under))
    shift = at - last + margin
    return shift if shift <= 0 else max(min(shift, at - last + _MARGIN), 0.0)


def _most_shift(start: AtConf, detections: ScoredDetections, conf: float) -> float:
    """The shift that brings as many false positives over `conf` as are borne; none that lowers scores."""
    false = np.sort(logits(detections.scores[detections.false_positives & detections.counted]))[::-1]
    borne = math.floor(start.false_positives + 2 * math.sqrt(start.false_positives + 1))
    if len(false) <= borne:
        return math.inf
    return max(_logit(conf) - float(false[borne]) - 2 * STEP, 0.0)  # under the next one, once it is rounded up


def _logit(score: float) -> float:
    return float(logits(np.array([score]))[0])
