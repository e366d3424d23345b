"""Box geometry: overlap, clipping, whole-pixel rectangles, and the largest rectangle that avoids a set of others.

Float boxes are xyxy, 0-based, right and bottom exclusive, in pixels. A `Rect` is the same in whole pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from negmine.structures import FloatArray, IntArray

Box = tuple[float, float, float, float]  # one, xyxy


class Rect(NamedTuple):
    """A rectangle of whole pixels: columns x1 to x2 - 1, rows y1 to y2 - 1."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        return self.x2 - self.x1, self.y2 - self.y1

    @property
    def area(self) -> int:
        """Pixels inside; 0 where the rectangle is empty."""
        return max(self.x2 - self.x1, 0) * max(self.y2 - self.y1, 0)

    def contains(self, other: Rect) -> bool:
        """Whether every pixel of `other` is a pixel of this."""
        return self.x1 <= other.x1 and self.y1 <= other.y1 and other.x2 <= self.x2 and other.y2 <= self.y2


def box_area(boxes_xyxy: FloatArray) -> FloatArray:
    """Areas [N] of boxes [N, 4], in square pixels."""
    return (boxes_xyxy[:, 2] - boxes_xyxy[:, 0]) * (boxes_xyxy[:, 3] - boxes_xyxy[:, 1])


def box_intersection(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """Shared area [N, M] of each of N boxes with each of M, in square pixels."""
    top_left = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])  # [N, M, 2]
    bottom_right = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    width_height = np.clip(bottom_right - top_left, 0, None)
    area: FloatArray = width_height[..., 0] * width_height[..., 1]
    return area


