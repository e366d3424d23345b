"""What every format requires of labels: a readable file that was made for this image, and boxes inside it.

And what every format means alike: boxes that stand for no object, regions that nobody judges, and when a label is
another than it was.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from negmine.boxes import Box, box_around
from negmine.errors import LabelError
from negmine.files import read_regular, reason_of
from negmine.paths import printable
from negmine.structures import GroundTruth

_LARGEST = 64 << 20  # bytes of one image's labels
_RULES = 2  # counts up when negmine reads the same label differently, so that a bank reads its labels again
_IGNORED = frozenset(
    {"dontcare", "ignore", "ignored", "ignoreregion", "ignoreregions", "ignoredregion", "ignoredregions"}
)


def read_label(path: Path) -> bytes:
    """The bytes of a label file.

    Raises:
        LabelError: where it cannot be read, is not a regular file, or is too large to be one image's labels.
    """
    try:
        return read_regular(path, most=_LARGEST)
    except (OSError, ValueError) as error:  # ValueError: a NUL in a name
        raise LabelError(
            f"{printable(path)}: expected a label file that can be read: {reason_of(error)}; correct or remove it"
        ) from error


def hash_of_label(data: bytes, reading: str = "") -> str:
    """A hash, hex, of all that decides what a label says; see `Truth.label_hash`.

    Args:
        data: the label.
        reading: what else decides it, such as the numbers of the classes.
    """
    prefix = f"{_RULES}\0{reading}\0".encode("utf-8", "surrogatepass")
    return hashlib.sha256(prefix + data).hexdigest()


def number_in(text: str) -> float:
    """The number that a label states.

    Raises:
        ValueError: for what is no number. Python's `1_000` and digits of other scripts are none.
    """
    if "_" in text or not text.isascii():
        raise ValueError(f"could not convert string to float: {text!r}")
    return float(text)


def require_size(labelled_wh: tuple[int, int], image_wh: tuple[int, int], where: str) -> None:
    """Refuse labels that were made on another pixel grid: their boxes would miss the targets.

    Args:
        labelled_wh: width and height that the labels state, pixels; 0 where they do not say.
        image_wh: width and height of the upright image, pixels.
        where: the label, for the message.

    Raises:
        LabelError: where they differ.
    """
    if 0 in labelled_wh or labelled_wh == image_wh:
        return
    turned = (
        "; it looks as if they were made before EXIF orientation was applied" if labelled_wh == image_wh[::-1] else ""
    )
    raise LabelError(
        f"{where}: the labels are for an image of {labelled_wh[0]} x {labelled_wh[1]} pixels, and it has "
        f"{image_wh[0]} x {image_wh[1]}{turned}; label the image as it is, or correct the size"
    )


def clipped_box(box: Box, image_wh: tuple[int, int] | None, where: str) -> Box:
    """Clip the box of an object to the image.

    Args:
        box: xyxy, pixels.
        image_wh: width and height of the upright image, pixels; None where they are not known.
        where: the object, for the message.

    Raises:
        LabelError: for a box that is not finite, is inverted, or has no area inside the image: there is an object, and
            its place is unknown.
    """
    of_pixels = f" of {image_wh[0]} x {image_wh[1]} pixels" if image_wh else ""
    return _clipped(box, image_wh or (math.inf, math.inf), of_pixels, where)


def clipped_polygon(
    points: Iterable[Sequence[float]], image_wh: tuple[int, int], where: str
) -> tuple[tuple[float, float], ...]:
    """Move the points of a polygon that lie outside the image to its border.

    Args:
        points: x, y, pixels.
        image_wh: width and height of the upright image, pixels.
        where: the object, for the message.

    Raises:
        LabelError: as `clipped_box`, for the box around them.
    """
    every = [(x, y) for x, y in points]
    clipped_box(box_around(every), image_wh, where)
    width, height = image_wh
    return tuple((min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))) for x, y in every)


def clipped_shares(box: Box, where: str) -> Box:
    """Clip a box whose sides are shares of the image's, 0 to 1, as `clipped_box` does."""
    return _clipped(box, (1.0, 1.0), ", whose sides are 1", where)


def _clipped(box: Box, image_wh: tuple[float, float], image_size: str, where: str) -> Box:
    if not all(map(math.isfinite, box)) or box[2] < box[0] or box[3] < box[1]:
        raise LabelError(f"{where}: expected a box, found {list(box)}, which is not finite or inverted; correct it")
    (x1, y1, x2, y2), (width, height) = box, image_wh
    inside = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        raise LabelError(f"{where}: the box {list(box)} has no area inside the image{image_size}; correct it")
    return inside


def is_placeholder(values: Sequence[float]) -> bool:
    """Whether the numbers of a box, as the file has them, stand for no object: none, all 0, or all -1."""
    return set(values) in (set(), {0}, {-1})


def says_background(boxes: Sequence[Sequence[float]], where: str) -> bool:
    """Whether a label holds nothing but placeholders, by which some tools say that the image holds nothing.

    Args:
        boxes: the numbers of each box, as the file has them.
        where: the label, for the message.

    Raises:
        LabelError: where some boxes are placeholders and others are not: those may be objects of unknown place.
    """
    empty = [index for index, box in enumerate(boxes) if is_placeholder(box)]
    if empty and len(empty) < len(boxes):
        raise LabelError(
            f"{where}: object {empty[0]} has a box without a size, {list(boxes[empty[0]])}, and others have boxes; "
            "remove it, or give it its box"
        )
    return bool(empty)


def is_ignored_class(name: str) -> bool:
    """Whether a class names regions that nobody has judged, such as KITTI's `DontCare` and VisDrone's."""
    return "".join(filter(str.isalnum, name)).casefold() in _IGNORED


def judged_classes(names: Sequence[str]) -> tuple[str, ...]:
    """The names without those of regions to ignore."""
    return tuple(name for name in names if not is_ignored_class(name))


def objects_of(names: Sequence[str]) -> tuple[str, ...]:
    """The class of every object, as `Truth.object_names` tells it.

    Regions to ignore are no objects. An image that has nothing else keeps them by their own names: it is no background.
    """
    return judged_classes(names) or tuple(names)


def with_ignored_regions(truth: GroundTruth, class_names: Sequence[str]) -> GroundTruth:
    """Make every region to ignore a crowd of each class, so that a detection in it is neither right nor wrong.

    Args:
        truth: objects, regions among them.
        class_names: those that the truth lists.
    """
    ignored = [is_ignored_class(name) for name in truth.class_names]
    if not any(ignored):
        return truth
    classes = judged_classes(class_names)
    rows = [
        (box, each, hard, crowd or skip)
        for box, name, hard, crowd, skip in zip(
            truth.boxes_xyxy, truth.class_names, truth.difficult, truth.crowd, ignored, strict=True
        )
        for each in (classes if skip and classes else [name])
    ]
    boxes, names, difficult, crowds = zip(*rows, strict=True)
    return GroundTruth.of(boxes, names, difficult=difficult, crowd=crowds)


def at_least_a_pixel(box: Box, image_wh: tuple[int, int]) -> Box:
    """A box whose sides under a pixel are grown to one, about their middle and inside the image.

    Trainers drop what is smaller, and the object would count as background.
    """
    (x1, x2), (y1, y2) = (_grown(*span) for span in zip(box[:2], box[2:], image_wh, strict=True))
    return x1, y1, x2, y2


def _grown(low: float, high: float, side: int) -> tuple[float, float]:
    if high - low >= 1:
        return low, high
    start = min(max((low + high - 1) / 2, 0.0), side - 1.0)
    return start, start + 1
