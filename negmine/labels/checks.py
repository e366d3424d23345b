"""What every format asks of an image's labels before they are believed: they must be of this picture, and in it."""

from __future__ import annotations

import math

from negmine.errors import LabelError

Box = tuple[float, float, float, float]  # xyxy


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
            nobody can say where.
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
