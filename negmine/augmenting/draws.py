"""Which operations a negative gets, and with which parameters: the classic grid, or drawn by a seed.

A negative's draws are a sequence that depends on the seed, the operations and the negative alone. Asking for more takes
more of the same sequence, so what was made before stays, whatever else is in the bank. Pasting alone also depends on
the other negatives that there are.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from negmine.augmenting.config import MILD_OPS, AugmentConfig, OpName
from negmine.augmenting.dice import evenly
from negmine.augmenting.draw import Draw
from negmine.augmenting.field_draws import FIELD_OPS, PASTE, Paste, field_drawn
from negmine.augmenting.operations import (
    AVERAGE_KERNELS,
    CONTRAST_ALPHA,
    LIGHTNESS,
    MEDIAN_KERNELS,
    SHARPEN_ALPHA,
    SIGMA,
)
from negmine.augmenting.places import Places
from negmine.bank.bank import Bank
from negmine.bank.records import Negative

_GRID = 20  # steps of alpha and of lightness in the classic recipe
_SIGMAS = 200


def classic_grid() -> list[Draw]:
    """The well-known grid of 600: blur with sigma 0.00 to 1.99, sharpening with 20 alphas x 20 lightnesses."""
    blurs = [Draw("gaussian_blur", {"sigma": step / 100}) for step in range(_SIGMAS)]
    alphas, lightnesses = (np.linspace(*limits, _GRID).round(6).tolist() for limits in (SHARPEN_ALPHA, LIGHTNESS))
    return blurs + [Draw("sharpen", {"alpha": a, "lightness": n}) for a in alphas for n in lightnesses]


def drawn(
    seed: int, ops: Sequence[str], negative_sha256: str, *, limit: int, paste: Paste | None = None
) -> Iterator[Draw]:
    """The draws of one negative; the same may come again.

    Args:
        seed: any whole number.
        ops: names of `OPS`, and `paste`, in any order.
        negative_sha256: of the negative's file.
        limit: end after so many tries.
        paste: draws where the negative's false positive is pasted; None for nowhere.
    """
    names = sorted(set(ops))
    for index in range(limit):
        # Seeding with text and random() alone: Python promises that both give the same in every version.
        dice = random.Random(f"{seed}/{','.join(names)}/{negative_sha256}/{index}")
        name = names[int(dice.random() * len(names))]
        if name != PASTE:
            yield OPS[name](dice)
        elif paste is not None and (draw := paste(dice)) is not None:
            yield draw


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """What the variants of negatives are drawn from.

    Attributes:
        seed: any whole number.
        ops: names of operations; None for the recipe `field`.
        places: where false positives are pasted; None for nowhere.
    """

    seed: int
    ops: Sequence[OpName] | None = MILD_OPS
    places: Places | None = None

    @classmethod
    def of(cls, config: AugmentConfig, bank: Bank, negatives: Sequence[Negative]) -> Drawing:
        """What settings ask for.

        Args:
            config: the settings.
            bank: open.
            negatives: that may be trained on.
        """
        ops = None if config.recipe == "field" else config.ops
        places = Places.read(bank, negatives) if ops is None or PASTE in ops else None
        return cls(config.seed, ops, places)

    def draws(self, negative: Negative, limit: int) -> Iterator[Draw]:
        """Those of a negative, after so many tries at the most."""
        paste = None if self.places is None else partial(self.places.draw, negative)
        if self.ops is None:
            return field_drawn(self.seed, negative.sha256, limit=limit, paste=paste)
        return drawn(self.seed, self.ops, negative.sha256, limit=limit, paste=paste)


def _blur(dice: random.Random) -> Draw:
    return Draw("gaussian_blur", {"sigma": evenly(dice, SIGMA)})


def _sharpen(dice: random.Random) -> Draw:
    return Draw("sharpen", {"alpha": evenly(dice, SHARPEN_ALPHA), "lightness": evenly(dice, LIGHTNESS)})


def _contrast(dice: random.Random) -> Draw:
    return Draw("linear_contrast", {"alpha": evenly(dice, CONTRAST_ALPHA)})


def _smooth(dice: random.Random) -> Draw:
    kinds = [("average_blur", k) for k in AVERAGE_KERNELS] + [("median_blur", k) for k in MEDIAN_KERNELS]
    operation, kernel = kinds[int(dice.random() * len(kinds))]
    return Draw(operation, {"kernel": kernel})


OPS: Mapping[str, Callable[[random.Random], Draw]] = {
    "blur": _blur,
    "sharpen": _sharpen,
    "contrast": _contrast,
    "smooth": _smooth,
    **FIELD_OPS,
}
OPERATIONS_OF: Mapping[str, Sequence[str]] = {  # what these draw
    "blur": ("gaussian_blur",),
    "sharpen": ("sharpen",),
    "contrast": ("linear_contrast",),
    "smooth": ("average_blur", "median_blur"),
    "jpeg": ("jpeg_compression",),
    "noise": ("sensor_noise",),
    "motion": ("motion_blur",),
    "light": ("relight",),
    "haze": ("haze",),
    "rain": ("rain",),
    PASTE: ("paste",),
}
