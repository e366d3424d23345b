"""Numbers drawn by dice.

The dice are `random.Random`, seeded with text, and its `random()` alone is used: Python promises that both give the
same in every version.
"""

from __future__ import annotations

import random

_DIGITS = 4  # of a drawn parameter; finer steps change no pixel


def evenly(dice: random.Random, limits: tuple[float, float]) -> float:
    """Evenly over the limits, the lower left out as far as it would change nothing (sigma 0, alpha 0)."""
    low, high = limits
    return round(high - (high - low) * dice.random(), _DIGITS)


def evenly_by_ratio(dice: random.Random, limits: tuple[float, float]) -> float:
    """So that each doubling is as likely as any other; the limits are over 0."""
    low, high = limits
    drawn: float = high * (low / high) ** dice.random()
    return min(max(round(drawn, _DIGITS), low), high)
