"""Paint that every drawn thing shares: colours, soft textures, and sprites with a transparent surround."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from negmine.structures import Image

Colour = tuple[int, int, int]  # BGR, 0..255
Mask = npt.NDArray[np.uint8]  # [H, W], 0 is transparent and 255 opaque

SPRITE_SIDE_PX = 256  # sprites are drawn large and shrunk, which smooths their edges
CENTRE = SPRITE_SIDE_PX // 2
WHITE: Colour = (238, 242, 242)
BLACK: Colour = (28, 26, 26)
RED: Colour = (38, 30, 196)


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """A drawn thing and where it is opaque.

    Attributes:
        image: [SPRITE_SIDE_PX, SPRITE_SIDE_PX, 3] uint8 BGR.
        mask: [SPRITE_SIDE_PX, SPRITE_SIDE_PX] uint8.
    """

    image: Image
    mask: Mask


def jitter(rng: np.random.Generator, colour: Colour, amount: int) -> Colour:
    """Return `colour` lighter or darker by at most `amount`, its hue a little moved, kept inside 0..255."""
    light, hue = int(rng.integers(-amount, amount + 1)), amount // 3
    blue, green, red = (min(255, max(0, c + light + int(rng.integers(-hue, hue + 1)))) for c in colour)
    return blue, green, red


def pick(rng: np.random.Generator, colours: tuple[Colour, ...], amount: int = 12) -> Colour:
    """Return one of `colours`, slightly moved."""
    return jitter(rng, colours[int(rng.integers(len(colours)))], amount)


def texture(rng: np.random.Generator, size_wh: tuple[int, int], cells: int) -> npt.NDArray[np.float32]:
    """Smooth random values in about [-1, 1], [H, W]: `cells` patches across the width, and finer ones on top."""
    total = np.zeros((size_wh[1], size_wh[0]), dtype=np.float32)
    for octave in range(3):
        across = max(2, cells * 2**octave)
        grid = rng.uniform(-1, 1, (max(2, across * size_wh[1] // size_wh[0]), across)).astype(np.float32)
        total += cv2.resize(grid, size_wh, interpolation=cv2.INTER_CUBIC) / 2 ** (octave + 1)
    return total


def shade(image: Image, light: npt.NDArray[np.float32]) -> Image:
    """Return `image` plus `light` ([H, W] or [H, 1], grey levels), rounded and kept inside 0..255."""
    lit: Image = np.clip(np.rint(image + light[..., None]), 0, 255).astype(np.uint8)
    return lit


def blank(colour: Colour) -> Image:
    """A sprite's canvas, all in one colour."""
    return np.full((SPRITE_SIDE_PX, SPRITE_SIDE_PX, 3), colour, dtype=np.uint8)


def disc(image: Image, radius: int, colour: Colour) -> None:
    """Fill a circle about the sprite's centre."""
    cv2.circle(image, (CENTRE, CENTRE), radius, colour, -1, cv2.LINE_AA)


def round_sprite(image: Image, radius: int) -> Sprite:
    """Cut a circle of `radius` px out of a sprite's canvas."""
    mask = np.zeros((SPRITE_SIDE_PX, SPRITE_SIDE_PX), dtype=np.uint8)
    cv2.circle(mask, (CENTRE, CENTRE), radius, 255, -1, cv2.LINE_AA)
    return Sprite(image, mask)


def write(image: Image, text: str, width_px: int, colour: Colour) -> None:
    """Write `text` about the sprite's centre in bold, `width_px` wide or 100 px high, whichever is smaller."""
    font, unit_thickness = cv2.FONT_HERSHEY_SIMPLEX, 5
    (unit_width, unit_height), _ = cv2.getTextSize(text, font, 1.0, unit_thickness)
    scale = min(width_px / unit_width, 100 / unit_height)
    thickness = max(1, round(unit_thickness * scale))
    (width, height), _ = cv2.getTextSize(text, font, scale, thickness)
    cv2.putText(image, text, (CENTRE - width // 2, CENTRE + height // 2), font, scale, colour, thickness, cv2.LINE_AA)
