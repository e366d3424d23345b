"""From detections to negatives, for one image: match, cut, group, confirm, limit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import numpy as np

from negmine.bank.records import JudgedDetection, NewNegative
from negmine.boxes import Rect, box_area, clip_boxes
from negmine.detectors.base import Detector
from negmine.detectors.batches import predict_each
from negmine.errors import BoxError
from negmine.images import decode_image, encode_jpeg, perceptual_hash
from negmine.matching import MINED, Kind, match_detections
from negmine.mining.config import CropConfig, ScanConfig
from negmine.mining.crop import CropSkip, crop_rect, cut
from negmine.structures import Detections, FloatArray, GroundTruth, Pixels, View

_T = TypeVar("_T")
_Crop: TypeAlias = tuple[Rect, View | None]


@dataclass(frozen=True, slots=True)
class Classes:
    """What the classes of the detector are called, here and in the truth.

    Attributes:
        model_names: class id to the detector's name.
        truth_names: class id to the truth's name, for the classes that the truth lists.
        judged: the truth's names of the classes that it lists; None where every class is judged.
        mined: ids of the classes to mine; None for all.
    """

    model_names: Mapping[int, str]
    truth_names: Mapping[int, str]
    judged: Collection[str] | None
    mined: Sequence[int] | None = None

    def split(self, detections: Detections) -> tuple[Detections, FloatArray]:
        """Detections of the classes to mine, and boxes [M, 4] of others, which nobody has judged to be false.

        A class that the truth lists is left out of those: what it has of that class is labelled. One that the truth
        does not list is among them, mined or not.
        """
        is_mined = np.full(len(detections), True)
        if self.mined is not None:
            is_mined = np.isin(detections.class_ids, self.mined)
        is_judged = is_mined if self.judged is None else np.isin(detections.class_ids, list(self.truth_names))
        return detections.select(is_mined), detections.boxes_xyxy[~is_judged]


def canonical(detections: Detections, size_wh: tuple[int, int]) -> Detections:
    """Clip to the image, drop what is left without area, and round to 0.01 pixels and 0.00001 of score.

    Rounding keeps the last bits of the arithmetic, which differ from machine to machine, out of the bank.
    """
    boxes = np.round(clip_boxes(detections.boxes_xyxy, size_wh), 2)
    rounded = Detections(boxes, np.round(detections.scores, 5), detections.class_ids, detections.views)
    return rounded.select(box_area(boxes) > 0)


def judge(
    image: Pixels, detections: Detections, truth: GroundTruth, classes: Classes, config: ScanConfig
) -> tuple[tuple[JudgedDetection, ...], tuple[NewNegative, ...]]:
    """Say what each detection is, and cut a negative around each background false positive.

    False positives whose rectangles coincide, at one scale, share one negative. Of an image that gives more than
    `config.max_per_image`, the hardest are kept; with `confirm`, `confirm_negatives` limits instead.

    Args:
        image: [H, W, 3].
        detections: canonical, N of them.
        truth: every object known in the image.
        classes: names, and which classes are judged.
        config: thresholds and crop.

    Returns:
        The detections of the classes to mine in the same order, and the negatives that they refer to.
    """
    detections, others_xyxy = classes.split(detections)
    matches = match_detections(detections, truth, classes.truth_names, judged=classes.judged, config=config.match)
    return cut_negatives(image, detections, matches.kinds, (truth.boxes_xyxy, others_xyxy), classes, config)


def cut_negatives(
    image: Pixels,
    detections: Detections,
    kinds: Sequence[Kind],
    avoid: tuple[FloatArray, FloatArray],
    classes: Classes,
    config: ScanConfig,
) -> tuple[tuple[JudgedDetection, ...], tuple[NewNegative, ...]]:
    """Cut a negative around each detection of a kind that is mined; see `judge`.

    Args:
        image: [H, W, 3].
        detections: canonical, of the classes to mine, N of them.
        kinds: of each.
        avoid: boxes [M, 4] of what is known to be there, and [K, 4] of what may be a target of another class.
        classes: names.
        config: crop and limits.
    """
    targets_xyxy, others_xyxy = avoid
    size_wh = (image.shape[1], image.shape[0])
    views = detections.views or (None,) * len(detections)
    rects: list[Rect | CropSkip | None] = [
        _rect(box, targets_xyxy, others_xyxy, size_wh, config.crop, view) if kind in MINED else None
        for box, kind, view in zip(detections.boxes_xyxy, kinds, views, strict=True)
    ]
    judged = tuple(
        JudgedDetection(
            class_name=classes.model_names[int(detections.class_ids[i])],
            score=float(detections.scores[i]),
            box_xyxy=(float(x1), float(y1), float(x2), float(y2)),
            kind=kinds[i],
            skipped=str(rect) if isinstance(rect, CropSkip) else None,
        )
        for i, (rect, (x1, y1, x2, y2)) in enumerate(zip(rects, detections.boxes_xyxy, strict=True))
    )
    wanted = {i: (rect, views[i]) for i, rect in enumerate(rects) if isinstance(rect, Rect)}
    order = sorted(set(wanted.values()), key=lambda crop: (-_hardness(crop, wanted, judged), crop[0], crop[1] or ()))
    judged = tuple(replace(d, negative=order.index(wanted[i])) if i in wanted else d for i, d in enumerate(judged))
    judged, kept = _limited(judged, order, None if config.confirm else config.max_per_image)
    return judged, tuple(_negative(image, *crop, config) for crop in kept)


def confirm_negatives(
    judged: Sequence[JudgedDetection],
    negatives: Sequence[NewNegative],
    detector: Detector,
    classes: Classes,
    config: ScanConfig,
) -> tuple[tuple[JudgedDetection, ...], tuple[NewNegative, ...]]:
    """Keep the negatives on which the detector still fires, as read back from their bytes; of these the hardest.

    Args:
        judged: detections that refer to `negatives` by index.
        negatives: hardest first.
        detector: the one that found them.
        classes: which of its classes count.
        config: for the limit per image.

    Raises:
        BoxError: where the detector gives no detections for a negative.
    """
    fires = []
    for index, found in enumerate(predict_each(detector, [decode_image(negative.data) for negative in negatives])):
        if isinstance(found, BoxError):
            raise found
        if len(classes.split(canonical(found, negatives[index].size_wh))[0]):
            fires.append(index)
    judged, kept = renumbered(judged, fires, CropSkip.NOT_CONFIRMED)
    return _limited(judged, [negatives[i] for i in kept], config.max_per_image)


def _rect(
    box_xyxy: FloatArray,
    targets_xyxy: FloatArray,
    others_xyxy: FloatArray,
    size_wh: tuple[int, int],
    config: CropConfig,
    view: View | None,
) -> Rect | CropSkip:
    """The rectangle to keep for a false positive, clear of targets, and of what may be a target of another class."""
    rect = crop_rect(box_xyxy, np.concatenate([targets_xyxy, others_xyxy]), size_wh, config, view)
    if isinstance(rect, Rect) or not len(others_xyxy):
        return rect
    without = crop_rect(box_xyxy, targets_xyxy, size_wh, config, view)
    return CropSkip.NEAR_OTHER_CLASS if isinstance(without, Rect) else without


def _hardness(crop: _Crop, wanted: Mapping[int, _Crop], judged: Sequence[JudgedDetection]) -> float:
    return max(judged[i].score for i, other in wanted.items() if other == crop)


def _limited(
    judged: Sequence[JudgedDetection], things: Sequence[_T], limit: int | None
) -> tuple[tuple[JudgedDetection, ...], tuple[_T, ...]]:
    """Keep the first `limit`."""
    judged, kept = renumbered(judged, list(range(len(things)))[:limit], CropSkip.OVER_LIMIT)
    return judged, tuple(things[i] for i in kept)


def renumbered(
    judged: Sequence[JudgedDetection], kept: list[int], reason: CropSkip
) -> tuple[tuple[JudgedDetection, ...], list[int]]:
    """Point the detections at the negatives that are kept, and give the others the reason."""
    new = {old: index for index, old in enumerate(kept)}
    return tuple(
        d
        if d.negative is None
        else replace(d, negative=new.get(d.negative), skipped=None if d.negative in new else str(reason))
        for d in judged
    ), kept


def _negative(image: Pixels, rect: Rect, view: View | None, config: ScanConfig) -> NewNegative:
    crop = cut(image, rect, config.crop, view)
    return NewNegative(
        data=encode_jpeg(crop, quality=config.quality),
        size_wh=(crop.shape[1], crop.shape[0]),
        phash=f"{perceptual_hash(crop):016x}",
        rect=rect,
    )
