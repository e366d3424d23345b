"""The settings of a report. Imports nothing heavy, so that `--help` can read the defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

from negmine.datasets.config import LabelConfig
from negmine.errors import ConfigError
from negmine.ratios.target import DEFAULT_TARGET, Target

DEFAULT_OUT = "negmine-report.html"
_MOST = 100


@dataclass(frozen=True, slots=True)
class ReportConfig:
    """What a report shows.

    Attributes:
        hardest: pictures in each row: of the hardest of a class, of what went away, and so on; half as many of each
            cluster. 0 for a report without pictures.
        target: the ratio of positive to negative images to check, where a data set is given.
        labels: how the labels of the data set are understood.
        made_on: a date or any other text that the report bears; None for none. The same input then gives the same
            bytes on any day.
        workers: threads that read images; None for one per core.

    Raises:
        ConfigError: where a value is out of its range.
    """

    hardest: int = 12
    target: str = DEFAULT_TARGET
    labels: LabelConfig = field(default_factory=LabelConfig)
    made_on: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.hardest <= _MOST:
            raise ConfigError(f"expected 0 to {_MOST} pictures in a row, found {self.hardest}")
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"expected at least 1 worker, found {self.workers}")
        Target.parse(self.target)  # checks it
