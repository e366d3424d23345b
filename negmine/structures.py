"""The value types that every layer speaks: what a detector found, and what is really there.

Boxes are float64 xyxy, absolute pixels of the EXIF-upright image, 0-based, right and bottom exclusive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from negmine.errors import BoxError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Image = npt.NDArray[np.uint8]  # [H, W, 3], BGR


class Pixels(Protocol):
    """An `Image`, or a file that is too large for one and of which parts are read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width, channels."""

    def __getitem__(self, part: tuple[slice, slice], /) -> Image:
        """The rows and columns of a part; their ends are inside."""


class View(NamedTuple):
    """The part of an image that a detector was shown.

    Attributes:
        x1, y1, x2, y2: pixels of the image, right and bottom exclusive.
        scale: pixels that it was shown for each pixel of the image; for the whole image beside tiles, as if it had been
            fitted into a tile.
    """

    x1: int
    y1: int
    x2: int
    y2: int
    scale: float


def as_boxes_xyxy(boxes: npt.ArrayLike, *, what: str = "box") -> FloatArray:
    """Return `boxes` as a new float64 array [N, 4], or raise an error that names the first row that is not a box.

    Args:
        boxes: [N, 4] xyxy in pixels; anything empty stands for no boxes.
        what: what to call a box in the message.

    Raises:
        BoxError: for another shape, NaN or infinite coordinates, or x2 < x1 or y2 < y1.
    """
    array = np.array(boxes, dtype=np.float64)
    if array.size == 0:
        return np.zeros((0, 4), dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 4:
        raise BoxError(f"expected {what} coordinates of shape [N, 4], found {list(array.shape)}")
    for wrong, reason in (
        (~np.isfinite(array).all(axis=1), "is not finite"),
        ((array[:, 2] < array[:, 0]) | (array[:, 3] < array[:, 1]), "is inverted (x2 < x1 or y2 < y1)"),
    ):
        if wrong.any():
            index = int(np.argmax(wrong))
            raise BoxError(f"{what} {index} {reason}: {[float(v) for v in array[index]]}")
    return array


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What a detector found in one image.

    Attributes:
        boxes_xyxy: [N, 4] float64, pixels.
        scores: [N] float64 in [0, 1].
        class_ids: [N] int64, indices into the detector's class names.
        views: N, what the detector saw each in; None where that is the whole image, as it is.

    Raises:
        BoxError: where a value is not finite, a box is inverted, a score leaves [0, 1], or the lengths differ.
    """

    boxes_xyxy: FloatArray
    scores: FloatArray
    class_ids: IntArray
    views: tuple[View, ...] | None = None

    def __post_init__(self) -> None:
        boxes = as_boxes_xyxy(self.boxes_xyxy, what="detection")
        scores = np.array(self.scores, dtype=np.float64).reshape(-1)
        class_ids = np.array(self.class_ids).reshape(-1)
        if not len(boxes) == len(scores) == len(class_ids):
            raise BoxError(
                f"expected as many scores and class ids as boxes, found {len(boxes)} boxes, "
                f"{len(scores)} scores, {len(class_ids)} class ids"
            )
        wrong = ~((scores >= 0) & (scores <= 1))  # NaN compares false, so it is caught here too
        if wrong.any():
            index = int(np.argmax(wrong))
            raise BoxError(f"detection {index} has a score outside [0, 1]: {float(scores[index])}")
        if len(class_ids) and not np.equal(np.mod(class_ids, 1), 0).all():
            raise BoxError(f"class ids must be whole numbers, found {class_ids.dtype}")
        if self.views is not None and len(self.views) != len(boxes):
            raise BoxError(f"expected as many views as boxes, found {len(self.views)} and {len(boxes)}")
        object.__setattr__(self, "boxes_xyxy", boxes)
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "class_ids", class_ids.astype(np.int64))

    @classmethod
    def empty(cls) -> Detections:
        """No detections."""
        return cls(np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, which: BoolArray | IntArray) -> Detections:
        """Return the rows that a mask or an index array names, in that order."""
        views = self.views
        if views is not None:
            views = tuple(views[index] for index in np.arange(len(self))[which])
        return Detections(self.boxes_xyxy[which], self.scores[which], self.class_ids[which], views)


