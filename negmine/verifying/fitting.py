"""Logistic regression on the features of boxes, with the detector's own logit as a fixed term.

So the verifier learns what the detector got wrong, and not again what it knows. Cross-validation over source images
chooses the penalty, and what it predicts for the images left out is what is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from negmine.detectors.verifier import Features
from negmine.structures import BoolArray, FloatArray, IntArray

_STEPS = 200  # of the optimizer, at most
_TOLERANCE = 1e-6  # the share of the loss that a step must gain
_TINY = 1e-6  # standard deviation of a feature that never changes


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Boxes to learn from, all of one class.

    Attributes:
        features: [N, D] that describe the boxes.
        is_object: [N] whether it is one; a false positive otherwise.
        logits: [N] of the detector's scores.
        folds: [N] the part of the images that it belongs to.
    """

    features: Features
    is_object: BoolArray
    logits: FloatArray
    folds: IntArray

    def select(self, which: BoolArray) -> Examples:
        """The rows of a mask."""
        return Examples(self.features[which], self.is_object[which], self.logits[which], self.folds[which])

    @property
    def weights(self) -> FloatArray:
        """[N] that add up to 1, half of it for the objects."""
        objects = int(self.is_object.sum())
        others = len(self.is_object) - objects
        return np.where(self.is_object, 0.5 / max(objects, 1), 0.5 / max(others, 1))


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A linear function of the features: the margin is the logit of the probability.

    Attributes:
        coefficients: [D] float32.
        intercept: float32, as a float.
    """

    coefficients: Features
    intercept: float

    def margins(self, features: Features) -> FloatArray:
        """[N] of boxes [N, D]."""
        found: FloatArray = features.astype(np.float64) @ self.coefficients.astype(np.float64) + self.intercept
        return found


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidated:
    """What cross-validation found.

    Attributes:
        penalty: the best.
        loss: mean logistic loss on images left out, with that penalty.
        loss_before: the same of the detector alone.
        margins: [N] for each example, of the fit that was made without its image.
    """

    penalty: float
    loss: float
    loss_before: float
    margins: FloatArray


def fit(examples: Examples, penalty: float) -> Linear:
    """Fit by L-BFGS.

    Args:
        examples: with objects and false positives.
        penalty: half of it times the squared coefficients, of standardised features, joins the mean loss.
    """
    features = examples.features.astype(np.float64)
    mean, spread = features.mean(axis=0), features.std(axis=0) + _TINY
    standard = (features - mean) / spread
    target, weights = examples.is_object.astype(np.float64), examples.weights

    def loss_and_gradient(point: FloatArray) -> tuple[float, FloatArray]:
        slope = point[:-1]
        found = examples.logits + standard @ slope + point[-1]
        error = weights * (_sigmoid(found) - target)
        loss = weights @ _losses(found, examples.is_object) + penalty / 2 * (slope @ slope)
        return float(loss), np.append(standard.T @ error + penalty * slope, error.sum())

    start, options = np.zeros(features.shape[1] + 1), {"maxiter": _STEPS, "ftol": _TOLERANCE}
    point = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", options=options).x
    coefficients = (point[:-1] / spread).astype(np.float32)
    return Linear(coefficients, float(np.float32(point[-1] - mean @ coefficients.astype(np.float64))))


def cross_validate(examples: Examples, penalties: Sequence[float]) -> CrossValidated:
    """Try penalties: fit without each fold in turn, and predict what was left out."""
    best: CrossValidated | None = None
    before = float(examples.weights @ _losses(examples.logits, examples.is_object))
    for penalty in penalties:
        margins = np.zeros(len(examples.logits))
        for fold in np.unique(examples.folds):
            left_out = examples.folds == fold
            margins[left_out] = fit(examples.select(~left_out), penalty).margins(examples.features[left_out])
        loss = float(examples.weights @ _losses(examples.logits + margins, examples.is_object))
        if best is None or loss < best.loss:
            best = CrossValidated(penalty, loss, before, margins)
    if best is None:
        raise ValueError("expected penalties to choose from, found none")
    return best


def _sigmoid(values: FloatArray) -> FloatArray:
    found: FloatArray = 1 / (1 + np.exp(-np.clip(values, -500, 500)))
    return found


def _losses(values: FloatArray, is_object: BoolArray) -> FloatArray:
    """The logistic loss of each logit."""
    found: FloatArray = np.logaddexp(0, np.where(is_object, -values, values))
    return found
