"""What stands behind signs: streets, walls, planks and hedges, and angular clutter such as warning triangles."""

from __future__ import annotations

from math import cos, pi, sin

import cv2
import numpy as np

from negmine.demo.painting import BLACK, RED, WHITE, Colour, jitter, pick, shade, texture
from negmine.structures import Image

_SKIES: tuple[tuple[Colour, Colour], ...] = (  # at the top, at the horizon
    ((215, 160, 100), (238, 222, 200)),
    ((175, 165, 155), (220, 218, 214)),
    ((140, 105, 85), (150, 190, 235)),
)
_FACADES: tuple[Colour, ...] = ((150, 170, 190), (120, 140, 175), (170, 170, 165), (105, 115, 130), (140, 175, 205))
_PANELS: tuple[Colour, ...] = (
    (160, 85, 25),
    (80, 130, 40),
    (40, 190, 230),
    (225, 228, 228),
    (60, 60, 190),
    (70, 70, 70),
)


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


_BACKDROPS = (_street, _street, _bricks, _plaster, _planks, _hedge)  # streets twice as often: signs live there


def draw_background(rng: np.random.Generator, size_wh: tuple[int, int]) -> Image:
    """Draw an empty backdrop, [H, W, 3] uint8 BGR, without anything round in it."""
    return _BACKDROPS[int(rng.integers(len(_BACKDROPS)))](rng, size_wh)


def _polygon(image: Image, centre: tuple[int, int], radius: float, corners: int, turn: float, colour: Colour) -> None:
    angles = [turn + 2 * pi * corner / corners for corner in range(corners)]
    points = [(round(centre[0] + radius * cos(a)), round(centre[1] + radius * sin(a))) for a in angles]
    cv2.fillPoly(image, [np.array(points, dtype=np.int32)], colour, cv2.LINE_AA)


def _warning(image: Image, rng: np.random.Generator, centre: tuple[int, int], radius: int) -> None:
    _polygon(image, centre, radius, 3, -pi / 2, jitter(rng, RED, 14))
    _polygon(image, centre, radius * 0.68, 3, -pi / 2, jitter(rng, WHITE, 10))
    x, y = centre
    cv2.line(image, (x, y - radius // 4), (x, y + radius // 12), BLACK, max(2, radius // 8))


def _priority(image: Image, rng: np.random.Generator, centre: tuple[int, int], radius: int) -> None:
    _polygon(image, centre, radius, 4, 0.0, jitter(rng, WHITE, 10))
    _polygon(image, centre, radius * 0.72, 4, 0.0, jitter(rng, (40, 190, 235), 14))


def _panel(image: Image, rng: np.random.Generator, centre: tuple[int, int], radius: int) -> None:
    x, y = centre
    half_w, half_h = radius, int(radius * rng.uniform(0.5, 1.1))
    cv2.rectangle(image, (x - half_w, y - half_h), (x + half_w, y + half_h), pick(rng, _PANELS, 14), -1)
    ink = pick(rng, (WHITE, BLACK), 10)
    for line in range(int(rng.integers(1, 4))):
        row = y - half_h // 2 + line * half_h // 2
        reach = int(half_w * rng.uniform(0.3, 0.8))
        cv2.line(image, (x - int(half_w * 0.8), row), (x + reach, row), ink, max(1, radius // 10))


def _crate(image: Image, rng: np.random.Generator, centre: tuple[int, int], radius: int) -> None:
    (x, y), wood = centre, pick(rng, ((75, 115, 160), (100, 130, 150), (90, 100, 105)))
    cv2.rectangle(image, (x - radius, y - radius), (x + radius, y + radius), wood, -1)
    edge = (wood[0] // 2, wood[1] // 2, wood[2] // 2)
    cv2.rectangle(image, (x - radius, y - radius), (x + radius, y + radius), edge, 3)
    cv2.line(image, (x - radius, y + radius), (x + radius, y - radius), edge, 3, cv2.LINE_AA)


def _wires(image: Image, rng: np.random.Generator, centre: tuple[int, int], radius: int) -> None:
    for _ in range(int(rng.integers(1, 4))):
        start = (0, int(centre[1] + rng.integers(-radius, radius + 1)))
        end = (image.shape[1], int(centre[1] + rng.integers(-radius, radius + 1)))
        cv2.line(image, start, end, jitter(rng, (50, 48, 46), 10), 1, cv2.LINE_AA)


_CLUTTER = (_warning, _priority, _panel, _panel, _crate, _wires)


def draw_clutter(image: Image, rng: np.random.Generator) -> None:
    """Draw two to six angular things onto `image`, in place."""
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(2, 7))):
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        _CLUTTER[int(rng.integers(len(_CLUTTER)))](image, rng, centre, int(rng.integers(12, 44)))
