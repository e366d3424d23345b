"""Whether the values that a model gives can be what its layout says: scores, corners, sides and whole classes.

Shapes alone do not tell layouts apart: `[1, N, 6]` is the output of an end-to-end model, and of a YOLOv5 with one
class. Every function says in words what cannot be, and None where nothing is wrong. NaN is never wrong here.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Values: TypeAlias = npt.NDArray[np.floating[Any]]
Flags: TypeAlias = npt.NDArray[np.bool_]

SURE = 0.25  # a box that scores as much counts on its own, others only where most are wrong
_ROUNDING = 0.002  # of scores, in half precision
_WHOLE = 0.01
_PIXEL = 1.0
_FEW = 300  # rows that an end-to-end model gives, at most, unless it was exported for more
_GRIDS = ((8, 16, 32), (8, 16, 32, 64), (16, 32), (4, 8, 16, 32))  # strides
_ANCHORS = (1, 3)  # rows of a cell


def wrong_scores(scores: Values) -> str | None:
    """Say which score is outside 0 to 1.

    Args:
        scores: [N] or [N, C].
    """
    wrong = (scores < -_ROUNDING) | (scores > 1 + _ROUNDING)
    if not wrong.any():
        return None
    return f"a score of {scores[tuple(np.argwhere(wrong)[0])]:.4g}, where 0 to 1 was expected"


def wrong_corners(boxes_xyxy: Values, sure: Flags) -> str | None:
    """Say which box has corners in the wrong order.

    Args:
        boxes_xyxy: [N, 4].
        sure: [N] whether it scores much.
    """
    x1, y1, x2, y2 = boxes_xyxy.T
    return _say("a box with x2 < x1 or y2 < y1", boxes_xyxy, (x2 < x1) | (y2 < y1), sure)


def wrong_sides(boxes_cxcywh: Values, sure: Flags) -> str | None:
    """Say which box has a negative width or height.

    Args:
        boxes_cxcywh: [N, 4].
        sure: [N] whether it scores much.
    """
    return _say("a box with a width or height below 0", boxes_cxcywh, (boxes_cxcywh[:, 2:] < 0).any(axis=1), sure)


def far_outside(boxes_cxcywh: Values, input_wh: tuple[int, int], sure: Flags) -> str | None:
    """Say which box has its centre far outside the input, or is far larger.

    Args:
        boxes_cxcywh: [N, 4] pixels of the input.
        input_wh: its size, pixels.
        sure: [N] whether it scores much.
    """
    size = np.array(input_wh, dtype=np.float64)
    outside = (np.abs(boxes_cxcywh[:, :2] - size / 2) > size).any(axis=1)
    wrong = outside | (boxes_cxcywh[:, 2:] > 10 * size).any(axis=1)
    return _say(f"a box far outside an input of {input_wh[0]}x{input_wh[1]} pixels", boxes_cxcywh, wrong, sure)


def in_fractions(boxes: Values, sure: Flags) -> str | None:
    """Say that boxes are fractions of the input, where all that score much are smaller than two pixels.

    Args:
        boxes: [N, 4].
        sure: [N] whether it scores much.
    """
    if not sure.any() or not (np.abs(boxes[sure]) <= 2 * _PIXEL).all():
        return None
    return f"boxes in fractions of the input, where pixels were expected: {_shown(boxes[sure][0])}"


def in_pixels(boxes: Values, sure: Flags) -> str | None:
    """Say which box has coordinates too large for fractions of the input.

    Args:
        boxes: [N, 4].
        sure: [N] whether it scores much.
    """
    what = "boxes in pixels, where fractions of the input were expected"
    return _say(what, boxes, (np.abs(boxes) > 3).any(axis=1), sure)


def not_whole(class_ids: Values, sure: Flags) -> str | None:
    """Say which class is not a whole number of 0 or more.

    Args:
        class_ids: [N].
        sure: [N] whether it scores much.
    """
    with np.errstate(invalid="ignore"):  # infinite less infinite
        index = _first((np.abs(class_ids - np.rint(class_ids)) > _WHOLE) | (class_ids < -_WHOLE), sure)
    return None if index is None else f"the class {class_ids[index]:.4g}, where a whole number was expected"


def wrong_end_to_end(rows: Values, input_wh: tuple[int, int]) -> str | None:
    """Say what in the output of an end-to-end model cannot be.

    Args:
        rows: [N, 6]: two corners in pixels of the input, score, class.
        input_wh: size of the input, pixels.
    """
    sure = rows[:, 4] >= SURE
    wrong = wrong_scores(rows[:, 4]) or wrong_corners(rows[:, :4], sure) or not_whole(rows[:, 5], sure)
    return wrong or _of_a_grid(len(rows), input_wh)


def is_grid(rows: int, input_wh: tuple[int, int]) -> bool:
    """Whether there are as many rows as anchors on a grid of the usual strides."""
    cells = [sum((input_wh[0] // stride) * (input_wh[1] // stride) for stride in strides) for strides in _GRIDS]
    return any(rows == anchors * count for anchors in _ANCHORS for count in cells)


def _of_a_grid(rows: int, input_wh: tuple[int, int]) -> str | None:
    """Say that there is a row for every anchor of a grid, where an end-to-end model gives its best few."""
    if rows <= _FEW or not is_grid(rows, input_wh):
        return None
    return f"{rows} rows, one for every anchor of an input of {input_wh[0]}x{input_wh[1]} pixels"


def _say(what: str, boxes: Values, wrong: Any, sure: Flags) -> str | None:
    """What is wrong, with the first box of which that is so."""
    index = _first(wrong, sure)
    return None if index is None else f"{what}: {_shown(boxes[index])}"


def _first(wrong: Any, sure: Flags) -> int | None:
    """The first sure row that is wrong; else the first at all, where most are: what scores little is often odd."""
    if (wrong & sure).any():
        return int(np.argmax(wrong & sure))
    return int(np.argmax(wrong)) if 2 * wrong.sum() > len(wrong) else None


def _shown(row: Values) -> list[float]:
    return [round(float(value), 2) for value in row]
