"""Comparing detectors on a curve, with the evidence: better, worse, or too few images to tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from negmine.evaluating.image_scores import ImageScores
from negmine.evaluating.metrics.bootstrap import DRAWS, Interval, interval, resample
from negmine.evaluating.metrics.curve_level import WIDTH, curve_level, recalls_up_to
from negmine.evaluating.metrics.sampled_curve import SampledCurve
from negmine.structures import FloatArray, IntArray
from negmine.words import counted

Outcome = Literal["better", "worse", "cannot tell"]
Limit = Literal["backgrounds", "labelled images"]
_FEWEST = 5  # images that differ: as many that all speak for one detector are luck once in 32 (a sign test)
_MOST_TIMES = 10  # as many images as there are: what needs more is too small a difference to look for


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareConfig:
    """How detectors are compared.

    Attributes:
        conf: threshold at which the recall of the reference is the upper end of the range of recalls.
        recall_loss: how much lower that end is than its recall.
        draws: bootstrap samples.
        seed: of the samples.
    """

    conf: float
    recall_loss: float = 0.0
    draws: int = DRAWS
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The level of a detector's curve, on the images and on samples of them.

    Attributes:
        observed: mean log FPPI on the images as they are.
        sampled: [B] on samples of all images.
        of_labelled: [B] on samples of the images with objects; the others stay.
        of_empty: [B] on samples of the images without; the others stay.
        reaches: whether a threshold reaches the upper end of the range of recalls.
        most_false: false positives at that end; inf where it is not reached.
        false_by_group: [G] false positives of each group of images, summed over the recalls.
    """

    observed: float
    sampled: FloatArray
    of_labelled: FloatArray
    of_empty: FloatArray
    reaches: bool
    most_false: float
    false_by_group: FloatArray


@dataclass(frozen=True, slots=True)
class Comparison:
    """One detector against another.

    Attributes:
        outcome: `better` or `worse` where the interval of the ratio leaves out 1, and false positives of at least five
            images or groups differ: of fewer, a bootstrap makes more than they are.
        ratio: false positives per image of the one to those of the other: a geometric mean over the range of recalls.
        low, high: the 90 % interval of the ratio.
        recalls: the range of recalls, for the images as they are.
        limited_by: the images whose number makes the interval as wide as it is; None unless the outcome is `cannot
            tell`.
        needed: about how many more of them would tell; None where no reasonable number would, or none are needed.
        differing: images or groups whose false positives differ, where only their number is too small to tell.
        images: with objects, and without, that both were compared on; None where that is not known.
    """

    outcome: Outcome
    ratio: float
    low: float
    high: float
    recalls: tuple[float, float]
    limited_by: Limit | None = None
    needed: int | None = None
    differing: int | None = None
    images: tuple[int, int] | None = None

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "outcome": self.outcome,
            "fppi_ratio": self.ratio,
            "fppi_ratio_interval": [self.low, self.high],
            "recalls": list(self.recalls),
            "limited_by": self.limited_by,
            "needed": self.needed,
            "differing": self.differing,
            "images": None if self.images is None else list(self.images),
        }

    @property
    def evidence(self) -> str:
        """What is known of the ratio, in words."""
        over = f"the false positives over recalls {self.recalls[0]:.2f} to {self.recalls[1]:.2f}"
        if self.low == self.ratio == self.high == 1:
            return f"the same number of {over.removeprefix('the ')}"
        return f"{self.ratio:.2g} times {over} (90 % interval {self.low:.2g} to {self.high:.2g})"

    @property
    def verdict(self) -> str:
        """The outcome, its evidence, and what would tell if the evidence is not enough."""
        if self.limited_by is None:
            return f"{self.outcome}: {self.evidence}"
        few = ""
        if self.differing is not None:
            where = counted(self.differing, "image or group", "images or groups")
            few = f"; they differ in only {where}, and it takes {_FEWEST}"
        more = "too alike to tell apart" if self.needed is None else f"about {self.needed} more {self.limited_by} would"
        images = ""
        if self.images is not None:
            labelled, empty = self.images
            images = f" with {counted(labelled, 'labelled image')} and {counted(empty, 'background')}"
        return f"{self.outcome}{images}: {self.evidence}{few}; {more}"


