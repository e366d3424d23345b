"""The targets: round speed-limit signs, a red ring around white with a black number."""

from __future__ import annotations

import numpy as np

from negmine.demo.painting import BLACK, RED, WHITE, Sprite, blank, disc, jitter, round_sprite, write

SPEED_LIMIT = "speed-limit"
_LIMITS = ("20", "30", "40", "50", "60", "70", "80", "90", "100", "110", "120", "130")
_RADIUS_PX = 122


def draw_speed_limit(rng: np.random.Generator) -> Sprite:
    """Draw one speed-limit sign; number, ring width and paint vary a little."""
    image = blank(RED)
    disc(image, _RADIUS_PX, jitter(rng, RED, 14))
    disc(image, _RADIUS_PX - int(rng.integers(24, 34)), jitter(rng, WHITE, 10))
    write(image, _LIMITS[int(rng.integers(len(_LIMITS)))], 142, jitter(rng, BLACK, 14))
    return round_sprite(image, _RADIUS_PX)
