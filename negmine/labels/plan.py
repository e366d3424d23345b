"""The images that a label format is given to write, and its plan: the name and content of every file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from negmine.boxes import Box, Rect
from negmine.labels.splits import TRAIN
from negmine.structures import GroundTruth

if TYPE_CHECKING:
    from negmine.bank.filters import ReviewState
    from negmine.labels.base import Feature


Polygon = tuple[tuple[float, float], ...]  # points x, y, pixels
Outline = tuple[Polygon, ...]  # of one object, a polygon for each of its parts; () where nothing but its box is known


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An existing file, in the bank or in the data set that is merged.

    Attributes:
        path: where it is.
        sha256: of its bytes, hex.
        in_bank: whether it belongs to the bank.
        may_be_linked: whether an export may link to it. A label is copied: people correct labels, and a link would
            change those of the data set too.
    """

    path: Path
    sha256: str
    in_bank: bool = True
    may_be_linked: bool = True


Content = bytes | StoredFile
ReadContent = Callable[[Content], bytes]  # raises where a stored file is gone or has changed


class StreamedFile(ABC):
    """A file that is written piece by piece, since it holds more than fits into memory."""

    __slots__ = ()

    @abstractmethod
    def write(self, file: BinaryIO, read: ReadContent) -> None:
        """Write it: the same bytes each time.

        Args:
            file: where to; it need not be seekable.
            read: gives the bytes of what goes into it.

        Raises:
            OSError, BankError, ExportError: as `file` and `read`.
        """


Plan = Mapping[str, Content | StreamedFile]  # relative path with forward slashes, to content


@dataclass(frozen=True, slots=True, eq=False)
class FileEntry:
    """What a file that holds the labels of many images says of one.

    Attributes:
        image: the entry of the image.
        annotations: the entries of its objects.
        document: the rest of the file, the same object for all its images.
    """

    image: Mapping[str, object]
    annotations: Sequence[Mapping[str, object]]
    document: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SourceLabel:
    """The label of an image as its data set has it, to be written again in the same format.

    Attributes:
        content: the label's own file, or its part of a file of many.
        features: what it says beyond boxes and their marks. negmine does not read it, so it is lost in another format.
        image_name: the file name of its image as it states it, without folders; None where it does not.
    """

    content: StoredFile | FileEntry
    features: frozenset[Feature] = frozenset()
    image_name: str | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What a data set says beside its labels, to be written again in the same format.

    Attributes:
        keys: of its file, with their values; none for a format without one.
        channels: of the images that a model is trained on.
    """

    keys: Mapping[str, object] = field(default_factory=dict)
    channels: int = 3


@dataclass(frozen=True, slots=True)
class FoundBox:
    """A false positive in an exported image.

    Attributes:
        class_name, score: as the detector gave them.
        box_xyxy: pixels of the exported image.
    """

    class_name: str
    score: float
    box_xyxy: Box


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an image out of a bank comes from, for formats that can say it.

    Attributes:
        sha256: of the negative that it is, or is a variant of; of a whole image, of its bytes. In hex.
        source: the image that it was cut from, for people.
        source_sha256: of that image's bytes, hex.
        rect: where it was cut, pixels of the source; None for a whole image.
        state: what a person said of it.
        found: the false positives in it, hardest first; none where it is not known where they are.
        runs: the detectors that found them, oldest first, for people.
        taken_ms: when a camera took it, in milliseconds since 1970; None where nobody knows.
        video_ms: its time in its video, milliseconds; None where it is from none.
        operation: that made it, for a variant.
    """

    sha256: str
    source: str
    source_sha256: str
    rect: Rect | None = None
    state: ReviewState = "unreviewed"
    found: tuple[FoundBox, ...] = ()
    runs: tuple[str, ...] = ()
    taken_ms: int | None = None
    video_ms: int | None = None
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What speaks for a box that nobody has checked.

    Attributes:
        score: that the detector gave; of a gap, the lower one of those beside it.
        is_gap: whether the detector found nothing there, but a thing in the frames before and after.
    """

    score: float
    is_gap: bool = False


@dataclass(frozen=True, slots=True)
class ExportImage:
    """An image to export.

    Attributes:
        name: without suffix; unique in the export.
        file: where its bytes are, or themselves, where there is no file of them.
        size_wh: of the upright image, pixels.
        accepted: a person looked at it and agreed that it holds no target.
        suffix: by the type of its content.
        splits: the splits that it is in.
        database: where it is from, for people.
        frame: the video, time and number that it was cut from, or the camera and time, for people; "" where it is from
            neither.
        truth: its objects.
        proposals: of each object, why it is proposed; None for one that a person labelled, () where all are.
        outlines: of each object; () where none has one.
        label: its label in the format that is written, which then stays as it is; None where `truth` is all there is.
        origin: what the bank knows of it; None for an image of a data set, or where the format does not say it.
    """

    name: str
    file: Content
    size_wh: tuple[int, int]
    accepted: bool = False
    suffix: str = ".jpg"
    splits: tuple[str, ...] = (TRAIN,)
    database: str = "negmine"
    frame: str = ""
    truth: GroundTruth = field(default_factory=GroundTruth.empty)
    proposals: tuple[Proposal | None, ...] = ()
    outlines: Sequence[Outline] = ()
    label: SourceLabel | None = None
    origin: Origin | None = None

    @property
    def file_name(self) -> str:
        """Its name with the suffix."""
        return f"{self.name}{self.suffix}"

    @property
    def is_negative(self) -> bool:
        """Whether the bank is known to have cut it; a whole image has an origin too."""
        return self.origin is not None and self.origin.rect is not None

    def outlined(self) -> Sequence[Outline]:
        """The outline of each object."""
        return self.outlines or ((),) * len(self.truth)

    def proposed(self) -> tuple[Proposal | None, ...]:
        """One of the proposals, or None, for each object."""
        return self.proposals or (None,) * len(self.truth)
