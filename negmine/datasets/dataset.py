"""A labelled data set as its owner sees it: splits of images, and the labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from negmine.labels.base import Truth

WHOLE = "all"  # the one split of a data set that has none
UNLISTED = "unlisted"  # images that no list of a data set names


@dataclass(frozen=True, slots=True)
class Split:
    """Some images of a data set.

    Attributes:
        name: as the data set calls it, such as train; `all` where it has no splits.
        images: every image file, labelled or not, each once.
    """

    name: str
    images: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set.

    Attributes:
        path: as it was given.
        splits: in the data set's own order.
        truth: its labels.
        lost: labels, and lines of lists, whose image is nowhere, by name.
    """

    path: Path
    splits: tuple[Split, ...]
    truth: Truth
    lost: tuple[str, ...] = ()

    @property
    def format_name(self) -> str:
        """What people call its format."""
        return self.truth.format_name

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that its labels list."""
        return self.truth.class_names
