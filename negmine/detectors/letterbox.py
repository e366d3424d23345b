"""Letterboxing: fit an image into the input of a model with grey around it, and scale boxes back.

The arithmetic is Ultralytics', to the last digit: `LetterBox` in `ultralytics/data/augment.py`, `check_imgsz` in
`ultralytics/utils/checks.py` and `scale_boxes` in `ultralytics/utils/ops.py` of
https://github.com/ultralytics/ultralytics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from negmine.structures import Image

PADDING = 114  # grey around the image
STRIDE = 32  # pixels; both sides of the input are multiples of it


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where an image lies in the input of a model.

    Attributes:
        resized_hw: size of the image in the input, pixels.
        input_hw: size of the input, pixels.
    """

    resized_hw: tuple[int, int]
    input_hw: tuple[int, int]

    @classmethod
    def smallest(cls, shape: Sequence[int], imgsz: int, stride: int = STRIDE) -> Letterbox:
        """The smallest input that the image fits into.

        Args:
            shape: of the image: height, width, and anything else.
            imgsz: longer side of the input, pixels; a multiple of `stride`.
            stride: of the model.
        """
        height, width = resized_hw(shape, (imgsz, imgsz))
        return cls((height, width), (height + (imgsz - height) % stride, width + (imgsz - width) % stride))

    @classmethod
    def into(cls, shape: Sequence[int], input_hw: tuple[int, int]) -> Letterbox:
        """The image in the middle of an input of a given size.

        Args:
            shape: of the image: height, width, and anything else.
            input_hw: size of the input, pixels.
        """
        return cls(resized_hw(shape, input_hw), input_hw)

    @property
    def top(self) -> int:
        """Rows above the image."""
        return _half(self.input_hw[0] - self.resized_hw[0])

    @property
    def left(self) -> int:
        """Columns to the left of the image."""
        return _half(self.input_hw[1] - self.resized_hw[1])

    def draw(self, image: Image) -> Image:
        """Resize an image [H, W, 3] uint8 and pad it with grey, to [*input_hw, 3]."""
        height, width = self.resized_hw
        image = resize(image, (width, height))
        if self.input_hw == self.resized_hw:
            return np.ascontiguousarray(image)
        padded = np.full((*self.input_hw, 3), PADDING, dtype=np.uint8)
        padded[self.top : self.top + height, self.left : self.left + width] = image
        return padded


def letterbox(image: Image, imgsz: int) -> Image:
    """Letterbox an image into the smallest input that it fits into.

    Args:
        image: [H, W, 3] uint8.
        imgsz: longer side of the input, pixels; a multiple of `STRIDE`.
    """
    return Letterbox.smallest(image.shape, imgsz).draw(image)


def resize(image: Image, size_wh: tuple[int, int]) -> Image:
    """Resize bilinearly; an image of that size is returned as it is."""
    if (image.shape[1], image.shape[0]) == size_wh:
        return image
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def resized_hw(shape: Sequence[int], input_hw: tuple[int, int]) -> tuple[int, int]:
    """Height and width of an image that is scaled to fit into an input; one pixel at least."""
    ratio = min(input_hw[0] / shape[0], input_hw[1] / shape[1])
    return max(round(shape[0] * ratio), 1), max(round(shape[1] * ratio), 1)


def whole_strides(imgsz: int, stride: int = STRIDE) -> int:
    """The input size that a model runs at, pixels: `imgsz`, or the next multiple of its stride."""
    return max(math.ceil(imgsz / stride), 1) * stride


def scale_boxes(boxes_xyxy: npt.NDArray[Any], input_hw: tuple[int, int], shape: Sequence[int]) -> npt.NDArray[Any]:
    """Boxes in pixels of the input as boxes in pixels of the image, which they may stick out of.

    Only the sizes of the two count: an input without padding is taken for one that was scaled by its own ratio, as
    Ultralytics does.

    Args:
        boxes_xyxy: [N, 4] of any float type, which the result has too.
        input_hw: size of the input, pixels.
        shape: of the image: height, width, and anything else.
    """
    place = Letterbox.into(shape, input_hw)
    height, width = place.resized_hw
    offset = np.array([place.left, place.top, place.left, place.top], dtype=boxes_xyxy.dtype)
    scale = np.array([width / shape[1], height / shape[0]] * 2, dtype=boxes_xyxy.dtype)  # each side was rounded
    scaled: npt.NDArray[Any] = (boxes_xyxy - offset) / scale
    return scaled


def _half(padding: int) -> int:
    return round(padding / 2 - 0.1)
