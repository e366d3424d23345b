"""Choosing a score for each class that reaches a wanted number of false positives per image, or a wanted precision."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np

from negmine.detectors.class_thresholds import SCHEMA_VERSION
from negmine.errors import ConfigError
from negmine.evaluating.at_fppi import fppi_point
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.count import ScoredDetections, ThresholdCounts
from negmine.evaluating.match import MatchedDetections
from negmine.files import sha256_of, write_file
from negmine.labels.classes import paired_class_names
from negmine.matching import Kind
from negmine.paths import printable
from negmine.plain_yaml import yaml_of
from negmine.structures import FloatArray

_WANTED = re.compile(r"\s*(fppi|precision)\s*=\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What every class shall reach by itself.

    Attributes:
        figure: `fppi`, at most `value` false positives of the class per image; `precision`, at least `value`.
        value: 0 or more; of precision over 0, up to 1.
    """

    figure: Literal["fppi", "precision"]
    value: float

    @classmethod
    def parse(cls, text: str) -> Wanted:
        """Read `fppi=0.1` or `precision=0.9`.

        Raises:
            ConfigError: for anything else.
        """
        match = _WANTED.fullmatch(text)
        try:
            value = float(match[2]) if match else -1.0
        except ValueError:
            value = -1.0
        is_right = match is not None and (0 < value <= 1 if match[1] == "precision" else 0 <= value < float("inf"))
        if match is None or not is_right:
            raise ConfigError(f"expected to reach fppi=0.1 or precision=0.9, with your number, found {text!r}")
        return cls(cast("Literal['fppi', 'precision']", match[1]), value)

    def __str__(self) -> str:
        sign = "<=" if self.figure == "fppi" else ">="
        return f"{self.figure} {sign} {self.value:g}"


@dataclass(frozen=True, slots=True)
class ChosenThreshold:
    """The score of one class.

    Attributes:
        threshold: from which its detections count; the evaluation's own where what is wanted is not reached.
        is_reached: whether what is wanted is reached.
        objects: number of objects of the class.
        fppi: its false positives per image from that score on.
        recall: None if there is no object.
        precision: None if nothing is found, or no image is labelled.
    """

    threshold: float
    is_reached: bool
    objects: int
    fppi: float
    recall: float | None
    precision: float | None

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class ChosenThresholds:
    """The score of each class of a detector, chosen on the images of an evaluation.

    Attributes:
        wanted: of every class.
        model: the detector, for people.
        weights_sha256: of it, hex.
        images_sha256: of all images that they were chosen on, hex.
        labelled, without_targets: number of labelled images, and of images without targets.
        classes: by the detector's name of the class.
        others: the score for the classes of the detector that were not judged; None if there are none.
        path: the file that they were written to.
    """

    wanted: Wanted
    model: str
    weights_sha256: str
    images_sha256: str
    labelled: int
    without_targets: int
    classes: Mapping[str, ChosenThreshold]
    others: float | None
    path: Path

    def to_dict(self) -> dict[str, object]:
        """JSON values, as in the file."""
        return {
            "schema_version": SCHEMA_VERSION,
            "reach": str(self.wanted),
            "weights": self.model,
            "weights_sha256": self.weights_sha256,
            "images": {"labelled": self.labelled, "without_targets": self.without_targets},
            "images_sha256": self.images_sha256,
            "thresholds": {name: each.threshold for name, each in self.classes.items()},
            **({} if self.others is None else {"others": self.others}),
            "measured": {name: each.to_dict() for name, each in self.classes.items()},
        }

    def write(self) -> None:
        """Write the file.

        Raises:
            ConfigError: if it cannot be written.
        """
        text = yaml_of(self.to_dict())
        try:
            write_file(self.path, text.encode())
        except OSError as error:
            raise ConfigError(
                f"the thresholds {printable(self.path)} cannot be written: {error.strerror}; name another file"
            ) from error


def require_thresholds_path(path: Path) -> None:
    """Check, before any work is done, that thresholds can be written to a path.

    Raises:
        ConfigError: if the suffix is not .yaml, or the folder does not exist.
    """
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise ConfigError(f"expected a file of thresholds that ends in .yaml, found {printable(path)}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ConfigError(f"thresholds cannot be written to {printable(path)}; name a file in a folder that exists")


def choose_thresholds(
    matched: MatchedDetections, class_names: Mapping[int, str], wanted: Wanted, path: Path, config: EvalConfig
) -> ChosenThresholds:
    """Choose the score of each judged class of a detector.

    A score is lowered under `config.conf` only as far as another object is found by that, and raised over it only as
    far as what is wanted asks for.

    Args:
        matched: its detections.
        class_names: the detector's class id to name.
        wanted: of every class.
        path: of the file.
        config: the settings of the evaluation.
    """
    rows = ScoredDetections.of(matched)
    judged = dict(zip(matched.judged, rows.class_indices, strict=True))
    paired = paired_class_names(class_names, matched.data_classes, config.labels.class_map)
    labelled = sum(not image.background for image in matched.images)
    chosen = {
        class_names[number]: _chosen(rows.of_class(judged[name]), wanted, config, is_labelled=labelled > 0)
        for number, name in sorted(paired.items())
        if name in judged
    }
    return ChosenThresholds(
        wanted,
        matched.name,
        matched.sha256,
        digest_of_images(matched),
        labelled,
        sum(image.without_targets for image in matched.images),
        chosen,
        None if set(chosen) >= set(class_names.values()) else config.conf,
        path,
    )


def digest_of_images(matched: MatchedDetections) -> str:
    """SHA-256, hex, of all images of an evaluation."""
    return sha256_of("".join(sorted(image.sha256 for image in matched.images)).encode())


def _chosen(rows: ScoredDetections, wanted: Wanted, config: EvalConfig, *, is_labelled: bool) -> ChosenThreshold:
    lowest = _lowest(rows, wanted, config.floor)
    hits = rows.scores[rows.is_kind(Kind.TRUE_POSITIVE)]
    threshold = config.conf
    if lowest is not None:
        gained = hits[hits >= lowest].min(initial=config.conf)
        threshold = lowest if wanted.figure == "precision" else max(lowest, float(gained))
    counts = ThresholdCounts.of(rows, threshold)
    precision = counts.precision if is_labelled else None
    return ChosenThreshold(threshold, lowest is not None, rows.objects, counts.fppi, counts.recall, precision)


def _lowest(rows: ScoredDetections, wanted: Wanted, floor: float) -> float | None:
    """The lowest score from which what is wanted is reached; None if there is none."""
    if wanted.figure == "fppi":
        return fppi_point(rows, wanted.value, floor).threshold
    true, false = rows.scores[rows.is_kind(Kind.TRUE_POSITIVE)], rows.scores[rows.false_positives]
    scores = np.unique(true)
    found, wrong = _at_least(true, scores), _at_least(false, scores)
    reached = scores[found >= wanted.value * (found + wrong) - 1e-9]
    return float(reached[0]) if len(reached) else None


def _at_least(values: FloatArray, scores: FloatArray) -> FloatArray:
    """[K] number of values that reach each score."""
    rising = np.sort(values)
    return np.asarray(len(rising) - np.searchsorted(rising, scores, side="left"), dtype=np.float64)
