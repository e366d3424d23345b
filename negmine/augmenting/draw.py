"""An operation with its parameters, or several that follow each other; and all operations that there are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from negmine.augmenting.camera import jpeg_compression, motion_blur, sensor_noise
from negmine.augmenting.operations import OPERATIONS as MILD_OPERATIONS
from negmine.augmenting.pasting import paste
from negmine.augmenting.scene import haze, rain, relight
from negmine.bank.records import ONTO, STEP, Parameters
from negmine.structures import Image

FIELD_OPERATIONS: Mapping[str, Callable[..., Image]] = {
    function.__name__: function
    for function in (paste, relight, haze, rain, motion_blur, sensor_noise, jpeg_compression)
}
OPERATIONS: Mapping[str, Callable[..., Image]] = {**MILD_OPERATIONS, **FIELD_OPERATIONS}


@dataclass(frozen=True, slots=True)
class Draw:
    """An operation with its parameters.

    Attributes:
        operation: a name of `OPERATIONS`, or several, joined by `+` in the order in which they follow each other.
        parameters: of all of them; no two of those that are ever joined have a parameter of the same name. Another
            negative is named by its sha256.
    """

    operation: str
    parameters: Parameters

    def apply(self, image: Image, negative: Callable[[str], Image] | None = None) -> Image:
        """The variant of an image [H, W, 3] uint8 BGR.

        Args:
            image: of the negative.
            negative: reads another negative, by its sha256; needed where one is named.

        Raises:
            ImageError: where that one cannot be read.
        """
        for name in self.operation.split(STEP):
            given: dict[str, object] = {
                each: self.parameters[each] for each in _taken_by(name) & self.parameters.keys()
            }
            if negative is not None and ONTO in given:
                given[ONTO] = negative(str(given[ONTO]))
            image = OPERATIONS[name](image, **given)
        return image

    def then(self, following: Draw) -> Draw:
        """Both, one after the other."""
        operation = f"{self.operation}{STEP}{following.operation}"
        return Draw(operation, {**self.parameters, **following.parameters})


@cache
def _taken_by(operation: str) -> frozenset[str]:
    """The names of an operation's parameters."""
    return frozenset(inspect.signature(OPERATIONS[operation]).parameters)
