"""Which parts of an image a detector is shown, and how large."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from negmine.detectors.letterbox import PADDING
from negmine.detectors.tiling.config import TileConfig
from negmine.errors import TilesError
from negmine.images.parts import resized_part
from negmine.structures import Image, Pixels, View

MAX_TILES = 100_000  # of one image
_LARGE = 100_000_000  # pixels of an image that is made smaller where it is shown as a whole: it may be read in parts
_MAX_WHOLE = 4096  # pixels of its longer side then
_EDGE = 0.01  # share of a tile's side: a box that ends so near to the side may be cut by it


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of an image that is shown to a detector.

    Attributes:
        view: the part, and its scale.
        shown_wh: pixels that it is resized to.
        canvas_wh: of the picture that the detector gets, in whose upper left corner it lies; grey around it.
    """

    view: View
    shown_wh: tuple[int, int]
    canvas_wh: tuple[int, int]

    @property
    def size_wh(self) -> tuple[int, int]:
        """Of the part, pixels of the image."""
        return self.view.x2 - self.view.x1, self.view.y2 - self.view.y1

    def inner_edges(self, image_wh: tuple[int, int]) -> tuple[float, float, float, float]:
        """Where left, top, right and bottom cut objects: a box that reaches there may go on; infinite at the image's.

        Args:
            image_wh: of the image, pixels.
        """
        view, (width, height) = self.view, self.size_wh
        near_x, near_y = (max(side * _EDGE, 1 / view.scale) for side in (width, height))
        return (
            view.x1 + near_x if view.x1 > 0 else -math.inf,
            view.y1 + near_y if view.y1 > 0 else -math.inf,
            view.x2 - near_x if view.x2 < image_wh[0] else math.inf,
            view.y2 - near_y if view.y2 < image_wh[1] else math.inf,
        )

    def draw(self, image: Pixels) -> Image:
        """The picture that the detector gets."""
        part = resized_part(image, self.view[:4], self.shown_wh)
        if self.canvas_wh == self.shown_wh:
            return np.ascontiguousarray(part)
        canvas = np.full((self.canvas_wh[1], self.canvas_wh[0], 3), PADDING, dtype=np.uint8)
        canvas[: part.shape[0], : part.shape[1]] = part
        return canvas


def spans(length: int, tile: int, overlap: float) -> list[tuple[int, int]]:
    """Where tiles begin and end along one side; the last is moved back inside, as SAHI does.

    Args:
        length: of the side, pixels.
        tile: of a tile, pixels; where it is longer there is one span, of the whole side.
        overlap: share of a tile that two neighbours have in common, at least.
    """
    if tile >= length:
        return [(0, length)]
    step = max(tile - int(tile * overlap), 1)
    starts = [*range(0, length - tile, step), length - tile]
    return [(start, start + tile) for start in starts]


def tile_count(length: int, tile: int, overlap: float) -> int:
    """How many `spans` there are, without making them."""
    return 1 if tile >= length else -(-(length - tile) // max(tile - int(tile * overlap), 1)) + 1


def tiles_of(image_wh: tuple[int, int], config: TileConfig) -> tuple[Tile, ...]:
    """All parts of an image that a detector is shown, the whole image last.

    At each scale the image is resized and cut into windows of the tile's size; one that is smaller than a tile is
    shown with grey around it where it was made smaller, and as it is where it was not.

    Args:
        image_wh: of the image, pixels.
        config: of the tiles; its size is no longer `AUTO`.

    Raises:
        TilesError: for an image that would be cut into more than 100,000.
    """
    tile_wh = config.size_wh if isinstance(config.size_wh, tuple) else image_wh
    base_wh = (min(tile_wh[0], image_wh[0]), min(tile_wh[1], image_wh[1]))
    resized = {scale: _resized(image_wh, scale) for scale in config.scales}
    count = sum(math.prod(map(tile_count, size_wh, base_wh, [config.overlap] * 2)) for size_wh in resized.values())
    if count > MAX_TILES:
        raise TilesError(
            f"an image of {image_wh[0]} x {image_wh[1]} pixels would be cut into {count:,} tiles, found a tile of "
            f"{base_wh[0]} x {base_wh[1]} with an overlap of {config.overlap:g}; expected up to {MAX_TILES:,}: name a "
            "larger tile, or less overlap"
        )
    found = [tile for scale in config.scales for tile in _windows(image_wh, resized[scale], base_wh, scale, config)]
    whole = (0, 0, *image_wh)
    if config.full_pass and not any(tile.view[:4] == whole and tile.view.scale == 1 for tile in found):
        found.append(_whole(image_wh, base_wh))
    return tuple(found)


def _resized(image_wh: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(round(image_wh[0] * scale), 1), max(round(image_wh[1] * scale), 1)


def _windows(
    image_wh: tuple[int, int], resized_wh: tuple[int, int], base_wh: tuple[int, int], scale: float, config: TileConfig
) -> Iterator[Tile]:
    columns, rows = (spans(length, tile, config.overlap) for length, tile in zip(resized_wh, base_wh, strict=True))
    across, down = image_wh[0] / resized_wh[0], image_wh[1] / resized_wh[1]
    for top, bottom in rows:
        for left, right in columns:
            view = View(
                math.floor(left * across),
                math.floor(top * down),
                min(math.ceil(right * across), image_wh[0]),
                min(math.ceil(bottom * down), image_wh[1]),
                scale,
            )
            yield Tile(view, (right - left, bottom - top), base_wh)


def _whole(image_wh: tuple[int, int], base_wh: tuple[int, int]) -> Tile:
    """The whole image, as it is; a very large one is made smaller."""
    fitted = min(base_wh[0] / image_wh[0], base_wh[1] / image_wh[1])
    smaller = min(_MAX_WHOLE / max(image_wh), 1.0) if image_wh[0] * image_wh[1] > _LARGE else 1.0
    shown_wh = _resized(image_wh, smaller)
    return Tile(View(0, 0, *image_wh, fitted), shown_wh, shown_wh)
