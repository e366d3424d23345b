"""How much a negative looks like a target that nobody labelled.

A linear discriminant tells the vectors of labelled targets from those of negatives (Fisher, "The Use of Multiple
Measurements in Taxonomic Problems", 1936; the covariance shrunk towards its diagonal as in Friedman, "Regularized
Discriminant Analysis", 1989). Each is judged by a discriminant that was made without its image, so that a target among
the negatives does not teach that it is none. The margins become log-odds by a logistic function of one variable (Platt,
1999), to which the detector's own are added. Where many negatives seem to be targets, each is more likely one: their
share is estimated from all of them (Saerens et al., "Adjusting the Outputs of a Classifier to New a Priori
Probabilities", 2002).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from negmine.comparing.clusters import Vectors
from negmine.structures import BoolArray, FloatArray, IntArray

FOLDS = 5
MIN_EXAMPLES = 10  # of each side
_SHRINKAGE = 0.2  # share of the covariances that is dropped
_TINY = 1e-9  # variance of a number that never changes
_SLOPE_PENALTY = 1e-3  # keeps the slope finite where the sides do not overlap
_SURE = 0.1  # scores count as if they kept so far away from 0 and 1: none alone makes a negative likely
_FIRST_SHARE, _STEPS = 0.1, 100  # of the estimate of how many are targets
_RARE = math.log(0.98 / 0.02) - math.log(0.8 / 0.2)  # where targets are not rare, 0.98 means a probability of 0.8
_MOST = 1.4  # that this adds to log-odds: with the surest score, the vectors still have to say 4 to 3 for 0.98
_ROWS = 8192  # at once
_DIGITS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Vectors of targets, or of negatives.

    Attributes:
        vectors: [N, D].
        weights: [N] how much each counts; 0 for one that is judged but not learned from.
        folds: [N] the part of the images that it belongs to, 0 to `FOLDS` - 1.
    """

    vectors: Vectors
    weights: FloatArray
    folds: IntArray

    @property
    def examples(self) -> int:
        """How many are learned from."""
        return int((self.weights > 0).sum())

    @property
    def is_enough(self) -> bool:
        """Whether there are enough to learn from, whichever fold is left out."""
        counts = [int((self.weights[self.folds != fold] > 0).sum()) for fold in range(FOLDS)]
        return self.examples >= MIN_EXAMPLES and min(counts) > 1


def likely_unlabelled(negatives: Side, targets: Side, scores: FloatArray) -> FloatArray | None:
    """How much each negative looks like an unlabelled target.

    Args:
        negatives: N of them.
        targets: labelled ones.
        scores: [N] of the detector for the negatives.

    Returns:
        [N] from 0 to 1, rounded; None where there are too few examples to tell.
    """
    if not (negatives.is_enough and targets.is_enough):
        return None
    margins = [np.zeros(len(side.folds)) for side in (negatives, targets)]
    sums = [_Sums.of(side) for side in (negatives, targets)]
    for fold in range(FOLDS):
        slope, middle = _discriminant(*(each.without(fold) for each in sums))
        for side, of_side in zip((negatives, targets), margins, strict=True):
            own = side.folds == fold
            of_side[own] = _times(side.vectors[own], slope) - middle
    surely = np.clip(scores, _SURE, 1 - _SURE)
    odds = _log_odds(margins[0], margins, (negatives.weights, targets.weights)) + np.log(surely / (1 - surely))
    share = share_of_targets(odds, negatives.weights)
    odds += min(max(math.log(share / (1 - share)) + _RARE, 0.0), _MOST)
    found: FloatArray = np.round(1 / (1 + np.exp(-np.clip(odds, -50, 50))), _DIGITS)
    return found


def share_of_targets(odds: FloatArray, weights: FloatArray) -> float:
    """About how much of some examples are targets.

    Args:
        odds: [N] log-odds of each, if half of them were.
        weights: [N] how much each counts.

    Returns:
        From almost 0 to almost 1.
    """
    likelihoods, share = np.exp(np.clip(odds, -50, 50)), _FIRST_SHARE
    for _ in range(_STEPS):
        parts = share * likelihoods / (share * likelihoods + 1 - share)
        share = float(np.average(parts, weights=weights))
    return min(max(share, _TINY), 1 - _TINY)


def deal_folds(groups: Sequence[str], with_targets: frozenset[str]) -> dict[str, int]:
    """The fold of each group of images: those with targets and those without are dealt out evenly, in order.

    Args:
        groups: any names, such as hashes; sorted, so that their order does not matter.
        with_targets: those of them that have labelled targets.
    """
    dealt = {True: 0, False: 0}
    folds = {}
    for group in sorted(set(groups)):
        has_targets = group in with_targets
        folds[group] = dealt[has_targets] % FOLDS
        dealt[has_targets] += 1
    return folds


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """What adds up over folds: weights [F], weighted vectors [F, D], and their weighted squares [F, D, D]."""

    weights: FloatArray
    vectors: FloatArray
    squares: FloatArray

    @classmethod
    def of(cls, side: Side) -> _Sums:
        size = side.vectors.shape[1]
        weights, vectors, squares = np.zeros(FOLDS), np.zeros((FOLDS, size)), np.zeros((FOLDS, size, size))
        for fold in range(FOLDS):
            rows = np.flatnonzero((side.folds == fold) & (side.weights > 0))
            for start in range(0, len(rows), _ROWS):
                some = rows[start : start + _ROWS]
                each, values = side.weights[some], side.vectors[some].astype(np.float64)
                weights[fold] += each.sum()
                vectors[fold] += each @ values
                squares[fold] += (values * each[:, None]).T @ values
        return cls(weights, vectors, squares)

    def without(self, fold: int) -> tuple[FloatArray, FloatArray]:
        """The mean [D] and the covariance [D, D] without a fold."""
        kept: BoolArray = np.arange(FOLDS) != fold
        total = self.weights[kept].sum()
        mean: FloatArray = self.vectors[kept].sum(axis=0) / total
        return mean, self.squares[kept].sum(axis=0) / total - np.outer(mean, mean)


def _discriminant(
    negatives: tuple[FloatArray, FloatArray], targets: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, float]:
    """A slope [D], and its product with the point half-way between the means."""
    covariance = (negatives[1] + targets[1]) / 2
    variances = np.diag(np.maximum(np.diag(covariance), 0) + _TINY)
    shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * variances
    slope: FloatArray = np.linalg.solve(shrunk, targets[0] - negatives[0]).astype(np.float64)
    return slope, float(slope @ (negatives[0] + targets[0]) / 2)


def _times(vectors: Vectors, slope: FloatArray) -> FloatArray:
    parts = [vectors[start : start + _ROWS].astype(np.float64) @ slope for start in range(0, len(vectors), _ROWS)]
    return np.concatenate([np.zeros(0), *parts])


def _log_odds(wanted: FloatArray, margins: Sequence[FloatArray], weights: Sequence[FloatArray]) -> FloatArray:
    """Log-odds of margins, so that those of both sides are told apart best; each side counts half."""
    values = np.concatenate(margins)
    signs = np.repeat([-1.0, 1.0], [len(each) for each in margins])
    counts = np.concatenate([each / each.sum() / 2 for each in weights])
    spread = float(values.std()) + _TINY

    def loss(point: FloatArray) -> float:
        odds = point[0] * values / spread + point[1]
        return float(counts @ np.logaddexp(0, -signs * odds)) + _SLOPE_PENALTY * float(point[0]) ** 2

    slope, shift = minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0, None), (None, None)]).x
    found: FloatArray = slope * wanted / spread + shift
    return found
