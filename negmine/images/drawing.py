"""Boxes on images, which stand out on any ground."""

from __future__ import annotations

import cv2

from negmine.boxes import Box
from negmine.structures import Image

Colour = tuple[int, int, int]  # BGR
_EDGE: Colour = (0, 0, 0)


def draw_box(image: Image, box_xyxy: Box, colour: Colour, *, width: int = 2) -> None:
    """Draw a box with a dark edge into an image, moved to where all of its lines can be seen.

    Args:
        image: [H, W, 3] uint8 BGR, changed in place.
        box_xyxy: pixels of the image.
        colour: of the line.
        width: of the line, pixels; the edge adds one on either side.
    """
    height, wide = image.shape[:2]
    margin = width // 2
    corners = [
        min(max(round(value), margin), max(side - 1 - margin, margin))
        for value, side in zip(box_xyxy, (wide, height, wide, height), strict=True)
    ]
    for line, thickness in ((_EDGE, width + 2), (colour, width)):
        cv2.rectangle(image, corners[:2], corners[2:], line, thickness)
