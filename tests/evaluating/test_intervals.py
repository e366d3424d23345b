"""Intervals of figures, and of their differences."""

from __future__ import annotations

import json
import math

import pytest
from scored import scores_of

from negmine.evaluating.intervals import SampledFigures, figure_samples, intervals_of_models

FOUND = [(1, [0.9 - number / 100]) for number in range(40)]
NOTHING = scores_of([], [])


def test_no_images() -> None:
    (found,), differences = intervals_of_models([NOTHING], figure_samples(NOTHING), conf=0.25, at_recall=None)
    assert found.recall == (0, 0) and found.fppi_at_recall is None and differences == (None,)
    json.dumps(found.to_dict(), allow_nan=False)


def test_an_interval_holds_the_figure_and_is_as_wide_as_the_binomial_says() -> None:
    scores = scores_of(FOUND[:30] + [(1, [])] * 10, [[0.95] if number < 20 else [] for number in range(100)])
    (found,), _ = intervals_of_models([scores], figure_samples(scores), conf=0.25, at_recall=0.7)
    half = 1.645 * math.sqrt(0.2 * 0.8 / 100)
    assert found.fppi == (pytest.approx(0.2 - half, abs=0.02), pytest.approx(0.2 + half, abs=0.02))
    half = 1.645 * math.sqrt(0.75 * 0.25 / 40)
    assert found.recall == (pytest.approx(0.75 - half, abs=0.03), pytest.approx(0.75 + half, abs=0.03))
    assert found.fppi_at["0.6"] == found.fppi and found.fppi_at["0.95"] == (math.inf, math.inf)
    assert (
        found.fppi_at_recall is not None and found.fppi_at_recall.high == math.inf
    )  # 30 of 40, and samples have fewer
    assert found.to_dict()["fppi_at"]["0.95"] == [None, None]  # type: ignore[index]


def test_where_no_false_positive_was_seen_three_per_all_images_are_possible() -> None:
    scores = scores_of(FOUND, [[]] * 60)
    (found,), _ = intervals_of_models([scores], figure_samples(scores), conf=0.25, at_recall=1.0)
    assert found.fppi == (0, 0.05) and found.fppi_at["0.9"] == (0, 0.05)


def test_differences_are_paired_and_those_to_oneself_are_none() -> None:
    one = scores_of(FOUND, [[0.95] if number < 50 else [] for number in range(100)])
    other = scores_of(FOUND, [[0.95] if number < 45 else [] for number in range(100)])
    intervals, (none, same, less) = intervals_of_models(
        [one, one, other], figure_samples(one), conf=0.25, at_recall=1.0
    )
    assert none is None and intervals[0] == intervals[1]
    assert same is not None and same.figures.fppi == (0, 0) and same.comparison.outcome == "cannot tell"
    assert less is not None and less.figures.fppi.low < -0.05 < less.figures.fppi.high <= 0
    assert intervals[0].fppi.low < intervals[2].fppi.high  # alone they overlap
    assert less.figures.fppi_at_recall == less.figures.fppi and less.figures.recall == (0, 0)
    json.dumps(less.to_dict(), allow_nan=False)


def test_a_recall_that_is_not_reached_differs_by_a_hundred() -> None:
    blind, one = scores_of([(1, [])] * 40, [[]] * 10), scores_of(FOUND, [[]] * 10)
    weights = figure_samples(one, draws=50)
    first, second = (SampledFigures.of(each, weights, conf=0.25, at_recall=0.9) for each in (one, blind))
    assert second.differences(first).fppi_at_recall == (100, 100)
