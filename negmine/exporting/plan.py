"""What an export is going to write: a name and a content for each file, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from negmine.structures import GroundTruth

TRAIN = "train"  # the split that the negatives are in


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is there already, in the bank or in the data set that is merged.

    Attributes:
        path: where.
        sha256: of its bytes, hex.
        in_bank: whether it is the bank's.
    """

    path: Path
    sha256: str
    in_bank: bool = True


Content = bytes | StoredFile


@dataclass(frozen=True, slots=True)
class Picture:
    """An image to export.

    Attributes:
        name: without suffix; unique in the export.
        file: where its bytes are.
        size_wh: of the upright image, pixels.
        accepted: a person looked at it and agreed that it holds no target.
        suffix: by the type of its content.
        splits: in which it is.
        database: where it is from, for people.
        truth: its objects.
    """

    name: str
    file: StoredFile
    size_wh: tuple[int, int]
    accepted: bool = False
    suffix: str = ".jpg"
    splits: tuple[str, ...] = (TRAIN,)
    database: str = "negmine"
    truth: GroundTruth = field(default_factory=GroundTruth.empty)


Plan = Mapping[str, Content]  # relative path with forward slashes, to content
