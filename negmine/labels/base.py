"""The ports of labels: a format, which opens and writes data sets; the labels of one data set; and its truth."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable
from urllib.parse import unquote, urlsplit

from negmine.errors import ExportError
from negmine.labels.plan import ExportImage, Header, Outline, Plan, SourceLabel
from negmine.labels.splits import Listing
from negmine.sources.folders import IMAGE_SUFFIXES
from negmine.structures import GroundTruth

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"^[A-Za-z]:(?=[/\\\\])")


@runtime_checkable
class Truth(Protocol):
    """The labels of a data set, looked up by image. See `negmine.datasets.open.open_truth`."""

    @property
    def format_name(self) -> str:
        """What people call the format: `Pascal VOC`, `YOLO` or `COCO`."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that the truth lists, in its own order; a class not listed is not judged."""

    @property
    def pairs_left(self) -> Mapping[str, str]:
        """The pairs of its class map, old name to new name, whose old name is none of its own; {} without a map."""

    def label_hash(self, image_path: Path) -> str | None:
        """A hash that changes when the labels of this image do; None where the image is unlabelled.

        Needs no decoded image, so that an unchanged image is skipped without decoding it.

        Raises:
            LabelError: where the labels cannot be read, or it is not clear which label is this image's.
        """

    def object_names(self, image_path: Path) -> tuple[str, ...] | None:
        """The class of every object, difficult and crowd ones too; None where the image has no label.

        Needs neither the image's size nor its pixels, so that a data set is counted without decoding it.

        Raises:
            LabelError: as `label_hash`.
        """

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """The objects of an image; None where it has no label (unlabelled, which is not the same as empty).

        Args:
            image_path: where the image is.
            size_wh: width and height of the decoded, EXIF-upright image, in pixels.

        Raises:
            LabelError: where this image's labels cannot be trusted.
        """


@dataclass(frozen=True, slots=True)
class Claim:
    """The path of an image, as far as a label tells it.

    Attributes:
        folders: outermost first.
        stem: the file's name without suffix.
        suffix: with the dot; "" where the label does not say.
        is_absolute: whether it is a path on the machine where the label was written, or a URL.
    """

    folders: tuple[str, ...]
    stem: str
    suffix: str = ""
    is_absolute: bool = False

    @classmethod
    def of_label(cls, folders: tuple[str, ...], name: str) -> Claim:
        """By the place and name of a label: `a.xml`, or `a.jpg.xml`."""
        stem = os.path.splitext(name)[0]
        bare, suffix = os.path.splitext(stem)
        is_named = suffix.lower() in IMAGE_SUFFIXES
        return cls(folders, bare if is_named else stem, suffix if is_named else "")

    @classmethod
    def of(cls, text: str) -> Claim:
        """Take a path apart: with slashes of either kind, with a drive, or a URL."""
        if _URL.match(text):
            text = unquote(urlsplit(text).path)
            is_absolute = True
        else:
            text = text.replace("\\", "/")
            is_absolute = text.startswith("/") or bool(_DRIVE.match(text))
        *folders, name = [part for part in _DRIVE.sub("", text).split("/") if part not in ("", ".", "..")] or [""]
        stem, suffix = os.path.splitext(name)
        if suffix.lower() not in IMAGE_SUFFIXES:
            stem, suffix = name, ""
        return cls(tuple(folders), stem, suffix, is_absolute)


class Label(ABC):
    """What a data set says of one image.

    Attributes:
        name: of its file, or of the image where one file holds the labels of many.
        own: the image that has the label's own place and name; None where the label has none.
        stated: the image that the label names; None where it names none.
        group: what the labels beside it are of, by the name of their file or folder: a split, a camera; "" where it has
            none that tells.
        is_stray: whether it is in no place where its format keeps labels.
    """

    __slots__ = ("group", "is_stray", "name", "own", "stated")

    def __init__(self, name: str, *, own: Claim | None = None, stated: Claim | None = None, group: str = "") -> None:
        self.name = name
        self.own = own
        self.stated = stated
        self.group = group
        self.is_stray = False

    @property
    def is_of_an_image(self) -> bool:
        """Whether it is a label for certain, even if no image is found for it."""
        return True

    @abstractmethod
    def hash(self) -> str:
        """Changes when the label says something else.

        Raises:
            LabelError: where it cannot be read.
        """

    @abstractmethod
    def object_names(self) -> tuple[str, ...]:
        """The class of every object; () where it says that the image is empty.

        Raises:
            LabelError: where it cannot be read, or not as a whole.
        """

    @abstractmethod
    def read(self, size_wh: tuple[int, int]) -> GroundTruth:
        """The objects.

        Args:
            size_wh: width and height of the decoded, EXIF-upright image, in pixels.

        Raises:
            LabelError: where it cannot be trusted.
        """

    def outlines(self, size_wh: tuple[int, int]) -> Sequence[Outline] | None:
        """The outline of each object, in the order of `read`; None where not all that it says has one.

        Args:
            size_wh: width and height of the decoded, EXIF-upright image, in pixels.

        Raises:
            LabelError: where it cannot be trusted.
        """
        return None

    @abstractmethod
    def source(self) -> SourceLabel:
        """The label as the data set has it, masks and all, to be written again.

        Raises:
            LabelError: where it cannot be read.
        """


