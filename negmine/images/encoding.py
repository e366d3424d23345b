"""From pixels to the bytes of a JPEG file."""

from __future__ import annotations

import cv2

from negmine.errors import ImageError
from negmine.structures import Image


def encode_jpeg(image: Image, *, quality: int = 95) -> bytes:
    """Encode [H, W, 3] uint8 BGR as JPEG; the same pixels give the same bytes.

    Raises:
        ImageError: where OpenCV refuses, such as for a side over 65,500 pixels.
    """
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ImageError(f"{image.shape[1]} x {image.shape[0]} pixels cannot be encoded as JPEG; choose a smaller size")
    return data.tobytes()
