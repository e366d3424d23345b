"""The curve of recall and false positives per image, by hand and against counting."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from negmine.evaluating.metrics.curve import DetectionCurve
from negmine.evaluating.metrics.equal_recall import equal_recall_point

SCORES = st.lists(st.integers(1, 20).map(lambda n: n / 20), max_size=30)


def curve(true: list[float], false: list[float], objects: int = 4, images: int = 2) -> DetectionCurve:
    return DetectionCurve.of(np.array(true), np.array(false), objects=objects, images=images)


def test_nothing_detected() -> None:
    empty = curve([], [])
    assert empty.thinned() == ()
    assert len(empty.fppi) == len(empty.recall) == 0


def test_no_objects_and_no_images() -> None:
    nothing = curve([], [0.5], objects=0, images=0)
    assert nothing.recall.tolist() == [0.0]
    assert nothing.fppi.tolist() == [1.0]


def test_by_hand_with_a_tie() -> None:
    found = curve([0.9, 0.5, 0.3], [0.7, 0.5, 0.1])
    assert found.thresholds.tolist() == [0.9, 0.7, 0.5, 0.3, 0.1]
    assert found.recall.tolist() == [0.25, 0.25, 0.5, 0.75, 0.75]
    assert found.fppi.tolist() == [0, 0.5, 1, 1, 1.5]  # both scores of 0.5 come in at once


@settings(deadline=None)
@given(SCORES, SCORES, st.integers(1, 9))
def test_every_point_is_what_counting_gives(true: list[float], false: list[float], images: int) -> None:
    objects = len(true) + 3
    found = curve(true, false, objects, images)
    for index, threshold in enumerate(found.thresholds):
        assert found.fppi[index] == sum(score >= threshold for score in false) / images
        assert found.recall[index] == sum(score >= threshold for score in true) / objects


@settings(deadline=None)
@given(SCORES, SCORES, st.integers(2, 12))
def test_thinning_keeps_both_ends_and_the_steps(true: list[float], false: list[float], most: int) -> None:
    found = curve(true, false, max(len(true), 1))
    points = found.thinned(most)
    every = list(zip(found.thresholds, found.fppi, found.recall, strict=True))
    assert len(points) <= most and list(points) == sorted(points, reverse=True) and set(points) <= set(every)
    if every:
        assert points[-1] == every[-1] and points[0] == every[0]
    steps = [equal_recall_point(found, count / max(len(true), 1)) for count in range(1, len(true) + 1)]
    if len({*steps}) + 2 <= most:
        assert {*steps} <= {*points}
