"""When a converted model counts as the same, by hand-computed overlaps."""

from __future__ import annotations

import numpy as np
import pytest

from negmine.detectors.parity import beyond_rounding, compare, describe_differences
from negmine.structures import Detections

Row = tuple[float, float, float, float, float, int]  # box, score, class
NONE: list[Row] = []
BOX = (0.0, 0.0, 1000.0, 100.0)


def found(*rows: Row) -> Detections:
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(int))


def test_where_nothing_is_found_nothing_was_compared() -> None:
    result = compare([], [], 0.25)
    assert (result.compared, result.difference) == (0, None)
    assert compare([found()], [found()], 0.25).compared == 0


@pytest.mark.parametrize(
    ("theirs", "ours", "same"),
    [
        ([(*BOX, 0.9, 1)], [(*BOX, 0.9, 1)], True),
        ([(*BOX, 0.9, 1)], [(0, 0, 991, 100, 0.9, 1)], True),  # IoU 0.991
        ([(*BOX, 0.9, 1)], [(0, 0, 989, 100, 0.9, 1)], False),  # IoU 0.989
        ([(*BOX, 0.9, 1)], [(*BOX, 0.895, 1)], True),
        ([(*BOX, 0.9, 1)], [(*BOX, 0.885, 1)], False),
        ([(*BOX, 0.9, 1)], [(*BOX, 0.9, 2)], False),
        ([(*BOX, 0.9, 1)], NONE, False),
        (NONE, [(*BOX, 0.9, 1)], False),  # the converted model alone
        ([(*BOX, 0.9, 0), (*BOX, 0.255, 1)], [(*BOX, 0.9, 0)], True),  # within 0.01 of the threshold
        ([(*BOX, 0.255, 1)], NONE, False),  # and nothing else was found that could be compared
        ([(*BOX, 0.265, 1)], NONE, False),
        ([(*BOX, 0.255, 1)], [(*BOX, 0.248, 1)], True),
        ([(*BOX, 0.2, 1), (*BOX, 0.9, 0)], [(*BOX, 0.9, 0)], True),  # below the threshold nothing counts
    ],
)
def test_two_lists_of_one_image(theirs: list[Row], ours: list[Row], same: bool) -> None:
    assert (compare([found(*theirs)], [found(*ours)], 0.25).difference is None) == same


def test_where_nothing_reaches_the_threshold_lower_scores_are_compared() -> None:
    low = found((*BOX, 0.1, 1))
    assert compare([low], [low], 0.25).compared == 1
    assert compare([low], [found()], 0.25).difference is not None
    assert compare([found((*BOX, 0.04, 1))], [found()], 0.001) == compare([], [], 0.25)  # noise


def test_what_may_be_missing_was_not_compared() -> None:
    near = found((*BOX, 0.055, 1))
    assert compare([near], [found()], 0.25).compared == 0
    assert compare([found((*BOX, 0.255, 1))], [found((*BOX, 0.255, 1))], 0.25).compared == 1  # down to 0.05


def test_the_difference_is_told_with_the_box() -> None:
    result = compare([found()], [found((1, 2, 30, 40, 0.75, 7))], 0.25)
    assert result.difference == "only the converted model finds class 7 at score 0.750 in [1, 2, 30, 40]"


def test_how_8_bit_weights_differ() -> None:
    theirs = [found((*BOX, 0.9, 1), (0, 500, 10, 510, 0.5, 1)), found()]
    ours = [found((0, 0, 900, 100, 0.83, 1)), found((*BOX, 0.4, 0))]
    assert describe_differences(theirs, ours) == (
        "on 2 images it finds 1 of the 2 detections, and 1 others; scores differ by up to 0.07"
    )
    assert describe_differences([], []).startswith("on 0 images it finds 0 of the 0")


def test_a_score_is_compared_with_that_of_the_box_that_overlaps_most() -> None:
    both = [found((*BOX, 0.9, 1), (0, 0, 700, 100, 0.3, 1))]  # overlap by 0.7
    assert describe_differences(both, both).endswith("scores differ by up to 0.00")


@pytest.mark.parametrize(
    ("theirs", "ours", "other"),
    [
        (0, 0, None),  # of none
        (1, 0, None),  # one, which may have been close
        (2, 0, True),
        (0, 2, True),
        (1, 1, False),
        (40, 38, False),  # 2 of 78
        (40, 35, True),  # 5 of 75
        (35, 40, True),
    ],
)
def test_what_fewer_digits_may_lose(theirs: int, ours: int, other: bool | None) -> None:
    rows: list[Row] = [(100.0 * k, 0, 100.0 * k + 50, 40, 0.5, k % 3) for k in range(40)]
    assert beyond_rounding([found(*rows[:theirs])], [found(*rows[:ours])], 0.25) is other


def test_fewer_digits_move_boxes_and_scores_and_no_classes() -> None:
    one = [found(*[(100.0 * k, 0, 100.0 * k + 50, 40, 0.26, 1) for k in range(10)])]
    moved = [found(*[(100.0 * k + 9, 0, 100.0 * k + 55, 40, 0.20, 1) for k in range(10)])]  # under 0.25
    assert beyond_rounding(one, moved, 0.25) is False and beyond_rounding(moved, one, 0.25) is False
    renamed = [found(*[(100.0 * k, 0, 100.0 * k + 50, 40, 0.26, 2) for k in range(10)])]
    assert beyond_rounding(one, renamed, 0.25)
    below = [found(*[(*BOX, 0.1, 1)] * 3)]  # where nothing reaches 0.25, what scores less is compared
    assert beyond_rounding(below, [found()], 0.25) and beyond_rounding(below, below, 0.25) is False
