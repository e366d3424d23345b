"""The settings of an export."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from negmine.datasets.config import LabelConfig
from negmine.errors import ConfigError
from negmine.labels.formats import WRITTEN_FORMATS

CopyMethod = Literal["copy", "hardlink", "symlink"]


@dataclass(frozen=True, slots=True)
class ExportConfig:
    """What is exported, and how the images get there.

    Raises:
        ConfigError: for a format or method that does not exist, or no workers.
    """

    format: str = "voc"  # one of WRITTEN_FORMATS
    variants: bool = True  # the augmented copies too
    method: CopyMethod = "copy"
    labels: LabelConfig = field(default_factory=LabelConfig)  # how those of the merged data set are understood
    boxes_only: bool = False  # in another format, write the boxes around masks, key points and oriented boxes
    workers: int | None = None  # threads that read and write files; one per core where None

    def __post_init__(self) -> None:
        for value, allowed in ((self.format, WRITTEN_FORMATS), (self.method, get_args(CopyMethod))):
            if value not in allowed:
                raise ConfigError(f"expected one of {', '.join(allowed)}, found {value!r}")
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"expected 1 worker or more, found {self.workers}")
