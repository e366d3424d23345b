"""A score for each class, from a file that `negmine eval --thresholds` wrote, in place of one score for all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from negmine.detectors.base import Detector
from negmine.detectors.class_names import some_names
from negmine.detectors.wrapper import DetectorWrapper
from negmine.errors import ConfigError
from negmine.files import read_regular, reason_of
from negmine.paths import printable
from negmine.plain_yaml import MAX_YAML, load_yaml
from negmine.structures import Detections, Image
from negmine.words import did_you_mean

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class ClassThresholds:
    """Score thresholds by class.

    Attributes:
        source: the file that they are from, for messages.
        by_class: the detector's name of a class to the score from which its detections count.
        others: the score for all other classes; None where there are none.
        weights_sha256: of the weights that they were chosen for, hex; "" where the file does not say.
        images_sha256: of the images that they were chosen on, hex; "" where the file does not say.
    """

    source: str
    by_class: Mapping[str, float]
    others: float | None = None
    weights_sha256: str = ""
    images_sha256: str = ""

    @property
    def lowest(self) -> float:
        """The lowest of all."""
        return min([*self.by_class.values(), *([] if self.others is None else [self.others])])

    def by_id(self, class_names: Mapping[int, str]) -> dict[int, float]:
        """The threshold of each class of a detector, by class id.

        Raises:
            ConfigError: where the file names a class that the detector does not have, or lacks one that it has.
        """
        names = list(class_names.values())
        unknown = [name for name in self.by_class if name not in names]
        if unknown:
            raise ConfigError(
                f"{self.source} has a threshold for {printable(unknown[0])}, which the detector does not have: it has "
                f"{some_names(names)}{did_you_mean(unknown[0], names) or '; name the file of this detector'}"
            )
        missing = [name for name in names if name not in self.by_class]
        if missing and self.others is None:
            raise ConfigError(
                f"{self.source} has no threshold for {some_names(missing)}, which the detector has; add it, or "
                "`others: SCORE` for all classes that are not listed"
            )
        fallback = 0.0 if self.others is None else self.others
        return {number: self.by_class.get(name, fallback) for number, name in class_names.items()}


def read_thresholds(path: Path) -> ClassThresholds:
    """Read a file of thresholds.

    Raises:
        ConfigError: where it cannot be read, or is something else.
    """
    where = printable(path)
    try:
        document = load_yaml(read_regular(path, most=MAX_YAML), unique_keys=True)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the thresholds {where}: {reason_of(error)}") from error
    rows = document.get("thresholds") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(rows, dict) or not rows:
        raise ConfigError(
            f"{where}: expected `thresholds`, a score for each class; write it with negmine eval --thresholds"
        )
    if document.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
        raise ConfigError(f"{where}: expected schema_version {SCHEMA_VERSION}; write it again with this version")
    others = document.get("others")
    return ClassThresholds(
        where,
        _by_class(rows, where),
        None if others is None else _score(others, f"{where}: others"),
        str(document.get("weights_sha256") or ""),
        str(document.get("images_sha256") or ""),
    )


class ThresholdedDetector(DetectorWrapper):
    """Keeps the detections that reach the threshold of their class.

    Raises:
        ConfigError: where the thresholds are not of the detector's classes.
    """

    def __init__(self, detector: Detector, thresholds: ClassThresholds) -> None:
        """Wrap a detector.

        Args:
            detector: opened with the lowest of the thresholds.
            thresholds: by class.
        """
        by_id = thresholds.by_id(detector.class_names)
        super().__init__(detector, {"conf": [by_id[number] for number in sorted(by_id)]})
        self._by_id = by_id

    @property
    def reads_parts(self) -> bool:
        """As the wrapped detector."""
        return self.detector.reads_parts

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Detect, and drop what does not reach the threshold of its class."""
        return [self._kept(found) for found in self.detector.predict(images, paths)]

    def _kept(self, found: Detections) -> Detections:
        least = np.array([self._by_id[number] for number in found.class_ids.tolist()], dtype=np.float64)
        return found.select(np.round(found.scores, 5) >= least)


def _by_class(rows: Mapping[object, object], where: str) -> dict[str, float]:
    """The thresholds by name; YAML reads `yes`, `no` and `null` as other values, which name no class."""
    found: dict[str, float] = {}
    for key, score in rows.items():
        name = str(key)
        if isinstance(key, bool) or not isinstance(key, (str, int)):
            raise ConfigError(
                f"{where}: expected names of classes, found {printable(repr(key)[:60])}; put them in quotes"
            )
        if name in found:
            raise ConfigError(f"{where}: it has {printable(name)} twice; leave one of them out")
        found[name] = _score(score, f"{where}: {printable(name)}")
    return found


def _score(value: object, where: str) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (is_number and math.isfinite(value) and 0 <= value <= 1):  # type: ignore[arg-type, operator]
        raise ConfigError(f"{where}: expected a score from 0 to 1, found {printable(repr(value)[:60])}; correct it")
    return float(value)  # type: ignore[arg-type]
