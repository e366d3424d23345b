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
    scale = min(out_width / width, out_height / height)
    fitted_wh = (min(max(round(width * scale), 1), out_width), min(max(round(height * scale), 1), out_height))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    fitted = image if fitted_wh == (width, height) else cv2.resize(image, fitted_wh, interpolation=method)
    if fitted_wh == size_wh:
        return np.asarray(fitted, dtype=np.uint8)
    result = np.full((out_height, out_width, 3), pad, dtype=np.uint8)
    left, top = (out_width - fitted_wh[0]) // 2, (out_height - fitted_wh[1]) // 2
    result[top : top + fitted_wh[1], left : left + fitted_wh[0]] = fitted
    return result
