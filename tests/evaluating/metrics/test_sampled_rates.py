"""Recall at a wanted FPPI in samples: by hand, and as copies of images give it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from negmine.evaluating.metrics.curve import DetectionCurve
from negmine.evaluating.metrics.lamr import curve_lamr
from negmine.evaluating.metrics.sampled_rates import ScoredRows, rates_at_fppi, sampled_lamr, thresholds_at_recall
from negmine.structures import IntArray

Found = list[tuple[int, int]]  # score in tenths, image
ONCE = np.ones((1, 4), dtype=np.int64)


def rows(found: Found) -> ScoredRows:
    scores, images = ([pair[place] for pair in found] for place in (0, 1))
    return ScoredRows.falling(np.array(scores, dtype=np.float64) / 10, np.array(images, dtype=np.int64))


def at(true: Found, false: Found, fppis: list[float], weights: IntArray = ONCE) -> tuple[list[float], list[float]]:
    """Of the first sample: recall of four objects on four images, and the excluded scores."""
    four = np.full(len(weights), 4)
    drawn = {"weights": weights, "objects": four, "images": four}
    found = rates_at_fppi(rows(true), rows(false), **drawn, fppis=np.array(fppis))
    return found.recall[0].tolist(), found.excluded[0].tolist()


def test_nothing_found_is_no_recall_and_excludes_no_score() -> None:
    assert at([], [], [0.0, 1.0]) == ([0, 0], [-1, -1])


def test_recall_is_that_over_the_first_false_positive_too_many() -> None:
    true, false = [(9, 0), (6, 1), (3, 2)], [(7, 3), (5, 3), (5, 2)]
    assert at(true, false, [0.0, 0.25, 0.5, 0.75]) == ([0.25, 0.5, 0.5, 0.75], [0.7, 0.5, 0.5, -1])


def test_a_true_positive_of_the_excluded_score_is_excluded_too() -> None:
    assert at([(5, 0)], [(5, 1)], [0.0]) == ([0], [0.5])


def test_an_image_counts_as_often_as_a_sample_holds_it() -> None:
    weights = np.array([[2, 0, 1, 1]])
    assert at([(9, 0), (8, 1), (7, 2)], [(6, 3), (5, 1)], [0.25], weights) == ([0.75], [-1])


def test_the_threshold_that_reaches_a_recall_is_that_of_the_last_object_needed() -> None:
    true, weights = rows([(9, 0), (6, 1), (3, 2)]), np.array([[1, 1, 1, 1], [2, 0, 1, 1], [0, 0, 1, 3]])
    found = thresholds_at_recall(true, weights=weights, objects=np.array([4, 4, 4]), recall=0.5)
    assert found.tolist() == [0.6, 0.9, -np.inf]
    nothing = thresholds_at_recall(rows([]), weights=ONCE, objects=np.array([4]), recall=0.5)
    assert nothing.tolist() == [-np.inf]


@given(
    st.lists(st.tuples(st.integers(0, 10), st.integers(0, 3)), max_size=8),
    st.lists(st.tuples(st.integers(0, 10), st.integers(0, 3)), max_size=150),
    st.lists(st.integers(0, 3), min_size=4, max_size=4).filter(any),
)
def test_lamr_is_that_of_the_curve_of_the_copies(true: Found, false: Found, copies: list[int]) -> None:
    weights = np.array([copies])
    true_copies, false_copies = (
        np.array([score / 10 for score, image in found for _ in range(copies[image])]) for found in (true, false)
    )
    curve = DetectionCurve.of(true_copies, false_copies, objects=30, images=sum(copies))
    drawn = {"weights": weights, "objects": np.array([30]), "images": np.array([sum(copies)])}
    assert sampled_lamr(rows(true), rows(false), **drawn)[0] == pytest.approx(curve_lamr(curve))