def box_iou(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """Intersection over union [N, M]; 0 where both boxes are without area."""
    shared = box_intersection(a_xyxy, b_xyxy)
    union = box_area(a_xyxy)[:, None] + box_area(b_xyxy)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def box_ioa(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """Intersection over the area of a, [N, M]: how much of each a lies in each b; 0 where a has no area."""
    shared = box_intersection(a_xyxy, b_xyxy)
    area = np.broadcast_to(box_area(a_xyxy)[:, None], shared.shape)
    return np.divide(shared, area, out=np.zeros_like(shared), where=area > 0)


def box_around(points: Iterable[Sequence[float]]) -> Box:
    """The smallest box that holds all points x, y.

    Raises:
        ValueError: for no points, or one that is not of two numbers.
    """
    xs, ys = zip(*((x, y) for x, y in points), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def clip_boxes(boxes_xyxy: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
    """Return the boxes [N, 4] cut to an image of `size_wh`; those wholly outside are left without area."""
    width, height = size_wh
    return np.clip(boxes_xyxy, 0, np.array([width, height, width, height], dtype=np.float64))


def cover(box_xyxy: FloatArray, size_wh: tuple[int, int]) -> Rect:
    """The smallest `Rect` of at least 1 x 1 pixels that holds one box [4], clipped to an image of `size_wh`."""
    width, height = size_wh
    x1 = min(max(int(np.floor(box_xyxy[0])), 0), width - 1)
    y1 = min(max(int(np.floor(box_xyxy[1])), 0), height - 1)
    x2 = min(max(int(np.ceil(box_xyxy[2])), x1 + 1), width)
    y2 = min(max(int(np.ceil(box_xyxy[3])), y1 + 1), height)
    return Rect(x1, y1, x2, y2)


def touched_pixels(boxes_xyxy: FloatArray) -> IntArray:
    """Grow boxes [M, 4] to whole pixels, int64 [M, 4]: all pixels that a box touches by any part, one at least."""
    low = np.floor(boxes_xyxy[:, :2])
    high = np.maximum(np.ceil(boxes_xyxy[:, 2:]), low + 1)
    return np.concatenate([low, high], axis=1).astype(np.int64)


def rect_touches(rect: Rect, blocked_xyxy: IntArray) -> bool:
    """Whether a rectangle shares a pixel with any of the whole-pixel boxes [M, 4]."""
    x1, y1, x2, y2 = blocked_xyxy.T
    return bool(((x1 < rect.x2) & (x2 > rect.x1) & (y1 < rect.y2) & (y2 > rect.y1)).any())


def largest_free_rect(window: Rect, hold: Rect, blocked_xyxy: IntArray) -> Rect | None:
    """The rectangle of largest area inside `window` that holds `hold` and shares no pixel with a blocked box.

    Exact: each side of an optimal rectangle lies on the window or on a blocked box, so for every left side on such an
    edge one sweep over the right sides, with the running limits above and below, sees all that can be best. O(M^2).

    Args:
        window: where the rectangle may be.
        hold: what it must hold; inside `window`.
        blocked_xyxy: [M, 4] int64, boxes that it must not touch.

    Returns:
        The rectangle (of equal areas, the one furthest to the left, then the narrowest), or None where `hold` is not
        inside `window` or itself touches a blocked box.
    """
    if not window.contains(hold) or rect_touches(hold, blocked_xyxy):
        return None
    near = blocked_xyxy[_inside(blocked_xyxy, window)]
    beside = (near[:, 1] < hold.y2) & (near[:, 3] > hold.y1)  # these bound left and right whatever the rows are
    side = near[beside]
    left_limit = max([window.x1, *side[side[:, 2] <= hold.x1, 2].tolist()])
    right_limit = min([window.x2, *side[side[:, 0] >= hold.x2, 0].tolist()])
    rest = near[~beside]
    rest = rest[np.argsort(rest[:, 0], kind="stable")]
    lefts = sorted({left_limit, *(x for x in rest[:, 2].tolist() if left_limit < x <= hold.x1)})
    rights = sorted({right_limit, *(x for x in rest[:, 0].tolist() if hold.x2 <= x < right_limit)})
    best = hold
    for left in lefts:
        candidate = _best_of_left(left, np.array(rights, dtype=np.int64), rest, window, hold)
        if candidate.area > best.area:
            best = candidate
    return best


def _inside(boxes: IntArray, window: Rect) -> IntArray:
    """Indices of the boxes [M, 4] that share a pixel with the window."""
    x1, y1, x2, y2 = boxes.T
    return np.flatnonzero((x1 < window.x2) & (x2 > window.x1) & (y1 < window.y2) & (y2 > window.y1))


def _best_of_left(left: int, rights: IntArray, rest: IntArray, window: Rect, hold: Rect) -> Rect:
    """The largest rectangle with this left side: one sweep over the right sides.

    Args:
        left: the left side.
        rights: [R] ascending right sides.
        rest: [K, 4] boxes wholly above or wholly below `hold`, by rising x1.
        window: where the rectangle may be.
        hold: what it must hold.
    """
    over = rest[rest[:, 2] > left]
    above = over[:, 3] <= hold.y1
    top_after = np.maximum.accumulate(np.concatenate([[window.y1], np.where(above, over[:, 3], window.y1)]))
    bottom_after = np.minimum.accumulate(np.concatenate([[window.y2], np.where(above, window.y2, over[:, 1])]))
    reached = np.searchsorted(over[:, 0], rights, side="left")  # how many boxes begin left of each right side
    top, bottom = top_after[reached], bottom_after[reached]
    best = int(np.argmax((rights - left) * (bottom - top)))
    return Rect(left, int(top[best]), int(rights[best]), int(bottom[best]))


def free_span(rect: Rect, window: Rect, blocked_xyxy: IntArray, axis: int) -> tuple[int, int]:
    """How far `rect` can grow along one axis inside `window` without touching a blocked box.

    Args:
        rect: inside `window`, touching no blocked box.
        window: where it may grow.
        blocked_xyxy: [M, 4] int64.
        axis: 0 for x, 1 for y.

    Returns:
        The lowest and highest coordinate (exclusive) that it may reach.
    """
    across = 1 - axis
    level = (blocked_xyxy[:, across] < rect[across + 2]) & (blocked_xyxy[:, across + 2] > rect[across])
    beside = blocked_xyxy[level]
    before = beside[beside[:, axis + 2] <= rect[axis], axis + 2]
    after = beside[beside[:, axis] >= rect[axis + 2], axis]
    return max([window[axis], *before.tolist()]), min([window[axis + 2], *after.tolist()])