class Levels:
    """The levels of detectors on the same images, in the same samples: differences are paired.

    Args:
        reference: decides the range of recalls, which ends at the recall that it has at the threshold.
        config: how they are compared.
    """

    def __init__(self, reference: ImageScores, config: CompareConfig) -> None:
        with_objects = reference.objects > 0
        every = np.ones((1, len(with_objects)), dtype=np.int64)
        drawn = [
            resample(reference.groups, with_objects, draws=config.draws, seed=config.seed, labelled=one, empty=other)
            for one, other in ((True, True), (True, False), (False, True))
        ]
        self._weights: IntArray = np.concatenate([every, *drawn])
        self._draws = config.draws
        names, self._group = np.unique(np.array(reference.groups), return_inverse=True)
        self._groups = len(names)
        end = SampledCurve(reference, every).recall(config.conf).item() - config.recall_loss
        self._recalls = recalls_up_to(end)
        self._labelled, self._empty = int(with_objects.sum()), int((~with_objects).sum())
        self.recalls = (max(end - WIDTH, 0.0), max(end, 0.0))

    def of(self, scores: ImageScores) -> Level:
        """The level of a detector; its images are those of the reference, in that order."""
        curve = SampledCurve(scores, self._weights)
        level = curve_level(curve, self._recalls)
        ends = SampledCurve(scores, self._weights[:1]).false_at(self._recalls)[0]
        counts = np.where(np.isinf(ends), len(scores.false), ends).astype(np.int64)  # by falling score: the first ones
        by_group = sum(
            np.bincount(self._group[scores.false_images[:count]], minlength=self._groups) for count in counts
        )
        observed, drawn = float(level[0]), level[1:].reshape(3, self._draws)
        reached = math.isfinite(ends[-1])
        return Level(observed, drawn[0], drawn[1], drawn[2], reached, float(ends[-1]), np.asarray(by_group))

    def compare(self, before: Level, after: Level) -> Comparison:
        """Whether `after` has fewer false positives at equal recall than `before`."""
        difference = after.observed - before.observed
        low, high = interval(after.sampled - before.sampled)
        differ = int(np.sum(before.false_by_group != after.false_by_group))
        outcome: Outcome = "better" if high < 0 else "worse" if low > 0 else "cannot tell"
        limited_by, needed, differing = None, None, None
        if outcome != "cannot tell" and differ < _FEWEST:
            outcome, differing = "cannot tell", differ
        if outcome == "cannot tell":
            limited_by, needed = self._needed(before, after, difference, Interval(low, high), differ)
        ratio, images = math.exp(difference), (self._labelled, self._empty)
        return Comparison(
            outcome, ratio, math.exp(low), math.exp(high), self.recalls, limited_by, needed, differing, images
        )

    def _needed(
        self, before: Level, after: Level, difference: float, found: Interval, differ: int
    ) -> tuple[Limit, int | None]:
        """Which images limit the interval, and about how many more would bring it to the side of the difference.

        Variances of the two kinds of images add up, and each falls with the number of its images.
        """
        labelled = float(np.var(after.of_labelled - before.of_labelled))
        empty = float(np.var(after.of_empty - before.of_empty))
        limit: Limit = "backgrounds" if empty >= labelled and self._empty else "labelled images"
        there, own, other = (
            (self._empty, empty, labelled) if limit == "backgrounds" else (self._labelled, labelled, empty)
        )
        half = (found.high - found.low) / 2
        if not half or not difference or not differ:
            return limit, None
        allowed = (own + other) * (difference / half) ** 2
        times = own / (allowed - other) if allowed > other else (own + other) / allowed
        more = there * (max(times, _FEWEST / differ, 1.0) - 1)
        return limit, _rounded(more) if more <= there * _MOST_TIMES else None


def levels_of(scores: Sequence[ImageScores], config: CompareConfig) -> tuple[Levels, list[Level]]:
    """The levels of detectors on the same images; the first is the reference."""
    levels = Levels(scores[0], config)
    return levels, [levels.of(each) for each in scores]


def compare(before: ImageScores, after: ImageScores, config: CompareConfig) -> Comparison:
    """Whether a detector has fewer false positives at equal recall than another, on the same images."""
    levels, (first, second) = levels_of([before, after], config)
    return levels.compare(first, second)


def _rounded(number: float) -> int:
    """Up to a number that people would name: 5, 10, ..., 50, 60, ..., 200, 250, ..., 1000, 1100, ..."""
    step = next(step for step, most in ((5, 50), (10, 200), (50, 1000), (100, math.inf)) if number <= most)
    return max(math.ceil(number / step) * step, step)
