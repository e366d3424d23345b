"""What stands behind things: streets, brick and plaster walls, planks and hedges, drawn from a random generator."""

from __future__ import annotations

import cv2
import numpy as np

from negmine.demo.painting import Colour, jitter, pick, shade, texture
from negmine.structures import Image

_SKIES: tuple[tuple[Colour, Colour], ...] = (  # at the top, at the horizon
    ((215, 160, 100), (238, 222, 200)),
    ((175, 165, 155), (220, 218, 214)),
    ((140, 105, 85), (150, 190, 235)),
)
_FACADES: tuple[Colour, ...] = ((150, 170, 190), (120, 140, 175), (170, 170, 165), (105, 115, 130), (140, 175, 205))


def _gradient(size_wh: tuple[int, int], top: Colour, bottom: Colour) -> Image:
    share = np.linspace(0, 1, size_wh[1], dtype=np.float32)[:, None, None]
    column = np.asarray(top, np.float32) * (1 - share) + np.asarray(bottom, np.float32) * share
    return np.repeat(np.rint(column).astype(np.uint8), size_wh[0], axis=1)


def _building(image: Image, rng: np.random.Generator, left: int, right: int, horizon: int) -> None:
    top = horizon - int(rng.integers(40, max(41, horizon - 15)))
    cv2.rectangle(image, (left, top), (right, horizon), pick(rng, _FACADES, 18), -1)
    window, step = pick(rng, ((70, 60, 50), (110, 95, 80), (150, 200, 225)), 15), int(rng.integers(17, 26))
    for y in range(top + 9, horizon - 14, step):
        for x in range(left + 7, right - 10, step):
            cv2.rectangle(image, (x, y), (x + step // 2 - 2, y + step // 2 + 2), window, -1)


def _street(rng: np.random.Generator, size_wh: tuple[int, int]) -> Image:
    width, height = size_wh
    horizon = int(height * rng.uniform(0.5, 0.68))
    sky = _SKIES[int(rng.integers(len(_SKIES)))]
    image = _gradient(size_wh, *sky)
    left = -int(rng.integers(0, 30))
    while left < width:
        right = left + int(rng.integers(50, 120))
        if rng.random() < 0.8:
            _building(image, rng, left, right, horizon)
        left = right + int(rng.integers(0, 12))
    image[horizon:] = pick(rng, ((70, 110, 90), (120, 130, 135), (95, 125, 110)))
    vanish, spread = int(width * rng.uniform(0.3, 0.7)), int(width * rng.uniform(0.35, 0.6))
    road = np.array(
        [(vanish - 12, horizon), (vanish + 12, horizon), (vanish + spread, height), (vanish - spread, height)]
    )
    cv2.fillPoly(image, [road.astype(np.int32)], jitter(rng, (92, 90, 88), 12), cv2.LINE_AA)
    for near, far in ((0.25, 0.12), (0.55, 0.38), (0.98, 0.74)):
        ends = [(vanish, int(horizon + share * (height - horizon))) for share in (far, near)]
        cv2.line(image, ends[0], ends[1], (215, 220, 222), max(1, int(6 * near)), cv2.LINE_AA)
    return shade(image, 6 * texture(rng, size_wh, 20))


def _bricks(rng: np.random.Generator, size_wh: tuple[int, int]) -> Image:
    width, height = size_wh
    image = _gradient(size_wh, (165, 172, 178), (150, 157, 164))  # mortar
    base = pick(rng, ((70, 88, 150), (95, 120, 165), (110, 135, 160), (150, 158, 165)))
    brick_w, brick_h = int(rng.integers(34, 56)), int(rng.integers(13, 21))
    for row, y in enumerate(range(0, height, brick_h)):
        for x in range(-(row % 2) * brick_w // 2, width, brick_w):
            cv2.rectangle(image, (x, y), (x + brick_w - 3, y + brick_h - 3), jitter(rng, base, 13), -1)
    return shade(image, 12 * texture(rng, size_wh, 8) + 5 * texture(rng, size_wh, 60))


def _plaster(rng: np.random.Generator, size_wh: tuple[int, int]) -> Image:
    width, height = size_wh
    base = pick(rng, ((160, 190, 205), (180, 185, 185), (150, 165, 150), (200, 190, 175), (120, 125, 130)))
    dark = jitter(rng, (base[0] - 40, base[1] - 40, base[2] - 40), 8)
    image = _gradient(size_wh, base, dark)
    for x in range(int(rng.integers(30, 120)), width, int(rng.integers(90, 160))):
        cv2.line(image, (x, 0), (x, height), dark, 2)
    return shade(image, 14 * texture(rng, size_wh, 6) + 7 * texture(rng, size_wh, 48))


def _planks(rng: np.random.Generator, size_wh: tuple[int, int]) -> Image:
    width, height = size_wh
    image = _gradient(size_wh, (40, 55, 70), (30, 42, 55))  # the gaps
    base = pick(rng, ((85, 125, 165), (110, 140, 160), (70, 95, 125), (140, 150, 150)))
    plank = int(rng.integers(24, 48))
    for x in range(-int(rng.integers(0, plank)), width, plank):
        cv2.rectangle(image, (x, 0), (x + plank - 3, height), jitter(rng, base, 14), -1)
    grain = cv2.resize(texture(rng, (width, 24), 90), size_wh, interpolation=cv2.INTER_LINEAR)
    return shade(image, 16 * grain + 6 * texture(rng, size_wh, 10))


def _hedge(rng: np.random.Generator, size_wh: tuple[int, int]) -> Image:
    width, height = size_wh
    image = _gradient(size_wh, *_SKIES[int(rng.integers(len(_SKIES)))])
    skyline = int(height * rng.uniform(0.1, 0.35)) + np.rint(14 * texture(rng, (width, 8), 9)[0]).astype(np.int64)
    leaves = np.arange(height)[:, None] > skyline[None, :]
    image[leaves] = pick(rng, ((50, 100, 70), (45, 120, 95), (60, 130, 130), (70, 95, 65)))
    rough = 20 * texture(rng, size_wh, 14) + 30 * texture(rng, size_wh, 64)
    return shade(image, np.where(leaves, rough, 3 * rough / 20))


_KINDS = (_street, _street, _bricks, _plaster, _planks, _hedge)  # streets twice as often: signs live there


def draw_background(rng: np.random.Generator, size_wh: tuple[int, int]) -> Image:
    """Draw an empty backdrop, [H, W, 3] uint8 BGR, without anything round in it."""
    return _KINDS[int(rng.integers(len(_KINDS)))](rng, size_wh)
