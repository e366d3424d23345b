"""Following a box from one frame into another by template matching (normalised cross correlation)."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from negmine.boxes import Rect, cover
from negmine.structures import FloatArray

GreyImage: TypeAlias = npt.NDArray[np.uint8]  # [H, W]
_LEAST_SIDE = 4  # pixels of a template: less says nothing
_LONGEST = 32  # pixels of a template's longer side; a larger one is matched at a smaller scale
_FLAT = 1.0  # standard deviation of grey values under which a template looks like anything


def follow(
    box_xyxy: FloatArray, start: GreyImage, end: GreyImage, *, reach_px: float, similarity: float
) -> FloatArray | None:
    """Find what is in a box of one frame in another frame of the same size.

    Args:
        box_xyxy: [4] pixels, in `start`.
        start: the frame that the box is of.
        end: the frame to look in.
        reach_px: how far the box may have moved along each axis.
        similarity: least normalised cross correlation (TM_CCOEFF_NORMED), -1 to 1.

    Returns:
        The box [4] where it is most alike; None where nothing there is alike enough, or the box is flat or too small.
    """
    height, width = start.shape
    rect = cover(box_xyxy, (width, height))
    scale = min(1.0, _LONGEST / max(rect.size_wh))
    if start.shape != end.shape or min(rect.size_wh) * scale < _LEAST_SIDE:
        return None
    reach = int(np.ceil(reach_px))
    around = Rect(
        max(rect.x1 - reach, 0), max(rect.y1 - reach, 0), min(rect.x2 + reach, width), min(rect.y2 + reach, height)
    )
    template, field = _cut(start, rect, scale), _cut(end, around, scale)
    if template.std() < _FLAT or field.shape[0] < template.shape[0] or field.shape[1] < template.shape[1]:
        return None
    alike = cv2.matchTemplate(field, template, cv2.TM_CCOEFF_NORMED)
    _, most, _, (x, y) = cv2.minMaxLoc(alike)
    if not most >= similarity:
        return None
    moved = np.array([x / scale + around.x1 - rect.x1, y / scale + around.y1 - rect.y1])
    return np.asarray(box_xyxy + np.tile(moved, 2), dtype=np.float64)


def _cut(image: GreyImage, rect: Rect, scale: float) -> GreyImage:
    part = image[rect.y1 : rect.y2, rect.x1 : rect.x2]
    if scale == 1:
        return part
    size = (max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
