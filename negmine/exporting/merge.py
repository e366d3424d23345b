"""The data set that negatives are merged into: each of its images is written with its objects, or left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from negmine.errors import ExportError
from negmine.exporting.config import ExportConfig
from negmine.exporting.data_images import DataImage, DataImages
from negmine.exporting.names import data_names
from negmine.exporting.result import SplitCounts
from negmine.held_out import seeded_rank
from negmine.labels.base import Feature, LabelWriter
from negmine.labels.plan import ExportImage, StoredFile
from negmine.labels.splits import TRAIN, VAL
from negmine.paths import printable, sortable
from negmine.structures import GroundTruth
from negmine.words import counted

_WAITING = "a reviewer saw a target in it that is not labelled yet; label it, or leave it out"


def notes_on_val(images: Sequence[DataImage], config: ExportConfig) -> tuple[str, ...]:
    """What to say where there is nothing to validate on but what was learned by heart, or nothing at all.

    Args:
        images: of the data set, with the splits that they are written to.
        config: the settings.
    """
    val = [image for image in images if VAL in image.splits]
    if val and all(TRAIN in image.splits for image in val):
        return (
            f"all {counted(len(val), 'image')} of val are in train too, so a model is measured on what it was trained "
            "on; --split 0.8/0.2 divides them",
        )
    if not val and config.format == "yolo":
        return (
            "there is nothing to validate on, and Ultralytics does not train without; --split 0.8/0.2 divides the "
            "images, or name a val in data.yaml",
        )
    return ()


@dataclass(frozen=True, slots=True)
class SortedImages:
    """The images of a data set, by whether they are written.

    Attributes:
        written: images that have objects, or are known to be empty.
        unlabelled: how many have no label.
        unlisted: how many are in no split.
        skipped: why an image cannot be used, by path.
        format: that they are written in.
    """

    written: Sequence[DataImage]
    unlabelled: int
    unlisted: int
    skipped: Mapping[Path, str]
    format: LabelWriter

    @classmethod
    def of(cls, data: DataImages, writer: LabelWriter, waiting: Collection[str]) -> SortedImages:
        """Sort them.

        Args:
            data: all images.
            writer: that they are written in.
            waiting: sha256 of images with a target that is not labelled yet, which are not trained on.

        Raises:
            ExportError: where there is no image with objects to train on.
        """
        listed = [image for image in data.images if image.splits]
        problems = {image.path: _problem(image, writer) for image in listed}
        problems |= {each.path: _WAITING for each in listed if TRAIN in each.splits and each.sha256 in waiting}
        skipped = {path: reason for path, reason in problems.items() if reason}
        usable = [image for image in listed if image.path not in skipped]
        written = [image for image in usable if image.truth is not None]
        found = cls(written, len(usable) - len(written), len(data.images) - len(listed), skipped, writer)
        if not any(image.truth and TRAIN in image.splits for image in written):
            first = next((f", the first: {printable(path)}: {printable(why)}" for path, why in skipped.items()), "")
            raise ExportError(
                f"{printable(data.dataset.path)}: expected images with objects to train on, found none "
                f"({len(written)} without objects, {found.unlabelled} unlabelled, {len(skipped)} skipped{first}); "
                "correct these, or name the right split with --split"
            )
        return found

    def images(self, database: str, others: Sequence[ExportImage], *, as_labelled: bool) -> list[ExportImage]:
        """The images that are written, under names that no other image of the export has.

        Args:
            database: the data set's name, for people.
            others: the other images of the export.
            as_labelled: write their labels as they are.
        """
        taken = [each.name for each in others]
        names = data_names([(image.path, str(image.sha256)) for image in self.written], taken)
        return [
            ExportImage(
                name,
                StoredFile(image.path, str(image.sha256), in_bank=False),
                image.size_wh,
                suffix=image.suffix,
                splits=image.splits,
                database=database,
                truth=image.truth or GroundTruth.empty(),
                outlines=image.outlines or (),
                label=image.label if as_labelled else None,
            )
            for name, image in zip(names, self.written, strict=True)
        ]

    @property
    def empties(self) -> list[DataImage]:
        """Those to train on that are known to be empty."""
        return [each for each in self.written if TRAIN in each.splits and not each.truth]

    def with_empties(self, most: int, seed: int) -> SortedImages:
        """With so many of the empty images to train on, drawn by the seed; others are left out unless val has them."""

        def turn(image: DataImage) -> tuple[bool, float, bytes]:
            return image.splits == (TRAIN,), seeded_rank(str(image.sha256), seed), sortable(image.path)

        dropped = {each.path for each in sorted(self.empties, key=turn)[max(most, 0) :] if each.splits == (TRAIN,)}
        return replace(self, written=[each for each in self.written if each.path not in dropped])

    def divided(self, split_of: Mapping[str, str]) -> SortedImages:
        """In other splits, each image in one, by its sha256."""
        return replace(self, written=[replace(each, splits=(split_of[str(each.sha256)],)) for each in self.written])

    def counts(self) -> tuple[SplitCounts, ...]:
        """By split, `train` first."""
        names = dict.fromkeys((TRAIN, *(split for image in self.written for split in image.splits)))
        return tuple(map(self._count, names))

    def _count(self, split: str) -> SplitCounts:
        truths = [image.truth for image in self.written if split in image.splits and image.truth is not None]
        positives = sum(len(truth) > 0 for truth in truths)
        objects = sum(len(truth) - (0 if self.format.keeps_crowds else int(truth.crowd.sum())) for truth in truths)
        return SplitCounts(split, positives, len(truths) - positives, objects)


def _problem(image: DataImage, writer: LabelWriter) -> str:
    """Why an image cannot be written, "" where it can."""
    if image.problem is not None:
        return image.reason
    if writer.image_suffixes is not None and image.suffix not in writer.image_suffixes:
        return f"{writer.title} trainers do not read images of type {image.suffix}; convert it to JPEG or PNG"
    unjudged = image.truth.unjudged(image.size_wh) if image.truth else ()
    if unjudged and Feature.CROWD not in writer.features:
        return f"its label leaves open whether it holds {printable(unjudged[0])}, which {writer.title} cannot say"
    if not writer.keeps_crowds and image.truth and image.truth.crowd.all():
        return f"all its objects are crowds; {writer.title} has none, and without them it would count as empty"
    return ""
