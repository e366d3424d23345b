"""The settings of an evaluation, their units and their ranges. Imports nothing heavy, for the sake of `--help`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from negmine.errors import ConfigError
from negmine.thresholds import MatchConfig


@dataclass(frozen=True, slots=True)
class EvalConfig:
    """How detections are counted.

    Attributes:
        conf: the score from which a detection counts in the figures at one threshold, 0 to 1.
        match: where the matcher draws its lines.
        floor: detections under this score are not asked for: where every curve ends.
        missing_is_empty: a labelled image without a label holds no target.
        workers: threads that read and decode; one per core where None.
        classes: judge only these of the classes that the data lists; empty means all. Objects of the others are neither
            found nor missed, but no background either.

    Raises:
        ConfigError: where a value is out of its range.
    """

    conf: float = 0.25
    match: MatchConfig = field(default_factory=MatchConfig)
    floor: float = 0.001
    missing_is_empty: bool = False
    workers: int | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value in (("conf", self.conf), ("floor", self.floor)):
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise ConfigError(f"expected {name} from 0 to 1, found {value}")
        if self.conf < self.floor:
            raise ConfigError(
                f"expected conf of {self.floor:g} or more, the score from which detections are asked for, "
                f"found {self.conf:g}"
            )
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"expected at least 1 worker, found {self.workers}")
        if len(set(self.classes)) != len(self.classes):
            raise ConfigError(f"expected every class once, found {', '.join(self.classes)}")
