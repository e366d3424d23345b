"""A labelled data set: its splits and labels, opened from files of any format that negmine reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from negmine.labels.base import Truth
from negmine.labels.recognise import open_truth
from negmine.labels.splits import TRAIN, TRAINVAL, Split


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set.

    Attributes:
        path: as it was given.
        splits: in the data set's own order.
        truth: its labels.
        lost: labels, and lines of lists, whose image does not exist, by name.
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

    @property
    def train_split(self) -> str | None:
        """The split that is trained on unless another is named; None where that cannot be told."""
        whole = [split.name for split in self.splits if split.is_whole]
        names = {split.name for split in self.splits}
        return next((name for name in (*whole, TRAIN, TRAINVAL) if name in names), None)


def open_dataset(path: str | Path, *, split: str | None = None) -> Dataset:
    """Open a data set.

    Images that lie beside labelled ones and have no label are listed too: they are unlabelled.

    Args:
        path: a `data.yaml`, a Pascal VOC root or folder of XML files, a COCO JSON, or a folder that holds just one.
        split: only this one.

    Raises:
        TruthError: where it is not a data set, or has no such split.
        SourceError: where images that it names do not exist.
    """
    truth = open_truth(path)
    listing = truth.list_images(split)
    return Dataset(Path(path), listing.splits, truth, listing.lost)
