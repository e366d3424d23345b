"""What a camera does to a picture: it moves, its sensor is noisy, and it compresses.

Each operation takes [H, W, 3] uint8 BGR, changes nothing in place, and gives the same pixels every time.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from negmine.augmenting.checks import require_image, require_in
from negmine.augmenting.linear_light import is_grey, to_image, to_light
from negmine.images import decode_image, encode_jpeg
from negmine.structures import Image

JPEG_QUALITY = (10, 80)
PHOTONS = (200.0, 4000.0)
READ = (0.0, 0.01)
LENGTH = (2.0, 12.0)
ANGLE = (0.0, 180.0)
MAX_SEED = 2**32 - 1
_SAMPLES = 8  # of the path of a moving camera, a pixel


def jpeg_compression(image: Image, *, jpeg_quality: int) -> Image:
    """Compress as JPEG, and decode again: blocks, ringing at edges, blurred colours.

    Args:
        image: [H, W, 3] uint8 BGR.
        jpeg_quality: 10 (blocks that anybody sees) to 80 (hardly visible).

    Raises:
        ConfigError: for another quality, or what is no such image.
    """
    require_in("jpeg_quality", jpeg_quality, JPEG_QUALITY)
    require_image(image)
    return decode_image(encode_jpeg(image, quality=jpeg_quality))


def sensor_noise(image: Image, *, photons: float, read: float, noise_seed: int) -> Image:
    """Add the noise of photons and of the electronics, in light, of every pixel by itself.

    Its variance is light / photons + read^2, with light from 0 to 1 (Foi et al., "Practical Poissonian-Gaussian noise
    modeling and fitting for single-image raw-data", 2008, equation 3). A picture without colour gets noise without.

    Args:
        image: [H, W, 3] uint8 BGR.
        photons: that a white pixel collects, 200 (a dark room) to 4000 (an overcast day).
        read: standard deviation of what the electronics add, as a share of white; 0 to 0.01.
        noise_seed: of the noise, 0 to 2^32 - 1.

    Raises:
        ConfigError: for other values, or what is no such image.
    """
    require_in("photons", photons, PHOTONS)
    require_in("read", read, READ)
    require_in("noise_seed", noise_seed, (0, MAX_SEED))
    require_image(image)
    light = to_light(image)
    height, width = image.shape[:2]
    # RandomState, unlike Generator, gives the same numbers in every version of NumPy.
    noise = np.random.RandomState(noise_seed).standard_normal((height, width, 1 if is_grey(image) else 3))
    return to_image(light + noise.astype(np.float32) * np.sqrt(light / np.float32(photons) + np.float32(read**2)))


def motion_blur(image: Image, *, length: float, angle: float) -> Image:
    """Blur along a line, as a camera does that moves while its shutter is open; light is averaged, not values.

    Args:
        image: [H, W, 3] uint8 BGR.
        length: of the line, 2 to 12 pixels.
        angle: from the x axis towards the y axis, 0 to 180 degrees.

    Raises:
        ConfigError: for other values, or what is no such image.
    """
    require_in("length", length, LENGTH)
    require_in("angle", angle, ANGLE)
    require_image(image)
    blurred = cv2.filter2D(to_light(image), -1, line_kernel(length, angle))
    return to_image(np.asarray(blurred, dtype=np.float32).reshape(image.shape))


def line_kernel(length: float, angle: float) -> npt.NDArray[np.float32]:
    """The share of the light [K, K] that comes from each pixel around one: a line through the middle, one pixel wide.

    Args:
        length: pixels.
        angle: degrees.
    """
    reach = math.ceil(length / 2) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    along = np.linspace(-length / 2, length / 2, max(math.ceil(length * _SAMPLES), 2))
    x, y = (along * turn + reach for turn in (math.cos(math.radians(angle)), math.sin(math.radians(angle))))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for dx in (0, 1):  # each sample is divided among the four pixels around it
        for dy in (0, 1):
            share = np.abs(1 - dx - (x - left)) * np.abs(1 - dy - (y - top))
            np.add.at(kernel, (top + dy, left + dx), share)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)
