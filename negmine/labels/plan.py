"""The images that a label format is given to write, and its plan: the name and content of every file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from negmine.labels.splits import TRAIN
from negmine.structures import GroundTruth


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An existing file, in the bank or in the data set that is merged.

    Attributes:
        path: where it is.
        sha256: of its bytes, hex.
        in_bank: whether it belongs to the bank.
    """

    path: Path
    sha256: str
    in_bank: bool = True


Content = bytes | StoredFile
Plan = Mapping[str, Content]  # relative path with forward slashes, to content


@dataclass(frozen=True, slots=True)
class ExportImage:
    """An image to export.

    Attributes:
        name: without suffix; unique in the export.
        file: where its bytes are.
        size_wh: of the upright image, pixels.
        accepted: a person looked at it and agreed that it holds no target.
        suffix: by the type of its content.
        splits: the splits that it is in.
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
