"""Angular things that stand in every scene, with and without signs: warning triangles, panels, crates, wires."""

from __future__ import annotations

from math import cos, pi, sin

import cv2
import numpy as np

from negmine.demo.painting import BLACK, RED, WHITE, Colour, jitter, pick
from negmine.structures import Image

_PANELS: tuple[Colour, ...] = (
    (160, 85, 25),
    (80, 130, 40),
    (40, 190, 230),
    (225, 228, 228),
    (60, 60, 190),
    (70, 70, 70),
)


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


_KINDS = (_warning, _priority, _panel, _panel, _crate, _wires)


def draw_clutter(image: Image, rng: np.random.Generator) -> None:
    """Draw two to six angular things onto `image`, in place."""
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(2, 7))):
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        _KINDS[int(rng.integers(len(_KINDS)))](image, rng, centre, int(rng.integers(12, 44)))