@dataclass(frozen=True, slots=True, eq=False)
class GroundTruth:
    """The objects of one labelled image; no objects means that the image is known to be empty.

    Attributes:
        boxes_xyxy: [M, 4] float64, pixels.
        class_names: M names.
        difficult: [M] bool, VOC's mark: what matches the object is neither a hit nor a false positive.
        crowd: [M] bool, COCO's `iscrowd`: as difficult, matched by the share of the detection inside the box.

    Raises:
        BoxError: where a box is not finite or inverted, or the lengths differ.
    """

    boxes_xyxy: FloatArray
    class_names: tuple[str, ...]
    difficult: BoolArray
    crowd: BoolArray

    def __post_init__(self) -> None:
        boxes = as_boxes_xyxy(self.boxes_xyxy, what="object")
        difficult = np.array(self.difficult, dtype=np.bool_).reshape(-1)
        crowd = np.array(self.crowd, dtype=np.bool_).reshape(-1)
        if not len(boxes) == len(self.class_names) == len(difficult) == len(crowd):
            raise BoxError(
                f"expected one class name, difficult and crowd mark for each of {len(boxes)} objects, found "
                f"{len(self.class_names)}, {len(difficult)} and {len(crowd)}"
            )
        object.__setattr__(self, "boxes_xyxy", boxes)
        object.__setattr__(self, "class_names", tuple(self.class_names))
        object.__setattr__(self, "difficult", difficult)
        object.__setattr__(self, "crowd", crowd)

    @classmethod
    def empty(cls) -> GroundTruth:
        """No objects: a background image."""
        return cls.of([], [])

    @classmethod
    def of(
        cls,
        boxes_xyxy: npt.ArrayLike,
        class_names: Sequence[str],
        *,
        difficult: Sequence[bool] | None = None,
        crowd: Sequence[bool] | None = None,
    ) -> GroundTruth:
        """Build from plain sequences; marks that are not given are False."""
        none = [False] * len(class_names)
        return cls(
            as_boxes_xyxy(boxes_xyxy, what="object"),
            tuple(class_names),
            np.array(none if difficult is None else difficult, dtype=np.bool_),
            np.array(none if crowd is None else crowd, dtype=np.bool_),
        )

    def joined(self, other: GroundTruth) -> GroundTruth:
        """The objects of both, these first."""
        return GroundTruth(
            np.concatenate([self.boxes_xyxy, other.boxes_xyxy]),
            self.class_names + other.class_names,
            np.concatenate([self.difficult, other.difficult]),
            np.concatenate([self.crowd, other.crowd]),
        )

    def unjudged(self, size_wh: tuple[int, int]) -> tuple[str, ...]:
        """The classes of crowds that fill an image of this width and height: nobody knows how many of them it holds."""
        whole = (self.boxes_xyxy == np.array([0, 0, *size_wh])).all(axis=1) & self.crowd
        return tuple(dict.fromkeys(self.class_names[index] for index in np.flatnonzero(whole)))

    def __len__(self) -> int:
        return len(self.class_names)


@dataclass(frozen=True, slots=True)
class FileStamp:
    """Size and time of change of a file; while both stay the same, what the file holds is taken to be unchanged."""

    size: int  # bytes
    mtime_ns: int  # of 64 bits, as databases have them: a file from before 1677 or after 2262 is stamped with the limit

    def __post_init__(self) -> None:
        object.__setattr__(self, "mtime_ns", min(max(self.mtime_ns, -(1 << 63)), (1 << 63) - 1))
