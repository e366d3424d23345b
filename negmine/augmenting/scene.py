"""What light and weather do to a scene: another exposure or colour of the light, haze, rain.

Each operation takes [H, W, 3] uint8 BGR, changes nothing in place, and gives the same pixels every time.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from negmine.augmenting.camera import MAX_SEED
from negmine.augmenting.checks import require_image, require_in
from negmine.augmenting.linear_light import Light, is_grey, to_image, to_light
from negmine.structures import Image

EXPOSURE = (-1.5, 1.0)
GAMMA = (0.7, 1.4)
KELVIN = (4000.0, 9000.0)
TRANSMISSION = (0.45, 0.9)
AIRLIGHT = (0.5, 0.85)
DROPS = (100.0, 800.0)
STREAK = (0.03, 0.1)
SLANT = (-25.0, 25.0)

_DAYLIGHT = 6500.0  # kelvin: the white of sRGB
_WAVELENGTHS = np.array([465e-9, 540e-9, 610e-9])  # metres, of blue, green and red
_SECOND_RADIATION = 1.438776877e-2  # metre kelvin, of Planck's law
_NEARER = 0.25  # by this share the optical depth is smaller at the lower edge, and larger at the upper
_STREAK_LIGHT = (0.08, 0.25)  # how much of what is behind a streak it replaces
_RAIN_AIR = 0.88  # transmission of rainy air
_SKY = 90  # percentile of the light in a picture: what drops show


def relight(image: Image, *, exposure: float, gamma: float, kelvin: float) -> Image:
    """Change how long a picture was exposed, how its shadows are drawn, and the colour of the light.

    Args:
        image: [H, W, 3] uint8 BGR.
        exposure: in stops, -1.5 (a third of the light) to 1 (twice); what gets too bright is white.
        gamma: exponent of the light, 0.7 (shadows lifted) to 1.4 (deepened).
        kelvin: temperature of the light, where 6500 is that of the picture: 4000 (evening) to 9000 (shade). The shares
            of blue, green and red follow Planck's law; the brightness of green stays. A picture without colour keeps
            none.

    Raises:
        ConfigError: for other values, or what is no such image.
    """
    require_in("exposure", exposure, EXPOSURE)
    require_in("gamma", gamma, GAMMA)
    require_in("kelvin", kelvin, KELVIN)
    require_image(image)
    tint = np.ones(3) if is_grey(image) else _tint(kelvin)
    values = np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, axis=2)  # [256, 1, 3]
    light = (to_light(values) ** gamma) * tint * 2.0**exposure
    table = to_image(light.astype(np.float32))
    return np.asarray(cv2.LUT(image, table.reshape(256, 1, 3)), dtype=np.uint8)


def haze(image: Image, *, transmission: float, airlight: float) -> Image:
    """Put hazy or foggy air before a scene: light x transmission + airlight x (1 - transmission).

    Koschmieder's law (1924). How far away things are is not known: the upper edge is taken for somewhat farther than
    the middle, and the lower for nearer.

    Args:
        image: [H, W, 3] uint8 BGR.
        transmission: share of the light that reaches the camera from the middle, 0.45 (fog) to 0.9 (haze).
        airlight: light of the air itself, 0.5 (dusk) to 0.85 (noon).

    Raises:
        ConfigError: for other values, or what is no such image.
    """
    require_in("transmission", transmission, TRANSMISSION)
    require_in("airlight", airlight, AIRLIGHT)
    require_image(image)
    return to_image(_through_air(to_light(image), transmission, airlight))


def rain(image: Image, *, drops: float, streak: float, slant: float, rain_seed: int) -> Image:
    """Draw the streaks of falling drops, which show the sky behind the camera, in slightly hazy air.

    Args:
        image: [H, W, 3] uint8 BGR.
        drops: streaks in a picture of one by one of its shorter side, 100 to 800; more in a longer one.
        streak: length of a streak, of the shorter side: 0.03 (drizzle, or a short exposure) to 0.1.
        slant: of the streaks from upright, -25 to 25 degrees.
        rain_seed: of where the drops are, 0 to 2^32 - 1.

    Raises:
        ConfigError: for other values, or what is no such image.
    """
    require_in("drops", drops, DROPS)
    require_in("streak", streak, STREAK)
    require_in("slant", slant, SLANT)
    require_in("rain_seed", rain_seed, (0, MAX_SEED))
    require_image(image)
    light = to_light(image)
    sky = np.float32(np.percentile(light.max(axis=2), _SKY))
    covered = _streaks(image.shape[0], image.shape[1], drops, streak, slant, rain_seed)[..., None]
    air = _through_air(light, _RAIN_AIR, float(sky))
    mixed = air * (1 - covered) + np.maximum(sky, air) * covered
    return to_image(np.asarray(mixed, dtype=np.float32))


def _tint(kelvin: float) -> npt.NDArray[np.float64]:
    """By what light of a temperature multiplies blue, green and red, beside daylight; 1 for green."""

    def radiance(temperature: float) -> npt.NDArray[np.float64]:
        return 1 / np.expm1(_SECOND_RADIATION / (_WAVELENGTHS * temperature))

    share = radiance(kelvin) / radiance(_DAYLIGHT)
    return np.asarray(share / share[1])


def _through_air(light: Light, transmission: float, airlight: float) -> Light:
    height = light.shape[0]
    depth = np.linspace(1 + _NEARER, 1 - _NEARER, height) if height > 1 else np.ones(1)
    share = (transmission**depth).astype(np.float32)[:, None, None]
    return light * share + np.float32(airlight) * (1 - share)


def _streaks(height: int, width: int, drops: float, streak: float, slant: float, seed: int) -> npt.NDArray[np.float32]:
    """How much of each pixel [H, W] streaks cover, 0 to 1."""
    short = min(height, width)
    count = round(drops * height * width / short**2)
    dice = np.random.RandomState(seed)  # gives the same numbers in every version of NumPy
    x, y, size, turn, shown = dice.random_sample((5, count))
    length = streak * short * (0.5 + size)
    angle = np.radians(slant + 6 * (turn - 0.5))
    ends = np.stack([x * width, y * height, x * width - np.sin(angle) * length, y * height + np.cos(angle) * length], 1)
    opacity = _STREAK_LIGHT[0] + (_STREAK_LIGHT[1] - _STREAK_LIGHT[0]) * shown
    cover = np.zeros((height, width), dtype=np.uint8)
    thick = max(round(short / 500), 1)
    for (x1, y1, x2, y2), share in zip((ends * 16).round().astype(int).tolist(), opacity.tolist(), strict=True):
        cv2.line(cover, (x1, y1), (x2, y2), round(share * 255), thick, cv2.LINE_AA, shift=4)
    soft = cv2.GaussianBlur(cover, (3, 3), 0.6 * thick).reshape(height, width)
    return np.asarray(soft / 255, dtype=np.float32)
