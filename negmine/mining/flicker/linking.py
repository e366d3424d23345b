"""Which detections of two frames of a video are of one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from negmine.boxes import box_iou
from negmine.mining.flicker.config import FlickerConfig
from negmine.mining.flicker.following import GreyImage, follow
from negmine.structures import BoolArray, Detections, FloatArray

_FARTHEST = 1.5  # sides of a box that it is looked for: much further, something else will look alike


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """A frame that a detector saw.

    Attributes:
        detections: in it.
        grey: makes its grey image [H, W]; None where boxes are compared at their places alone.
    """

    detections: Detections
    grey: Callable[[], GreyImage] | None = None


def link_overlaps(early: SeenFrame, late: SeenFrame, apart: int, config: FlickerConfig) -> FloatArray:
    """IoU [N, M] of N detections of a frame with M of a later one, at the places where things have moved to.

    A detection that has a partner at its own place stays there; another is followed through the images, from the early
    frame into the late one and back, so a camera or a thing that moves loses nothing.

    Args:
        early: N detections.
        late: M detections.
        apart: frames from one to the other, 1 or more.
        config: least IoU and similarity, reach.
    """
    overlaps = box_iou(early.detections.boxes_xyxy, late.detections.boxes_xyxy)
    if early.grey is None or late.grey is None or not overlaps.size:
        return overlaps
    moved = overlaps.copy()
    for row in np.flatnonzero((overlaps < config.link_iou).all(axis=1)):
        place = _followed(early.detections.boxes_xyxy[row], early.grey(), late.grey(), apart, config)
        if place is not None:
            moved[row] = np.maximum(moved[row], box_iou(place[None], late.detections.boxes_xyxy)[0])
    for column in np.flatnonzero((overlaps < config.link_iou).all(axis=0)):
        place = _followed(late.detections.boxes_xyxy[column], late.grey(), early.grey(), apart, config)
        if place is not None:
            moved[:, column] = np.maximum(moved[:, column], box_iou(early.detections.boxes_xyxy, place[None])[:, 0])
    return moved


def _followed(
    box_xyxy: FloatArray, start: GreyImage, end: GreyImage, apart: int, config: FlickerConfig
) -> FloatArray | None:
    side = float(np.max(box_xyxy[2:] - box_xyxy[:2]))
    reach_px = min(config.reach * apart, _FARTHEST) * side
    return follow(box_xyxy, start, end, reach_px=reach_px, similarity=config.similarity)


def one_to_one(overlaps: FloatArray, allowed: BoolArray, least: float) -> list[tuple[int, int]]:
    """Pair rows with columns, the highest overlap first, each once; of equal ones, the first row and column.

    Args:
        overlaps: [N, M].
        allowed: [N, M], the pairs that may be.
        least: overlap.
    """
    rows, columns = np.nonzero(allowed & (overlaps >= least))
    order = np.lexsort((columns, rows, -overlaps[rows, columns]))
    pairs: list[tuple[int, int]] = []
    taken_rows, taken_columns = set[int](), set[int]()
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in taken_rows and column not in taken_columns:
            pairs.append((row, column))
            taken_rows.add(row)
            taken_columns.add(column)
    return pairs


def same_class(early: Detections, late: Detections) -> BoolArray:
    """Which pairs [N, M] of detections are of one class."""
    return np.equal(early.class_ids[:, None], late.class_ids[None, :])
