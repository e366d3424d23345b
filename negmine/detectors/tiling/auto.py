"""Tiles of a size that suits the labelled objects, for `--tile auto`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from negmine.detectors.base import Detector
from negmine.detectors.tiling.config import AUTO, MAX_TILE, MIN_TILE, TileConfig
from negmine.detectors.tiling.detector import TiledDetector
from negmine.errors import ConfigError
from negmine.structures import BoolArray, FloatArray
from negmine.words import counted

SMALL_PX = 32  # of a side: COCO calls an object small that covers less than 32 x 32 pixels
SMALL_SHARE = 0.1  # of the sides of the image
_SMALLEST, _LARGEST = 10, 90  # percentiles of the objects that tiles are made for
_ROOM = 2.0  # sides of a tile, in longer sides of a large object
_STEP = 32  # pixels; tiles are a multiple of it
_DEFAULT_IMGSZ = 640


@dataclass(frozen=True, slots=True, eq=False)
class ObjectSizes:
    """How large labelled objects and their images are.

    Attributes:
        sides_wh: [N, 2] of the objects, pixels.
        images_wh: [N, 2] of the image of each, pixels.
        names: N, their classes; () where these do not matter.
    """

    sides_wh: FloatArray
    images_wh: FloatArray
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sides_wh)

    @property
    def under_px(self) -> BoolArray:
        """[N] those that cover less than 32 x 32 pixels, COCO's small ones."""
        small: BoolArray = self.sides_wh.prod(axis=1) < SMALL_PX**2
        return small

    @property
    def under_share(self) -> BoolArray:
        """[N] those that are under a tenth of their image in width and in height."""
        small: BoolArray = np.all(self.sides_wh < self.images_wh * SMALL_SHARE, axis=1)
        return small


ReadSizes = Callable[[], ObjectSizes]


def with_tiles(detector: Detector, config: TileConfig | None, sizes: ReadSizes | None = None) -> Detector:
    """Run a detector on tiles.

    Args:
        detector: any.
        config: the tiles; None for none.
        sizes: reads the sizes of labelled objects, for tiles of the size `auto`.

    Raises:
        ConfigError: for `auto` where there are no labelled objects, and for predictions.
    """
    if config is None:
        return detector
    if config.size_wh != AUTO:
        return TiledDetector(detector, config)
    objects = None if sizes is None else sizes()
    if objects is None or not len(objects):
        raise ConfigError(
            "--tile auto chooses a size by labelled objects, found none; give labels with objects (--data), "
            "or a size such as --tile 640"
        )
    imgsz = detector.identity.settings.get("imgsz") or detector.trained_imgsz or _DEFAULT_IMGSZ
    side, why = chosen_side(objects, int(str(imgsz)))
    return TiledDetector(detector, replace(config, size_wh=None if side is None else (side, side)), why)


def chosen_side(objects: ObjectSizes, imgsz: int) -> tuple[int | None, str]:
    """The side of a tile, pixels, in which all but the smallest objects cover 32 x 32 pixels of the detector's input.

    Args:
        objects: one or more.
        imgsz: input size of the detector, pixels.

    Returns:
        The side, None where whole images show the objects as large; and a line that says so.
    """
    small = float(np.percentile(np.sqrt(objects.sides_wh.prod(axis=1)), _SMALLEST))
    large = float(np.percentile(objects.sides_wh.max(axis=1), _LARGEST))
    image = float(np.median(objects.images_wh.max(axis=1)))
    seen = (
        f"of {counted(len(objects), 'labelled object')} nine in ten are {small:.0f} px or larger, at imgsz {imgsz} "
        f"{small * imgsz / image:.0f} px on a whole image"
    )
    wanted = max(imgsz * small / SMALL_PX, _ROOM * large, MIN_TILE)
    side = min(math.ceil(wanted / _STEP) * _STEP, MAX_TILE)
    if side >= image:
        return None, f"--tile auto: no tiles: {seen}, large enough or too near to the size of a tile"
    room = ", with room for large ones" if _ROOM * large > imgsz * small / SMALL_PX else ""
    return side, f"--tile auto: tiles of {side} px: {seen}, and {small * imgsz / side:.0f} px on a tile{room}"