class LabelSet(ABC):
    """The labels of one data set as its files have them, not yet paired with images.

    Attributes:
        path: the file or folder that was opened.
        format_name: what people call the format.
        class_names: the classes that it lists, in its own order.
        labels: all of them, in an order that is the same on every machine.
        notes: what the user may want to know, a line each.
    """

    notes: Sequence[str] = ()
    path: Path
    format_name: str
    class_names: tuple[str, ...]
    labels: Collection[Label]

    @property
    def header(self) -> Header:
        """What the data set says beside its labels."""
        return Header()

    @property
    def searched_folders(self) -> Sequence[Path]:
        """The folders, links resolved, that are searched to any depth: what is put there joins the data set."""
        return []

    @abstractmethod
    def images(self) -> Iterable[OwnImages]:
        """The image files where the data set keeps its own. What does not exist is left out."""

    def label_of(self, image: str) -> Label | None:
        """The label that the format itself gives an image by a fixed rule; None where it has no such rule."""
        return None

    @abstractmethod
    def splits(self, images: Sequence[Path], label_of: Callable[[Path], Label | None], only: str | None) -> Listing:
        """Sort images into splits.

        Args:
            images: those with a label, and those that lie beside them.
            label_of: the label of an image; None where it has none, or that is not clear.
            only: list this split alone.

        Raises:
            TruthError: where there is no such split, or a list cannot be read.
            SourceError: where folders or lists that the data set names do not exist.
        """


@dataclass(frozen=True, slots=True)
class OwnImages:
    """Image files where a data set keeps its own.

    Attributes:
        root: the folder that paths in labels are relative to.
        paths: of the files.
        looked_in: what a message calls the place.
    """

    root: Path
    paths: Sequence[str]
    looked_in: str


class Feature(StrEnum):
    """What a label format may say of an object or image beyond class and box."""

    MASKS = "masks"
    KEYPOINTS = "keypoints"
    ORIENTED_BOXES = "oriented boxes"
    CROWD = "crowd"
    DIFFICULT = "difficult"
    CHANNELS = "channels"


class LabelWriter(ABC):
    """A format that images and their labels are written in.

    Attributes:
        key: what users type after `--format`.
        title: what people call it.
        features: what its labels can say, whether negmine keeps it or not.
        image_suffixes: of the images that its readers open; None where they take any.
        tells_origin: whether it says what the bank knows of a negative.
        has_outlines: whether it writes outlines of objects that a data set of another format has.
        needs_one_polygon: whether it takes outlines only where every object of the data set has exactly one polygon.
        holds_images: whether images are inside its files, so that there is none to link.
        package: that it needs and not everyone has, by the name of its import; the extra of the format's key brings it.
        advice: what a reader of it must be told about images without objects; "" for nothing.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    features: ClassVar[frozenset[Feature]] = frozenset()
    image_suffixes: ClassVar[frozenset[str] | None] = None
    tells_origin: ClassVar[bool] = False
    has_outlines: ClassVar[bool] = False
    needs_one_polygon: ClassVar[bool] = False
    holds_images: ClassVar[bool] = False
    package: ClassVar[str] = ""
    advice: ClassVar[str] = ""

    @abstractmethod
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
            LabelError, ExportError: for what the format cannot say.
        """

    @property
    def keeps_labels_of(self) -> str:
        """The title of the format whose labels it writes as they are, masks and all; "" for none."""
        return ""

    @property
    def keeps_crowds(self) -> bool:
        """Whether a crowd is written: as one, or else as a difficult object. Other formats leave crowds out."""
        return not self.features.isdisjoint({Feature.CROWD, Feature.DIFFICULT})


class LabelFormat(LabelWriter):
    """A format of labelled data sets, which are read and, mostly, written.

    Attributes:
        data_set: what a data set of this format is, for messages.
        file_suffixes: of a file that stands for a whole data set; none where `is_folder`.
        file_names: of files that stand for a whole data set whatever their suffix.
        is_folder: whether a data set is opened by its folder, not by a file in it.
    """

    data_set: ClassVar[str]
    file_suffixes: ClassVar[frozenset[str]] = frozenset()
    file_names: ClassVar[frozenset[str]] = frozenset()
    is_folder: ClassVar[bool] = False

    @property
    def keeps_labels_of(self) -> str:
        """Its own; see `LabelWriter.keeps_labels_of`."""
        return self.title

    @abstractmethod
    def find(self, folder: Path) -> Sequence[Path]:
        """A file of each data set of this format in a folder: the one to open, or any where `is_folder`."""

    @abstractmethod
    def open(self, path: Path) -> LabelSet:
        """Open the labels of a data set.

        Args:
            path: its file, or its folder where `is_folder`.

        Raises:
            TruthError: where it cannot be read as a data set of this format.
        """

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelWriter.plan`.

        Raises:
            ExportError: where negmine does not write it.
        """
        raise ExportError(f"negmine reads {self.title} and cannot write it yet; choose another format")
