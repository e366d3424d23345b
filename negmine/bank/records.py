"""The values that go into a bank and come out of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from negmine.bank.filters import ReviewState
from negmine.boxes import Box, Rect
from negmine.matching import Kind
from negmine.notebook import gallery, table
from negmine.paths import printable
from negmine.structures import FileStamp, GroundTruth, Image

Parameters = Mapping[str, int | float | str]  # of an operation, by their names
STEP = "+"  # joins the names of operations that follow each other
ONTO = "onto"  # the parameter that names the negative which the false positive of another was pasted into


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One detector with one set of settings.

    Attributes:
        weights: the weights' name, for people.
        weights_sha256: their hash, hex.
        class_names: class id to name.
        detector_settings: JSON values.
        scan_settings: JSON values.
        versions: library to version; provenance only, no part of what makes two runs the same.
    """

    weights: str
    weights_sha256: str
    class_names: Mapping[int, str]
    detector_settings: Mapping[str, object]
    scan_settings: Mapping[str, object]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """An item of a source, such as a file, as the catalogue remembers it.

    Attributes:
        key: what names it in every scan; the absolute path, for a file.
        stamp: the image is read again only where this differs.
        truth_hash: of the labels that belong to it; None for a background.
        is_background: whether it is one by the user's word where it has no labels.
        shown: its name for people; None where that is the key.
    """

    key: str
    stamp: FileStamp
    truth_hash: str | None
    is_background: bool = True
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """A frame of a camera, which cannot be read again.

    Attributes:
        data: a JPEG.
        sha256: of that, hex.
        camera: its address, without user, password and query.
        taken_ms: when it came, in milliseconds since 1970.
    """

    data: bytes
    sha256: str
    camera: str
    taken_ms: int


def frame_shown(camera: str, taken_ms: int) -> str:
    """What a frame of a camera is called."""
    taken = datetime.fromtimestamp(taken_ms / 1000, UTC).isoformat(" ", "milliseconds")
    return printable(f"{camera} {taken.removesuffix('+00:00')} UTC")


@dataclass(frozen=True, slots=True)
class KnownItem:
    """What the bank knows of an item: its record, the hash of its content, and whether a run is done with it."""

    record: ItemRecord
    sha256: str
    done: bool


@dataclass(frozen=True, slots=True)
class KnownSource:
    """What the bank knows of a content: whether a run is done with it, and whether it has labels."""

    done: bool
    labelled: bool


@dataclass(frozen=True, slots=True)
class NewNegative:
    """A finished negative, ready to be stored."""

    data: bytes  # the encoded file
    size_wh: tuple[int, int]  # of the image in it, pixels
    phash: str  # perceptual hash, 16 hex digits
    rect: Rect  # where it was cut, pixels of the source
    sha256: str = field(init=False)  # of the data, hex; by whichever thread makes this

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", hashlib.sha256(self.data).hexdigest())


@dataclass(frozen=True, slots=True)
class JudgedDetection:
    """A detection and what became of it."""

    class_name: str
    score: float
    box_xyxy: tuple[float, float, float, float]  # pixels of the source
    kind: Kind
    negative: int | None = None  # index into the image's new negatives
    skipped: str | None = None  # why a background false positive gave none


@dataclass(frozen=True, slots=True)
class LikelyMiss:
    """A thing that was found in the frames before and after, and not in this one.

    Attributes:
        class_name: what the detector takes it for.
        score: the lower one of those beside it.
        box_xyxy: where it must have been, pixels.
    """

    class_name: str
    score: float
    box_xyxy: Box


@dataclass(frozen=True, slots=True, eq=False)
class ScannedImage:
    """All that a scan found out about one image."""

    item: ItemRecord
    sha256: str
    size_wh: tuple[int, int]
    truth: GroundTruth | None  # of this item alone; None to leave what the bank has
    detections: tuple[JudgedDetection, ...]
    negatives: tuple[NewNegative, ...]
    gaps: tuple[LikelyMiss, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing one image changed."""

    added: tuple[int, ...]  # which of the image's negatives the bank did not have
    withdrawn: int  # negatives taken out: labels given later show a target in them, or nothing fires there any more


@dataclass(frozen=True, slots=True)
class Negative:
    """A negative in the bank.

    Attributes:
        id: its number in the bank.
        path: where its file is.
        sha256: of the file, hex.
        size_wh: pixels.
        score: the highest score that a detector gave in it: how hard it is.
        class_name: what the detector took it for.
        source: the image that it was cut from.
        source_sha256: the hash of that image's file, hex.
        rect: where it was cut, pixels of the source.
        review: what a person said of it.
        unlabelled: 0 to 1, how much it looks like a target without a label; None where nobody compared it, or can tell.
        is_flicker: whether all that speaks for it is that its detections are alone in time.
    """

    id: int
    path: Path
    sha256: str
    size_wh: tuple[int, int]
    score: float
    class_name: str
    source: Path
    source_sha256: str
    rect: Rect
    review: ReviewState
    unlabelled: float | None = None
    is_flicker: bool = False

    def figure(self) -> tuple[Callable[[], Image], str]:
        """What draws it with its boxes, and a line about it, for a gallery."""
        from negmine.bank.pictures import picture_in  # it opens the bank, whose rows these are

        return partial(picture_in, self.path.parents[2], self.sha256), f"{self.score:.2f} {self.class_name}"

    def _repr_html_(self) -> str:
        """The picture and what is known of it, in a notebook."""
        known = (
            ("class", self.class_name),
            ("score", self.score),
            ("review", self.review),
            ("source", self.source),
            ("cut at", tuple(self.rect)),
            ("file", self.path),
        )
        return gallery([self.figure()]) + table(self.sha256[:7], (), known)


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a negative was cut from.

    Attributes:
        sha256: of the source image's bytes.
        path: where that was found.
        rect: pixels of the upright image.
    """

    sha256: str
    path: Path
    rect: Rect


@dataclass(frozen=True, slots=True)
class Variant:
    """An augmented copy of a negative.

    Attributes:
        id: its number in the bank.
        negative_id: of the negative.
        path: where its file is.
        sha256: of the file, hex.
        size_wh: pixels.
        operation: that made it, or several, joined by `STEP`.
        parameters: of these.
    """

    id: int
    negative_id: int
    path: Path
    sha256: str
    size_wh: tuple[int, int]
    operation: str
    parameters: Parameters

    @property
    def operations(self) -> tuple[str, ...]:
        """That made it, the first first."""
        return tuple(self.operation.split(STEP))

    @property
    def onto(self) -> str | None:
        """The sha256 of the negative that the false positive of its own was pasted into; None where it was not."""
        other = self.parameters.get(ONTO)
        return other if isinstance(other, str) else None

    @property
    def pasted_xyxy(self) -> Box | None:
        """Where it was pasted, in pixels; None where it was not."""
        names = ("left", "top", "width", "height")
        if self.onto is None or not self.parameters.keys() >= {*names}:
            return None
        left, top, width, height = (float(self.parameters[name]) for name in names)
        return left, top, left + width, top + height
