"""Small copies of images, to look at."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from negmine.images.codecs import encode_jpeg
from negmine.structures import Image

_QUALITY = 80


def shrunk(image: Image, side_px: int) -> Image:
    """An image [H, W, 3] whose longer side is at most so many pixels; a smaller one is returned as it is."""
    height, width = image.shape[:2]
    scale = side_px / max(height, width)
    if scale >= 1:
        return image
    size_wh = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def data_uri(image: Image, *, quality: int = _QUALITY) -> str:
    """An image [H, W, 3] as a JPEG inside a URI, for pages that are one file."""
    return f"data:image/jpeg;base64,{base64.b64encode(encode_jpeg(image, quality=quality)).decode('ascii')}"
