"""Logistic regression with an offset, and cross-validation that never sees what it predicts."""

from __future__ import annotations

import numpy as np
import pytest

from negmine.detectors.verifier import logits
from negmine.verifying.fitting import Examples, cross_validate, fit

PENALTY = 1e-6


def examples(features: np.ndarray, is_object: np.ndarray, offset: np.ndarray | float = 0.0, parts: int = 5) -> Examples:
    count = len(is_object)
    return Examples(
        features.astype(np.float32).reshape(count, -1), is_object, np.full(count, offset) if np.isscalar(offset)
        else np.asarray(offset), np.arange(count) // 2 % parts,
    )  # fmt: skip


def test_one_feature_with_two_values_gives_the_logit_of_each_share() -> None:
    """At 1, three of four are objects; at 0, one of four: as many of both, so the margins are ln 3 and -ln 3."""
    feature = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    is_object = np.array([True, True, True, False, True, False, False, False])
    found = fit(examples(feature, is_object), PENALTY)
    assert found.margins(np.array([[1.0], [0.0]], dtype=np.float32)) == pytest.approx([np.log(3), -np.log(3)], abs=0.02)


def test_what_the_detector_knows_is_not_learned_again() -> None:
    """The offsets already are the logits above, so nothing is left to learn."""
    feature = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    is_object = np.array([True, True, True, False, True, False, False, False])
    found = fit(examples(feature, is_object, np.where(feature, np.log(3), -np.log(3))), PENALTY)
    assert found.margins(np.array([[1.0], [0.0]], dtype=np.float32)) == pytest.approx([0, 0], abs=0.02)


def test_each_side_weighs_half_however_many_there_are() -> None:
    assert examples(np.zeros(4), np.array([True, False, False, False])).weights == pytest.approx([1 / 2] + [1 / 6] * 3)


def test_a_feature_that_never_changes_does_no_harm() -> None:
    rng = np.random.default_rng(0)
    is_object = np.arange(40) % 2 == 0
    found = fit(examples(np.column_stack([np.ones(40), is_object + rng.normal(0, 0.3, 40)]), is_object), 0.1)
    assert np.isfinite(found.coefficients).all() and np.isfinite(found.intercept)


def test_the_same_examples_give_the_same_bits() -> None:
    rng = np.random.default_rng(0)
    given = examples(rng.normal(size=(60, 30)), rng.random(60) < 0.5)
    one, other = fit(given, 0.1), fit(given, 0.1)
    assert one.coefficients.tobytes() == other.coefficients.tobytes() and one.intercept == other.intercept


def test_noise_is_not_believed_and_its_margins_are_of_images_left_out() -> None:
    """Features by which every example can be told apart, and which say nothing about another one."""
    rng = np.random.default_rng(1)
    is_object = rng.random(80) < 0.5
    found = cross_validate(examples(rng.normal(size=(80, 200)), is_object), (0.01, 100.0))
    assert found.penalty == 100
    share = float(((found.margins > 0) == is_object).mean())
    assert 0.2 < share < 0.75  # a fit that had seen them would be right everywhere


def test_a_signal_is_found_and_lowers_the_loss() -> None:
    rng = np.random.default_rng(2)
    is_object = np.arange(100) % 2 == 0
    features = rng.normal(size=(100, 5)) + 2 * is_object[:, None]
    offset = logits(np.full(100, 0.6))
    found = cross_validate(examples(features, is_object, offset), (0.01, 0.1))
    assert found.loss < found.loss_before / 2
    assert float(((found.margins > 0) == is_object).mean()) > 0.9


def test_without_penalties_there_is_nothing_to_choose() -> None:
    with pytest.raises(ValueError, match="expected penalties"):
        cross_validate(examples(np.zeros(2), np.array([True, False])), ())
