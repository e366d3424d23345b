"""The settings of an evaluation. Imports nothing heavy, so that `--help` can read the defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from negmine.datasets.config import LabelConfig
from negmine.errors import ConfigError
from negmine.grouping import NEAR_DUPLICATE, GroupBy
from negmine.thresholds import MatchConfig


@dataclass(frozen=True, slots=True)
class EvalConfig:
    """How detections are matched and counted.

    Attributes:
        conf: score threshold of the figures that are taken at one threshold, 0 to 1.
        match: IoU thresholds of the matcher.
        floor: lowest score that detectors are asked for, 0 to 1; every curve ends there.
        labels: how the labels of the data are understood.
        workers: threads that read and decode; None for one per core.
        classes: judge only these classes of the data; empty for all. Objects of other classes count neither as found
            nor as missed, and a detection on one of them is not a background false positive.
        auto_backend: run detectors whose settings leave the backend open (`auto`) on the fastest backend that agrees
            with the weights; otherwise they run on torch, so that the figures are those of the weights themselves.
        group_by: what images of one group share: `folder`, or a regular expression with a group; see `GroupBy`. The
            intervals draw whole groups. None where every image is one of its own.
        at_fppi: false positives per image that recall, and the score that reaches them, are given at.
        thresholds: a file of `negmine eval --thresholds`, a score for each class. The scores of every detector are
            moved so that those of the file come to lie at `conf`, and all figures are those of the moved scores. None
            for one score for all classes.
        seed: of the samples that the intervals are made of.

    Raises:
        ConfigError: if a value is out of range.
    """

    conf: float = 0.25
    match: MatchConfig = field(default_factory=MatchConfig)
    floor: float = 0.001
    labels: LabelConfig = field(default_factory=LabelConfig)
    workers: int | None = None
    classes: tuple[str, ...] = ()
    auto_backend: bool = False
    group_by: str | None = None
    at_fppi: tuple[float, ...] = (0.1,)
    thresholds: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("conf", self.conf), ("floor", self.floor)):
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise ConfigError(f"expected {name} from 0 to 1, found {value}")
        if self.conf < self.floor:
            raise ConfigError(
                f"expected conf of {self.floor:g} or more, the lowest score that detectors are asked for, "
                f"found {self.conf:g}"
            )
        wrong = next((each for each in self.at_fppi if not (math.isfinite(each) and each >= 0)), None)
        if wrong is not None:
            raise ConfigError(f"expected at-fppi of 0 or more false positives per image, found {wrong}")
        if not 0 <= self.seed < 1 << 32:
            raise ConfigError(f"expected a seed from 0 to {(1 << 32) - 1}, found {self.seed}")
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"expected at least 1 worker, found {self.workers}")
        if len(set(self.classes)) != len(self.classes):
            raise ConfigError(f"expected each class once, found {', '.join(self.classes)}")
        if self.group_by == NEAR_DUPLICATE:
            raise ConfigError(f"expected group-by folder or a regular expression with a group, found {NEAR_DUPLICATE}")
        if self.group_by is not None:
            GroupBy(self.group_by)  # checks it
