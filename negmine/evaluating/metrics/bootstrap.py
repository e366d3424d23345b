"""Bootstrap samples of images: how far a figure would move on other images of the same kind.

Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 1979. Images are drawn with replacement,
those with objects and those without separately, so that every sample has both. Images that belong together (frames of
a clip, near-duplicates) are drawn together: they say less than as many independent ones (the cluster bootstrap; Davison
and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8).

A sample is a row of weights: how often it holds each image. Detectors that are compared share the rows, so that what an
image does to both cancels out of their difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from negmine.structures import BoolArray, FloatArray, IntArray

DRAWS = 1000
LEVEL = 0.9  # of an interval: one figure in twenty lies under it, and one in twenty over it


class Interval(NamedTuple):
    """Where a figure probably lies; inf where it may have no end."""

    low: float
    high: float


def resample(
    groups: Sequence[str],
    with_objects: BoolArray,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    labelled: bool = True,
    empty: bool = True,
) -> IntArray:
    """Draw samples of images.

    Args:
        groups: [I] the group of each image.
        with_objects: [I] whether it has an object; those with and those without are drawn separately.
        draws: number of samples.
        seed: of the draws.
        labelled: draw images with objects; otherwise each sample holds each of them once.
        empty: draw images without.

    Returns:
        [draws, I] how often each sample holds each image.
    """
    weights = np.ones((draws, len(groups)), dtype=np.int64)
    for number, (drawn, members) in enumerate(((labelled, with_objects), (empty, ~with_objects))):
        if drawn and members.any():
            names = np.array(groups)[members]
            _, group = np.unique(names, return_inverse=True)
            count = int(group.max()) + 1
            generator = np.random.default_rng([seed, number])  # so that either is drawn alike with the other or without
            weights[:, members] = generator.multinomial(count, np.full(count, 1 / count), size=draws)[:, group]
    return weights


def interval(values: FloatArray, level: float = LEVEL) -> Interval:
    """The middle part of the figures of all samples, `level` of them."""
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail], method="inverted_cdf")  # interpolation makes NaN of infinities
    return Interval(float(low), float(high))
