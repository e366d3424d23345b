"""A hash of what an image shows."""

from __future__ import annotations

import cv2
import imagehash
from PIL import Image as PillowImage

from negmine.structures import Image

_LARGE = 256  # pixels a side; a larger image is shrunk to it first, by averaging, which is many times faster


def perceptual_hash(image: Image) -> int:
    """A 64-bit hash that small changes (encoding, scale, brightness) move by a few bits only.

    The signs of the 8 x 8 lowest frequencies of the cosine transform of a 32 x 32 grey copy, about their median
    (pHash, as ImageHash computes it; Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions",
    2010). So half of its bits are set, except for images with almost no structure.

    Args:
        image: [H, W, 3] uint8 BGR.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    while min(height, width) >= 4 * _LARGE and not (height % 2 or width % 2):  # in halves, which is faster still
        height, width = height // 2, width // 2
        grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    if max(height, width) > _LARGE:
        grey = cv2.resize(grey, (min(width, _LARGE), min(height, _LARGE)), interpolation=cv2.INTER_AREA)
    return int(str(imagehash.phash(PillowImage.fromarray(grey))), 16)
