"""The operations that make variants, as plain functions: mild changes of a kind that cameras and codecs make.

Each is imgaug's (Jung et al., imgaug 0.4.0), takes [H, W, 3] uint8, changes nothing in place, and gives the same pixels
every time. They treat all channels alike, so the order of colours does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np

from negmine.augmenting.checks import require_among, require_image, require_in
from negmine.augmenting.imgaug_import import imgaug_augmenters
from negmine.structures import Image

SIGMA = (0.0, 2.0)
SHARPEN_ALPHA = (0.0, 0.5)
LIGHTNESS = (0.5, 1.25)
CONTRAST_ALPHA = (0.75, 1.25)
AVERAGE_KERNELS = (2, 3, 4, 5)
MEDIAN_KERNELS = (3, 5)


def gaussian_blur(image: Image, *, sigma: float) -> Image:
    """Blur with a Gaussian.

    Args:
        image: [H, W, 3] uint8.
        sigma: standard deviation in pixels, 0 to 2; 0 changes nothing.

    Raises:
        ConfigError: for another sigma, or what is no such image.
    """
    require_in("sigma", sigma, SIGMA)
    require_image(image)
    blurred = imgaug_augmenters().blur_gaussian_(image, sigma)  # what iaa.GaussianBlur calls; OpenCV makes a new image
    return np.array(image) if blurred is image else np.asarray(blurred, dtype=np.uint8)


def sharpen(image: Image, *, alpha: float, lightness: float = 1.0) -> Image:
    """Blend the image with a sharpened one: (1 - alpha) x image + alpha x (8 + lightness at the centre, -1 around it).

    Args:
        image: [H, W, 3] uint8.
        alpha: share of the sharpened image, 0 to 0.5; 0 changes nothing.
        lightness: brightness of the sharpened image, 0.5 to 1.25; 1 keeps it.

    Raises:
        ConfigError: for other values, or what is no such image.
    """
    require_in("alpha", alpha, SHARPEN_ALPHA)
    require_in("lightness", lightness, LIGHTNESS)
    require_image(image)
    sharpener: Any = imgaug_augmenters().Sharpen(alpha=alpha, lightness=lightness, seed=0)
    (matrix,) = sharpener.matrix(image, 1, sharpener.random_state)
    # imgaug filters channel by channel; all three at once is the same in half the time.
    return np.asarray(cv2.filter2D(image, -1, matrix), dtype=np.uint8)


def linear_contrast(image: Image, *, alpha: float) -> Image:
    """Stretch or shrink all values about the middle: 127 + alpha x (value - 127).

    Args:
        image: [H, W, 3] uint8.
        alpha: 0.75 (weaker contrast) to 1.25 (stronger); 1 changes nothing.

    Raises:
        ConfigError: for another alpha, or what is no such image.
    """
    require_in("alpha", alpha, CONTRAST_ALPHA)
    require_image(image)
    changed = imgaug_augmenters().adjust_contrast_linear(image, alpha)  # what iaa.LinearContrast calls
    return np.asarray(changed, dtype=np.uint8)


def average_blur(image: Image, *, kernel: int) -> Image:
    """Replace every pixel by the mean of the `kernel` x `kernel` around it.

    Args:
        image: [H, W, 3] uint8.
        kernel: 2, 3, 4 or 5 pixels.

    Raises:
        ConfigError: for another kernel, or what is no such image.
    """
    require_among("kernel", kernel, AVERAGE_KERNELS)
    return _apply("AverageBlur", image, k=kernel)


def median_blur(image: Image, *, kernel: int) -> Image:
    """Replace every pixel by the median of the `kernel` x `kernel` around it, in each channel.

    Args:
        image: [H, W, 3] uint8.
        kernel: 3 or 5 pixels.

    Raises:
        ConfigError: for another kernel, or what is no such image.
    """
    require_among("kernel", kernel, MEDIAN_KERNELS)
    return _apply("MedianBlur", image, k=kernel)


OPERATIONS: Mapping[str, Callable[..., Image]] = {
    function.__name__: function for function in (gaussian_blur, sharpen, linear_contrast, average_blur, median_blur)
}


def _apply(name: str, image: Image, **parameters: int | float) -> Image:
    require_image(image)
    augmenter: Any = getattr(imgaug_augmenters(), name)(**parameters)
    return np.asarray(augmenter(image=image), dtype=np.uint8)
