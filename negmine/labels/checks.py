"""What every format requires of labels: a readable file that was made for this image, and boxes inside it."""

from __future__ import annotations

import math
from pathlib import Path

from negmine.errors import LabelError
from negmine.paths import printable

Box = tuple[float, float, float, float]  # xyxy

_LARGEST = 64 << 20  # bytes of one image's labels


def read_label(path: Path) -> bytes:
    """The bytes of a label file.

    Raises:
        LabelError: where it cannot be read, is not a regular file, or is too large to be one image's labels.
    """
    try:
        if not path.is_file():  # reading a pipe could wait for ever
            raise LabelError(f"{printable(path)}: expected a label file, found something else; remove it")
        if path.stat().st_size > _LARGEST:
            raise LabelError(
                f"{printable(path)}: expected a label file, found one of over {_LARGEST >> 20} MiB; remove it"
            )
        return path.read_bytes()
    except OSError as error:
        raise LabelError(f"{printable(path)}: it cannot be read: {error.strerror or error}") from error


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


def clipped_box(box: Box, image_wh: tuple[int, int], where: str) -> Box:
    """Clip the box of an object to the image.

    Args:
        box: xyxy, pixels.
        image_wh: width and height of the upright image, pixels.
        where: the object, for the message.

    Raises:
        LabelError: for a box that is not finite, is inverted, or has no area inside the image: there is an object, and
            its place is unknown.
    """
    if not all(map(math.isfinite, box)) or box[2] < box[0] or box[3] < box[1]:
        raise LabelError(f"{where}: expected a box, found {list(box)}, which is not finite or inverted; correct it")
    (x1, y1, x2, y2), (width, height) = box, image_wh
    inside = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        raise LabelError(
            f"{where}: the box {list(box)} has no area inside the image of {width} x {height} pixels; correct it"
        )
    return inside


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
