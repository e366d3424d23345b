"""The settings of an export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from negmine.datasets.config import LabelConfig
from negmine.errors import ConfigError
from negmine.labels.formats import WRITTEN_FORMATS

CopyMethod = Literal["copy", "hardlink", "symlink"]
TARGET_FORMATS = (*WRITTEN_FORMATS, "label-studio")  # of images with boxes that a person corrects


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
        _check(self.format, WRITTEN_FORMATS, self.method, self.workers)


@dataclass(frozen=True, slots=True)
class TargetExportConfig:
    """How images with targets are written for a labeller.

    Raises:
        ConfigError: for a format or method that does not exist, or no workers.
    """

    format: str = "voc"  # one of TARGET_FORMATS
    method: CopyMethod = "copy"
    workers: int | None = None  # threads that read and write files; one per core where None

    def __post_init__(self) -> None:
        _check(self.format, TARGET_FORMATS, self.method, self.workers)


def _check(format_name: str, formats: Sequence[str], method: str, workers: int | None) -> None:
    for value, allowed in ((format_name, formats), (method, get_args(CopyMethod))):
        if value not in allowed:
            raise ConfigError(f"expected one of {', '.join(allowed)}, found {value!r}")
    if workers is not None and workers < 1:
        raise ConfigError(f"expected 1 worker or more, found {workers}")
