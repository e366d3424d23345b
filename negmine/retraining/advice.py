"""What to do next: the causes of a weak or an uncertain result that the figures of the rounds show, and no others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from negmine.evaluating.comparing import Comparison
from negmine.evaluating.image_scores import ImageScores, on_the_same_images
from negmine.paths import first_few
from negmine.retraining.result import RoundResult
from negmine.structures import BoolArray
from negmine.training.schedule import ENOUGH_STEPS
from negmine.words import counted

_FEW_IMAGES = 10  # with false positives; fewer show no kind
_LEARNED = 0.3  # of the negatives, at most, that a round may still fire on to have learned them
_KEPT = 0.7  # of the held-out images, at least, that it still fires on, so that what it learned did not help there


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known after the last round.

    Attributes:
        results: of the start and every round.
        scores: what each found in the images that were measured on.
        best: number of the best round.
        comparison: of the best round with the start, or where that is the start, of the last round; None where there is
            only the start.
        steps: optimizer steps of each training.
        by_share: whether a share of the images is held out, so that more of them could be.
    """

    results: Sequence[RoundResult]
    scores: Sequence[ImageScores]
    best: int
    comparison: Comparison | None
    steps: int
    by_share: bool = True


def advise(evidence: Evidence) -> tuple[str, ...]:
    """A line for each cause that the figures show, the most likely one first; () where none shows."""
    if len(evidence.results) == 1:
        return ()
    return (*_steps(evidence), *_targets(evidence), *_unlike(evidence), *_images(evidence))


def _steps(evidence: Evidence) -> list[str]:
    """Trainings that were too short, where they brought nothing for certain."""
    compared = evidence.comparison
    if evidence.steps >= ENOUGH_STEPS or compared is None or compared.outcome == "better":
        return []
    return [
        f"each training took {counted(evidence.steps, 'step')}, and under {ENOUGH_STEPS} a detector learns little more "
        f"than to lower its scores: train longer, with --steps {ENOUGH_STEPS} or more"
    ]


def _targets(evidence: Evidence) -> list[str]:
    """Held-out images on which the start and the best round are as sure of a false positive as of half the targets."""
    start, best = on_the_same_images([evidence.scores[0], evidence.scores[evidence.best or -1]])
    sure = _highest(start, _median(start)) & _highest(best, _median(best))
    files = sorted({Path(start.paths[index]) for index in np.flatnonzero(sure)})
    if not files:
        return []
    what = counted(len(files), "held-out image")
    return [
        f"{what} without targets {'has' if len(files) == 1 else 'have'} false positives that score like targets, "
        f"before and after training; if they are targets without a label, take these images out: {first_few(files)}"
    ]


def _unlike(evidence: Evidence) -> list[str]:
    """Mined backgrounds that a round learned, while it still fires on those that are held out."""
    if len(evidence.results) < 3:
        return []  # only the scan of a second round says what the first one learned
    start, first, second = evidence.results[:3]
    mined, held_out = (first.fresh, second.fresh), (start.images_with_fp, first.images_with_fp)
    if min(mined[0], held_out[0]) < _FEW_IMAGES:
        return []
    if mined[1] > _LEARNED * mined[0] or held_out[1] < _KEPT * held_out[0]:
        return []
    return [
        f"round 1 learned the mined backgrounds (false positives on {mined[0]}, then on {mined[1]}), but not those "
        f"held out (on {held_out[0]}, then on {held_out[1]}): they are of another kind; mine more like those held out"
    ]


def _images(evidence: Evidence) -> list[str]:
    """Too few held-out images for an answer."""
    compared = evidence.comparison
    if compared is None or compared.limited_by is None or compared.needed is None:
        return []
    if compared.limited_by == "backgrounds":
        how = "give more with --backgrounds" + (
            ", or hold out more of them with --holdout" if evidence.by_share else ""
        )
    else:
        how = "label more images to measure recall on"
    return [
        f"too few {compared.limited_by} are held out to tell whether it is better: about {compared.needed} more would "
        f"tell; {how}"
    ]


def _median(scores: ImageScores) -> float:
    """The score that half of the objects that are to be found reach; inf where fewer are found."""
    needed = math.ceil(scores.objects.sum() / 2)
    return float(scores.true[needed - 1]) if 0 < needed <= len(scores.true) else math.inf


def _highest(scores: ImageScores, threshold: float) -> BoolArray:
    """[I] whether an image has a false positive of this score or more."""
    return np.asarray(np.bincount(scores.false_images[scores.false >= threshold], minlength=len(scores.keys)) > 0)
