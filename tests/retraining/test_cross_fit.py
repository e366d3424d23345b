"""The images that choose a round do not report it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
from scored import scores_of

from negmine.evaluating.comparing import CompareConfig
from negmine.evaluating.image_scores import ImageScores
from negmine.retraining.cross_fit import Report, _half, report_on_others
from negmine.retraining.verdict import Standings

CONFIG = CompareConfig(conf=0.25, draws=100)
FOUND = [(1, [0.9 - number / 100]) for number in range(20)]


def fires(firing: np.ndarray) -> ImageScores:
    return scores_of(FOUND, [[0.95] if each else [] for each in firing])


def reported_of(scores: Sequence[ImageScores], *, best: int, at_recall: float) -> Report:
    titles = ["the start", *(f"round {number}" for number in range(1, len(scores)))]
    return report_on_others(scores, CONFIG, best=best, at_recall=at_recall, titles=titles)


def test_where_both_halves_choose_the_same_round_its_figure_is_that_on_all_images() -> None:
    rng = np.random.default_rng(0)
    scores = [fires(rng.random(80) < share) for share in (0.5, 0.1)]
    found = reported_of(scores, best=1, at_recall=1.0)
    assert found.chosen == (1, 1) and found.note is None
    assert (found.fppi_before, found.fppi_after) == tuple(len(each.false) / 80 for each in scores)
    assert found.interval.low < (found.fppi_after or 0) < found.interval.high and found.difference.high < 0


def test_choosing_among_equal_rounds_promises_nothing() -> None:
    """Rounds that are no better than the start: the luckiest of them looks better, and its report does not."""
    looks, reported = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        scores = [fires(rng.random(60) < 0.25) for _ in range(10)]
        best = Standings.of(scores, CONFIG).best
        found = reported_of(scores, best=best, at_recall=1.0)
        looks.append(len(scores[best].false) / 60)
        reported.append(found.fppi_after or 0.0)
    assert np.mean(looks) < 0.19 and 0.22 < np.mean(reported) < 0.28


def test_halves_that_choose_different_rounds_are_added_up() -> None:
    start, half = fires(np.ones(40, dtype=bool)), _half(fires(np.ones(40, dtype=bool)), 0)
    assert half is not None
    inside = half[20:]
    scores = [start, fires(~inside), fires(inside)]  # the first is perfect on the half, the second on the other
    found = reported_of(scores, best=1, at_recall=1.0)
    assert (
        found.chosen == (1, 2)
        and found.note is not None
        and "chose round 1 and round 2, and all of them round 1" in found.note
    )
    assert (found.fppi_before, found.fppi_after) == (1, 1)  # each fires on all that did not choose it


def test_figures_of_another_round_than_the_result_are_said_to_be() -> None:
    rng = np.random.default_rng(0)
    found = reported_of([fires(rng.random(80) < share) for share in (0.5, 0.1, 0.3)], best=2, at_recall=1.0)
    assert found.chosen == (1, 1) and found.note is not None
    assert "chose round 1, and all of them round 2;" in found.note


def test_halves_hold_whole_groups_and_as_many_of_each_kind() -> None:
    groups = [str(number // 4) for number in range(40)]
    scores = scores_of(FOUND, [[] for _ in range(20)], groups=groups)
    half = _half(scores, 3)
    assert half is not None
    assert all(len(set(half[np.array(groups) == group])) == 1 for group in groups)
    assert 8 <= half[:20].sum() <= 12 and 8 <= half[20:].sum() <= 12
    assert not np.array_equal(half, _half(scores, 4))


def test_too_few_images_for_halves_are_said_to_have_chosen() -> None:
    scores = [scores_of([(1, [0.9])], [[0.95]]), scores_of([(1, [0.9])], [[]])]
    found = reported_of(scores, best=1, at_recall=1.0)
    assert found.chosen == () and found.note is not None and "chose the round measured it" in found.note
    assert (found.fppi_before, found.fppi_after, found.interval.high) == (1, 0, 3)  # three divided by one image


def test_a_recall_that_is_not_reached_has_no_figure() -> None:
    blind = scores_of([(1, []) for _ in FOUND], [[] for _ in range(10)])
    found = reported_of([fires(np.ones(10, dtype=bool)), blind], best=1, at_recall=0.9)
    assert found.chosen == (0, 0) and found.fppi_after == 1  # the blind one is chosen by no half
    assert math.isfinite(found.interval.high)
    json.dumps(found.to_dict())
