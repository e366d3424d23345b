"""The ports of labels: a format, which opens and writes data sets, and the truth of one data set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from negmine.errors import ExportError
from negmine.labels.plan import ExportImage, Header, Plan, SourceLabel
from negmine.labels.splits import Listing
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

    @property
    def searched_folders(self) -> Sequence[Path]:
        """The folders, links resolved, that are searched to any depth: what is put there joins the data set."""

    def list_images(self, only: str | None = None) -> Listing:
        """The images by split. Images that lie beside labelled ones and have no label are listed too.

        Args:
            only: list this split alone.

        Raises:
            TruthError: where there is no such split, or a list cannot be read.
            SourceError: where folders or lists that the data set names do not exist.
        """

    def label_hash(self, image_path: Path) -> str | None:
        """A hash that changes when the labels of this image do; None where the image is unlabelled.

        Needs no decoded image, so that an unchanged image is skipped without decoding it.

        Raises:
            LabelError: where the labels cannot be read, or several claim this image.
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

    def source_label(self, image_path: Path) -> SourceLabel | None:
        """The label of an image as the data set has it, masks and all; None where it has no label.

        Raises:
            LabelError: where it cannot be read.
        """

    @property
    def header(self) -> Header:
        """What the data set says beside its labels."""


class Feature(StrEnum):
    """What a label format may say of an object or image beyond class and box."""

    MASKS = "masks"
    KEYPOINTS = "keypoints"
    ORIENTED_BOXES = "oriented boxes"
    CROWD = "crowd"
    DIFFICULT = "difficult"
    CHANNELS = "channels"


class LabelFormat(ABC):
    """A format of labelled data sets.

    Attributes:
        key: what users type after `--format`.
        title: what people call it.
        data_set: what a data set of this format is, for messages.
        file_suffixes: of a file that stands for a whole data set; none where `is_folder`.
        is_folder: whether a data set is opened by its folder, not by a file in it.
        features: what its labels can say, whether negmine keeps it or not.
        image_suffixes: of the images that its readers open; None where they take any.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    data_set: ClassVar[str]
    file_suffixes: ClassVar[frozenset[str]] = frozenset()
    is_folder: ClassVar[bool] = False
    features: ClassVar[frozenset[Feature]]
    image_suffixes: ClassVar[frozenset[str] | None] = None

    @abstractmethod
    def find(self, folder: Path) -> Sequence[Path]:
        """A file of each data set of this format in a folder: the one to open, or any where `is_folder`."""

    @abstractmethod
    def open(self, path: Path) -> Truth:
        """Open a data set.

        Args:
            path: its file, or its folder where `is_folder`.

        Raises:
            TruthError: where it cannot be read as a data set of this format.
        """

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """The files of a data set: images, labels, and the lists by which a trainer finds them.

        Args:
            images: what it holds.
            class_names: by class id.
            folder: the name of the data set's folder.
            header: of the data set whose labels are written again; None where none are.

        Raises:
            LabelError, ExportError: for what the format cannot say, or where negmine does not write it.
        """
        raise ExportError(f"negmine reads {self.title} and cannot write it yet; choose another format")

    @property
    def keeps_crowds(self) -> bool:
        """Whether a crowd is written: as one, or else as a difficult object. Other formats leave crowds out."""
        return not self.features.isdisjoint({Feature.CROWD, Feature.DIFFICULT})
