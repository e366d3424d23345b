"""Half precision on a GPU, through Ultralytics' own predictor: its letterbox, its NMS, its batches.

A fast way to run a checkpoint is used only after it has found what full precision finds on a first batch of the user's
images. Where it has not, or where it fails, the user is told in one line, and the checkpoint runs in full precision.
"""

from __future__ import annotations

from collections.abc import Callable

from negmine.detectors.config import DetectorConfig
from negmine.detectors.parity import LOWEST_SCORE, beyond_rounding, describe_differences
from negmine.detectors.samples import Samples
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.loading import one_line
from negmine.paths import printable

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
    lowest = min(conf, LOWEST_SCORE)  # so that a detection whose score moved a little is still there
    reason, finding = None, ""
    try:
        fast = open_fast()
        ours = fast.predict_from(lowest, images)
    except Exception as error:  # not finite, no memory, or anything that torch or a runtime raises
        reason = f"it fails with {one_line(error)}"
    else:
        theirs = plain.predict_from(lowest, images)
        above = [[each.select(each.scores > conf) for each in found] for found in (theirs, ours)]
        finding = describe_differences(*above)
        reason = finding if beyond_rounding(theirs, ours, conf) else None
    if reason is not None:
        plain.note(f"warning: {name} does not find the same {how} as in full precision ({reason}), so full precision "
                   "is used, which is slower")  # fmt: skip
        return plain
    fast.note(f"{name} runs {how}: {finding}")
    return fast
