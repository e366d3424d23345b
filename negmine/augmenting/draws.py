"""Which operations a negative gets, and with which parameters: the classic grid, or drawn by a seed.

A negative's draws are a sequence that depends on the seed, the operations and the negative alone. Asking for more takes
more of the same sequence, so what was made before stays, whatever else is in the bank.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from negmine.augmenting.operations import (
    AVERAGE_KERNELS,
    CONTRAST_ALPHA,
    LIGHTNESS,
    MEDIAN_KERNELS,
    OPERATIONS,
    SHARPEN_ALPHA,
    SIGMA,
)
from negmine.bank.records import Parameters
from negmine.structures import Image

_DIGITS = 4  # of a drawn parameter; finer steps change no pixel
_GRID = 20  # steps of alpha and of lightness in the classic recipe
_SIGMAS = 200


@dataclass(frozen=True, slots=True)
class Draw:
    """An operation with its parameters."""

    operation: str
    parameters: Parameters

    def apply(self, image: Image) -> Image:
        """The variant of an image [H, W, 3] uint8."""
        return OPERATIONS[self.operation](image, **self.parameters)


def classic_grid() -> list[Draw]:
    """The well-known grid of 600: blur with sigma 0.00 to 1.99, sharpening with 20 alphas x 20 lightnesses."""
    blurs = [Draw("gaussian_blur", {"sigma": step / 100}) for step in range(_SIGMAS)]
    alphas, lightnesses = (np.linspace(*limits, _GRID).round(6).tolist() for limits in (SHARPEN_ALPHA, LIGHTNESS))
    return blurs + [Draw("sharpen", {"alpha": a, "lightness": n}) for a in alphas for n in lightnesses]


def drawn(seed: int, ops: Sequence[str], negative_sha256: str, *, limit: int) -> Iterator[Draw]:
    """The draws of one negative; the same may come again.

    Args:
        seed: any whole number.
        ops: names of `OPS`, in any order.
        negative_sha256: of the negative's file.
        limit: end after so many.
    """
    names = sorted(set(ops))
    for index in range(limit):
        # Seeding with text and random() alone: Python promises that both give the same in every version.
        dice = random.Random(f"{seed}/{','.join(names)}/{negative_sha256}/{index}")
        yield OPS[names[int(dice.random() * len(names))]](dice)


def _blur(dice: random.Random) -> Draw:
    return Draw("gaussian_blur", {"sigma": _uniform(dice, SIGMA)})


def _sharpen(dice: random.Random) -> Draw:
    return Draw("sharpen", {"alpha": _uniform(dice, SHARPEN_ALPHA), "lightness": _uniform(dice, LIGHTNESS)})


def _contrast(dice: random.Random) -> Draw:
    return Draw("linear_contrast", {"alpha": _uniform(dice, CONTRAST_ALPHA)})


def _smooth(dice: random.Random) -> Draw:
    kinds = [("average_blur", k) for k in AVERAGE_KERNELS] + [("median_blur", k) for k in MEDIAN_KERNELS]
    operation, kernel = kinds[int(dice.random() * len(kinds))]
    return Draw(operation, {"kernel": kernel})


OPS: Mapping[str, Callable[[random.Random], Draw]] = {
    "blur": _blur,
    "sharpen": _sharpen,
    "contrast": _contrast,
    "smooth": _smooth,
}
OPERATIONS_OF: Mapping[str, Sequence[str]] = {  # what these draw
    "blur": ("gaussian_blur",),
    "sharpen": ("sharpen",),
    "contrast": ("linear_contrast",),
    "smooth": ("average_blur", "median_blur"),
}


def _uniform(dice: random.Random, limits: tuple[float, float]) -> float:
    """Evenly over the limits, the lower left out as far as it would change nothing (sigma 0, alpha 0)."""
    low, high = limits
    return round(high - (high - low) * dice.random(), _DIGITS)
