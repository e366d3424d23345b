"""Box geometry: hand-computed overlaps, and the largest free rectangle against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from negmine.boxes import (
    Rect,
    box_around,
    box_ioa,
    box_iou,
    clip_boxes,
    cover,
    free_span,
    largest_free_rect,
    rect_touches,
    touched_pixels,
)
from negmine.structures import IntArray


def _ints(*boxes: tuple[int, int, int, int]) -> IntArray:
    return np.array(boxes, dtype=np.int64).reshape(-1, 4)


def test_iou_of_nothing_is_an_empty_table() -> None:
    assert box_iou(np.zeros((0, 4)), np.ones((3, 4))).shape == (0, 3)
    assert box_ioa(np.zeros((2, 4)), np.zeros((0, 4))).shape == (2, 0)


def test_the_box_around_points_touches_the_outermost() -> None:
    assert box_around([(3, 5), (1, 9), (2, 4)]) == (1, 4, 3, 9)
    for odd in ([], [(1, 2, 3)]):
        with pytest.raises(ValueError, match="unpack"):
            box_around(odd)


def test_iou_by_hand() -> None:
    a = np.array([[0.0, 0, 2, 2], [5, 5, 5, 5]])
    b = np.array([[1.0, 0, 3, 2], [2, 0, 4, 2], [5, 5, 5, 5]])
    # 2x2 against 2x2 shifted by one: 2 shared of 6; touching edges share nothing; no area has no overlap.
    np.testing.assert_allclose(box_iou(a, b), [[2 / 6, 0, 0], [0, 0, 0]])


def test_ioa_divides_by_the_first_box_only() -> None:
    small, crowd = np.array([[1.0, 1, 3, 3]]), np.array([[0.0, 0, 100, 2]])
    np.testing.assert_allclose(box_ioa(small, crowd), [[0.5]])  # the upper half lies in the crowd


def test_clip_leaves_boxes_outside_without_area() -> None:
    clipped = clip_boxes(np.array([[-5.0, -5, -1, -1], [-1, 2, 50, 9]]), (10, 8))
    np.testing.assert_array_equal(clipped, [[0, 0, 0, 0], [0, 2, 10, 8]])


def test_cover_grows_outward_and_is_never_empty() -> None:
    assert cover(np.array([1.2, 1.8, 3.1, 3.0]), (10, 10)) == Rect(1, 1, 4, 3)
    assert cover(np.array([10.0, 10, 10, 10]), (10, 10)) == Rect(9, 9, 10, 10)


def test_touched_pixels_counts_a_pixel_touched_by_any_part() -> None:
    np.testing.assert_array_equal(touched_pixels(np.array([[0.9, 2, 1.1, 2]])), [[0, 2, 2, 3]])
    assert touched_pixels(np.zeros((0, 4))).shape == (0, 4)


def test_largest_free_rect_without_obstacles_is_the_window() -> None:
    assert largest_free_rect(Rect(0, 0, 9, 7), Rect(2, 2, 4, 4), _ints()) == Rect(0, 0, 9, 7)


def test_largest_free_rect_needs_hold_inside_and_free() -> None:
    assert largest_free_rect(Rect(0, 0, 4, 4), Rect(2, 2, 5, 4), _ints()) is None
    assert largest_free_rect(Rect(0, 0, 9, 9), Rect(2, 2, 4, 4), _ints((3, 3, 5, 5))) is None
    # Sharing an edge is not sharing a pixel.
    assert largest_free_rect(Rect(0, 0, 9, 9), Rect(2, 2, 4, 4), _ints((4, 0, 9, 9))) == Rect(0, 0, 4, 9)


def test_largest_free_rect_weighs_width_against_height() -> None:
    window, hold = Rect(0, 0, 10, 10), Rect(4, 4, 6, 6)
    blocked = _ints((0, 0, 4, 2), (6, 8, 10, 10))
    # Giving up the rows of both boxes keeps 10 x 6 = 60; giving up the columns of one keeps 6 x 8 = 48, of both 2 x 10.
    assert largest_free_rect(window, hold, blocked) == Rect(0, 2, 10, 8)
    # In a taller window one pair of columns is cheaper: 6 x 23 = 138 (twice, so the left one) against 10 x 6, 2 x 40.
    assert largest_free_rect(Rect(0, -15, 10, 25), hold, _ints((0, -15, 4, 2), (6, 8, 10, 25))) == Rect(0, 2, 6, 25)


coordinate = st.integers(0, 7)


@st.composite
def _rects(draw: st.DrawFn) -> Rect:
    x1, x2 = sorted(draw(st.lists(coordinate, min_size=2, max_size=2, unique=True)))
    y1, y2 = sorted(draw(st.lists(coordinate, min_size=2, max_size=2, unique=True)))
    return Rect(x1, y1, x2, y2)


def _brute_force(window: Rect, hold: Rect, blocked: IntArray) -> Rect | None:
    """Every rectangle of the window, in the order of the documented tie-break."""
    best: Rect | None = None
    for x1, x2 in itertools.product(range(window.x1, window.x2), range(window.x1 + 1, window.x2 + 1)):
        for y1, y2 in itertools.product(range(window.y1, window.y2), range(window.y1 + 1, window.y2 + 1)):
            rect = Rect(x1, y1, x2, y2)
            if x1 >= x2 or y1 >= y2 or not rect.contains(hold) or rect_touches(rect, blocked):
                continue
            if best is None or rect.area > best.area:
                best = rect
    return best


@settings(max_examples=150, deadline=None)
@given(hold=_rects(), window=_rects(), blocked=st.lists(_rects(), max_size=5))
def test_largest_free_rect_equals_brute_force(hold: Rect, window: Rect, blocked: list[Rect]) -> None:
    found = largest_free_rect(window, hold, _ints(*blocked))
    expected = _brute_force(window, hold, _ints(*blocked))
    assert found == expected
    if found is not None:
        assert found.contains(hold) and window.contains(found) and not rect_touches(found, _ints(*blocked))


@settings(max_examples=100, deadline=None)
@given(rect=_rects(), blocked=st.lists(_rects(), max_size=5), axis=st.sampled_from([0, 1]))
def test_free_span_is_as_far_as_one_can_go(rect: Rect, blocked: list[Rect], axis: int) -> None:
    window, boxes = Rect(0, 0, 8, 8), _ints(*blocked)
    assume(not rect_touches(rect, boxes))
    low, high = free_span(rect, window, boxes, axis)

    def grown(low: int, high: int) -> Rect:
        return Rect(low, rect.y1, high, rect.y2) if axis == 0 else Rect(rect.x1, low, rect.x2, high)

    assert not rect_touches(grown(low, high), boxes)
    assert low == 0 or rect_touches(grown(low - 1, high), boxes)
    assert high == 8 or rect_touches(grown(low, high + 1), boxes)


def test_largest_free_rect_with_a_thousand_boxes_ends() -> None:
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 3900, size=(1000, 2))
    blocked = np.concatenate([corner, corner + rng.integers(5, 60, size=(1000, 2))], axis=1).astype(np.int64)
    hold = Rect(2000, 2000, 2002, 2002)
    blocked = blocked[[not rect_touches(hold, box[None]) for box in blocked]]
    found = largest_free_rect(Rect(0, 0, 4000, 4000), hold, blocked)
    assert found is not None and not rect_touches(found, blocked)


@pytest.mark.parametrize("size_wh", [(1, 1), (3, 2)])
def test_cover_stays_inside_tiny_images(size_wh: tuple[int, int]) -> None:
    assert Rect(0, 0, *size_wh).contains(cover(np.array([-4.0, -4, 40, 40]), size_wh))
