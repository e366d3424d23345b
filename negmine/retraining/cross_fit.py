"""Figures of images that chose nothing: a report of the best round that choosing it does not flatter.

The round with the fewest false positives on some images has, in part, the luck of these images; its figure on them is
too good, and the more so the more rounds and the fewer images there are. So the held-out images are split into two
halves, by group. Each half chooses a round, and the other half measures it. If both choose the same round, no image had
a say in it that the others would not have had, and its figure is that on all held-out images. Else false positives are
counted in each half with the round that the other half chose, at the same recall, and added up.

The weights that are handed back are chosen with all held-out images. The report is of the procedure, which is what can
be promised of other images.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from negmine.evaluating.comparing import CompareConfig
from negmine.evaluating.image_scores import ImageScores, on_the_same_images
from negmine.evaluating.intervals import counted_groups, figure_samples, fppi_interval, interval_values, observed_first
from negmine.evaluating.metrics.bootstrap import Interval, interval
from negmine.evaluating.metrics.sampled_curve import SampledCurve
from negmine.retraining.verdict import Standings
from negmine.structures import BoolArray, FloatArray, IntArray

_Part = tuple[BoolArray, int]  # mask [I] of some images, and the round that is measured on them


@dataclass(frozen=True, slots=True)
class Report:
    """What the retraining brings on images that did not choose the round.

    Attributes:
        titles: of the rounds.
        best: the round that all images chose.
        chosen: the round that each half of the images chose; () where there are too few images for halves, so that the
            figures are of images that chose.
        at_recall: the recall that the figures are taken at.
        fppi_before: false positives per image of the start; None where the recall is not reached.
        fppi_after: those of the chosen round, or rounds.
        interval: 90 % interval of `fppi_after`.
        difference: 90 % interval of `fppi_after` less `fppi_before`.
    """

    titles: tuple[str, ...]
    best: int
    chosen: tuple[int, ...]
    at_recall: float
    fppi_before: float | None
    fppi_after: float | None
    interval: Interval
    difference: Interval

    @property
    def note(self) -> str | None:
        """What limits the figures, in words; None where nothing does."""
        if not self.chosen:
            return "the held-out images are too few to be split: those that chose the round measured it as well"
        if set(self.chosen) == {self.best}:
            return None
        names = " and ".join(self.titles[number] for number in dict.fromkeys(self.chosen))
        return (
            f"the halves of the held-out images chose {names}, and all of them {self.titles[self.best]}; false "
            f"positives at recall {self.at_recall:.2f} are those of each on the half that did not choose it"
        )

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "chosen_by_halves": list(self.chosen),
            "at_recall": self.at_recall,
            "fppi_before": self.fppi_before,
            "fppi_after": self.fppi_after,
            "fppi_after_interval": interval_values(self.interval),
            "fppi_difference_interval": interval_values(self.difference),
        }


def report_on_others(
    scores: Sequence[ImageScores], config: CompareConfig, *, best: int, at_recall: float, titles: Sequence[str]
) -> Report:
    """Measure what the retraining brings on images that did not choose.

    Args:
        scores: of the start and of each round, on held-out images.
        config: how rounds are compared.
        best: the round that all images choose.
        at_recall: the recall to take figures at.
        titles: what the rounds are called.
    """
    aligned = on_the_same_images(scores)
    every, half = np.ones(len(aligned[0].keys), dtype=np.bool_), _half(aligned[0], config.seed)
    if half is None:
        chosen: tuple[int, ...] = ()
        parts: list[_Part] = [(every, best)]
    else:
        chosen = tuple(_choice(aligned, part, config) for part in (half, ~half))
        parts = [(~half, chosen[0]), (half, chosen[1])] if chosen[0] != chosen[1] else [(every, chosen[0])]
    weights = observed_first(figure_samples(aligned[0], draws=config.draws, seed=config.seed))
    before = _fppi(aligned, [(part, 0) for part, _ in parts], weights, at_recall)
    after = _fppi(aligned, parts, weights, at_recall)
    return Report(
        titles=tuple(titles),
        best=best,
        chosen=chosen,
        at_recall=at_recall,
        fppi_before=_known(before[0]),
        fppi_after=_known(after[0]),
        interval=fppi_interval(after, counted_groups(aligned[0])),
        difference=_difference(before, after),
    )


def _half(scores: ImageScores, seed: int) -> BoolArray | None:
    """Mask [I] of about half of the images with objects and half of those without, whole groups, drawn by the seed.

    Returns:
        None where there are too few for both halves to measure recall and false positives.
    """
    groups = np.array(scores.groups)
    half = np.zeros(len(groups), dtype=np.bool_)
    balance = {True: 0, False: 0}  # images of each kind in the half, less those in the other
    for group in sorted(set(scores.groups), key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest()):
        members = groups == group
        labelled = int(np.sum(scores.objects[members] > 0))
        kind, count = (True, labelled) if labelled else (False, int(members.sum()))
        inside = balance[kind] <= 0
        half[members] = inside
        balance[kind] += count if inside else -count
    enough = all(scores.objects[part].any() and scores.counted[part].any() for part in (half, ~half))
    return half if enough else None


def _choice(scores: Sequence[ImageScores], part: BoolArray, config: CompareConfig) -> int:
    return Standings.of([each.only(part) for each in scores], config).best


def _fppi(scores: Sequence[ImageScores], parts: Sequence[_Part], weights: IntArray, at_recall: float) -> FloatArray:
    """[B] false positives per image over all parts, each with its round, at a recall in each part."""
    curves = [SampledCurve(scores[number].only(part), weights[:, part]) for part, number in parts]
    false = sum(curve.false_at(np.array([at_recall]))[:, 0] for curve in curves)
    images = sum(curve.images for curve in curves)
    return np.asarray(false / np.maximum(images, 1), dtype=np.float64)


def _difference(before: FloatArray, after: FloatArray) -> Interval:
    """Of samples in which both reach the recall; a recall that is not reached is no number of false positives."""
    known = np.isfinite(before[1:]) & np.isfinite(after[1:])
    return interval(after[1:][known] - before[1:][known]) if known.any() else Interval(-math.inf, math.inf)


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
