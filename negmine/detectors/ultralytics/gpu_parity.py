"""From a checkpoint to the detector that works on its device alone, once that has found what the checkpoint finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from negmine.detectors.base import Detector
from negmine.detectors.config import DetectorConfig
from negmine.detectors.parity import LOWEST_SCORE, agreement, differences_in_words, other_than_rounding
from negmine.detectors.samples import Samples
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.gpu import OnDeviceDetector
from negmine.detectors.ultralytics.loading import one_line
from negmine.paths import printable
from negmine.structures import Detections

_COMPARED = 16  # images


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Against the checkpoint.

    Attributes:
        said: how they differ, in words.
        refused: why it is not used; None where it is.
        batch: what was run at once.
        notes: what it had to say meanwhile.
    """

    said: str
    refused: str | None
    batch: int | None = None
    notes: tuple[str, ...] = ()


def open_on_device(original: UltralyticsDetector, config: DetectorConfig, samples: Samples, *, half: bool) -> Detector:
    """Open it, or give back the original, with a warning, where it finds other things.

    In single precision every box and score has to be the same. In half precision they move, which is only said;
    detections that come and go are refused.

    Args:
        original: opened with `config`, in single precision; of a kind that `why_not` has nothing against.
        config: what was asked for.
        samples: the user's images.
        half: compute in half precision.
    """
    name = printable(original.identity.name)
    result = _compared(config, samples, half=half)
    if result.refused is not None:
        how = "in half precision" if half else "with its pictures prepared on the device"
        original.note(
            f"warning: {name} does not find the same {how} as in full precision through Ultralytics "
            f"({result.refused}), which runs it instead and is slower"
        )
        return original
    detector = OnDeviceDetector(original, replace(config, batch=result.batch), half=half)
    detector.note(*result.notes)
    if half:
        detector.note(f"{name} runs in half precision: {result.said}")
    return detector


def _compared(config: DetectorConfig, samples: Samples, *, half: bool) -> _Comparison:
    """Compare down to scores where a detection that moved a little is still found."""
    low = replace(config, conf=min(config.conf, LOWEST_SCORE))
    original = UltralyticsDetector(low)
    images = list(samples(_COMPARED))
    try:
        detector = OnDeviceDetector(original, low, half=half)
        ours = detector.predict(images)
    except Exception as error:  # no numbers, no memory, or whatever torch raises
        return _Comparison("", f"it fails with {one_line(error)}")
    theirs = original.predict(images)
    said = differences_in_words(_from(theirs, config.conf), _from(ours, config.conf))
    if half:
        refused = said if other_than_rounding(theirs, ours, config.conf) else None
    else:
        refused = agreement(theirs, ours, config.conf).difference
    return _Comparison(said, refused, detector.at_once, detector.notes)


def _from(found: Sequence[Detections], conf: float) -> list[Detections]:
    return [each.select(each.scores > conf) for each in found]
