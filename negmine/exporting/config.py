"""The settings of an export."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isclose
from pathlib import Path
from typing import Literal, Self, get_args

from negmine.datasets.config import LabelConfig
from negmine.errors import ConfigError
from negmine.grouping import GroupBy
from negmine.labels.formats import OBJECT_FORMATS, WRITTEN_FORMATS
from negmine.labels.splits import TEST, TRAIN, VAL
from negmine.ratios.target import Ratio

CopyMethod = Literal["copy", "hardlink", "symlink"]
TargetKind = Literal["targets", "gaps"]


_NUMBER = r"\d*\.\d+|\d+"
_NUMBERS = re.compile(rf"(?=.*\.)(?:{_NUMBER})(?:[\s,;:]+(?:{_NUMBER}))+")  # with a point: 2007 may be a split
_SHARES = re.compile(r"(\d*\.?\d+)((?:/\d*\.?\d+){1,2})")
_MOST = 10**9  # of any number


@dataclass(frozen=True, slots=True)
class SelectionConfig:
    """How many of the negatives that may be trained on are exported, and which; see `negmine.exporting.selection`.

    Attributes:
        accepted_only: those that a person accepted.
        classes: what the detector took them for; all where empty.
        max_per_source: of one image.
        diverse: take the hardest of each cluster in turn, where a number is asked for.
        hardest: so many, hardest first.
        count: so many, drawn by the seed.
        ratio: positive to negative images `P:N`, variants included, that shall not be exceeded.
        positives: labelled data that the ratio is of, unless there is a data set that the negatives go into.
        seed: of `count`.

    Raises:
        ConfigError: where a setting is out of its range, or needs another.
    """

    accepted_only: bool = False
    classes: tuple[str, ...] = ()
    max_per_source: int | None = None
    diverse: bool = False
    hardest: int | None = None
    count: int | None = None
    ratio: str | None = None
    positives: tuple[Path, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name, number in (
            ("--max-per-source", self.max_per_source), ("--hardest", self.hardest), ("--count", self.count)
        ):  # fmt: skip
            if number is not None and not 1 <= number <= _MOST:
                raise ConfigError(f"expected {name} to be 1 or more, up to {_MOST}, found {number}")
        if self.diverse and not self.is_limited:
            raise ConfigError("expected --hardest, --count or --ratio with --diverse, found none; say how many")
        if self.ratio is not None:
            Ratio.parse(self.ratio)
        elif self.positives:
            raise ConfigError("expected --ratio with --data, found none; say how many, such as --ratio 1:1")

    @property
    def is_limited(self) -> bool:
        """Whether there is a number of images that it keeps to."""
        return (self.hardest, self.count, self.ratio) != (None, None, None)

    @property
    def options(self) -> str:
        """The options that were given, for a message."""
        given = {
            "--only accepted": self.accepted_only,
            "--classes": self.classes,
            "--max-per-source": self.max_per_source,
            "--diverse": self.diverse,
            "--hardest": self.hardest,
            "--count": self.count,
            "--ratio": self.ratio,
        }
        return ", ".join(name for name, value in given.items() if value)


@dataclass(frozen=True, slots=True)
class SplitConfig:
    """How images are divided into splits.

    Attributes:
        shares: of `train` and `val`, or of `train`, `val` and `test`; together 1.
        group_by: what belongs together and is never divided, besides near-duplicates, videos and cameras.
        seed: another seed divides otherwise.

    Raises:
        ConfigError: for shares that are no such numbers.
    """

    shares: tuple[float, ...]
    group_by: GroupBy = field(default_factory=GroupBy)
    seed: int = 0

    def __post_init__(self) -> None:
        is_whole = isclose(sum(self.shares), 1, abs_tol=1e-6)
        if len(self.shares) not in (2, 3) or min(self.shares) <= 0 or not is_whole:
            found = "/".join(f"{share:g}" for share in self.shares)
            raise ConfigError(
                f"expected shares of train and val, and of test if wanted, that add up to 1, such as 0.8/0.2 or "
                f"0.7/0.2/0.1, found {found}"
            )

    @classmethod
    def parse(cls, text: str, *, group_by: str, seed: int) -> Self | None:
        """Read `0.8/0.2`; None for what is no shares but the name of a split.

        Raises:
            ConfigError: for numbers that are written in another way.
        """
        if not _SHARES.fullmatch(text):
            if numbers := _NUMBERS.fullmatch(text):
                right = "/".join(re.findall(_NUMBER, numbers[0]))
                raise ConfigError(f"expected shares with / between them, such as --split {right}, found {text!r}")
            return None
        return cls(tuple(map(float, text.split("/"))), GroupBy(group_by), seed)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the splits."""
        return (TRAIN, VAL, TEST)[: len(self.shares)]


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
    selection: SelectionConfig = field(default_factory=SelectionConfig)  # which of them, and how many
    splits: SplitConfig | None = None  # divide all images; else all negatives are in the training split
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
