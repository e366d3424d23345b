"""Round things: speed-limit signs, the targets, and look-alikes of them, which no training scene holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, pi, sin
from types import MappingProxyType

import cv2
import numpy as np

from negmine.demo.painting import (
    BLACK,
    CENTRE,
    RED,
    SPRITE_SIDE_PX,
    WHITE,
    Colour,
    Sprite,
    blank,
    disc,
    jitter,
    pick,
    round_sprite,
    shade,
    write,
)

SPEED_LIMIT = "speed-limit"
_LIMITS = ("20", "30", "40", "50", "60", "70", "80", "90", "100", "110", "120", "130")
_RADIUS_PX = 122
_RING_COLOURS: tuple[Colour, ...] = (
    (170, 80, 25),
    (70, 130, 30),
    (40, 40, 40),
    (30, 190, 230),
    (120, 120, 120),
    (35, 115, 235),
    (130, 45, 120),
)
_BALL_COLOURS: tuple[Colour, ...] = ((40, 120, 235), (60, 200, 225), (200, 120, 60), (50, 50, 205), (90, 170, 70))


def _on_circle(angle: float, radius: float) -> tuple[int, int]:
    return round(CENTRE + radius * cos(angle)), round(CENTRE + radius * sin(angle))


def draw_speed_limit(rng: np.random.Generator) -> Sprite:
    """A speed-limit sign: a red ring around white with a black number. Number, ring width and paint vary a little."""
    image = blank(RED)
    disc(image, _RADIUS_PX, jitter(rng, RED, 14))
    disc(image, _RADIUS_PX - int(rng.integers(24, 34)), jitter(rng, WHITE, 10))
    write(image, _LIMITS[int(rng.integers(len(_LIMITS)))], 142, jitter(rng, BLACK, 14))
    return round_sprite(image, _RADIUS_PX)


def draw_no_entry(rng: np.random.Generator) -> Sprite:
    """A red disc with a white bar."""
    image = blank(jitter(rng, WHITE, 10))
    disc(image, _RADIUS_PX - 6, jitter(rng, RED, 14))
    cv2.rectangle(image, (44, 108), (212, 148), jitter(rng, WHITE, 10), -1, cv2.LINE_AA)
    return round_sprite(image, _RADIUS_PX)


def draw_coloured_ring(rng: np.random.Generator) -> Sprite:
    """A ring that is not red around white, mostly with a number inside."""
    colour = pick(rng, _RING_COLOURS)
    image = blank(colour)
    disc(image, _RADIUS_PX - int(rng.integers(22, 36)), jitter(rng, WHITE, 10))
    if rng.random() < 0.7:
        write(image, str(int(rng.integers(1, 14)) * 10), 138, jitter(rng, BLACK, 14))
    return round_sprite(image, _RADIUS_PX)


def draw_number(rng: np.random.Generator) -> Sprite:
    """A white disc with a number and no ring, such as a house number or a race number."""
    image = blank(jitter(rng, WHITE, 10))
    write(image, str(int(rng.integers(2, 200))), 160, jitter(rng, BLACK, 14))
    return round_sprite(image, _RADIUS_PX)


def draw_clock(rng: np.random.Generator) -> Sprite:
    """A station clock: rim, hour marks and two hands, at times a red one for the seconds."""
    image = blank(pick(rng, ((40, 40, 40), (150, 150, 155), (60, 75, 110), (40, 35, 150))))
    disc(image, _RADIUS_PX - int(rng.integers(10, 22)), jitter(rng, WHITE, 10))
    for hour in range(12):
        angle = hour * pi / 6
        cv2.line(image, _on_circle(angle, 78), _on_circle(angle, 94), BLACK, 7, cv2.LINE_AA)
    hour_angle, minute_angle, second_angle = rng.uniform(0, 2 * pi, 3)
    cv2.line(image, (CENTRE, CENTRE), _on_circle(hour_angle, 52), BLACK, 13, cv2.LINE_AA)
    cv2.line(image, (CENTRE, CENTRE), _on_circle(minute_angle, 80), BLACK, 9, cv2.LINE_AA)
    if rng.random() < 0.5:
        cv2.line(image, (CENTRE, CENTRE), _on_circle(second_angle, 84), RED, 5, cv2.LINE_AA)
    return round_sprite(image, _RADIUS_PX)


def draw_wheel(rng: np.random.Generator) -> Sprite:
    """A car's wheel: tyre, bright rim, spokes and hub."""
    image = blank(jitter(rng, (38, 36, 36), 10))
    disc(image, 84, jitter(rng, (195, 195, 190), 15))
    disc(image, 74, jitter(rng, (70, 68, 66), 20))
    spokes, turn = int(rng.integers(5, 9)), rng.uniform(0, pi)
    for spoke in range(spokes):
        end = _on_circle(turn + 2 * pi * spoke / spokes, 78)
        cv2.line(image, (CENTRE, CENTRE), end, (205, 205, 200), 16, cv2.LINE_AA)
    disc(image, 22, (165, 165, 160))
    return round_sprite(image, _RADIUS_PX)


