"""Half precision on a GPU, through Ultralytics' own predictor: its letterbox, its NMS, its batches.

A fast way to run a checkpoint is used only after it has found what full precision finds on a first batch of the user's
images. Where it has not, where it fails, or where too little is found to tell, the user is told in one line, and the
checkpoint runs in full precision. "The same" is the same class at an IoU of 0.5 or more, for 95 % of the detections:
boxes are decoded in half precision too, and are then coarse, by half a pixel beyond 512 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from negmine.detectors.config import DetectorConfig
from negmine.detectors.parity import LOWEST_NOISE, LOWEST_SCORE, beyond_rounding, describe_differences
from negmine.detectors.samples import Samples
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.loading import one_line
from negmine.paths import printable
from negmine.structures import Detections
from negmine.words import counted

_COMPARED = 16  # images of the first batch


def open_half(plain: UltralyticsDetector, config: DetectorConfig, samples: Samples) -> UltralyticsDetector:
    """The checkpoint in half precision, or `plain` where half precision finds other things.

    Args:
        plain: the checkpoint, opened with `config`.
        config: what was asked for.
        samples: the user's images.
    """
    return open_verified(plain, lambda: UltralyticsDetector(config, half=True), "in half precision", samples)


def open_verified(
    plain: UltralyticsDetector, open_fast: Callable[[], UltralyticsDetector], how: str, samples: Samples
) -> UltralyticsDetector:
    """A faster detector, or `plain` where the faster one fails on the first batch or differs by more than rounding.

    Where nothing reaches the threshold of `plain`, what scores less is compared, down to `LOWEST_NOISE`.

    Args:
        plain: the checkpoint in full precision.
        open_fast: opens the faster one, with the same thresholds.
        how: it runs, for the notes.
        samples: the user's images; where none can be read, `plain` is used.
    """
    images = list(samples(_COMPARED))
    if not images:
        return plain
    name, conf = printable(plain.identity.name), float(plain.conf)
    try:
        fast = open_fast()
    except Exception as error:  # no memory, or anything that torch or a runtime raises
        return _refused(plain, how, f"it fails with {one_line(error)}")
    for lowest in (LOWEST_SCORE, LOWEST_NOISE):
        start = min(conf, lowest) / 2  # so that a detection whose score moved a little is still there
        try:
            ours = fast.predict_from(start, images)
        except Exception as error:  # not finite, no memory, or anything that torch or a runtime raises
            return _refused(plain, how, f"it fails with {one_line(error)}")
        theirs = plain.predict_from(start, images)
        differs = beyond_rounding(theirs, ours, conf, lowest)
        if differs is None:
            continue
        finding = _describe(theirs, ours, conf, lowest)
        if differs:
            return _refused(plain, how, finding)
        fast.note(f"{name} runs {how}: {finding}")
        return fast
    found = f"too little was found in {counted(len(images), 'image')} to compare it {how}"
    plain.note(f"{name} runs in full precision, which is slower: {found}")
    return plain


def _refused(plain: UltralyticsDetector, how: str, reason: str) -> UltralyticsDetector:
    plain.note(
        f"warning: {printable(plain.identity.name)} does not find the same {how} as in full precision ({reason}), so "
        "full precision is used, which is slower"
    )
    return plain


def _describe(theirs: Sequence[Detections], ours: Sequence[Detections], conf: float, lowest: float) -> str:
    """What `ours` finds of `theirs`, in words: above `conf`; above `lowest` where nothing of both is."""
    faint = all((each.scores <= conf).all() for each in (*theirs, *ours))
    threshold = lowest if faint else conf
    above = [[each.select(each.scores > threshold) for each in found] for found in (theirs, ours)]
    return f"down to a score of {lowest:g}, {describe_differences(*above)}" if faint else describe_differences(*above)
