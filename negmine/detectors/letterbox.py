"""Where Ultralytics' letterbox puts an image, and back again: its own arithmetic, to the last digit.

It follows `LetterBox` in `ultralytics/data/augment.py`, `check_imgsz` in `ultralytics/utils/checks.py` and
`scale_boxes` in `ultralytics/utils/ops.py` of https://github.com/ultralytics/ultralytics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from negmine.boxes import clip_boxes
from negmine.structures import FloatArray, Image

PADDING = 114  # grey around the image
STRIDE = 32  # pixels; sides of a picture are multiples of it


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an image comes to lie in the picture that the model is shown.

    Attributes:
        resized_hw: size of the image in the picture, pixels.
        top: rows above it.
        left: columns to its left.
        picture_hw: size of the picture, pixels.
    """

    resized_hw: tuple[int, int]
    top: int
    left: int
    picture_hw: tuple[int, int]

    @classmethod
    def of(cls, shape: Sequence[int], imgsz: int, stride: int = STRIDE) -> Placement:
        """The smallest picture that the image fits into.

        Args:
            shape: of the image: height, width and whatever else.
            imgsz: longer side of the picture, pixels; a multiple of `stride`.
            stride: of the model.
        """
        ratio = min(imgsz / shape[0], imgsz / shape[1])
        height, width = (max(round(side * ratio), 1) for side in shape[:2])
        rows, columns = (imgsz - height) % stride, (imgsz - width) % stride
        return cls((height, width), round(rows / 2 - 0.1), round(columns / 2 - 0.1), (height + rows, width + columns))


def whole_strides(imgsz: int, stride: int = STRIDE) -> int:
    """The input size that a model runs at, pixels: `imgsz`, or the next multiple of its stride."""
    return max(math.ceil(imgsz / stride), 1) * stride


def letterboxed(image: Image, imgsz: int) -> Image:
    """Resize to fit, put into the middle of a grey picture.

    Args:
        image: [H, W, 3] uint8.
        imgsz: as of `Placement.of`.
    """
    place = Placement.of(image.shape, imgsz)
    height, width = place.resized_hw
    if image.shape[:2] != place.resized_hw:
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    if place.picture_hw == place.resized_hw:
        return np.ascontiguousarray(image)
    picture = np.full((*place.picture_hw, 3), PADDING, dtype=np.uint8)
    picture[place.top : place.top + height, place.left : place.left + width] = image
    return picture


def on_image(boxes_xyxy: npt.NDArray[Any], picture_hw: tuple[int, int], shape: Sequence[int]) -> FloatArray:
    """Boxes in pixels of the picture as boxes in pixels of the image, cut at its edge.

    Where no padding was left, the picture is taken for one that was resized by its own ratio: that is Ultralytics'.

    Args:
        boxes_xyxy: [N, 4] of any float type, which is computed in.
        picture_hw: size of the picture, pixels.
        shape: of the image: height, width and whatever else.
    """
    image_hw = shape[:2]
    gain = min(picture_hw[0] / image_hw[0], picture_hw[1] / image_hw[1])
    height, width = (max(round(side * gain), 1) for side in image_hw)
    top, left = round((picture_hw[0] - height) / 2 - 0.1), round((picture_hw[1] - width) / 2 - 0.1)
    offset = np.array([left, top, left, top], dtype=boxes_xyxy.dtype)
    scale = np.array([width / image_hw[1], height / image_hw[0]] * 2, dtype=boxes_xyxy.dtype)
    moved = ((boxes_xyxy - offset) / scale).astype(np.float64)
    return clip_boxes(moved, (image_hw[1], image_hw[0]))