def draw_ball(rng: np.random.Generator) -> Sprite:
    """A beach ball: six panels in white and colours, lit from the upper left."""
    image, colour, turn = blank(WHITE), pick(rng, _BALL_COLOURS), int(rng.integers(0, 60))
    for panel in range(3):
        start = turn + 120 * panel
        cv2.ellipse(image, (CENTRE - 18, CENTRE - 18), (180, 180), 0, start, start + 60, colour, -1, cv2.LINE_AA)
    cv2.circle(image, (CENTRE - 18, CENTRE - 18), 20, WHITE, -1, cv2.LINE_AA)
    along = np.linspace(-0.35, 0.65, SPRITE_SIDE_PX, dtype=np.float32) ** 2  # 0 where the light falls
    dimming = 30 - 230 * (along[:, None] + along[None, :])
    return round_sprite(shade(image, np.minimum(dimming, 0)), _RADIUS_PX)


def draw_lamp(rng: np.random.Generator) -> Sprite:
    """A traffic light's lamp: a glowing red or amber disc in a black hood."""
    image = blank((30, 30, 30))
    disc(image, 100, pick(rng, ((40, 35, 200), (35, 150, 240)), 15))
    cv2.circle(image, (CENTRE, CENTRE + 10), 62, pick(rng, ((90, 90, 245), (110, 200, 255)), 10), -1, cv2.LINE_AA)
    return round_sprite(cv2.GaussianBlur(image, (0, 0), 9).astype(np.uint8), _RADIUS_PX)


def draw_no_parking(rng: np.random.Generator) -> Sprite:
    """A blue disc with a red rim and a red stroke."""
    red = jitter(rng, RED, 14)
    image = blank(red)
    disc(image, _RADIUS_PX - int(rng.integers(20, 30)), jitter(rng, (165, 85, 20), 14))
    cv2.line(image, _on_circle(pi * 1.25, 100), _on_circle(pi * 0.25, 100), red, 24, cv2.LINE_AA)
    return round_sprite(image, _RADIUS_PX)


def draw_blue_arrow(rng: np.random.Generator) -> Sprite:
    """A blue mandatory sign with a white arrow and rim."""
    image = blank(jitter(rng, WHITE, 10))
    disc(image, _RADIUS_PX - 8, jitter(rng, (165, 85, 20), 14))
    turn = float(rng.choice([0, pi / 2, pi, -pi / 4]))
    tail, tip = _on_circle(turn + pi, 72), _on_circle(turn, 84)
    cv2.arrowedLine(image, tail, tip, WHITE, 26, cv2.LINE_AA, tipLength=0.5)
    return round_sprite(image, _RADIUS_PX)


LOOKALIKES: Mapping[str, Callable[[np.random.Generator], Sprite]] = MappingProxyType(
    {
        "no-entry": draw_no_entry,
        "coloured-ring": draw_coloured_ring,
        "no-parking": draw_no_parking,
        "number": draw_number,
        "clock": draw_clock,
        "wheel": draw_wheel,
        "ball": draw_ball,
        "lamp": draw_lamp,
        "blue-arrow": draw_blue_arrow,
    }
)
