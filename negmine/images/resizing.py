"""Resizing that never stretches."""

from __future__ import annotations

import cv2
import numpy as np

from negmine.structures import Image

PAD = 114  # grey of letterbox borders, as Ultralytics trains with


def resize_without_stretching(image: Image, size_wh: tuple[int, int], *, pad: int = PAD) -> Image:
    """Scale an image [H, W, 3] to fit into `size_wh`, centred, and fill what is left with grey of value `pad`."""
    (width, height), (out_width, out_height) = (image.shape[1], image.shape[0]), size_wh
    if (width, height) == size_wh:
        return image.copy()
    shown_wh = fitted_wh((width, height), size_wh)
    method = cv2.INTER_AREA if out_width < width or out_height < height else cv2.INTER_LINEAR
    fitted = image if shown_wh == (width, height) else cv2.resize(image, shown_wh, interpolation=method)
    if shown_wh == size_wh:
        return np.asarray(fitted, dtype=np.uint8)
    result = np.full((out_height, out_width, 3), pad, dtype=np.uint8)
    left, top = (out_width - shown_wh[0]) // 2, (out_height - shown_wh[1]) // 2
    result[top : top + shown_wh[1], left : left + shown_wh[0]] = fitted
    return result


def fitted_wh(size_wh: tuple[int, int], into_wh: tuple[int, int]) -> tuple[int, int]:
    """The largest width and height of the same shape that fit, in whole pixels."""
    scale = min(into / side for side, into in zip(size_wh, into_wh, strict=True))
    width, height = (min(max(round(side * scale), 1), into) for side, into in zip(size_wh, into_wh, strict=True))
    return width, height
