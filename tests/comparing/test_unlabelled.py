"""Likely unlabelled: targets and negatives drawn from two clouds, with targets hidden among the negatives."""

from __future__ import annotations

import numpy as np
import pytest

from negmine.comparing.unlabelled import (
    FOLDS,
    MIN_EXAMPLES,
    Side,
    deal_folds,
    likely_unlabelled,
    share_of_targets,
)
from negmine.structures import FloatArray
from negmine.trainable import LIKELY_UNLABELLED

SIZE = 12


def cloud(count: int, centre: float, seed: int) -> FloatArray:
    """Points about a centre on one axis; their folds go round."""
    points = np.random.default_rng(seed).normal(size=(count, SIZE))
    points[:, 0] += centre
    return points


def side(points: FloatArray, weights: FloatArray | None = None) -> Side:
    count = len(points)
    given = np.ones(count) if weights is None else weights
    return Side(points.astype(np.float32), given, np.arange(count, dtype=np.int64) % FOLDS)


def hidden() -> tuple[Side, FloatArray]:
    """100 negatives, of which the last ten are targets; all of the same score."""
    return side(np.concatenate([cloud(90, -2, 1), cloud(10, 2, 2)])), np.full(100, 0.5)


def test_too_few_examples_of_either_side_say_nothing() -> None:
    negatives, scores = hidden()
    few = side(cloud(MIN_EXAMPLES - 1, 2, 3))
    assert likely_unlabelled(negatives, few, scores) is None
    assert likely_unlabelled(few, negatives, scores[: len(few.folds)]) is None
    of_one_fold = Side(cloud(50, 2, 3).astype(np.float32), np.ones(50), np.zeros(50, dtype=np.int64))
    assert likely_unlabelled(negatives, of_one_fold, scores) is None
    none = Side(np.zeros((0, SIZE), dtype=np.float32), np.zeros(0), np.zeros(0, dtype=np.int64))
    assert likely_unlabelled(none, negatives, np.zeros(0)) is None


def test_hidden_targets_come_first() -> None:
    negatives, scores = hidden()
    found = likely_unlabelled(negatives, side(cloud(60, 2, 3)), scores)
    assert found is not None and found.shape == (100,) and 0 <= found.min() <= found.max() <= 1
    first = set(np.argsort(-found)[:10].tolist())
    assert len(first & set(range(90, 100))) >= 9


def test_where_many_negatives_are_targets_each_is_more_likely_one() -> None:
    """They teach the discriminant that they are none; of these 40, it alone would make two so likely."""
    negatives = side(np.concatenate([cloud(10, 1.5, 4), cloud(70, -1.5, 1), cloud(30, 1.5, 2)]))
    found = likely_unlabelled(negatives, side(cloud(100, 1.5, 3)), np.full(110, 0.8))
    assert found is not None
    held_back = found >= LIKELY_UNLABELLED
    assert held_back[:10].sum() + held_back[80:].sum() >= 10 and held_back[10:80].sum() == 0


def test_the_share_of_targets() -> None:
    ones = np.ones(1000)
    assert share_of_targets(np.full(1000, -9.0), ones) < 1e-3
    assert share_of_targets(np.full(1000, 9.0), ones) > 0.99
    odds = np.repeat([4.0, -4.0], [250, 750])
    assert share_of_targets(odds, ones) == pytest.approx(0.24, abs=0.02)
    assert share_of_targets(odds, np.repeat([0.0, 1.0], [250, 750])) < 1e-3


def test_the_score_of_the_detector_counts_too() -> None:
    """Vectors that tell nothing leave the order of the scores."""
    negatives, scores = side(cloud(80, 0, 1)), np.linspace(0.3, 0.95, 80)
    found = likely_unlabelled(negatives, side(cloud(80, 0, 2)), scores)
    assert found is not None and np.corrcoef(found, scores)[0, 1] > 0.8
    assert np.isfinite(found).all()


@pytest.mark.parametrize("score", [0.5, 0.8, 0.99])
def test_the_score_alone_never_makes_a_negative_so_likely(score: float) -> None:
    found = likely_unlabelled(side(cloud(300, 0, 1)), side(cloud(300, 0, 2)), np.full(300, score))
    assert found is not None and (found >= LIKELY_UNLABELLED).sum() <= 3


def test_what_counts_nothing_is_judged_and_teaches_nothing() -> None:
    negatives, scores = hidden()
    targets = side(cloud(60, 2, 3))
    weights = np.ones(100)
    weights[90:] = 0
    with_all, without = (
        likely_unlabelled(Side(negatives.vectors, each, negatives.folds), targets, scores)
        for each in (np.ones(100), weights)
    )
    assert with_all is not None and without is not None
    assert without[90:].mean() > with_all[90:].mean()


def test_sides_that_do_not_overlap_and_numbers_that_never_change_are_no_trouble() -> None:
    one, other = cloud(40, -50, 1), cloud(40, 50, 2)
    one[:, 1] = other[:, 1] = 3
    found = likely_unlabelled(side(one), side(other), np.linspace(0, 1, 40))
    assert found is not None and np.isfinite(found).all()


def test_the_same_examples_in_another_order_say_the_same() -> None:
    negatives, scores = hidden()
    targets = side(cloud(60, 2, 3))
    order = np.random.default_rng(5).permutation(100)
    moved = Side(negatives.vectors[order], negatives.weights[order], negatives.folds[order])
    one, other = likely_unlabelled(negatives, targets, scores), likely_unlabelled(moved, targets, scores)
    assert one is not None and other is not None
    assert np.allclose(one[order], other, atol=2e-4)


def test_folds_are_dealt_evenly_whatever_the_order() -> None:
    groups = [f"n{index:02}" for index in range(10)] + [f"p{index:02}" for index in range(10)]
    targets = frozenset(groups[10:])
    folds = deal_folds(groups, targets)
    assert folds == deal_folds([*groups[::-1], "n03"], targets)
    for kind in "np":
        counts = np.bincount([fold for group, fold in folds.items() if group[0] == kind])
        assert counts.tolist() == [2] * FOLDS
    assert deal_folds([], frozenset()) == {}
