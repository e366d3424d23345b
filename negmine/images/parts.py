"""Parts of images, resized, so that no more of a large file is in memory than is shown of it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from negmine.images.windows import WindowedImage
from negmine.structures import Image, Pixels


def resized_part(image: Pixels, part_xyxy: Sequence[int], size_wh: tuple[int, int]) -> Image:
    """A part of an image, resized; that of a file is made smaller while it is read.

    Args:
        image: [H, W, 3].
        part_xyxy: in pixels, right and bottom exclusive.
        size_wh: width and height that the part gets.

    Raises:
        ImageError: where a file cannot be decoded.
    """
    x1, y1, x2, y2 = part_xyxy
    width, height = x2 - x1, y2 - y1
    if (width, height) == size_wh:
        return image[y1:y2, x1:x2]
    if isinstance(image, WindowedImage) and size_wh[0] <= width and size_wh[1] <= height:
        return image.reduced(part_xyxy, size_wh)
    method = cv2.INTER_AREA if size_wh[0] < width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image[y1:y2, x1:x2], size_wh, interpolation=method), dtype=np.uint8)
