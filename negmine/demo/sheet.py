"""A contact sheet: many images in one, with a number under each."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from negmine.images import resize_without_stretching
from negmine.structures import Image

_TILE_WH = (192, 144)  # pixels
_LABEL_PX = 20
_COLUMNS = 6


def contact_sheet(images: Sequence[tuple[float, Image]]) -> bytes:
    """Draw images in rows of six, each with its score, and encode the sheet as PNG.

    Args:
        images: score and image [H, W, 3] uint8 BGR of any size.
    """
    rows = max(1, -(-len(images) // _COLUMNS))
    width, height = _TILE_WH[0], _TILE_WH[1] + _LABEL_PX
    sheet = np.full((rows * height, _COLUMNS * width, 3), 255, dtype=np.uint8)
    for index, (score, image) in enumerate(images):
        x, y = index % _COLUMNS * width, index // _COLUMNS * height
        sheet[y : y + _TILE_WH[1], x : x + width] = resize_without_stretching(image, _TILE_WH, pad=255)
        cv2.putText(sheet, f"{score:.2f}", (x + 4, y + height - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1)
    _, encoded = cv2.imencode(".png", sheet)
    return encoded.tobytes()
