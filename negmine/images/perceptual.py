"""A hash of what an image shows."""

from __future__ import annotations

import cv2
import numpy as np

from negmine.structures import Image


def perceptual_hash(image: Image) -> int:
    """A 64-bit hash that small changes (encoding, scale, brightness) move by a few bits only.

    The signs of the 8 x 8 lowest frequencies of the cosine transform of a 32 x 32 grey copy, about their median
    (pHash; Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010).
    """
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
    low = cv2.dct(grey.astype(np.float32))[:8, :8].ravel()
    bits = low > np.median(low[1:])  # the first is the mean brightness
    return int("".join("1" if bit else "0" for bit in bits), 2)
