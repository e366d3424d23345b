"""What every operation asks of its image and its parameters."""

from __future__ import annotations

import numpy as np

from negmine.errors import ConfigError
from negmine.structures import Image


def require_image(image: Image) -> None:
    """Refuse what is not [H, W, 3] uint8.

    Raises:
        ConfigError: saying what was found.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ConfigError(f"expected an image [H, W, 3] of uint8, found {list(image.shape)} of {image.dtype}")


def require_in(name: str, value: float, limits: tuple[float, float]) -> None:
    """Refuse a parameter outside of its limits.

    Raises:
        ConfigError: naming them.
    """
    if not limits[0] <= value <= limits[1]:  # NaN compares false
        raise ConfigError(f"expected {name} from {limits[0]:g} to {limits[1]:g}, found {value}")


def require_among(name: str, value: int, allowed: tuple[int, ...]) -> None:
    """Refuse a parameter that is not one of a few.

    Raises:
        ConfigError: naming them.
    """
    if value not in allowed:
        raise ConfigError(f"expected {name} to be one of {', '.join(map(str, allowed))}, found {value}")
