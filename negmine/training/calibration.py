"""A calibration: how far the class logits of a detector are shifted, so that its scores mean what they meant before.

It is a value, without torch: `evaluating` finds it, and a trainer writes it into weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from negmine.errors import ConfigError
from negmine.structures import FloatArray

# Detectors' scores are compared to five places, so a score of 0 or 1 stands for one within half of the last place.
_LEAST = 5e-6
# A bias between -16 and 0 in half precision, as Ultralytics keeps its final checkpoints, takes such a step upwards
# without rounding.
STEP = 1 / 128


@dataclass(frozen=True, slots=True)
class Calibration:
    """Shifts of class logits.

    Attributes:
        conf: the score that it was made for: a detection of class c that scored `score_before(c)` scores `conf` after.
        shifts: what is added to the logits of each class, by class id; a class that is not listed keeps its own.

    Raises:
        ConfigError: for a score outside 0 to 1, or a shift that is not finite.
    """

    conf: float
    shifts: Mapping[int, float]

    def __post_init__(self) -> None:
        if not 0 <= self.conf <= 1:
            raise ConfigError(f"expected a calibration at a score from 0 to 1, found {self.conf}")
        wrong = next((number for number, shift in self.shifts.items() if not math.isfinite(shift)), None)
        if wrong is not None:
            raise ConfigError(f"expected finite shifts, found {self.shifts[wrong]} for class {wrong}")
        object.__setattr__(self, "shifts", MappingProxyType(dict(self.shifts)))

    def shift(self, class_id: int) -> float:
        """The shift of a class."""
        return self.shifts.get(class_id, 0.0)

    def score_before(self, class_id: int) -> float:
        """The score of a class that becomes `conf`."""
        return float(shifted(np.array([self.conf]), -self.shift(class_id))[0])


def logits(scores: FloatArray) -> FloatArray:
    """The logits [N] of scores [N] from 0 to 1; finite for 0 and 1 too."""
    inside = np.clip(scores, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(inside / (1 - inside)), dtype=np.float64)


def shifted(scores: FloatArray, shift: float | FloatArray) -> FloatArray:
    """Scores [N] after a shift of their logits; their order stays.

    Args:
        scores: from 0 to 1.
        shift: one for all, or one for each [N].
    """
    return np.asarray(1 / (1 + np.exp(-(logits(scores) + shift))), dtype=np.float64)
