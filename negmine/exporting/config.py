"""The settings of an export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from negmine.datasets.config import LabelConfig
from negmine.errors import ConfigError
from negmine.labels.formats import OBJECT_FORMATS, WRITTEN_FORMATS

CopyMethod = Literal["copy", "hardlink", "symlink"]
TargetKind = Literal["targets", "gaps"]


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
    accept_flicker: bool = False  # flickers about which nobody decided, too
    boxes_only: bool = False  # in another format, write the boxes around masks, key points and oriented boxes
    workers: int | None = None  # threads that read and write files; one per core where None

    def __post_init__(self) -> None:
        _check(self.format, WRITTEN_FORMATS, self.method, self.workers)


@dataclass(frozen=True, slots=True)
class TargetExportConfig:
    """Which images with targets are written for a labeller, and how.

    Raises:
        ConfigError: for a format or method that does not exist, or no workers.
    """

    format: str = "voc"  # one of OBJECT_FORMATS
    method: CopyMethod = "copy"
    workers: int | None = None  # threads that read and write files; one per core where None
    only: TargetKind = "targets"  # those of negatives that a person marked, or frames with likely misses

    def __post_init__(self) -> None:
        if self.only not in get_args(TargetKind):
            raise ConfigError(f"expected one of {', '.join(get_args(TargetKind))}, found {self.only!r}")
        _check(self.format, OBJECT_FORMATS, self.method, self.workers)


def _check(format_name: str, formats: Sequence[str], method: str, workers: int | None) -> None:
    for value, allowed in ((format_name, formats), (method, get_args(CopyMethod))):
        if value not in allowed:
            raise ConfigError(f"expected one of {', '.join(allowed)}, found {value!r}")
    if workers is not None and workers < 1:
        raise ConfigError(f"expected 1 worker or more, found {workers}")
