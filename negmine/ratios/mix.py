"""How many positive and negative images a training on data sets and a bank would see."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.datasets.labelled import LabelledImage, labelled_images
from negmine.datasets.open import open_dataset
from negmine.errors import TruthError
from negmine.images.contents import read_contents
from negmine.paths import printable
from negmine.ratios.banked import Banked, read_banked
from negmine.ratios.counts import Counts, count, each_file_once, kind_of


@dataclass(frozen=True, slots=True)
class Mix:
    """Counts of images.

    Attributes:
        positives: with objects.
        empty: without objects, and not in the bank by their content.
        banked: negatives of the bank that no reviewer rejected.
        variants: of those.
        unlabelled: without a label; neither positive nor negative.
    """

    positives: int
    empty: int
    banked: int
    variants: int
    unlabelled: int

    @property
    def negatives(self) -> int:
        """All images without objects."""
        return self.empty + self.banked + self.variants


def count_mix(data: Sequence[str | Path], *, bank: str | Path | None = None, split: str | None = None) -> Mix:
    """Count the images of data sets and of a bank; a picture that is in both counts once.

    Args:
        data: labelled data sets (Pascal VOC, YOLO or COCO).
        bank: where negatives are counted too.
        split: only this one of each data set.

    Raises:
        TruthError, SourceError: where a data set cannot be opened, or no image has an object.
        BankError: where `bank` is none.
    """
    banked = Banked.none() if bank is None else read_banked(bank)
    images = each_file_once(labelled_images([open_dataset(path, split=split) for path in data]))
    counts = count(images, ())
    require_objects(counts, data)
    sha256: Mapping[Path, str] = {}
    if banked.negatives:
        sha256 = read_contents(empty_paths(images), pixels=False).sha256
    return mix_of(counts, banked, in_bank=len(empties_in(banked.contents, images, sha256)))


def mix_of(counts: Counts, banked: Banked, *, in_bank: int) -> Mix:
    """Put counts together; `in_bank` images without objects are in the bank as well."""
    return Mix(
        positives=counts.images,
        empty=counts.empty - in_bank,
        banked=len(banked.negatives),
        variants=len(banked.variants),
        unlabelled=counts.unlabelled,
    )


def empty_paths(images: Sequence[LabelledImage]) -> list[Path]:
    """Where the images without objects are."""
    return [image.path for image in images if kind_of(image) == "empty"]


def empties_in(
    contents: Collection[str], images: Sequence[LabelledImage], sha256: Mapping[Path, str]
) -> list[LabelledImage]:
    """The images without objects whose content is among `contents`."""
    return [image for image in images if kind_of(image) == "empty" and sha256.get(image.path) in contents]


def require_objects(counts: Counts, data: Sequence[str | Path]) -> None:
    """Raise TruthError unless there is a positive image."""
    if counts.images:
        return
    names = ", ".join(map(printable, data))
    raise TruthError(
        f"{names}: expected images with objects, found none ({counts.empty} images without objects, "
        f"{counts.unlabelled} unlabelled, {counts.broken} with broken labels); name labelled data"
    )
