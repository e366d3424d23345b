"""Evaluating a detector with a score for each class, from a file, in place of one score for all.

The scores of each class are moved, in logits, so that its threshold comes to lie at the one of the evaluation. What
reaches its threshold then reaches that one, and curves show what happens where all thresholds rise or fall together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from negmine.detectors.class_thresholds import read_thresholds
from negmine.evaluating.at_fppi import SCORE_STEP
from negmine.evaluating.calibrate import calibrated
from negmine.evaluating.choosing import digest_of_images
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.findings import EvalFinding
from negmine.evaluating.match import MatchedDetections
from negmine.labels.classes import paired_class_names
from negmine.training.calibration import logits


def limits_of(class_names: Mapping[int, str], config: EvalConfig) -> Mapping[int, float]:
    """The threshold of each class of a detector, by class id; {} where one score is for all.

    Raises:
        ConfigError: where the file cannot be read, or is of other classes.
    """
    return {} if config.thresholds is None else read_thresholds(Path(config.thresholds)).by_id(class_names)


def moved_to(
    matched: MatchedDetections, limits: Mapping[int, float], class_names: Mapping[int, str], config: EvalConfig
) -> MatchedDetections:
    """Detections with scores that are moved so that the threshold of each class lies at `config.conf`.

    Args:
        matched: detections.
        limits: threshold by class id.
        class_names: the detector's class id to name.
        config: the settings that they were matched with.
    """
    paired = paired_class_names(class_names, matched.data_classes, config.labels.class_map)
    by_name: dict[str, float] = {}
    for number, name in paired.items():  # of several classes that are read as one, the lowest
        by_name[name] = min(limits[number], by_name.get(name, 1.0))
    names = list(by_name)
    own = logits(np.array([by_name[name] for name in names]) - SCORE_STEP / 2)  # so that what reaches it is over
    shifts = logits(np.array([config.conf])) - own
    return calibrated(matched, {name: float(shift) for name, shift in zip(names, shifts, strict=True)})


def thresholds_findings(matched: Sequence[MatchedDetections], config: EvalConfig) -> tuple[EvalFinding, ...]:
    """What speaks against the figures at the thresholds of a file: other weights, or these very images."""
    if config.thresholds is None:
        return ()
    read = read_thresholds(Path(config.thresholds))
    found = [
        EvalFinding("thresholds", f"{read.source} was chosen for other weights than {each.name}")
        for each in matched
        if read.weights_sha256 not in ("", each.sha256)
    ]
    if read.images_sha256 == digest_of_images(matched[0]):
        message = f"{read.source} was chosen on these very images, so its figures flatter; measure it on others"
        found.append(EvalFinding("thresholds", message))
    return tuple(found)
