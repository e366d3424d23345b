"""The curve of recall and false positives per image, by hand and against counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from negmine.evaluating.metrics.curve import CurvePoint, DetectionCurve

SCORES = st.lists(st.integers(1, 20).map(lambda n: n / 20), max_size=30)


def curve(hits: list[float], alarms: list[float], objects: int = 4, images: int = 2) -> DetectionCurve:
    return DetectionCurve.of(np.array(hits), np.array(alarms), objects=objects, images=images)


def test_nothing_detected() -> None:
    empty = curve([], [])
    assert empty.at_threshold(0.0) == (0.0, 0.0, 0.0)
    assert empty.at_recall(0.1) is None
    assert empty.thinned() == ()
    assert len(empty.fppi) == len(empty.recall) == 0


def test_no_objects_and_no_images() -> None:
    nothing = curve([], [0.5], objects=0, images=0)
    assert nothing.at_recall(0.5) is None
    assert nothing.recall.tolist() == [0.0]
    assert nothing.fppi.tolist() == [1.0]


def test_by_hand_with_a_tie() -> None:
    found = curve([0.9, 0.5, 0.3], [0.7, 0.5, 0.1])
    assert found.thresholds.tolist() == [0.9, 0.7, 0.5, 0.3, 0.1]
    assert found.recall.tolist() == [0.25, 0.25, 0.5, 0.75, 0.75]
    assert found.fppi.tolist() == [0, 0.5, 1, 1, 1.5]  # both scores of 0.5 come in at once


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(1.0, (0, 0)), (0.9, (0, 0.25)), (0.8, (0, 0.25)), (0.5, (1.0, 0.5)), (0.49, (1.0, 0.5)), (0.0, (1.5, 0.75))],
)
def test_at_a_threshold_scores_equal_to_it_count(threshold: float, expected: tuple[float, float]) -> None:
    assert curve([0.9, 0.5, 0.3], [0.7, 0.5, 0.1]).at_threshold(threshold) == (threshold, *expected)


@pytest.mark.parametrize(
    ("recall", "expected"),
    [
        (0.0, None),  # nothing has to be found: any threshold would do, so none is told
        (0.01, (0.9, 0, 0.25)),  # one object of four is the least step
        (0.25, (0.9, 0, 0.25)),
        (0.26, (0.5, 1, 0.5)),
        (0.75, (0.3, 1, 0.75)),
        (0.76, None),
        (1.0, None),
    ],
)
def test_at_a_recall_the_highest_threshold_that_reaches_it(recall: float, expected: CurvePoint | None) -> None:
    assert curve([0.9, 0.5, 0.3], [0.7, 0.5, 0.1]).at_recall(recall) == expected


def test_rounding_of_a_share_asks_for_no_object_more() -> None:
    ten = curve([0.9] * 7, [], objects=10)
    assert ten.at_recall(0.7) == (0.9, 0, 0.7)
    assert 0.1 + 0.2 + 0.4 > 0.7 and ten.at_recall(0.1 + 0.2 + 0.4) == (0.9, 0, 0.7)


@given(SCORES, SCORES, st.integers(1, 9), st.floats(0.01, 1))
def test_every_point_is_what_counting_gives(hits: list[float], alarms: list[float], images: int, recall: float) -> None:
    objects = len(hits) + 3
    found = curve(hits, alarms, objects, images)
    for index, threshold in enumerate(found.thresholds):
        assert found.fppi[index] == sum(score >= threshold for score in alarms) / images
        assert found.recall[index] == sum(score >= threshold for score in hits) / objects
        assert found.at_threshold(threshold) == (threshold, found.fppi[index], found.recall[index])
    reached = [t for t in sorted(hits) if sum(score >= t for score in hits) >= math.ceil(recall * objects - 1e-9)]
    point = found.at_recall(recall)
    assert (None if point is None else point.threshold) == (reached[-1] if reached else None)


@given(SCORES, SCORES, st.integers(2, 12))
def test_thinning_keeps_both_ends_and_the_steps(hits: list[float], alarms: list[float], most: int) -> None:
    found = curve(hits, alarms, max(len(hits), 1))
    points = found.thinned(most)
    every = list(zip(found.thresholds, found.fppi, found.recall, strict=True))
    assert len(points) <= most and list(points) == sorted(points, reverse=True) and set(points) <= set(every)
    if every:
        assert points[-1] == every[-1] and points[0] == every[0]
    steps = [found.at_recall(count / max(len(hits), 1)) for count in range(1, len(hits) + 1)]
    if len({*steps}) + 2 <= most:
        assert {*steps} <= {*points}
