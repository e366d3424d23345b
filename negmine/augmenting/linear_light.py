"""Pixels as amounts of light: what cameras and weather do adds up in light, not in the values of an image file.

The values of an image are sRGB (IEC 61966-2-1): about the 2.4th root of the light.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from negmine.structures import Image

Light = npt.NDArray[np.float32]  # [H, W, 3]: 0 for none, 1 for as much as an image can show

_STEPS = 65535  # of the table that turns light into values: finer than a value, also where it is dark


def _light_of(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _value_of(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


_LIGHT = _light_of(np.arange(256) / 255).astype(np.float32)
_VALUE = (_value_of(np.arange(_STEPS + 1) / _STEPS) * 255).round().astype(np.uint8)


def to_light(image: Image) -> Light:
    """The light of an image [H, W, 3] uint8."""
    return np.asarray(cv2.LUT(image, _LIGHT), dtype=np.float32)


def to_image(light: Light) -> Image:
    """The image of an amount of light: [H, W, 3] uint8. Too much is white, as in a camera."""
    steps = (np.clip(light, 0, 1) * _STEPS + 0.5).astype(np.uint16)
    return np.asarray(_VALUE[steps], dtype=np.uint8)


def is_grey(image: Image) -> bool:
    """Whether no pixel of an image [H, W, 3] has a colour, as those of monochrome and thermal cameras."""
    return bool((image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all())
