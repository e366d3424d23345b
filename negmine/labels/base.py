"""The port that every format of ground truth is behind."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from negmine.structures import GroundTruth


@runtime_checkable
class Truth(Protocol):
    """The labels of a data set, looked up by image."""

    @property
    def format_name(self) -> str:
        """What people call the format: `Pascal VOC`, `YOLO` or `COCO`."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that the truth lists, in its own order; a class not listed is not judged."""

    @property
    def images_labelled(self) -> int:
        """How many images have labels (an empty label counts)."""

    def label_hash(self, image_path: Path) -> str | None:
        """A hash that changes when the labels of this image do; None where it has none (it is unlabelled).

        Needs no decoded image, so that an unchanged image is passed over without decoding it.
        """

    def object_names(self, image_path: Path) -> tuple[str, ...] | None:
        """The class of every object, difficult and crowd ones too; None where the image has no label.

        Needs neither the image's size nor its pixels, so that a data set is counted without decoding it.

        Raises:
            LabelError: where the labels cannot be read.
        """

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """The objects of an image; None where it has no label (unlabelled, which is not the same as empty).

        Args:
            image_path: where the image is.
            size_wh: width and height of the decoded, EXIF-upright image, in pixels.

        Raises:
            LabelError: where this image's labels cannot be trusted.
        """
