"""The mixed training set: the images of a data set with their objects, and which of them are left out, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.errors import ExportError
from negmine.exporting.config import ExportFormat
from negmine.exporting.merge import DataImage, DataImages
from negmine.exporting.names import data_names
from negmine.exporting.plan import TRAIN, Picture, StoredFile
from negmine.exporting.result import SplitCounts
from negmine.paths import printable
from negmine.structures import GroundTruth

_READ_BY_ULTRALYTICS = frozenset({".jpg", ".png", ".tif", ".webp", ".bmp", ".avif", ".jp2"})


@dataclass(frozen=True, slots=True)
class Sorted:
    """The images of a data set by what becomes of them.

    Attributes:
        written: have objects, or are known to be empty.
        unlabelled: how many nobody has labelled.
        unlisted: how many no list names.
        skipped: why an image cannot be used, by path.
    """

    written: Sequence[DataImage]
    unlabelled: int
    unlisted: int
    skipped: dict[Path, str]

    @classmethod
    def of(cls, data: DataImages, format_name: ExportFormat) -> Sorted:
        """Sort them.

        Raises:
            ExportError: where there is no image with objects to train on.
        """
        listed = [image for image in data.images if image.splits]
        problems = {image.path: _problem(image, format_name) for image in listed}
        skipped = {path: reason for path, reason in problems.items() if reason}
        usable = [image for image in listed if image.path not in skipped]
        written = [image for image in usable if image.truth is not None]
        found = cls(written, len(usable) - len(written), len(data.images) - len(listed), skipped)
        if not any(image.truth and TRAIN in image.splits for image in written):
            first = next((f", the first: {printable(path)}: {printable(why)}" for path, why in skipped.items()), "")
            raise ExportError(
                f"{printable(data.dataset.path)}: expected images with objects to train on, found none "
                f"({len(written)} without objects, {found.unlabelled} unlabelled, {len(skipped)} skipped{first}); "
                "mend these, or name the right split with --split"
            )
        return found

    def pictures(self, database: str, taken: Sequence[Picture]) -> list[Picture]:
        """What is written of them, under names that no other picture has."""
        names = data_names([(image.path, str(image.sha256)) for image in self.written], [each.name for each in taken])
        return [
            Picture(
                name,
                StoredFile(image.path, str(image.sha256), in_bank=False),
                image.size_wh,
                suffix=image.suffix,
                splits=image.splits,
                database=database,
                truth=image.truth or GroundTruth.empty(),
            )
            for name, image in zip(names, self.written, strict=True)
        ]

    def counts(self, format_name: ExportFormat) -> tuple[SplitCounts, ...]:
        """By split, `train` first."""
        names = dict.fromkeys((TRAIN, *(split for image in self.written for split in image.splits)))
        return tuple(self._count(name, format_name) for name in names)

    def _count(self, split: str, format_name: ExportFormat) -> SplitCounts:
        truths = [image.truth for image in self.written if split in image.splits and image.truth is not None]
        positives = sum(len(truth) > 0 for truth in truths)
        objects = sum(len(truth) - (int(truth.crowd.sum()) if format_name == "yolo" else 0) for truth in truths)
        return SplitCounts(split, positives, len(truths) - positives, objects)


def _problem(image: DataImage, format_name: ExportFormat) -> str:
    """Why an image cannot be written, "" where it can."""
    if image.problem is not None:
        return image.reason
    if format_name == "yolo" and image.suffix not in _READ_BY_ULTRALYTICS:
        return f"Ultralytics does not read pictures of the type {image.suffix}; convert it to JPEG or PNG"
    if format_name == "yolo" and image.truth and image.truth.crowd.all():
        return "all its objects are crowds, which YOLO has no word for, and without them it would count as empty"
    return ""
