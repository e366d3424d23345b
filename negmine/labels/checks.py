"""What every format asks of an image's labels before they are believed: they must be of this picture, and in it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from negmine.boxes import box_area, clip_boxes
from negmine.errors import LabelError
from negmine.structures import FloatArray


def require_size(labelled_wh: tuple[int, int], image_wh: tuple[int, int], where: str) -> None:
    """Refuse labels that were made on another pixel grid: their boxes would miss the targets.

    A size of 0 means that the labels do not say.
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


def checked_boxes(rows: Sequence[Sequence[float]], image_wh: tuple[int, int], where: str) -> FloatArray:
    """Clip boxes to the image.

    Args:
        rows: xyxy in pixels, one for each object.
        image_wh: width and height, pixels.
        where: the label file, for the message.

    Raises:
        LabelError: for a box that is not finite, inverted, or wholly outside, naming its index.
    """
    for index, row in enumerate(rows):
        if not all(map(math.isfinite, row)) or row[2] < row[0] or row[3] < row[1]:
            raise LabelError(f"{where}: the box of object {index} is no box: {list(row)}; correct it")
    boxes = np.array(rows, dtype=np.float64).reshape(-1, 4)
    clipped = clip_boxes(boxes, image_wh)
    outside = (box_area(clipped) == 0) & (box_area(boxes) > 0)
    if outside.any():
        index = int(np.argmax(outside))
        raise LabelError(
            f"{where}: object {index} lies outside the image of {image_wh[0]} x {image_wh[1]} pixels: "
            f"{[float(v) for v in boxes[index]]}; correct it"
        )
    return clipped
