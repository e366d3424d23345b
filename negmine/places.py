"""Places: where one false positive comes again and again in the pictures of one camera. One rule for all who ask."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from negmine.boxes import Box, box_iou
from negmine.structures import as_boxes_xyxy
from negmine.thresholds import PLACE_IOU

ALIKE_BITS = 6  # of 64, in which the perceptual hashes of look-alikes may differ

_Cell = tuple[int, int, int, int]  # octaves of width and height, and the centre in steps of these
_STEPS = tuple(product((-1, 0, 1), repeat=2))


class PlaceIndex:
    """The boxes that lead the places of one class in the pictures of one camera.

    Args:
        iou: from which two boxes are at one place, 0.5 at least.
    """

    def __init__(self, iou: float = PLACE_IOU) -> None:
        self._iou = iou
        self._count = 0
        self._boxes = np.zeros((64, 4))  # grows by doubling
        self._cells: dict[_Cell, list[int]] = {}

    def add(self, box_xyxy: Box) -> int:
        """Have a box lead a new place; return its number, from 0."""
        number, self._count = self._count, self._count + 1
        if number == len(self._boxes):
            self._boxes = np.concatenate([self._boxes, np.zeros_like(self._boxes)])
        self._boxes[number] = as_boxes_xyxy([box_xyxy])[0]
        self._cells.setdefault(_own_cell(box_xyxy), []).append(number)
        return number

    def find(self, box_xyxy: Box, is_alike: Callable[[int], bool]) -> int | None:
        """The place whose leader overlaps most among those that look alike, the first of equal ones; None without any.

        Args:
            box_xyxy: pixels.
            is_alike: whether what is in the box looks like the leader of a place.
        """
        near = sorted(number for cell in _cells_near(box_xyxy) for number in self._cells.get(cell, ()))
        if not near:
            return None
        overlaps = box_iou(as_boxes_xyxy([box_xyxy]), self._boxes[near])[0]
        (enough,) = np.nonzero(overlaps >= self._iou)
        ranked = enough[np.argsort(-overlaps[enough], kind="stable")].tolist()
        return next((near[at] for at in ranked if is_alike(near[at])), None)


def _cell(box_xyxy: Box, wide: int, high: int) -> _Cell:
    """Where a box is in the grid of an octave."""
    x1, y1, x2, y2 = box_xyxy
    return wide, high, math.floor((x1 + x2) / 2 / 2 ** (wide + 1)), math.floor((y1 + y2) / 2 / 2 ** (high + 1))


def _own_cell(box_xyxy: Box) -> _Cell:
    x1, y1, x2, y2 = box_xyxy
    return _cell(box_xyxy, *(math.floor(math.log2(max(side, 1.0))) for side in (x2 - x1, y2 - y1)))


def _cells_near(box_xyxy: Box) -> Iterator[_Cell]:
    """The cells of all boxes whose IoU with a box may be a half or more."""
    own = _own_cell(box_xyxy)
    for across, down in _STEPS:
        wide, high, x, y = _cell(box_xyxy, own[0] + across, own[1] + down)
        for dx, dy in _STEPS:
            yield wide, high, x + dx, y + dy
