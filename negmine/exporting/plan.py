"""What an export is going to write: a name and a content for each file, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BankFile:
    """A file that is in the bank already."""

    path: Path
    sha256: str


Content = bytes | BankFile


@dataclass(frozen=True, slots=True)
class Picture:
    """An image to export.

    Attributes:
        name: without suffix; unique in the export.
        file: where its bytes are.
        size_wh: pixels.
        accepted: a person looked at it and agreed that it holds no target.
    """

    name: str
    file: BankFile
    size_wh: tuple[int, int]
    accepted: bool


Plan = Mapping[str, Content]  # relative path with forward slashes, to content
