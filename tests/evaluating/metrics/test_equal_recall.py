"""Detectors at equal recall: the highest threshold that reaches it, by hand and against counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negmine.evaluating.metrics.curve import CurvePoint, DetectionCurve
from negmine.evaluating.metrics.equal_recall import equal_recall_point, fppi_at_recalls

SCORES = st.lists(st.integers(1, 20).map(lambda n: n / 20), max_size=30)


def curve(true: list[float], false: list[float], objects: int = 4, images: int = 2) -> DetectionCurve:
    return DetectionCurve.of(np.array(true), np.array(false), objects=objects, images=images)


def test_without_detections_or_objects_there_is_no_point() -> None:
    assert equal_recall_point(curve([], []), 0.1) is None
    assert equal_recall_point(curve([], [0.5], objects=0, images=0), 0.5) is None


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
    assert equal_recall_point(curve([0.9, 0.5, 0.3], [0.7, 0.5, 0.1]), recall) == expected


def test_rounding_of_a_share_asks_for_no_object_more() -> None:
    ten = curve([0.9] * 7, [], objects=10)
    assert equal_recall_point(ten, 0.7) == (0.9, 0, 0.7)
    assert 0.1 + 0.2 + 0.4 > 0.7 and equal_recall_point(ten, 0.1 + 0.2 + 0.4) == (0.9, 0, 0.7)


def test_fppi_is_reported_at_four_recalls() -> None:
    found = curve([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3], [0.55, 0.35], objects=10)
    assert fppi_at_recalls(found) == {"0.6": 0.5, "0.7": 1.0, "0.8": None, "0.9": None, "0.95": None}


@settings(deadline=None)
@given(SCORES, SCORES, st.integers(1, 9), st.floats(0.01, 1))
def test_the_threshold_is_what_counting_gives(
    true: list[float], false: list[float], images: int, recall: float
) -> None:
    objects = len(true) + 3
    reached = [t for t in sorted(true) if sum(score >= t for score in true) >= math.ceil(recall * objects - 1e-9)]
    point = equal_recall_point(curve(true, false, objects, images), recall)
    assert (None if point is None else point.threshold) == (reached[-1] if reached else None)
