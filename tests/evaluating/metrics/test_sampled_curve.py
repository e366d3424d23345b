"""Curves of samples: each is the curve of a set of images that really holds them so often."""

from __future__ import annotations

import numpy as np
import pytest
from scored import scores_of

from negmine.evaluating.metrics.bootstrap import interval, resample
from negmine.evaluating.metrics.curve import DetectionCurve
from negmine.evaluating.metrics.curve_level import LEAST_FALSE, STEPS, UNREACHED_FPPI, curve_level, recalls_up_to
from negmine.evaluating.metrics.equal_recall import equal_recall_point
from negmine.evaluating.metrics.sampled_curve import SampledCurve

RECALLS = np.array([0.3, 0.5, 0.8, 1.0])
NOTHING = scores_of([], [])
SOME = scores_of([(2, [0.9, 0.4]), (1, []), (3, [0.7, 0.6, 0.2])], [[0.8, 0.3], [], [0.65]])


def once(count: int) -> np.ndarray:
    return np.ones((1, count), dtype=np.int64)


def test_no_images_and_no_detections() -> None:
    curve = SampledCurve(NOTHING, once(0))
    assert np.isinf(curve.false_at(RECALLS)).all()
    assert (curve.recall(0.5), curve.fppi(0.5)) == (0, 0)
    blind = SampledCurve(scores_of([(1, [])], [[], []]), once(3))
    assert np.isinf(blind.false_at(RECALLS)).all() and blind.images == 2
    assert resample([], np.zeros(0, dtype=bool), draws=3).shape == (3, 0)


def test_the_images_as_they_are_give_the_plain_figures() -> None:
    curve = SampledCurve(SOME, once(6))
    # By falling score: hit, miss 0.8, hit 0.7, miss 0.65, hit 0.6, hit 0.4, miss 0.3, hit 0.2; of 6 objects
    assert curve.false_at(RECALLS).tolist() == [[1, 2, 3, np.inf]]
    assert curve.false_at(np.array([0.0, -1.0])).tolist() == [[0, 0]]  # one object
    assert (curve.recall(0.6).item(), curve.fppi(0.65).item()) == (0.5, pytest.approx(2 / 3))


def test_a_sample_is_the_set_of_images_that_it_holds() -> None:
    rng = np.random.default_rng(0)
    labelled = [(n, rng.random(rng.integers(0, n + 1)).round(1).tolist()) for n in (1, 2, 3, 4)]
    empty = [rng.random(n).round(1).tolist() for n in (0, 3, 5)]  # rounded, so that scores are often equal
    scores = scores_of(labelled, empty)
    weights = resample(scores.groups, scores.objects > 0, draws=40, seed=1)
    found = SampledCurve(scores, weights).false_at(RECALLS)
    for row, of_sample in zip(weights, found, strict=True):
        true = [score for times, (_, each) in zip(row, labelled, strict=False) for score in each * times]
        false = [score for times, each in zip(row[4:], empty, strict=True) for score in each * times]
        objects = int(row[:4] @ scores.objects[:4])
        plain = DetectionCurve.of(np.array(true), np.array(false), objects=objects, images=1)
        points = [equal_recall_point(plain, recall) for recall in RECALLS]
        assert of_sample.tolist() == [np.inf if point is None else point.fppi for point in points]


def test_many_samples_are_computed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = resample(SOME.groups, SOME.objects > 0, draws=50)
    whole = SampledCurve(SOME, weights).false_at(RECALLS)
    monkeypatch.setattr("negmine.evaluating.metrics.sampled_curve._CELLS", 12)
    assert np.array_equal(SampledCurve(SOME, weights).false_at(RECALLS), whole)


def test_images_with_objects_and_without_are_drawn_apart_and_groups_together() -> None:
    with_objects = np.array([True] * 4 + [False] * 6)
    groups = ["a", "b", "c", "c", "x", "x", "x", "y", "z", "z"]
    weights = resample(groups, with_objects, draws=200, seed=3)
    assert (weights[:, 2] == weights[:, 3]).all() and (weights[:, 4:7] == weights[:, 4:5]).all()
    assert (weights[:, [0, 1, 2]].sum(axis=1) == 3).all() and (weights[:, [4, 7, 8]].sum(axis=1) == 3).all()
    assert np.array_equal(weights, resample(groups, with_objects, draws=200, seed=3))
    only = resample(groups, with_objects, draws=200, seed=3, empty=False)
    assert np.array_equal(only[:, :4], weights[:, :4]) and (only[:, 4:] == 1).all()
    assert not np.array_equal(weights, resample(groups, with_objects, draws=200, seed=4))


def test_an_interval_is_the_middle_and_may_have_no_end() -> None:
    assert interval(np.arange(101.0)) == (5, 95)
    assert interval(np.array([1.0] * 8 + [np.inf] * 2)) == (1, np.inf)


def test_the_level_is_the_mean_log_of_false_positives_per_image() -> None:
    recalls = recalls_up_to(0.5)
    assert len(recalls) == STEPS and (recalls[0], recalls[-1]) == (pytest.approx(0.3), 0.5)
    curve = SampledCurve(SOME, once(6))
    assert curve_level(curve, np.array([0.1, 0.8])).item() == pytest.approx(
        (np.log(LEAST_FALSE / 3) + np.log(3 / 3)) / 2
    )
    assert curve_level(curve, np.array([1.0])).item() == pytest.approx(np.log(UNREACHED_FPPI))
