"""The positive and negative images that a training on data sets and a bank would see: kinds, counts, and the mix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os.path import realpath
from pathlib import Path

from negmine.datasets.config import LabelConfig
from negmine.datasets.labelled import LabelledImage, labelled_images
from negmine.datasets.open import Dataset, open_dataset
from negmine.errors import TruthError
from negmine.labels.checks import judged_classes
from negmine.labels.classes import require_old_names
from negmine.paths import printable
from negmine.ratios.bank_summary import BankSummary, read_bank
from negmine.videos.contents import read_contents
from negmine.words import counted


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """The images and objects of a class.

    Attributes:
        images: number of images with at least one object of it.
        instances: number of its objects, difficult and crowd ones included.
    """

    images: int
    instances: int


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """The numbers of labelled images and of their objects.

    Attributes:
        images: images with objects, the positives.
        instances: objects in them.
        empty: images with an empty label.
        unlabelled: images without a label.
        broken: images whose label cannot be read.
        ignored: images in which nothing but regions to ignore is labelled, neither positive nor negative.
        per_class: by name; first the classes that the data set lists, in its order.
    """

    images: int
    instances: int
    empty: int
    unlabelled: int
    broken: int
    ignored: int
    per_class: Mapping[str, ClassCounts]

    @property
    def rarest(self) -> str | None:
        """The class with the fewest images, but at least one; the first by name if several have as few."""
        present = [name for name, counts in self.per_class.items() if counts.images]
        return min(present, key=lambda name: (self.per_class[name].images, name), default=None)


def count_images(images: Iterable[LabelledImage], class_names: Sequence[str]) -> ImageCounts:
    """Count images and their objects.

    Args:
        images: each is counted; see `each_file_once`.
        class_names: classes to list even if no image has them.
    """
    kinds: Counter[str] = Counter()
    class_images: Counter[str] = Counter()
    instances: Counter[str] = Counter()
    for image in images:
        kinds[kind_of(image)] += 1
        objects = () if image.unreadable else judged_classes(image.names or ())
        instances.update(objects)
        class_images.update(set(objects))
    names = dict.fromkeys([*class_names, *sorted(instances)])
    return ImageCounts(
        images=kinds["positive"],
        instances=instances.total(),
        empty=kinds["empty"],
        unlabelled=kinds["unlabelled"],
        broken=kinds["broken"],
        ignored=kinds["ignored"],
        per_class={name: ClassCounts(class_images[name], instances[name]) for name in names},
    )


def kind_of(image: LabelledImage) -> str:
    """What an image is in training: `positive`, `empty`, `unlabelled`, `ignored`; `broken` where it or its label is."""
    if image.broken is not None or image.unreadable:
        return "broken"
    if image.names is None:
        return "unlabelled"
    if not image.names:
        return "empty"
    return "positive" if judged_classes(image.names) else "ignored"


def each_file_once(images: Iterable[LabelledImage]) -> list[LabelledImage]:
    """Drop files that appear again in another split or data set; the label with most objects holds.

    A training that reads a file twice does not have more images.
    """
    once: dict[str, LabelledImage] = {}
    for image in images:
        key = realpath(image.path)
        if key not in once or _object_count(image) > _object_count(once[key]):
            once[key] = image
    return list(once.values())


def _object_count(image: LabelledImage) -> int:
    return -1 if image.names is None else len(image.names)


@dataclass(frozen=True, slots=True)
class Mix:
    """The numbers of positive and negative images.

    Attributes:
        positives: images with objects.
        empty: images without objects whose content is not in the bank.
        banked: negatives of the bank that may be trained on.
        variants: variants of those negatives.
        unlabelled: images without a label, neither positive nor negative.
        in_both: images without objects of the data whose content is in the bank; they count there.
        notes: how labels and images were paired, and what else the user may want to know.
    """

    positives: int
    empty: int
    banked: int
    variants: int
    unlabelled: int
    in_both: int = 0
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, counts: ImageCounts, bank: BankSummary, *, in_bank: int, notes: Iterable[str] = ()) -> Mix:
        """Add up data sets and a bank, which both hold `in_bank` images without objects."""
        return cls(
            positives=counts.images,
            empty=counts.empty - in_bank,
            banked=len(bank.negatives),
            variants=len(bank.variants),
            unlabelled=counts.unlabelled,
            in_both=in_bank,
            notes=tuple(notes),
        )

    @property
    def negatives(self) -> int:
        """All images without objects."""
        return self.empty + self.banked + self.variants

    @property
    def of_data(self) -> int:
        """The images without objects that the data holds, whether the bank holds them too or not."""
        return self.empty + self.in_both


def count_mix(
    data: Sequence[str | Path],
    *,
    bank: str | Path | None = None,
    split: str | None = None,
    labels: LabelConfig | None = None,
) -> Mix:
    """Count the images of data sets and of a bank; an image that is in both counts once.

    Args:
        data: labelled data sets (Pascal VOC, YOLO or COCO).
        bank: a bank whose negatives count too.
        split: count only this split of each data set.
        labels: how the labels of the data sets are understood.

    Raises:
        TruthError, SourceError: if a data set cannot be opened, or no image has an object.
        BankError: if `bank` is not a bank.
    """
    datasets, summary = open_counted(data, bank, split, labels)
    images = each_file_once(labelled_images(datasets))
    counts = count_images(images, ())
    require_objects(images, counts, data)
    sha256: Mapping[Path, str] = {}
    if summary.negatives:
        sha256 = read_contents(empty_paths(images), pixels=False).sha256
    notes = (note for dataset in datasets for note in dataset.notes)
    return Mix.of(counts, summary, in_bank=len(empties_in(summary.contents, images, sha256)), notes=notes)


def open_counted(
    data: Sequence[str | Path], bank: str | Path | None, split: str | None, labels: LabelConfig | None
) -> tuple[list[Dataset], BankSummary]:
    """Open what `count_mix` counts.

    Raises:
        TruthError, SourceError: if a data set cannot be opened, or the class map has an old name of nobody.
        BankError: if `bank` is not a bank.
    """
    datasets = [open_dataset(path, split=split, config=labels) for path in data]
    summary = BankSummary.empty() if bank is None else read_bank(bank, datasets)
    left = [dataset.truth.pairs_left for dataset in datasets]
    of_none = {old: new for old, new in left[0].items() if all(old in each for each in left)} if left else {}
    every = [name for dataset in datasets for name in dataset.class_names]
    require_old_names(of_none, summary.class_names, list(dict.fromkeys(every)))
    return datasets, summary


def empty_paths(images: Sequence[LabelledImage]) -> list[Path]:
    """The files of the images without objects."""
    return [image.path for image in images if kind_of(image) == "empty"]


def empties_in(
    contents: Collection[str], images: Sequence[LabelledImage], sha256: Mapping[Path, str]
) -> list[LabelledImage]:
    """The images without objects whose content is among `contents`."""
    return [image for image in images if kind_of(image) == "empty" and sha256.get(image.path) in contents]


def require_objects(images: Iterable[LabelledImage], counts: ImageCounts, data: Sequence[str | Path]) -> None:
    """Raise TruthError if there is no positive image; the message gives the first label that cannot be read."""
    if counts.images:
        return
    names = ", ".join(map(printable, data))
    broken = next((f"; the first broken one: {image.broken}" for image in images if image.broken is not None), "")
    raise TruthError(
        f"{names}: expected images with objects, found none ({counted(counts.empty, 'image')} without objects, "
        f"{counts.unlabelled} unlabelled, {counts.broken} with broken labels){broken or '; name labelled data'}"
    )
