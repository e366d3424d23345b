"""Cutting the labelled images of a retraining into tiles, so that it trains on objects as large as tiles show them.

Of an object that the edge of a tile cuts, a part is kept as an object where enough of it is inside. Where less is, its
pixels must not teach that nothing is there: the tile is made smaller until none of them is in it, or is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from negmine.boxes import Rect, box_ioa, clip_boxes, largest_free_rect, touched_pixels
from negmine.detectors.tiling.config import TileConfig
from negmine.detectors.tiling.layout import Tile, tiles_of
from negmine.files import write_file
from negmine.images import decode_image, encode_jpeg, read_image, resize_without_stretching
from negmine.labels.yolo import label_path
from negmine.labels.yolo_writer import yolo_lines
from negmine.retraining.folder import RetrainFolder
from negmine.retraining.labelled import ImageWithTruth
from negmine.structures import BoolArray, GroundTruth, Image

TILES = "tiles-"  # before the name of the folder whose images they are cut from
_QUALITY = 95  # of their JPEG files
_DIGITS = 16  # of the hash of an image, in the names of its tiles


@dataclass(frozen=True, slots=True, eq=False)
class LabelledTile:
    """A part of a labelled image, to be trained on.

    Attributes:
        rect: the part, pixels of the image.
        scale: by which it is resized.
        truth: its objects, pixels of the part before that.
    """

    rect: Rect
    scale: float
    truth: GroundTruth


def labelled_tiles(
    truth: GroundTruth, size_wh: tuple[int, int], config: TileConfig, min_visible: float
) -> tuple[LabelledTile, ...]:
    """The tiles of an image that hold objects, as far as they can be trained on.

    Args:
        truth: the objects of the image.
        size_wh: of the image, pixels.
        config: the tiles. The whole image is none of them.
        min_visible: share of an object's area that must be inside for its part to be an object.
    """
    whole = Rect(0, 0, *size_wh)
    tiles = tiles_of(size_wh, replace(config, full_pass=False))
    found = (_labelled(tile, truth, min_visible) for tile in tiles if Rect(*tile.view[:4]) != whole)
    return tuple(each for each in found if each is not None)


def _labelled(tile: Tile, truth: GroundTruth, min_visible: float) -> LabelledTile | None:
    view = Rect(*tile.view[:4])
    visible = box_ioa(truth.boxes_xyxy, np.array([view], dtype=np.float64))[:, 0]
    kept = (visible >= min_visible) & ~truth.crowd
    boxes = touched_pixels(truth.boxes_xyxy)
    if not kept.any():
        return None
    held = boxes[kept]
    low, high = np.maximum(held[:, :2].min(axis=0), view[:2]), np.minimum(held[:, 2:].max(axis=0), view[2:])
    hold = Rect(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    rect = largest_free_rect(view, hold, boxes[~kept])
    if rect is None:
        return None
    return LabelledTile(rect, tile.view.scale, _inside(truth, kept, rect))


def _inside(truth: GroundTruth, kept: BoolArray, rect: Rect) -> GroundTruth:
    """The objects that are kept, in pixels of the part."""
    boxes = truth.boxes_xyxy[kept] - np.array([rect.x1, rect.y1] * 2)
    names = tuple(name for name, is_kept in zip(truth.class_names, kept, strict=True) if is_kept)
    return GroundTruth(clip_boxes(boxes, rect.size_wh), names, truth.difficult[kept], truth.crowd[kept])


def place_tiles(
    folder: RetrainFolder,
    parts: Mapping[str, Sequence[ImageWithTruth]],
    class_ids: Mapping[str, int],
    config: TileConfig,
    min_visible: float,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, tuple[Path, ...]]:
    """Write the tiles of the labelled images and their labels, except those that are there.

    Args:
        folder: of the retraining.
        parts: the images, by the name of their folder; those of `val` are not cut.
        class_ids: the model's number of each class, by its name in the labels.
        config: the tiles.
        min_visible: see `labelled_tiles`.
        on_progress: called with how many images are done, of how many.

    Returns:
        Where the tiles of each image are, by its sha256.
    """
    placed: dict[str, tuple[Path, ...]] = {}
    wanted = [(part, image) for part, images in parts.items() if part != "val" for image in images]
    for done, (part, image) in enumerate(wanted, 1):
        tiles = labelled_tiles(image.truth, image.size_wh, config, min_visible)
        home = folder.images(f"{TILES}{part}")
        placed[image.sha256] = tuple(_written(home, image, tiles, class_ids))
        if on_progress is not None:
            on_progress(done, len(wanted))
    return placed


def _written(
    home: Path, image: ImageWithTruth, tiles: Sequence[LabelledTile], class_ids: Mapping[str, int]
) -> Iterator[Path]:
    """Write the tiles of an image, each label first: an image that is there has one."""
    pixels: Image | None = None
    for number, tile in enumerate(tiles, 1):
        target = home / f"{image.sha256[:_DIGITS]}-{number}.jpg"
        lines = yolo_lines(tile.truth, tile.rect.size_wh, class_ids).encode()
        label = label_path(target)
        if not label.is_file() or label.read_bytes() != lines:
            write_file(label, lines, durable=False)
        if target.is_symlink() or not target.is_file():
            pixels = decode_image(read_image(image.path)) if pixels is None else pixels
            write_file(target, encode_jpeg(_pixels_of(tile, pixels), quality=_QUALITY))
        yield target


def _pixels_of(tile: LabelledTile, pixels: Image) -> Image:
    part = pixels[tile.rect.y1 : tile.rect.y2, tile.rect.x1 : tile.rect.x2]
    width, height = tile.rect.size_wh
    return resize_without_stretching(part, (max(round(width * tile.scale), 1), max(round(height * tile.scale), 1)))
