"""Draws of what happens to pictures in the field, and trainers do not do: light, weather, motion, noise, compression,
and the same false positive in other surroundings.

The recipe `field` makes each variant by one of them or by two, in the order in which they happen: things are there,
light and weather come before the camera, the sensor before the file.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping

from negmine.augmenting.camera import ANGLE, JPEG_QUALITY, LENGTH, MAX_SEED, PHOTONS, READ
from negmine.augmenting.dice import evenly, evenly_by_ratio
from negmine.augmenting.draw import Draw
from negmine.augmenting.scene import AIRLIGHT, DROPS, EXPOSURE, GAMMA, KELVIN, SLANT, STREAK, TRANSMISSION

Paste = Callable[[random.Random], Draw | None]  # draws where to paste; None where there is no place
PASTE = "paste"
_TWO = 0.5  # of the variants of the recipe have two operations


def _jpeg(dice: random.Random) -> Draw:
    low, high = JPEG_QUALITY
    return Draw("jpeg_compression", {"jpeg_quality": low + int(dice.random() * (high - low + 1))})


def _noise(dice: random.Random) -> Draw:
    photons, read = evenly_by_ratio(dice, PHOTONS), evenly(dice, READ)
    return Draw("sensor_noise", {"photons": photons, "read": read, "noise_seed": _seed(dice)})


def _motion(dice: random.Random) -> Draw:
    return Draw("motion_blur", {"length": evenly(dice, LENGTH), "angle": evenly(dice, ANGLE)})


def _light(dice: random.Random) -> Draw:
    exposure, gamma, kelvin = evenly(dice, EXPOSURE), evenly_by_ratio(dice, GAMMA), evenly_by_ratio(dice, KELVIN)
    return Draw("relight", {"exposure": exposure, "gamma": gamma, "kelvin": kelvin})


def _haze(dice: random.Random) -> Draw:
    return Draw("haze", {"transmission": evenly(dice, TRANSMISSION), "airlight": evenly(dice, AIRLIGHT)})


def _rain(dice: random.Random) -> Draw:
    drops, streak, slant = evenly(dice, DROPS), evenly(dice, STREAK), evenly(dice, SLANT)
    return Draw("rain", {"drops": drops, "streak": streak, "slant": slant, "rain_seed": _seed(dice)})


FIELD_OPS: Mapping[str, Callable[[random.Random], Draw]] = {  # in the order in which they happen; after a paste
    "light": _light,
    "haze": _haze,
    "rain": _rain,
    "motion": _motion,
    "noise": _noise,
    "jpeg": _jpeg,
}


def field_drawn(seed: int, negative_sha256: str, *, limit: int, paste: Paste | None = None) -> Iterator[Draw]:
    """The draws of the recipe `field` for one negative.

    Args:
        seed: any whole number.
        negative_sha256: of the negative's file.
        limit: end after so many tries.
        paste: draws where the negative's false positive is pasted; None for nowhere.
    """
    names = [PASTE, *FIELD_OPS]
    for index in range(limit):
        dice = random.Random(f"{seed}/field/{negative_sha256}/{index}")
        chosen = {int(dice.random() * len(names)) for _ in range(2 if dice.random() < _TWO else 1)}
        steps = (_step(names[number], dice, paste) for number in sorted(chosen))
        draws = [step for step in steps if step is not None]
        if draws:
            yield draws[0] if len(draws) == 1 else draws[0].then(draws[1])


def _step(name: str, dice: random.Random, paste: Paste | None) -> Draw | None:
    if name == PASTE:
        return None if paste is None else paste(dice)
    return FIELD_OPS[name](dice)


def _seed(dice: random.Random) -> int:
    return int(dice.random() * MAX_SEED)
